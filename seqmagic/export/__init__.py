"""A trained model leaves for other homes: one module per format, a check that it arrived whole. For cli."""
