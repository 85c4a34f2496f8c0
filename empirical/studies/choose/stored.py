"""What result.json of a choice must hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from empirical.probes.gain_curve import GainCurve
from simulation.runs.json_reader import Flag, ListOf, MapOf, Maybe, Real, Record, Text, Whole

_CHECKPOINT = Record(
    {
        "step": Whole(0, 10**15),
        "phase": Text(),
        "loss": Real(),
        "explained_variance": Maybe(Real(-1e15, 1 + 1e-9)),
        "accuracy": Maybe(Real(0, 1)),
    }
)
_GAINS = Record(
    {
        "raw": ListOf(Real()),
        "mean": ListOf(Real()),
        "deviation": ListOf(Real(0)),
        "width": Real(0),
        "samples": Whole(2),
        "tolerance": Real(0),
        "leading": Whole(),
    }
)

#: What result.json must hold for a report.
RESULT = Record(
    {
        "network": Text(),
        "target": Text(),
        "layer": Text(),
        "plan": Record(
            {
                "layer": Maybe(Text()),
                "labels_per_class": Maybe(Whole()),
                "samples": Whole(1),
                "pooled_features": Whole(1),
                "tolerance": Real(0),
                "compare": Flag(),
                "seed": Whole(0, 2**63 - 1),
            },
            {"rows": Text()},
        ),
        "checkpoints": ListOf(_CHECKPOINT, 2),
        "gains": Maybe(_GAINS),
        "rivals": MapOf(Whole(0, 10**15)),
    },
    {"versions": MapOf(Text()), "notes": ListOf(Text(), 0)},
)


def stored_curve(curve: GainCurve) -> dict[str, Any]:
    """Gains for JSON."""
    return {
        "raw": curve.raw.tolist(),
        "mean": curve.mean.tolist(),
        "deviation": curve.deviation.tolist(),
        "width": curve.width,
        "samples": curve.samples,
        "tolerance": curve.tolerance,
        "leading": curve.leading,
    }


def read_curve(steps: Sequence[int], stored: dict[str, Any]) -> GainCurve:
    """Gains from JSON; ValueError where they are not one for each step."""
    arrays = {name: np.array(stored[name], dtype=np.float64) for name in ("raw", "mean", "deviation")}
    if any(one.size != len(steps) for one in arrays.values()):
        raise ValueError(f"gains are not {len(steps)}, one for each checkpoint")
    if stored["leading"] >= len(steps):
        raise ValueError(f"leading is {stored['leading']}, of {len(steps)} checkpoints")
    return GainCurve(
        np.array(steps, dtype=np.int64),
        arrays["raw"],
        arrays["mean"],
        arrays["deviation"],
        float(stored["width"]),
        int(stored["samples"]),
        float(stored["tolerance"]),
        int(stored["leading"]),
    )
