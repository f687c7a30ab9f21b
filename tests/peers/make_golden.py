"""Make golden.npz: the trajectories of the peers, with their versions. Run it where torch is installed:

python tests/peers/make_golden.py
"""

from pathlib import Path

import numpy as np
import torch
from cases import CASES, SCALES, torch_path

if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    paths = {f"{case.name}|{kind}": torch_path(case, scale) for case in CASES for kind, scale in SCALES.items()}
    versions = np.array([f"torch {torch.__version__}", f"numpy {np.__version__}"])
    np.savez_compressed(Path(__file__).with_name("golden.npz"), versions=versions, **paths)
