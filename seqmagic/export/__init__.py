"""A trained model leaves for other homes: one module per format, and a check that it arrived whole."""
