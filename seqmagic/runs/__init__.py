"""A run: one folder, one record, one lock; every path inside it is known here alone. For every room above texts."""
