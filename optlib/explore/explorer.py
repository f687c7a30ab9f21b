"""The one wrapper that makes a frame interactive: controls, question, challenge, reset, description, state."""

from __future__ import annotations

import html
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets

from optlib.explore.accessible import naming
from optlib.explore.canvas import PAGE_DPI, Canvas, drawn
from optlib.explore.controls import Choice, Control, Slider
from optlib.explore.frame import Frame
from optlib.plots import Picture
from optlib.progress_file import keep_widget

LABEL_WIDTH = "13em"


class Explorer:
    """A live figure: moving a control moves the picture.

    It opens with the frame's question, if there is one: the learner marks an answer before anything is revealed. Then
    the controls appear. Every control works with the mouse, with the keyboard (arrows, page up and down, home, end) and
    by typing its value; what the picture shows stands below it in words.

    Parameters
    ----------
    frame : Frame
    predict : bool, default True
        Ask the frame's question first.
    keep : callable, optional
        Called with a dict of plain values when the learner answers the question or meets the challenge. Default: the
        learner's progress file.

    Attributes
    ----------
    controls : dict
        The values of the controls.
    text : str
        What the picture shows.
    widget : ipywidgets.VBox
    """

    def __init__(self, frame: Frame, *, predict: bool = True, keep: Callable[[dict[str, Any]], None] = keep_widget):
        self.frame = frame
        self.text = ""
        self._declared = dict(frame.controls)
        self._values = {name: control.value for name, control in self._declared.items()}
        self._question = frame.predict if predict else None
        self._guess: Any = None
        self._asking = self._question is not None
        self._solved = False
        self._keep = keep
        self._canvas = Canvas(frame)
        # comm messages may be handled on another thread than the cells
        self._lock = threading.RLock()
        self._held = 0
        self._build()
        self._show()

    # what the learner's program can do

    @property
    def controls(self) -> dict[str, Any]:
        return dict(self._values)

    @property
    def solved(self) -> bool:
        """Whether the challenge has been met."""
        return self._solved

    def move(self, **controls: Any) -> Explorer:
        """Set controls by name, as if they had been moved; one new picture, however many move."""
        accepted = {}
        for name, value in controls.items():
            if name not in self._declared:
                raise ValueError(f"{self}: no control {name!r}; there are {', '.join(self._declared)}")
            accepted[name] = self._declared[name].accept(value)
        with self._one_picture():
            self._values.update(accepted)
            for name in accepted:
                self._inputs[name].value = accepted[name]
        return self

    def reset(self) -> Explorer:
        """All controls back to where they began; what was answered stays answered."""
        return self.move(**{name: control.value for name, control in self._declared.items()})

    def answer(self, guess: Any) -> str:
        """Answer the question; the picture is revealed. Returns what is said about the guess."""
        if self._question is None or not self._asking:
            raise ValueError(f"{self}: there is no open question")
        guess = self._question.control.accept(guess)
        score, said = self._question.score(guess)
        with self._one_picture():
            self._guess, self._asking = guess, False
            self._verdict.value = _verdict(score, said)
        self._keep(
            {
                "widget": self.frame.name,
                "question": self._question.question,
                "guess": guess,
                "truth": self._question.truth(),
                "score": score,
            }
        )
        return said

    def skip(self) -> Explorer:
        """Leave the question open and reveal the picture."""
        with self._one_picture():
            self._asking = False
        return self

    @property
    def state(self) -> dict[str, Any]:
        """Everything needed to come back here, in plain values; assign it to an explorer of the same frame."""
        return {
            "widget": self.frame.name,
            "controls": self.controls,
            "guess": self._guess,
            "asking": self._asking,
            "solved": self._solved,
        }

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        if state.get("widget") != self.frame.name:
            raise ValueError(f"{self}: this state belongs to {state.get('widget')!r}")
        with self._one_picture():
            self.move(**state["controls"])
            self._solved = bool(state["solved"])
            self._asking = bool(state["asking"]) and self._question is not None
            self._guess = None if self._question is None or state["guess"] is None else state["guess"]
            if self._question is not None and self._guess is not None:
                score, said = self._question.score(self._question.control.accept(self._guess))
                self._verdict.value = _verdict(score, said)
            else:
                self._verdict.value = ""

    def picture(self, **controls: Any) -> Picture:
        """A static figure at these controls (others as they stand), with its description; needs no kernel."""
        values = self.controls
        for name, value in controls.items():
            if name not in self._declared:
                raise ValueError(f"{self}: no control {name!r}; there are {', '.join(self._declared)}")
            values[name] = self._declared[name].accept(value)
        figure, artists, text = drawn(self.frame, values)
        self.frame.mark(artists, self._guess)
        return Picture(figure, artists.title.get_text(), text)

    def close(self) -> None:
        """Remove the widget from the page and let go of its memory."""
        for widget in (self.widget, *self._parts):
            widget.close()

    def __repr__(self) -> str:
        return f"Explorer({self.frame.name})"

    def _repr_mimebundle_(self, **keywords: Any) -> Any:
        # the PNG is for viewers without widgets: a notebook on a web page, an export
        data = dict(self.widget._repr_mimebundle_(**keywords) or {})
        data["text/plain"] = f"{self}: {self.text}"
        data["image/png"] = bytes(self._image.value)
        return data

    # the page

    def _build(self) -> None:
        width = f"{self.frame.size[0] * PAGE_DPI:.0f}px"
        self._inputs = {name: _input(control) for name, control in self._declared.items()}
        for name, box in self._inputs.items():
            box.observe(lambda change, name=name: self._moved(name, change["new"]), "value")
        self._image = ipywidgets.Image(format="png", layout=ipywidgets.Layout(width=width, max_width="100%"))
        self._image.add_class("optlib-picture")
        self._caption = ipywidgets.HTML()
        self._caption.add_class("optlib-description")
        self._verdict = ipywidgets.HTML()
        self._reset = ipywidgets.Button(description="Reset", icon="undo", tooltip="All controls back to the start")
        self._reset.on_click(lambda _: self.reset())
        self._panel = ipywidgets.VBox([*self._inputs.values(), self._reset])
        self._task = ipywidgets.HTML()
        parts: list[ipywidgets.Widget] = [self._task]
        if self._question is not None:
            self._marker = _input(self._question.control)
            self._marker.observe(lambda _: self._show(), "value")
            lock = ipywidgets.Button(description="Lock in and reveal", button_style="primary")
            lock.on_click(lambda _: self.answer(self._marker.value) if self._asking else None)
            skip = ipywidgets.Button(description="Skip", tooltip="Reveal without an answer")
            skip.on_click(lambda _: self.skip())
            self._ask = ipywidgets.VBox(
                [
                    ipywidgets.HTML(_paragraph(f"<b>Predict first.</b> {html.escape(self._question.question)}")),
                    self._marker,
                    ipywidgets.HBox([lock, skip]),
                ]
            )
            parts.append(self._ask)
        parts += [self._verdict, self._image, self._panel, self._caption, naming()]
        self._parts = parts
        self.widget = ipywidgets.VBox(parts, layout=ipywidgets.Layout(width=width, max_width="100%"))
        self.widget.add_class("optlib-explorer")

    def _moved(self, name: str, value: Any) -> None:
        value = self._declared[name].accept(value)
        if value != self._values[name]:
            self._values[name] = value
            self._show()

    @contextmanager
    def _one_picture(self) -> Iterator[None]:
        """Changes inside lead to one picture at the end."""
        with self._lock:
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1
            self._show()

    def _show(self) -> None:
        """Draw what stands now. A handler draws before it returns: until then the page holds back newer values of the
        slider and keeps only the last, so that a slow frame never leaves a queue of stale ones."""
        with self._lock:
            if self._held:
                return
            try:
                self._draw()
            except Exception as error:
                # raised again below, but the page shows nothing of an error behind a moved control
                self._caption.value = _paragraph(f"This picture could not be drawn: {html.escape(repr(error))}")
                raise

    def _draw(self) -> None:
        if self._asking:
            assert self._question is not None
            self.frame.mark(self._canvas.artists, self._marker.value)
            self.text = f"Covered, until you answer. Your mark: {_told(self._marker.value)}."
            self._image.value = self._canvas.png(self._question.shown)
        else:
            self.text = self.frame.frame(self._canvas.artists, **self._values)
            self.frame.mark(self._canvas.artists, self._guess)
            self._image.value = self._canvas.png()
            self._judge()
        self._caption.value = _paragraph(html.escape(self.text))
        if self._question is not None:
            self._ask.layout.display = None if self._asking else "none"
        self._panel.layout.display = "none" if self._asking else None

    def _judge(self) -> None:
        challenge = self.frame.challenge
        if challenge is None:
            return
        if not self._solved and challenge.reached(**self._values):
            self._solved = True
            self._keep({"widget": self.frame.name, "challenge": challenge.task, "controls": self.controls})
        reached = " <b>&#10003; Reached.</b>" if self._solved else ""
        self._task.value = _paragraph(f"<b>Challenge.</b> {html.escape(challenge.task)}{reached}")


def _verdict(score: float, said: str) -> str:
    return _paragraph(f"<b>{'&#10003;' if score == 1 else '&#9680;' if score else '&#10007;'}</b> {html.escape(said)}")


def _paragraph(markup: str) -> str:
    return f'<div style="line-height:1.45">{markup}</div>'


def _told(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


def _input(control: Control) -> Any:
    """The ipywidget of a control."""
    wide = {"layout": ipywidgets.Layout(width="100%"), "style": {"description_width": LABEL_WIDTH}}
    if isinstance(control, Slider):
        label = f"{control.label} [{control.unit}]" if control.unit else control.label
        if control.log:
            return ipywidgets.FloatLogSlider(
                value=control.value,
                base=10,
                min=math.log10(control.low),
                max=math.log10(control.high),
                step=control.keyboard_step,
                description=label,
                # no more digits than the box can hold
                readout_format=".3g" if control.low >= 1e-3 else ".2g" if control.low >= 1e-4 else ".1e",
                **wide,
            )
        kind = ipywidgets.IntSlider if control.whole else ipywidgets.FloatSlider
        decimals = max(0, math.ceil(-math.log10(control.keyboard_step)))
        extra = {} if control.whole else {"readout_format": f".{decimals}f"}
        return kind(
            value=control.value,
            min=control.low,
            max=control.high,
            step=control.keyboard_step,
            description=label,
            **extra,
            **wide,
        )
    if isinstance(control, Choice):
        return ipywidgets.Dropdown(
            options=control.options, value=control.value, description=control.label, style=wide["style"]
        )
    return ipywidgets.Checkbox(value=control.value, description=control.label, style=wide["style"])
