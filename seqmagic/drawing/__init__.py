"""Charts described once and drawn anywhere, and words as they can be shown. For cli, comparison and reports."""
