"""Deep-learning optimizers, readable to the end."""
