"""Sampling: text written by a trained network, on NumPy alone."""
