"""Widgets: predict, move, see.

A widget is a *frame* and nothing else: an object that draws its figure once (``draw``), moves the artists of that
figure to given controls (``frame``, a pure function of the controls that returns a description in words) and declares
its controls, its question and its challenge. :class:`Explorer` makes any frame interactive: a new widget is one frame.

In a lesson::

    explore.bowl(curvature=4.0)                     # 1-D bowl, steps as jumps; asks first: where is the cliff?
    explore.landscape()                             # choose among bowl, Rosenbrock, Himmelblau; slider: lr
    explore.landscape("bowl")                       # sliders: lr, condition; challenge: 1e-6 in 100 steps
    explore.landscape("bowl", Momentum)             # sliders: lr, momentum, condition
    explore.landscape(problems.Rosenbrock(), {"gradient descent": SGD, "heavy ball": Momentum})   # side by side
    explore.ucurve()                                # digits network: final loss against lr, dial, steps
    explore.ucurve("rosenbrock", Momentum)          # 200 learning rates x 500 steps; sliders: lr, steps, momentum
    explore.momentum_phase()                        # (lr * curvature, momentum) diagram, linked trajectory
    explore.eigen_errors()                          # error in each eigendirection, gradient descent beside heavy ball
    explore.genealogy()                             # who mends what in whom: choose or click an optimizer

Each returns an :class:`Explorer`, which displays itself; ``predict=False`` leaves out the question. Without a kernel,
``explorer.picture(lr=0.1)`` is a static figure with its description.
"""

from optlib.explore.controls import Challenge, Choice, Predict, Slider, Toggle
from optlib.explore.explorer import Explorer
from optlib.explore.frame import Artists, Frame
from optlib.explore.genealogy import genealogy
from optlib.explore.momentum import eigen_errors, momentum_phase
from optlib.explore.steps import bowl, landscape
from optlib.explore.sweeps import ucurve

__all__ = [
    "Artists",
    "Challenge",
    "Choice",
    "Explorer",
    "Frame",
    "Predict",
    "Slider",
    "Toggle",
    "bowl",
    "eigen_errors",
    "genealogy",
    "landscape",
    "momentum_phase",
    "ucurve",
]
