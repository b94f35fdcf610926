"""A run: one folder that holds everything about one training. Every path inside it is known here only."""
