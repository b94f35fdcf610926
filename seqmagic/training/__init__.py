"""Training: engines, optimiser, schedule, loop, checkpoints."""
