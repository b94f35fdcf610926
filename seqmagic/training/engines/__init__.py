"""What computes a training step: one face, several engines, and the choice among them. For training."""
