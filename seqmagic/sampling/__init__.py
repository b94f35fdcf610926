"""Text written by a trained network, on NumPy alone. For training, comparison, export, insight and cli."""
