"""Derived and trained curves of one set of features, and their comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from empirical.studies.assumption_costs import Derivation, Reason, prediction_reasons
from empirical.studies.predict.agreement import Agreement, agreement_of
from theory import Curve, InputError
from theory.assumptions import Verdict
from theory.curves.gradient_defect import DefectResponse


@dataclass(frozen=True)
class Features:
    """A set of features.

    Attributes:
        layer: the module whose activations they are, or another name.
        checkpoint: name of the file of the network's weights; None for an untrained network.
        count: their number.
        rank: directions in which they vary.
    """

    layer: str
    checkpoint: str | None
    count: int
    rank: int

    @property
    def name(self) -> str:
        """The name in tables."""
        return f"{self.layer}, {'untrained' if self.checkpoint is None else self.checkpoint}"


@dataclass(frozen=True, eq=False)
class FeaturePrediction:
    """Derived and trained curves of one set of features.

    Attributes:
        features: the set.
        step_size: eta.
        trained: (replica, T) curve of the trained classifiers, or its mean alone.
        derived: curves by derivation; that of the parametric model may be missing.
        agreements: one for each derived curve.
        reasons: what each assumption costs the linearised curve, where the verdict is FAILS; none where it is not
            known.
        warnings: of the fit.
        no_parametric: why there is no curve of the parametric model; None where there is one.
    """

    features: Features
    step_size: float
    trained: Curve
    derived: Mapping[Derivation, Curve]
    agreements: tuple[Agreement, ...]
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    no_parametric: str | None = None

    @classmethod
    def from_curves(
        cls,
        features: Features,
        step_size: float,
        trained: Curve,
        derived: Mapping[Derivation, Curve],
        defect: DefectResponse | None = None,
        warnings: tuple[str, ...] = (),
        no_parametric: str | None = None,
    ) -> Self:
        """Compare curves.

        Args:
            features: the set.
            step_size: eta.
            trained: (replica, T).
            derived: by derivation, at the same times.
            defect: what the gradient on the samples does to the mean field (A4), along the leading directions; None
                where it is not known, and no reasons are then given.
            warnings: of the fit.
            no_parametric: why there is no curve of the parametric model; None where there is one.
        """
        agreements = tuple(agreement_of(source, curve, trained, step_size) for source, curve in derived.items())
        reasons: tuple[Reason, ...] = ()
        if defect is not None and _verdict(agreements) is Verdict.FAILS:
            reasons = prediction_reasons(derived, defect, trained, step_size)
        return cls(features, step_size, trained, derived, agreements, reasons, warnings, no_parametric)

    @property
    def verdict(self) -> Verdict:
        """The verdict of the best derivation from the full moments; see ``Agreement.verdict``."""
        return _verdict(self.agreements)

    @property
    def holds(self) -> bool:
        """Whether the verdict is HOLDS."""
        return self.verdict is Verdict.HOLDS

    def agreement(self, source: Derivation) -> Agreement:
        """The agreement of a derivation.

        Raises:
            InputError: it is missing.
        """
        for one in self.agreements:
            if one.source is source:
                return one
        raise InputError(f"source: {self.features.name} has no curve of {source.value}; see no_parametric")


def _verdict(agreements: tuple[Agreement, ...]) -> Verdict:
    found = {one.verdict for one in agreements if one.source is not Derivation.PARAMETRIC}
    return next(one for one in (Verdict.HOLDS, Verdict.NO_PHASES, Verdict.FAILS) if one in found)
