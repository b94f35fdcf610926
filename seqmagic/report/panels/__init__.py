"""One module for each part of the page: from documents of measurements to what is shown. For the report alone."""
