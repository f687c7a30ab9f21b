"""Make digits.npz from scikit-learn's copy of the UCI digits: python make_digits.py (needs scikit-learn).

images (1797, 8, 8) uint8, 0 to 16, and labels (1797,) uint8, shuffled once and for all:
the first 1297 are for training.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.target))
np.savez_compressed(
    Path(__file__).with_name("digits.npz"),
    images=digits.images[order].astype(np.uint8),
    labels=digits.target[order].astype(np.uint8),
)
