"""The equations and the network in NumPy, read from a run. For every room above texts; no TensorFlow."""
