"""Make golden.npz: the trajectories of the peers, with their versions. Run it where the peers are installed:

python tests/peers/make_golden.py
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from cases import CASES, SCALES, peer_path
from schedule_cases import SCHEDULES, torch_rates

if __name__ == "__main__":
    paths = {f"{case.name}|{kind}": peer_path(case, scale) for case in CASES for kind, scale in SCALES.items()}
    paths |= {f"schedule|{name}": torch_rates(*its) for name, (_, *its) in SCHEDULES.items()}
    libraries = ("torch", "optax", "jax", "schedulefree", "pytorch_optimizer", "numpy")
    versions = np.array([f"{name} {version(name)}" for name in libraries])
    np.savez_compressed(Path(__file__).with_name("golden.npz"), versions=versions, **paths)
