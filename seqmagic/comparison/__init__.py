"""Trainings side by side: rows, what is comparable, the verdict, the record. Prints nothing. For api and cli."""
