"""Looking inside trained networks: gates, gradients and memory, measured on one's own models. For cli."""
