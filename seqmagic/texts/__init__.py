"""From any source to the ids that a model reads. NumPy alone; every room may come in."""
