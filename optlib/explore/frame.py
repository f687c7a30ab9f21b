"""What every widget is made of: a figure drawn once, and a function that moves its artists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

from matplotlib.figure import Figure

from optlib.explore.controls import Challenge, Control, Predict

#: The artists that move, by name: each an artist or a list of artists.
Artists = SimpleNamespace


class Frame(ABC):
    """Base class of every widget's picture.

    ``draw`` is called once a figure; what it puts into the returned namespace may move, everything else is background.
    One of them is ``title``, the text that states what the picture shows.
    The list ``still``, if there is one, is background too, but covered as long as the question is open. The layout
    leaves room for moving artists whose name ends in "title".
    ``frame`` is called at every change and only *moves* artists. It depends on its arguments and on nothing it did
    before: the same controls give the same picture. Changing the background too (limits, ticks) is allowed and costs a
    full draw.
    """

    name: ClassVar[str]
    size: ClassVar[tuple[float, float]] = (9.0, 3.8)

    @property
    @abstractmethod
    def controls(self) -> Mapping[str, Control]:
        """The controls, by the name under which ``frame`` receives their value."""

    @property
    def predict(self) -> Predict | None:
        """The question asked before the picture is shown."""
        return None

    @property
    def challenge(self) -> Challenge | None:
        """The target set to the learner."""
        return None

    @abstractmethod
    def draw(self, figure: Figure) -> Artists:
        """Draw everything once and return the artists that move."""

    @abstractmethod
    def frame(self, artists: Artists, *args: Any, **controls: Any) -> str:
        """Move the artists to these controls; return what the picture shows, in words."""

    def mark(self, artists: Artists, guess: Any) -> None:
        """Show where the learner expects the answer; None hides the mark."""
        return None
