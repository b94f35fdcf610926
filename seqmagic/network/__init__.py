"""The equations, how weights are laid out, the network of a run; NumPy and h5py. For every room above texts."""
