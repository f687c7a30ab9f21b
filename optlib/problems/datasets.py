"""The data of the course: small files in ``data/``, read when first asked for and then kept.

Where they come from, and under which licence: ``data/README.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

__all__ = ["Dataset", "digit_images", "digits", "words"]

_TRAINING_DIGITS = 1297


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Examples with labels, some of them held out.

    Attributes
    ----------
    name : str
    x, x_test : array (examples, features)
        For training, and held out.
    y, y_test : int array (examples,)
        Labels, counted from 0.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def classes(self) -> int:
        """How many different labels there are."""
        return int(max(self.y.max(), self.y_test.max())) + 1

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.y)} examples, {len(self.y_test)} held out>"


@cache
def digit_images() -> tuple[np.ndarray, np.ndarray]:
    """All digits as they are stored: images (1797, 8, 8), values 0 to 16, and labels (1797,).

    The order is that of `digits`: image i < 1297 is row i of ``digits().x``, the others are held out.
    """
    images, labels = _read("digits.npz", "images", "labels")
    return _frozen(images), _frozen(labels)


@cache
def digits() -> Dataset:
    """Handwritten digits, 8 x 8 pixels: 1297 for training, 500 held out, in float64.

    Pixels are divided by 16, which brings them to [0, 1]; the mean training image is subtracted and the result
    doubled, which centres each pixel and brings its spread near 1/2 (a few border pixels are always blank). UCI
    Optical Recognition of Handwritten Digits, CC BY 4.0.
    """
    images, labels = digit_images()
    x, y = images.reshape(len(images), 64) / 16.0, labels.astype(np.intp)
    x = 2.0 * (x - x[:_TRAINING_DIGITS].mean(0))
    train, test = slice(None, _TRAINING_DIGITS), slice(_TRAINING_DIGITS, None)
    return Dataset("digits", _frozen(x[train]), _frozen(y[train]), _frozen(x[test]), _frozen(y[test]))


@cache
def words() -> tuple[np.ndarray, tuple[str, ...]]:
    """Six tragedies of Shakespeare as numbers: ids (135964,) and the 1000 most frequent words, the most frequent first.

    An id is a place in the list of words; 1000 stands for every other word. Public domain.
    """
    ids, vocab = _read("words.npz", "ids", "vocab")
    return _frozen(ids.astype(np.intp)), tuple(str(word) for word in vocab)


def _read(file: str, *names: str) -> list[np.ndarray]:
    with np.load(Path(__file__).with_name("data") / file, allow_pickle=False) as found:
        return [found[name] for name in names]


def _frozen(a: np.ndarray) -> np.ndarray:
    """Read-only: everybody gets the same array, so nobody may write to it."""
    a.flags.writeable = False
    return a
