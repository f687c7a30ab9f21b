"""The update rules, one file a family. Each rule reads like the algorithm box of its paper."""

from optlib.optimizers.adam import Adam, AdamW
from optlib.optimizers.adam_family import ADOPT, AdaBelief, AdaMax, AdEMAMix, AMSGrad, NAdam, RAdam, Yogi
from optlib.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from optlib.optimizers.gradient_descent import SGD, Momentum, Nesterov
from optlib.optimizers.sign import Lion, Rprop, SignSGD, Signum

__all__ = [
    "ADOPT",
    "SGD",
    "AMSGrad",
    "AdEMAMix",
    "AdaBelief",
    "AdaMax",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "Momentum",
    "NAdam",
    "Nesterov",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SignSGD",
    "Signum",
    "Yogi",
]
