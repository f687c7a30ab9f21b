"""The update rules, one file a family. Each rule reads like the algorithm box of its paper."""

from optlib.optimizers.adam import Adam, AdamW
from optlib.optimizers.adam_family import ADOPT, AdaBelief, AdaMax, AdEMAMix, AMSGrad, NAdam, RAdam, Yogi
from optlib.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from optlib.optimizers.curvature import LBFGS, Newton
from optlib.optimizers.gradient_descent import SGD, Momentum, Nesterov
from optlib.optimizers.layerwise import LAMB, LARS, Adafactor
from optlib.optimizers.matrices import SOAP, Muon, Shampoo
from optlib.optimizers.schedule_free import Prodigy, ScheduleFreeAdamW, ScheduleFreeSGD
from optlib.optimizers.sign import Lion, Rprop, SignSGD, Signum
from optlib.optimizers.wrappers import (
    EMA,
    SAM,
    SWA,
    Box,
    Clip,
    DecoupledDecay,
    Groups,
    Lookahead,
    ReduceOnPlateau,
)

__all__ = [
    "ADOPT",
    "EMA",
    "LAMB",
    "LARS",
    "LBFGS",
    "SAM",
    "SGD",
    "SOAP",
    "SWA",
    "AMSGrad",
    "AdEMAMix",
    "AdaBelief",
    "AdaMax",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Box",
    "Clip",
    "DecoupledDecay",
    "Groups",
    "Lion",
    "Lookahead",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "Newton",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "ReduceOnPlateau",
    "Rprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Shampoo",
    "SignSGD",
    "Signum",
    "Yogi",
]
