"""Recurrences with hand-written forward and backward passes, made to be compiled whole by XLA. For training."""
