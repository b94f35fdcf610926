"""Tiny models trained on sequences whose answer stands at a known distance. For measurements that train."""
