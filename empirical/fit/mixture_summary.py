"""The summary of several Gaussians per class: their number, their gain in likelihood, and their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from empirical.fit.class_parts import ClassParts
from empirical.fit.mixture_fit import MixtureFit
from simulation.runs.json_reader import ListOf, Maybe, Real, Record, Whole
from simulation.runs.text_table import wrapped

#: What ``MixtureSummary.as_values`` holds.
MIXTURE = Record(
    {
        "components": ListOf(Whole(1), 2),
        "directions": Whole(1),
        "samples": Whole(2),
        "gain": Maybe(Real()),
        "gain_error": Maybe(Real(0)),
    }
)


@dataclass(frozen=True)
class MixtureSummary:
    """Gaussians of each class, chosen by held-out likelihood, or parts of k-means.

    Attributes:
        components: of each class, its number of Gaussians.
        directions: q, the leading directions in which they were fitted.
        samples: of all classes.
        gain: held-out log-likelihood in nats per sample and direction beyond that of one Gaussian per class; None for
            parts of k-means.
        gain_error: its standard error, over samples.
    """

    components: tuple[int, ...]
    directions: int
    samples: int
    gain: float | None
    gain_error: float | None

    @classmethod
    def from_fit(cls, fit: MixtureFit) -> Self:
        """The summary of a fit by likelihood."""
        gains, errors = (np.array([getattr(one, name) for one in fit.choices]) for name in ("gain", "gain_error"))
        return cls(
            fit.components,
            int(fit.directions.shape[1]),
            fit.samples,
            float(fit.frequencies @ gains),
            float(np.linalg.norm(fit.frequencies * errors)),
        )

    @classmethod
    def from_parts(cls, parts: ClassParts) -> Self:
        """The summary of classes that were cut by k-means."""
        return cls(parts.components, int(parts.directions.shape[1]), parts.samples, None, None)

    @property
    def parameters(self) -> int:
        """Number of parameters of the Gaussians: frequencies, means and covariances in the leading directions."""
        return sum(self.components) * (1 + self.directions + self.directions * (self.directions + 1) // 2) - 1

    @property
    def data_numbers(self) -> int:
        """Number of values of the samples in these directions, labels included."""
        return self.samples * (self.directions + 1)

    def lines(self) -> list[str]:
        """Lines that fit a terminal."""
        share = self.parameters / self.data_numbers
        likelihood = (
            "cut by k-means, each with the moments of its samples"
            if self.gain is None
            else f"their held-out log-likelihood: {self.gain:+.3f} +- {self.gain_error:.1g} nats per sample and "
            "direction beyond one each"
        )
        found = (
            f"Gaussians by class, in {self.directions} leading directions: {' '.join(map(str, self.components))}",
            likelihood,
            f"their numbers: {self.parameters} for {self.data_numbers} of the samples, {share:.2g} (at 1 the model "
            "is the data, and predicts nothing)",
        )
        return [line for text in found for line in wrapped(text)]

    def as_values(self) -> dict[str, Any]:
        """Plain values of the shape MIXTURE, with the counts of parameters and of the samples' values."""
        counts = {"parameters": self.parameters, "data_numbers": self.data_numbers}
        return asdict(self) | {"components": list(self.components)} | counts

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``as_values``."""
        return cls(
            tuple(values["components"]), *(values[name] for name in ("directions", "samples", "gain", "gain_error"))
        )


def gaussian_lines(mixture: MixtureSummary | None) -> list[str]:
    """Lines on the Gaussians of a mean field; None stands for one per class."""
    if mixture is None:
        return ["mean field: one Gaussian per class, with a covariance of its own"]
    return mixture.lines()
