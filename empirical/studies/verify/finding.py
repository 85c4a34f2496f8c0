"""The result of a verification on one source at one initial scale, and its form in result.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np

from empirical.studies.assumption_costs import Reason
from simulation import Claim, ClaimKind, Comparison
from simulation.runs.json_reader import Flag, ListOf, Maybe, Real, Record, Shape, Text, Whole, Word
from theory import Curve, Verdict


class Source(Enum):
    """The source of the inputs of a comparison; the value is its name in tables."""

    INPUTS = "inputs"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, eq=False)
class Finding:
    """The comparison on one source at one initial scale.

    Attributes:
        source: of the inputs.
        init_scale: sigma0.
        comparison: the curves and the claims on them.
        reasons: where a claim fails, what each assumption costs.
    """

    source: Source
    init_scale: float
    comparison: Comparison
    reasons: tuple[Reason, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether a claim fails."""
        return any(claim.verdict is Verdict.FAILS for claim in self.comparison.claims)

    @property
    def place(self) -> dict[str, Any]:
        """Source and initial scale as plain values."""
        return {"source": self.source.value, "init_scale": self.init_scale}

    def claim_rows(self) -> list[dict[str, Any]]:
        """A row per claim, of plain values; infinite and missing numbers are None."""
        return [self.place | _row(claim) for claim in self.comparison.claims]

    def draw_row(self) -> dict[str, Any]:
        """Mean and standard deviation over W(0) of the first, the lowest mean and the last loss."""
        trained: Curve = self.comparison.trained
        columns = {"initial": 0, "lowest": int(np.argmin(trained.mean)), "final": trained.times.size - 1}
        means = {f"{name}_loss_mean": float(trained.mean[column]) for name, column in columns.items()}
        spreads = {f"{name}_loss_spread": float(trained.spread[column]) for name, column in columns.items()}
        return self.place | means | spreads

    def reason_rows(self) -> list[dict[str, Any]]:
        """A row per reason."""
        return [self.place | asdict(reason) for reason in self.reasons]


_NUMBER = Maybe(Real())
_PLACE: dict[str, Shape] = {"source": Word(tuple(one.value for one in Source)), "init_scale": Real(1e-30, 1e30)}

#: A row of ``claim_rows``; those of the first version had no kind, which their name then states.
CLAIM_ROW = Record(
    {
        **_PLACE,
        "name": Text(),
        "derived": Text(),
        "measured": Text(),
        "derived_value": _NUMBER,
        "measured_value": _NUMBER,
        "deviation": _NUMBER,
        "standard_error": _NUMBER,
        "tolerance": Real(0),
        "verdict": Word(tuple(one.value for one in Verdict)),
    },
    {
        "kind": Word(tuple(one.value for one in ClaimKind)),
        "range_share": _NUMBER,
        "is_flat": Flag(),
        "steps": Maybe(ListOf(Whole(), 2)),
        "worst_step": Maybe(Whole()),
    },
)
REASON_ROW = Record(
    {
        **_PLACE,
        "assumption": Text(),
        "step": Real(0),
        "deviation": Real(),
        "share": _NUMBER,
        "turning_before": _NUMBER,
        "turning_after": _NUMBER,
    }
)


def claim_of(row: dict[str, Any]) -> Claim:
    """The claim of a row that has the shape CLAIM_ROW."""
    titled = row if "kind" in row else row | _from_titles(row["name"], row["derived"])
    numbers = {name: np.nan if row[name] is None else row[name] for name in ("derived_value", "measured_value")}
    return Claim(
        ClaimKind(titled["kind"]),
        row["derived"],
        row["measured"],
        **numbers,
        deviation=np.nan if row["deviation"] is None else row["deviation"],
        standard_error=np.inf if row["standard_error"] is None else row["standard_error"],
        tolerance=row["tolerance"],
        range_share=row.get("range_share"),
        is_flat=row.get("is_flat", False),
        steps=None if titled.get("steps") is None else tuple(titled["steps"]),
        worst_step=titled.get("worst_step"),
    )


def reason_of(row: dict[str, Any]) -> Reason:
    """The reason of a row that has the shape REASON_ROW."""
    return Reason(**{name: row[name] for name in Reason.__dataclass_fields__})


def _row(claim: Claim) -> dict[str, Any]:
    values = asdict(claim) | {"kind": claim.kind.value, "steps": None if claim.steps is None else list(claim.steps)}
    finite = {name: None if _is_no_number(value) else value for name, value in values.items()}
    return {"name": claim.name} | finite | {"verdict": claim.verdict.value}


def _is_no_number(value: Any) -> bool:
    return isinstance(value, float) and not np.isfinite(value)


def _from_titles(name: str, derived: str) -> dict[str, Any]:
    """Kind and steps by the titles of the first version: ``mean-field curve, steps 0 to 64``, ``0.3 at step 9``."""
    kind, _, steps = name.partition(", steps ")
    if not steps:
        return {"kind": kind}
    first, last = steps.split(" to ")
    return {"kind": kind, "steps": [int(first), int(last)], "worst_step": int(derived.rpartition(" ")[2])}
