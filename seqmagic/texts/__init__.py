"""From any source to the ids that a model reads. NumPy alone. For every room above."""
