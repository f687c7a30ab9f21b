"""The update rules, one file a family. Each rule reads like the algorithm box of its paper."""

from optlib.optimizers.adam import Adam, AdamW
from optlib.optimizers.adaptive import Adagrad, RMSprop
from optlib.optimizers.gradient_descent import SGD, Momentum, Nesterov

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Momentum", "Nesterov", "RMSprop"]
