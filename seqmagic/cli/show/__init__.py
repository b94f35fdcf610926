"""How results look on a terminal: tables, columns, colours, the live display. For cli."""
