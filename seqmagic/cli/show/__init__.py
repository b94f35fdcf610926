"""How results look on a terminal: tables, columns, colours, the live display. For the command line alone."""
