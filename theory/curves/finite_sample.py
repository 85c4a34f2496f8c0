"""The boundaries of a one-output network trained on a finite sample of n inputs instead of the population.

Two Gaussian classes with means m_0, m_1, a common within-class covariance Sigma_W, and n samples,
centred by their mean. The labels, centred and of unit length, are one direction among the n samples;
rotated so that it comes first, the samples are, exactly, one row sqrt(n) m and n - 2 more rows with
covariance Sigma_W that do not depend on m (the mean took the direction that is missing):

    signal row  sqrt(p) m,   m = mu + N(0, Sigma_W / n),   covariance  m m^T + S,   n S ~ Wishart(Sigma_W, n - 2),

with p = pi_0 pi_1 and mu = sqrt(p) (m_1 - m_0), so that delta = sqrt(p) mu and Sigma = Sigma_W + mu mu^T.
What is random in S is replaced by its deterministic equivalent: (S - z)^-1 by -(w/z) (w - Sigma_W)^-1 with

    z = rho w + (1/n) tr[Sigma_W w (w - Sigma_W)^-1],   rho = (n - 2)/n

(Marchenko & Pastur 1967; Silverstein 1995, J. Multivariate Anal. 55, 331; there w is -1 over the
companion transform). Moments are residues in w, so that the sums A_j and B_j of ``theory.symbols.symbolic`` of
the sample become polynomials in those of the population. In large dimension they do not fluctuate;
means over data sets differ from the formulas by a relative O(1/n + 1/r) with r the effective rank
(tr Sigma)^2 / tr Sigma^2, a single data set by the square root of that. Where a few eigenvalues dominate,
the scatter of the signal's strength from one data set to another is the larger error: ``strength_scatter`` gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp

from theory.curves.annealed import AnnealedBoundaries, Units
from theory.curves.losses import Loss, loss_argument
from theory.data.data_model import DataModel
from theory.symbols.symbolic import CURVATURE, SIGNAL_SUMS, SPECTRUM_SUMS
from theory.validation import (
    FloatArray,
    InputError,
    at_least,
    finite_array,
    keep_arrays,
    positive,
    positive_eigenvalues,
)

SAMPLES = sp.Symbol("n", positive=True)
#: rho, the share of the n directions of the samples that is left to S.
FREE_SHARE = sp.Symbol("rho", positive=True)
#: p, the variance pi_0 pi_1 of the labels.
LABEL_VARIANCE = sp.Symbol("p", positive=True)
#: x = 1/w, small where z is large.
INVERSE = sp.Symbol("x")
#: t_j = tr Sigma_W^j / n and v_j = mu^T Sigma_W^j mu.
NOISE_SUMS = sp.symbols("t0:5", positive=True)
MEAN_SUMS = sp.symbols("v0:4", positive=True)

#: Directions of the samples that S lacks: that of the labels and that of the overall mean.
CONSTRAINTS = 2


@dataclass(frozen=True)
class SampleSums:
    """Sums that the boundaries need, of a sample, in those of the population, n, rho and p.

    Attributes:
        spectrum: A_1 and A_2 of the sample.
        signal: B_1, B_2 and B_3 of the sample.
        fresh_signal: delta^T Sigma^j delta, j = 1, 2, with the sample's delta and the population's Sigma.
        fresh_saturation: delta^T Sigma' Sigma^(j - 1) delta, j = 2, 3, with the sample's delta and
            covariance Sigma': what the first saturation takes from those two.
    """

    spectrum: tuple[sp.Expr, sp.Expr]
    signal: tuple[sp.Expr, sp.Expr, sp.Expr]
    fresh_signal: tuple[sp.Expr, sp.Expr]
    fresh_saturation: tuple[sp.Expr, sp.Expr]


def scaled_argument() -> sp.Expr:
    """The ratio z / w as a polynomial in x = 1/w, up to what the boundaries need."""
    return FREE_SHARE + sp.Add(*[total * INVERSE**power for power, total in enumerate(NOISE_SUMS) if power])


def residue_integrand(power: int, profile: sp.Expr) -> sp.Expr:
    """Function of x whose coefficient of x^(power + 1) at 0 is the residue that ``residue`` gives."""
    scaled = scaled_argument()
    # With z = w scaled(1/w) this is dz/dw.
    slope = scaled - INVERSE * sp.diff(scaled, INVERSE)
    return scaled**power * slope * profile


def residue(power: int, profile: sp.Expr) -> sp.Expr:
    """Coefficient of 1/w in z^power profile(1/w) dz/dw.

    A measure whose transform int dF(t) / (t - z) is -profile at z(w) has it as its moment of order ``power``.
    """
    return sp.expand(residue_integrand(power, profile).series(INVERSE, 0, power + 2).removeO()).coeff(
        INVERSE, power + 1
    )


def noise_profile(eigenvalue: sp.Expr) -> sp.Expr:
    """-z (S - z)^-1 in a direction in which Sigma_W has this eigenvalue."""
    return 1 / (1 - eigenvalue * INVERSE)


def label_profile() -> sp.Expr:
    """Minus the transform of the samples' Gram matrix in the direction of the labels.

    The Schur complement of the other samples is -z (1 + m^T (S - z)^-1 m), which is
    -w (rho - mu^T (w - Sigma_W)^-1 mu).
    """
    mean_part = sp.Add(*[total * INVERSE ** (power + 1) for power, total in enumerate(MEAN_SUMS)])
    return INVERSE / (FREE_SHARE - mean_part)


def mean_resolvent() -> sp.Expr:
    """mu^T (w - Sigma)^-1 mu as a polynomial in x: v_j in terms of Sigma is B_j / p."""
    return sp.Add(*[SIGNAL_SUMS[j] / LABEL_VARIANCE * INVERSE ** (j + 1) for j in range(len(MEAN_SUMS))])


@lru_cache(maxsize=1)
def within_class_sums() -> Mapping[sp.Symbol, sp.Expr]:
    """t_j and v_j in terms of A_j and B_j, as Sigma_W = Sigma - mu mu^T.

    With b = mu^T (w - Sigma)^-1 mu the resolvent of Sigma_W has b / (1 + b) in the direction mu
    (Sherman & Morrison) and det(w - Sigma_W) = (1 + b) det(w - Sigma).
    """
    whole = mean_resolvent()
    highest = len(NOISE_SUMS)
    in_mean = sp.expand(sp.series(whole / (1 + whole), INVERSE, 0, highest).removeO())
    # sum_j tr Sigma_W^j x^j = x d/dx of -log det(1 - x Sigma_W).
    lost = sp.expand(sp.series(INVERSE * sp.diff(sp.log(1 + whole), INVERSE), INVERSE, 0, highest).removeO())
    traces = {
        NOISE_SUMS[power]: (SPECTRUM_SUMS[power] - lost.coeff(INVERSE, power)) / SAMPLES for power in range(1, highest)
    }
    return traces | {total: in_mean.coeff(INVERSE, power + 1) for power, total in enumerate(MEAN_SUMS)}


@lru_cache(maxsize=1)
def sample_sums() -> SampleSums:
    """Derive the sums of a sample; the result is cached, as it never changes."""
    within = within_class_sums()
    along_labels = [residue(power, label_profile()) for power in range(5)]
    # A constant profile, the number of directions, has no residue, so the sum may start at x^1.
    directions = sp.Add(*[SAMPLES * total * INVERSE**power for power, total in enumerate(NOISE_SUMS) if power])
    noise = [residue(power - 1, directions) for power in (1, 2)]
    spectrum = (
        noise[0] + along_labels[1],
        # tr (m m^T + S)^2 = tr S^2 + 2 m^T S m + |m|^4, and the second moment along the labels is m^T S m + |m|^4.
        noise[1] + 2 * along_labels[2] - along_labels[1] ** 2,
    )
    signal = tuple(LABEL_VARIANCE * along_labels[power + 1] for power in (1, 2, 3))
    lengths = [LABEL_VARIANCE * _fresh_length(power) for power in range(3)]
    saturation = tuple(
        lengths[0] * lengths[power - 1] / LABEL_VARIANCE + LABEL_VARIANCE * FREE_SHARE * _fresh_noise(power)
        for power in (2, 3)
    )
    return SampleSums(
        spectrum=tuple(expression.subs(within) for expression in spectrum),
        signal=tuple(expression.subs(within) for expression in signal),
        fresh_signal=(lengths[1], lengths[2]),
        fresh_saturation=saturation,
    )


def _fresh_length(power: int) -> sp.Expr:
    """E m^T Sigma^power m = mu^T Sigma^power mu + tr[Sigma_W Sigma^power] / n."""
    of_mean = SIGNAL_SUMS[power] / LABEL_VARIANCE
    return of_mean + (SPECTRUM_SUMS[power + 1] - of_mean) / SAMPLES


def _fresh_noise(power: int) -> sp.Expr:
    """E m^T Sigma_W Sigma^(power - 1) m, with Sigma - mu mu^T for Sigma_W."""
    of_mean, longer, shorter = (SIGNAL_SUMS[order] / LABEL_VARIANCE for order in (0, power, power - 1))
    trace = SPECTRUM_SUMS[power + 1] - 2 * longer + of_mean * shorter
    return longer - of_mean * shorter + trace / SAMPLES


@dataclass(frozen=True, eq=False)
class SampledOneOutput(AnnealedBoundaries):
    """A one-output network trained on n samples of two Gaussian classes.

    ``initial_level``, ``signal_level``, ``phase_one_end``, ``turning_point_formula`` and the others have the
    meaning that they have for ``OneOutput``, on the sample: it trains the network and measures the
    reconstruction loss. Those with fresh in their names measure the loss of the same networks on the population;
    the level at time 0 is then that of the population.

    Attributes:
        eigenvalues: (d,) of the population's covariance Sigma, positive.
        signal: (d,) the population's row delta in the eigenbasis; zeros mean random labels.
        curvature: c of the loss at W = 0.
        samples: n, at least 3.
        label_variance: p = pi_0 pi_1, at most 1/4; the sample has the population's frequencies.

    Raises:
        InputError: any of the above does not hold, or the signal is too strong for a within-class
            covariance to exist.
    """

    eigenvalues: FloatArray
    signal: FloatArray
    curvature: float
    samples: int
    label_variance: float = 0.25

    def __post_init__(self) -> None:
        eigenvalues = positive_eigenvalues(self.eigenvalues)
        signal = finite_array("signal", self.signal, 1)
        positive("curvature", self.curvature)
        at_least("samples", self.samples, CONSTRAINTS + 1)
        if positive("label_variance", self.label_variance) > 0.25:
            raise InputError(f"label_variance: {self.label_variance} is not accepted; give pi_0 pi_1, at most 1/4")
        if signal.shape != eigenvalues.shape:
            raise InputError(f"signal: give {eigenvalues.size} numbers, one for each eigenvalue")
        share = float(np.sum(signal**2 / eigenvalues)) / self.label_variance
        if share > 1 + 1e-9:
            raise InputError(
                f"signal: holds {share:.3g} times the variance that exists in its direction; "
                f"multiply it by at most {1 / np.sqrt(share):.3g}"
            )
        keep_arrays(self, eigenvalues=eigenvalues, signal=signal)

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss, samples: int) -> SampledOneOutput:
        """The network that ``loss`` trains on ``samples`` samples of the two classes of ``model``.

        Args:
            model: two classes, the population.
            loss: a loss of one output.
            samples: n, at least 3.

        Raises:
            InputError: the loss has more than one output there, too few samples, or a signal too strong.
        """
        loss_argument(loss)
        outputs = loss.outputs(model.classes)
        if outputs != 1:
            raise InputError(
                f"loss: {loss.name} with {model.classes} classes has {outputs} outputs; give one output, two classes"
            )
        return cls(
            model.eigenvalues,
            loss.signal(model.prototypes)[0],
            loss.initial_curvature(model.classes),
            samples,
            float(np.prod(model.frequencies)),
        )

    @property
    def effective_rank(self) -> float:
        """(tr Sigma)^2 / tr Sigma^2 of the population; the formulas err by a relative O(1/n + 1/rank)."""
        return float(self._levels.sum() ** 2 / np.sum(self._levels**2))

    @property
    def strength_scatter(self) -> float:
        """Relative standard deviation, over data sets, of delta^T Sigma delta with the sample's delta; exact.

        It scatters the boundaries of a single data set (s1 by half of it), and moves their means away from the
        formulas by the order of its square (that of s1 by 3/8 of it, upwards).
        """
        (_, _, a2, _, a4), (_, b1, _, b3) = self._population[:5], self._population[5:9]
        count, length, cube = self.samples, b1 / self.label_variance, b3 / self.label_variance
        # A quadratic form of a Gaussian: 2 tr (Sigma Sigma_W / n)^2 + 4 mu^T Sigma Sigma_W Sigma mu / n.
        variance = 2 * (a4 - 2 * cube + length**2) / count**2 + 4 * (cube - length**2) / count
        return float(np.sqrt(variance) / (length + (a2 - length) / count))

    @property
    def fresh_initial_level(self) -> float:
        """R0 on fresh inputs, that of the population."""
        return self._units.level * float(np.sum(self._levels**2) / self._levels.sum())

    @property
    def fresh_signal_level(self) -> float:
        """R2 on fresh inputs: explained variance of an output equal to the sample's prototype."""
        length, weighted = self._fresh.signal
        return self._units.level * weighted / length

    def fresh_phase_one_end(self, init_scale: float) -> float:
        """s1 on fresh inputs: time at which half of the fresh R2 - R0 is gained."""
        length, _ = self._fresh.signal
        return self._scaled(init_scale) * float(np.sqrt(self._levels.sum() / length)) / self._units.level

    def fresh_turning_point_formula(self, init_scale: float) -> float | None:
        """s* on fresh inputs to leading order in sigma0.

        None where the fresh R2 is not above R0, or where the first saturation does not lower R.
        """
        unit, (length, weighted) = self._units.level, self._fresh.signal
        taken, weighted_taken = self._fresh.saturation
        signal_level = weighted / length
        gap = signal_level - self.fresh_initial_level / unit
        spread = (weighted_taken - signal_level * taken) / length
        if gap <= 0 or spread <= 1e-14 * signal_level**2:
            return None
        end = self.fresh_phase_one_end(init_scale) * unit
        return float(np.cbrt(2 * gap * end**2 / (self.curvature * spread))) / unit

    @cached_property
    def _units(self) -> Units:
        """lambda_1, and weights whose output has variance 1 in it: no power of these overflows."""
        level = float(self.eigenvalues.max())
        return Units(level, 1 / float(np.sqrt(level)))

    @cached_property
    def _levels(self) -> FloatArray:
        """(d,) l / lambda_1."""
        return np.asarray(self.eigenvalues / self._units.level, dtype=np.float64)

    @cached_property
    def _sums(self) -> dict[sp.Symbol, float]:
        """The curvature and the sums of the sample."""
        values = _sample_evaluator()(*self._population)
        names = (*SPECTRUM_SUMS[1:3], *SIGNAL_SUMS[1:4])
        return {CURVATURE: self.curvature, **dict(zip(names, map(float, values[: len(names)]), strict=True))}

    @cached_property
    def _fresh(self) -> _FreshSums:
        values = [float(value) for value in _sample_evaluator()(*self._population)[-4:]]
        return _FreshSums((values[0], values[1]), (values[2], values[3]))

    @cached_property
    def _population(self) -> tuple[float, ...]:
        """The arguments of the evaluator, for inputs over the root of lambda_1."""
        powers = self._levels ** np.arange(5)[:, None]
        squares = np.square(self.signal * self._units.weight)
        share = (self.samples - CONSTRAINTS) / self.samples
        return (*powers.sum(axis=1), *(powers[:4] @ squares), float(self.samples), share, self.label_variance)


@dataclass(frozen=True)
class _FreshSums:
    """Numbers of ``SampleSums.fresh_signal`` and ``fresh_saturation``."""

    signal: tuple[float, float]
    saturation: tuple[float, float]


@lru_cache(maxsize=1)
def _sample_evaluator() -> Callable[..., list[float]]:
    """The sample's sums in the order of ``SampleSums``, of A_0..A_4, B_0..B_3, n, rho and p."""
    sums = sample_sums()
    arguments = [*SPECTRUM_SUMS[:5], *SIGNAL_SUMS[:4], SAMPLES, FREE_SHARE, LABEL_VARIANCE]
    expressions = [*sums.spectrum, *sums.signal, *sums.fresh_signal, *sums.fresh_saturation]
    evaluator: Callable[..., list[float]] = sp.lambdify(arguments, expressions, "numpy", cse=True)
    return evaluator
