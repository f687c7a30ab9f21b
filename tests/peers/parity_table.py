"""Write docs/parity.md: how far each rule is from its peer. `python tests/peers/parity_table.py`"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cases import CASES, SCALES, our_path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "parity.md"

#: What the loops written out in cases.py drive.
DRIVEN = {
    "loop.average": "torch.optim.swa_utils.AveragedModel",
    "loop.clip": "optax.clip, optax.clip_by_global_norm",
    "loop.lookahead": "optax.lookahead",
    "loop.muon": "torch.optim.Muon, its bfloat16 cast removed",
    "loop.lbfgs": "torch.optim.LBFGS(max_iter=1), on a quadratic",
    "loop.plateau": "torch.optim.lr_scheduler.ReduceLROnPlateau",
    "loop.sam": "optax.contrib.sam",
    "loop.kozistr": "pytorch_optimizer, its float32 casts removed",
}


def peer_name(case) -> str:
    library, _, rest = case.peer.partition(".")
    if library == "loop":
        return DRIVEN[case.peer]
    return f"torch.optim.{rest}" if library == "torch" else case.peer


def rows() -> list[tuple[str, str, list[float], float]]:
    """Ours, the peer, the largest difference with normal and with tiny gradients, and what is allowed."""
    golden = np.load(HERE / "golden.npz")
    found = []
    for case in CASES:
        gaps = [
            float(np.abs(our_path(case, scale) - golden[f"{case.name}|{kind}"]).max()) for kind, scale in SCALES.items()
        ]
        found.append((case.name, peer_name(case), gaps, case.atol))
    return found


def page() -> str:
    golden = np.load(HERE / "golden.npz")
    lines = [
        "# Parity",
        "",
        "Every rule against a named peer: the largest difference of any coordinate over 100 steps in float64, each on",
        "its own trajectory, with gradients of ordinary size and with gradients 1e-6 times as large, where the place",
        "of eps shows. The trajectories of the peers are recorded; the tests compare with them in every run, and with",
        f"the peers themselves where these are installed. Recorded with {', '.join(golden['versions'])}. Written by",
        "`python tests/peers/parity_table.py`.",
        "",
        "| optlib | peer | normal | tiny | allowed |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| `{ours}` | {peer} | {a:.0e} | {b:.0e} | {atol:.0e} |" for ours, peer, (a, b), atol in rows()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
