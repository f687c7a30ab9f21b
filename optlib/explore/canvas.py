"""One figure for the life of a widget: the background is drawn once, a frame draws what moves on top of it.

A full Matplotlib draw takes 50 ms and more, most of it for ticks and text that stay the same. So the background is kept
as pixels, and a frame costs the moving artists (about 6 ms) and the encoding of the PNG (about 12 ms).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from optlib import plots
from optlib.explore.frame import Artists, Frame

#: Pixels of the page per inch of figure, and pixels of the picture per pixel of the page (sharp on fine screens).
PAGE_DPI = 100
SHARPNESS = 1.5

#: Letters are drawn anew in every frame: without hinting, not missed at this sharpness, in two thirds of the time.
_QUICK_TEXT: dict[Any, Any] = {"text.hinting": "none"}


class Canvas:
    """A frame's persistent figure.

    Attributes
    ----------
    figure : Figure
        Made here, unknown to pyplot.
    artists : namespace
        What the frame moves.
    full_draws, frames : int
        How often the background was drawn, and how often a picture was.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.figure, self.artists, _ = drawn(frame, {name: control.value for name, control in frame.controls.items()})
        self.full_draws = 0
        self.frames = 0
        # the layout is settled once, with every text in place: a moving layout would make the axes tremble
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")
        self._still = getattr(self.artists, "still", [])
        self._moving = sorted(moving(self.artists), key=lambda item: _depth(item[1]))
        for _, artist in self._moving:
            # animated artists are left out of the background, and changing one does not make the figure stale
            artist.set_animated(True)
        self._background: Any = None
        self._curtain = self.figure.text(
            0.78, 0.55, "?", size=110, color=plots.GREY, alpha=0.2, ha="center", va="center", animated=True
        )

    def png(self, shown: Collection[str] | None = None) -> bytes:
        """The picture as it stands; or behind a question mark, with only the moving artists named in ``shown``."""
        canvas = self.figure.canvas
        assert isinstance(canvas, FigureCanvasAgg)
        for artist in self._still:
            if artist.get_visible() == (shown is not None):
                artist.set_visible(shown is None)
        with matplotlib.rc_context(_QUICK_TEXT):
            if self._background is None or self.figure.stale:
                with plots.style():
                    canvas.draw()
                self._background = canvas.copy_from_bbox(self.figure.bbox)
                self.full_draws += 1
            else:
                canvas.restore_region(self._background)
            for name, artist in self._moving:
                if shown is None or name in shown:
                    (artist.axes or self.figure).draw_artist(artist)
            if shown is not None:
                self.figure.draw_artist(self._curtain)
        self.frames += 1
        return encode(np.asarray(canvas.buffer_rgba()))


def drawn(frame: Frame, controls: dict[str, Any]) -> tuple[Figure, Artists, str]:
    """A fresh figure of a frame at these controls, its artists, and its description."""
    with plots.style():
        layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.04)
        figure = Figure(figsize=frame.size, dpi=PAGE_DPI * SHARPNESS, layout=layout)
        FigureCanvasAgg(figure)
        artists = frame.draw(figure)
        text = frame.frame(artists, **controls)
        for name, artist in moving(artists):
            # what moves inside an axes must not push the axes about; a title needs its room
            artist.set_in_layout(name.endswith("title"))
        return figure, artists, text


def moving(artists: Artists) -> list[tuple[str, Artist]]:
    """Every moving artist with the name it has in the namespace (those of a list share theirs): all but ``still``."""
    return [
        (name, artist)
        for name, found in vars(artists).items()
        if name != "still"
        for artist in ([found] if isinstance(found, Artist) else found)
    ]


def _depth(artist: Artist) -> tuple[float, float]:
    return (artist.axes.zorder if artist.axes else np.inf, artist.zorder)


def encode(rgba: np.ndarray) -> bytes:
    """A PNG of uint8 pixels (height, width, 4), made for speed.

    Each row is stored as its difference from the row above ("up", filter 2), which suits figures; general encoders try
    five filters on every row and take two to three times as long for a file of the same size.
    """
    height, width, channels = rgba.shape
    rows = rgba.reshape(height, width * channels)
    filtered = np.empty((height, 1 + width * channels), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.data, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
