"""The summary of a fit: estimates, laws, rivals and variances by rank, without the moments that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from empirical.fit.class_shape import TailIndex
from empirical.fit.cross_validated_spectrum import CrossValidatedSpectrum
from empirical.fit.exponent_dependence import ExponentVariant
from empirical.fit.jackknife import Interval
from empirical.fit.minority import Minority
from empirical.fit.model_fit import FittedModel
from empirical.fit.moment_fit import Spikes
from empirical.fit.spectrum_fit import RankedPowerLaw
from empirical.fit.spectrum_rivals import Rival, SpectrumShape
from simulation.runs.json_numbers import INFINITE, NUMBER, SIGNS, number_of, plain_numbers
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Shape, Text, Whole, Word
from theory.validation import FloatArray

#: Columns of the table of ranks other than ``rank``.
RANK_COLUMNS = ("fitted_variance", "held_out_variance", "signal")

#: That of the errors, which older tables lack.
ERROR_COLUMN = "signal_error"

_COUNT = Whole()


def _record(kind: type, **other: Shape) -> Record:
    """The shape of a dataclass of numbers, but for some entries."""
    return Record({one.name: other.get(one.name, NUMBER) for one in fields(kind)}, {INFINITE: SIGNS})


_INTERVAL = _record(Interval)
_TAIL = Record(dict.fromkeys(("value", "low", "high"), NUMBER), {INFINITE: SIGNS})
_SPIKES = Record({"eigenvalues": ListOf(Real(), 0), "variance_share": _INTERVAL, "between_share": _INTERVAL})
_LAW = _record(RankedPowerLaw, first=_COUNT, last=_COUNT)
_VARIANT = _record(ExponentVariant, ranks=Text(), first=_COUNT, last=_COUNT, estimator=Text())
_RIVAL = Record(
    {
        "name": Word(tuple(one.value for one in SpectrumShape)),
        "parameters": MapOf(NUMBER),
        "loss": NUMBER,
        "behind": NUMBER,
        "behind_error": NUMBER,
        "place": _COUNT,
    }
)

#: What ``FitSummary.as_values`` holds; older versions had neither spikes nor other ranks and estimators.
SUMMARY = Record(
    {
        "fitting_count": _COUNT,
        "held_out_count": _COUNT,
        "rank": _COUNT,
        "resolved": _COUNT,
        "alpha": Maybe(_INTERVAL),
        "beta": Maybe(_INTERVAL),
        "effective_rank": _INTERVAL,
        "alignment": _INTERVAL,
        "class_separation": _INTERVAL,
        "minority_share": _INTERVAL,
        "tail_index": _TAIL,
        "spectrum_law": Maybe(_LAW),
        "signal_law": Maybe(_LAW),
        "minorities": ListOf(_record(Minority)),
        "shrinkage": Real(),
        "rivals": ListOf(_RIVAL, 0),
        "rivals_in_range": ListOf(_RIVAL, 0),
        "warnings": ListOf(Text(1000), 0),
    },
    {
        "inverse_tail_index": _INTERVAL,
        "spikes": _SPIKES,
        "alpha_variants": ListOf(_VARIANT, 0),
        "beta_variants": ListOf(_VARIANT, 0),
    },
)


@dataclass(frozen=True, eq=False)
class RankedVariances:
    """Variance and signal along the principal directions of the fitting samples, rank by rank.

    Attributes:
        fitted: (r,) variances of the fitting samples.
        held_out: (r,) of the held-out samples.
        signal: (r,) squared prototype coordinates, from products of the two halves.
        signal_error: (r,) standard errors of these where there is no signal; None in older results.
    """

    fitted: FloatArray
    held_out: FloatArray
    signal: FloatArray
    signal_error: FloatArray | None

    @classmethod
    def from_spectrum(cls, spectrum: CrossValidatedSpectrum) -> Self:
        """The variances of a cross-validated spectrum."""
        error = np.sqrt(spectrum.signal_variance(np.zeros(spectrum.rank)))
        return cls(spectrum.fitted, spectrum.held_out, spectrum.signal, error)

    @property
    def eigenvalues(self) -> FloatArray:
        """(r,) geometric means of fitted and held-out variances, which estimate lambda_i."""
        return np.asarray(np.sqrt(self.fitted * np.maximum(self.held_out, 0.0)), dtype=np.float64)

    def columns(self) -> dict[str, Any]:
        """A table of the ranks."""
        values = (self.fitted, self.held_out, self.signal)
        table = {"rank": np.arange(1, self.fitted.size + 1)} | dict(zip(RANK_COLUMNS, values, strict=True))
        return table if self.signal_error is None else table | {ERROR_COLUMN: self.signal_error}

    @classmethod
    def from_columns(cls, columns: Mapping[str, FloatArray]) -> Self:
        """The inverse of ``columns``."""
        fitted, held_out, signal = (columns[name] for name in RANK_COLUMNS)
        return cls(fitted, held_out, signal, columns.get(ERROR_COLUMN))


@dataclass(frozen=True, eq=False)
class FitSummary:
    """Estimates of a fit. All intervals are at 95 %; all attributes but the counts are those of ``FittedModel``.

    Attributes:
        fitting_count: number of fitting samples.
        held_out_count: number of held-out samples.
        rank: directions in which the fitting samples vary.
        resolved: number of leading directions whose eigenvalues are distinguished from noise.
        ranks: variances by rank; None in results that hold no table of them.
        spikes: the leading directions; None in results of versions that fitted all ranks alike.
        alpha: exponent of the spectrum; None where there is none.
        beta: exponent of the squared prototype coordinates; None likewise.
        effective_rank: (tr Sigma)^2 / tr Sigma^2.
        alignment: R2 / R0.
        class_separation: variance of the class means as a share of tr Sigma.
        minority_share: share of all samples that belong to a minority of their class.
        tail_index: of random projections within classes.
        alpha_variants: alpha over other ranks and by another estimator.
        beta_variants: beta over other ranks.
        spectrum_law: the power law of the spectrum; None where there is none.
        signal_law: that of the signal; None likewise.
        minorities: for each class, along its prototype.
        shrinkage: intensity of the OAS shrinkage of the covariance of all samples.
        rivals: spectra compared on held-out samples over all resolved ranks, best first.
        rivals_in_range: the same over the ranks of the power law.
        warnings: what a reader should know before using the numbers.
    """

    fitting_count: int
    held_out_count: int
    rank: int
    resolved: int
    ranks: RankedVariances | None
    spikes: Spikes | None
    alpha: Interval | None
    beta: Interval | None
    effective_rank: Interval
    alignment: Interval
    class_separation: Interval
    minority_share: Interval
    tail_index: TailIndex
    alpha_variants: tuple[ExponentVariant, ...]
    beta_variants: tuple[ExponentVariant, ...]
    spectrum_law: RankedPowerLaw | None
    signal_law: RankedPowerLaw | None
    minorities: tuple[Minority, ...]
    shrinkage: float
    rivals: tuple[Rival, ...]
    rivals_in_range: tuple[Rival, ...]
    warnings: tuple[str, ...]

    @classmethod
    def from_fit(cls, fitted: FittedModel) -> Self:
        """The summary of a fit."""
        spectrum = fitted.spectrum
        counts = {name: getattr(spectrum, name) for name in ("fitting_count", "held_out_count", "rank", "resolved")}
        known = {one.name: getattr(fitted, one.name) for one in fields(cls) if one.name not in {*counts, "ranks"}}
        return cls(**counts, ranks=RankedVariances.from_spectrum(spectrum), **known)

    def as_values(self) -> dict[str, Any]:
        """All but the ranks as plain values of the shape SUMMARY."""
        known = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("ranks", "spikes")}
        tail = self.tail_index
        values = {name: _plain(value) for name, value in known.items()}
        values |= {
            "tail_index": _plain({"value": tail.value, "low": tail.low, "high": tail.high}),
            "inverse_tail_index": _plain(tail.inverse),
            "rivals": [_rival_values(one) for one in self.rivals],
            "rivals_in_range": [_rival_values(one) for one in self.rivals_in_range],
        }
        if self.spikes is None:
            return values
        shares = {"variance_share": self.spikes.variance_share, "between_share": self.spikes.between_share}
        eigenvalues = self.spikes.eigenvalues.tolist()
        return values | {"spikes": _plain({"count": self.spikes.count, "eigenvalues": eigenvalues} | shares)}

    @classmethod
    def from_values(cls, values: Mapping[str, Any], ranks: RankedVariances | None) -> Self:
        """The inverse of ``as_values``.

        Args:
            values: of the shape SUMMARY; others are ignored.
            ranks: the table that belongs to them.
        """
        stored = values["tail_index"]
        tail = {name: number_of(stored[name], name, stored) for name in _TAIL.entries}
        unknown = dict.fromkeys(_INTERVAL.entries)
        return cls(
            **{name: values[name] for name in ("fitting_count", "held_out_count", "rank", "resolved", "shrinkage")},
            ranks=ranks,
            spikes=_spikes(values.get("spikes")),
            alpha=_of(Interval, values["alpha"]),
            beta=_of(Interval, values["beta"]),
            effective_rank=_made(Interval, values["effective_rank"]),
            alignment=_made(Interval, values["alignment"]),
            class_separation=_made(Interval, values["class_separation"]),
            minority_share=_made(Interval, values["minority_share"]),
            tail_index=TailIndex(**tail, inverse=_made(Interval, values.get("inverse_tail_index", unknown))),
            alpha_variants=tuple(_made(ExponentVariant, one) for one in values.get("alpha_variants", ())),
            beta_variants=tuple(_made(ExponentVariant, one) for one in values.get("beta_variants", ())),
            spectrum_law=_of(RankedPowerLaw, values["spectrum_law"]),
            signal_law=_of(RankedPowerLaw, values["signal_law"]),
            minorities=tuple(_made(Minority, one) for one in values["minorities"]),
            rivals=tuple(_rival(one) for one in values["rivals"]),
            rivals_in_range=tuple(_rival(one) for one in values["rivals_in_range"]),
            warnings=tuple(values["warnings"]),
        )


def _plain(value: Any) -> Any:
    """Dataclasses as mappings and tuples as lists; numbers as ``simulation.runs.json_numbers`` has them."""
    match value:
        case dict():
            numbers = {name: one for name, one in value.items() if isinstance(one, float)}
            return {name: _plain(one) for name, one in value.items()} | plain_numbers(numbers)
        case list() | tuple():
            return [_plain(one) for one in value]
        case float() if not np.isfinite(value):
            return None
        case Interval() | RankedPowerLaw() | ExponentVariant() | Minority():
            return _plain(asdict(value))
    return value


def _made(kind: Any, values: Mapping[str, Any]) -> Any:
    return kind(**{one.name: _known(values, one.name) for one in fields(kind)})


def _known(values: Mapping[str, Any], name: str) -> Any:
    """An entry of a dataclass: counts and texts as they are, numbers restored."""
    value = values[name]
    is_number = value is None or isinstance(value, float) or value in ("inf", "-inf")
    return number_of(value, name, values) if is_number else value


def _of(kind: Any, values: Mapping[str, Any] | None) -> Any:
    return None if values is None else _made(kind, values)


def _spikes(values: Mapping[str, Any] | None) -> Spikes | None:
    if values is None:
        return None
    shares = (_made(Interval, values[name]) for name in ("variance_share", "between_share"))
    return Spikes(np.asarray(values["eigenvalues"], dtype=np.float64), *shares)


def _rival_values(one: Rival) -> dict[str, Any]:
    own = {entry.name: getattr(one, entry.name) for entry in fields(one) if entry.name not in ("shape", "parameters")}
    parameters = {name: _plain(value) for name, value in one.parameters}
    return {"name": one.shape.value, "parameters": parameters} | own


def _rival(values: Mapping[str, Any]) -> Rival:
    numbers = {name: _known(values, name) for name in ("loss", "behind", "behind_error", "place")}
    parameters = tuple((name, _known(values["parameters"], name)) for name in values["parameters"])
    return Rival(SpectrumShape(values["name"]), parameters, **numbers)
