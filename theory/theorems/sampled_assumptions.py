"""Assumptions A1 to A8 evaluated on samples: debiased values, 95 % intervals, and what is not resolved.

Class means of n samples are off by noise of the size of tr Sigma / n. The noise has the directions of large variance,
so that prototypes of labels without any meaning look aligned, at every n. Two corrections remove it:

- products of class means are debiased: the covariance within a class over its number of samples is the contribution of
  noise, so that the Gram matrix M Sigma M^T of meaningless labels has the mean zero;
- a direction of the prototypes counts as resolved only where its debiased eigenvalue exceeds what sampling noise alone
  gives in 99 of 100 cases. That law is sampled by random signs of the samples' deviations from their class means, which
  keeps each class's covariance and tails (Wu 1986, Ann. Statist. 14, 1261). What the other directions explain is left
  open between nothing and the largest eigenvalues.

Errors are those of the delete-a-part jackknife. Eigenvectors are kept in its replicates: a variance along
an eigenvector is the eigenvalue to first order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from theory.assumptions import (
    Assessment,
    alignment,
    effective_rank,
    fit_power_law,
    gaussian_gradient,
    power_law_signal,
    power_law_spectrum,
    rank_ranges,
    small_initialisation,
    small_outputs,
    small_steps,
)
from theory.curves.gradient_defect import DefectResponse, defect_response
from theory.curves.initial_level import random_sketch_level
from theory.curves.losses import Loss
from theory.data.data_model import DataModel
from theory.data.debiased_moments import DebiasedMoments
from theory.data.jackknife import errors_in_interval, jackknife_error
from theory.data.stratified import stratified_parts, stratified_sample
from theory.progress import Progress, silent
from theory.validation import (
    FloatArray,
    IntArray,
    at_least,
    check_class_counts,
    class_labels,
    matrix_with_columns,
    positive,
)

#: Parts of the jackknife, where there are as many samples.
PARTS = 10

#: Draws of signs, and the share of them that a resolved direction exceeds.
_DRAWS, _NOISE_LEVEL = 200, 0.99

#: A4 is measured on this many samples and leading directions at most, up to this step.
DEFECT_SAMPLES, DEFECT_DIRECTIONS, DEFECT_STEPS = 2_000, 256, 1024


@dataclass(frozen=True, eq=False)
class SampledAssumptions:
    """Samples with their data model, on which A1 to A8 are evaluated.

    Attributes:
        model: the data model with the moments of all samples.
        inputs: (n, d) centred samples in the model's eigenbasis, all of them or some at random.
        labels: (n,) their classes, each with at least two members.
        seed: of the parts, of the signs and of W(0).

    Raises:
        InputError: shapes that do not fit, NaN or infinity, or a class with fewer than two samples.
    """

    model: DataModel
    inputs: FloatArray
    labels: IntArray
    seed: int = 0

    def __post_init__(self) -> None:
        rows = matrix_with_columns("inputs", self.inputs, self.model.dimension)
        known = class_labels("labels", self.labels, rows.shape[0], self.model.classes)
        check_class_counts(known, self.model.classes, 2, "as the covariance within a class needs them")
        at_least("seed", self.seed, 0)

    def assess(self, loss: Loss, step_size: float, init_scale: float, progress: Progress = silent) -> list[Assessment]:
        """A1 to A8 in order; see ``theory.assumptions`` for what each measures on a data model.

        Args:
            loss: the training loss.
            step_size: eta, positive, within the loss's stability limit.
            init_scale: sigma0, positive.
            progress: shows how many points of the path of A4 are done.

        Raises:
            InputError: values out of range, or a class that lies within one part of the jackknife.
        """
        positive("step_size", step_size)
        positive("init_scale", init_scale)
        parts = stratified_parts(self.labels, min(PARTS, self.labels.size), self._generator(0))
        found = [
            *self.of_moments(loss, step_size, init_scale, parts),
            self._gaussian_gradient(loss, step_size, init_scale, progress),
        ]
        return sorted(found, key=lambda one: one.name)

    def _generator(self, purpose: int) -> np.random.Generator:
        """Random numbers of one purpose: 0 the parts, 1 the signs, 3 W(0)."""
        return np.random.default_rng((self.seed, purpose))

    def of_moments(
        self, loss: Loss, step_size: float, init_scale: float, parts: Sequence[IntArray]
    ) -> list[Assessment]:
        """Evaluate A1 to A3 and A5 to A8, which depend on moments only.

        Args:
            loss: the training loss.
            step_size: eta, positive.
            init_scale: sigma0, positive.
            parts: disjoint parts of the samples, of about equal size, that cover them.
        """
        whole, without = self._sets(parts)
        resolved = self._resolved_directions(loss, whole)
        return [
            self._spectrum(whole, without),
            self._signal(whole, without),
            self._alignment(loss, whole, without, parts, resolved),
            self._steps(loss, step_size, whole, without),
            self._rank(whole, without),
            self._initialisation(loss, init_scale, whole, without, resolved),
            self._outputs(loss, init_scale, whole, without),
        ]

    def _sets(self, parts: Sequence[IntArray]) -> tuple[DebiasedMoments, list[DebiasedMoments]]:
        """All samples, and all without each part."""
        classes, dimension = self.model.classes, self.model.dimension
        counts = np.empty((len(parts), classes))
        sums, squares = np.empty((2, len(parts), classes, dimension))
        fourth = np.empty(len(parts))
        for number, part in enumerate(parts):
            rows = self.inputs[part]
            members = np.eye(classes)[self.labels[part]].T
            squared = rows**2
            counts[number], sums[number], squares[number] = members.sum(axis=1), members @ rows, members @ squared
            fourth[number] = np.square(squared.sum(axis=1)).sum()
        total = [one.sum(axis=0) for one in (counts, sums, squares, fourth)]
        left = [
            DebiasedMoments.from_sums(
                total[0] - counts[i], total[1] - sums[i], total[2] - squares[i], float(total[3] - fourth[i])
            )
            for i in range(len(parts))
        ]
        return DebiasedMoments.from_sums(total[0], total[1], total[2], float(total[3])), left

    def _eigenvalues(self, whole: DebiasedMoments, own: DebiasedMoments) -> FloatArray:
        """Eigenvalues of a replicate, to first order: those of the model moved as the variances along them."""
        smallest = np.finfo(np.float64).tiny
        return np.maximum(self.model.eigenvalues * own.variances / np.maximum(whole.variances, smallest), smallest)

    def _resolved_directions(self, loss: Loss, whole: DebiasedMoments) -> FloatArray:
        """(outputs, q) eigenvectors of the debiased M Sigma M^T whose eigenvalues exceed sampling noise."""
        values, vectors = np.linalg.eigh(_gram(whole, loss, self.model.eigenvalues))
        generator = self._generator(1)
        scale = np.sqrt(self.model.eigenvalues)
        noise = np.empty((_DRAWS, self.model.classes, self.model.dimension))
        for label in range(self.model.classes):
            rows = (self.inputs[self.labels == label] - whole.means[label]) * scale
            count = rows.shape[0]
            signs = generator.choice((-1.0, 1.0), (_DRAWS, count))
            noise[:, label] = signs @ rows / np.sqrt(count * (count - 1))
        rows = _rows(whole, loss)
        expected = rows @ np.diag((whole.within @ self.model.eigenvalues) / whole.counts) @ rows.T
        moved = rows @ noise
        drawn = moved @ np.swapaxes(moved, -1, -2) - expected
        found = 0
        # From the strongest on, each is compared with the largest that noise gives in what the stronger leave.
        # Outputs that learn nothing, as their mean for softmax, are beyond the rank of T.
        while found < int(np.linalg.matrix_rank(rows)):
            left = vectors[:, : values.size - found]
            largest = np.linalg.eigvalsh(left.T @ drawn @ left)[:, -1]
            if values[left.shape[1] - 1] <= np.quantile(largest, _NOISE_LEVEL):
                break
            found += 1
        return np.asarray(vectors[:, values.size - found :], dtype=np.float64)

    def _spectrum(self, whole: DebiasedMoments, without: Sequence[DebiasedMoments]) -> Assessment:
        fits = [fit_power_law(np.sort(self._eigenvalues(whole, own))[::-1]) for own in without]
        replicates = [np.nan if fit is None else fit.determination for fit in fits]
        exact = power_law_spectrum(self.model)
        low, high = _interval(exact.value, replicates)
        return replace(exact, interval=(low, min(high, 1.0)))

    def _signal(self, whole: DebiasedMoments, without: Sequence[DebiasedMoments]) -> Assessment:
        """A2 over the ranges of ranks, from the first on, in which the signal is resolved."""
        exact = power_law_signal(self.model)
        profile, others = whole.profile(), np.array([own.profile() for own in without])
        members = rank_ranges(profile.size)
        counts = np.bincount(members)
        means = np.bincount(members, weights=profile) / counts
        binned = np.stack([np.bincount(members, weights=one) / counts for one in others])
        unresolved = np.flatnonzero(means <= 2 * jackknife_error(binned))
        last = profile.size if unresolved.size == 0 else int(counts[: unresolved[0]].sum())
        fit = fit_power_law(profile[:last]) if last else None
        fits = [fit_power_law(one[:last]) if last else None for one in others]
        if fit is None:
            return replace(
                exact,
                statement=f"power-law signal (resolved in {last or 'none'} of {profile.size} ranks: too few)",
                value=float("nan"),
                interval=(float("nan"), float("nan")),
            )
        low, high = _interval(fit.determination, [np.nan if one is None else one.determination for one in fits])
        return replace(
            exact,
            statement=f"power-law signal (exponent {fit.exponent:.2f} over ranks 1 to {last} of {profile.size})",
            value=fit.determination,
            interval=(low, min(high, 1.0)),
        )

    def _alignment(
        self,
        loss: Loss,
        whole: DebiasedMoments,
        without: Sequence[DebiasedMoments],
        parts: Sequence[IntArray],
        resolved: FloatArray,
    ) -> Assessment:
        exact = alignment(self.model, loss)
        if np.isnan(exact.value):
            return exact
        eigenvalues = self.model.eigenvalues
        rank = int(np.linalg.matrix_rank(_rows(whole, loss)))
        found = resolved.shape[1]
        measure = f"R2 / R0, {found} of {rank} directions of the prototypes resolved"
        others = rank - found
        level = random_sketch_level(eigenvalues, rank)
        widest = float(eigenvalues[:others].sum())
        if found == 0:
            narrowest = float(eigenvalues[-others:].sum())
            open_interval = (narrowest / level, widest / level)
            return replace(exact, measure=measure, value=float("nan"), interval=open_interval)
        signal = _rows(whole, loss) @ whole.means
        explained = _explained(_gram(whole, loss, eigenvalues), _gram(whole, loss, eigenvalues**2), resolved)
        replicates = []
        second = _second_moments(self.inputs, parts, signal)
        for own, moment in zip(without, second[1:], strict=True):
            # The covariance moves too: B (Sigma' - Sigma) B^T, to first order.
            moved = moment - second[0]
            own_gram = _gram(own, loss, eigenvalues) + moved @ signal.T
            crossed = moved @ (signal * eigenvalues).T
            own_square = _gram(own, loss, eigenvalues**2) + crossed + crossed.T
            own_level = random_sketch_level(self._eigenvalues(whole, own), rank)
            replicates.append(_explained(own_gram, own_square, resolved) / own_level)
        low, high = _interval(explained / level, replicates)
        neutral = level - random_sketch_level(eigenvalues, found) if others else 0.0
        return replace(
            exact,
            measure=measure,
            value=(explained + neutral) / level,
            interval=(low, max(high, low) + widest / level),
        )

    def defect(
        self, loss: Loss, step_size: float, weights: FloatArray, last: int, progress: Progress = silent
    ) -> DefectResponse:
        """The effect of the gradient on some of the samples on the mean field, along the leading directions.

        Args:
            loss: the training loss.
            step_size: eta, positive.
            weights: (replica, outputs, d) W(0) in the eigenbasis.
            last: last step, at least 1.
            progress: shows how many points of the path are done.
        """
        # Shares of classes as in all samples, and two of each for the jackknife.
        chosen = stratified_sample(self.labels, max(DEFECT_SAMPLES, 2 * self.model.classes), self.seed, fewest=2)
        kept = min(self.model.dimension, DEFECT_DIRECTIONS)
        model = DataModel(self.model.eigenvalues[:kept], self.model.prototypes[:, :kept], self.model.frequencies)
        labels = self.labels[chosen]
        parts = stratified_parts(labels, min(PARTS, labels.size), self._generator(0))
        return defect_response(
            model, loss, self.inputs[chosen, :kept], labels, weights[..., :kept], last, step_size, parts, progress
        )

    def _gaussian_gradient(self, loss: Loss, step_size: float, init_scale: float, progress: Progress) -> Assessment:
        """A4 for one draw of W(0)."""
        shape = (1, loss.outputs(self.model.classes), self.model.dimension)
        weights = init_scale * self._generator(3).standard_normal(shape)
        return gaussian_gradient(self.defect(loss, step_size, weights, DEFECT_STEPS, progress))

    def _steps(
        self, loss: Loss, step_size: float, whole: DebiasedMoments, without: Sequence[DebiasedMoments]
    ) -> Assessment:
        exact = small_steps(self.model, loss, step_size)
        first = self.model.eigenvalues[0]
        replicates = [exact.value * self._eigenvalues(whole, own).max() / first for own in without]
        return replace(exact, interval=_interval(exact.value, replicates))

    def _rank(self, whole: DebiasedMoments, without: Sequence[DebiasedMoments]) -> Assessment:
        """A6 with tr Sigma^2 from products of different samples, (sum l^2 - mean |x|^4 / n) / (1 - 1/n)."""
        eigenvalues = self.model.eigenvalues
        count = self.labels.size

        def ratio(own: DebiasedMoments) -> float:
            moved = self._eigenvalues(whole, own)
            square = float(np.sum(eigenvalues * (2 * moved - eigenvalues)))
            unbiased = (square - own.fourth / count) / (1 - 1 / count)
            return float(moved.sum()) ** 2 / unbiased if unbiased > 0 else float("nan")

        value = ratio(whole)
        return replace(
            effective_rank(self.model), value=value, interval=_interval(value, [ratio(own) for own in without])
        )

    def _initialisation(
        self,
        loss: Loss,
        init_scale: float,
        whole: DebiasedMoments,
        without: Sequence[DebiasedMoments],
        resolved: FloatArray,
    ) -> Assessment:
        """A7 from the largest debiased eigenvalue gamma of M Sigma M^T, as gamma / (tr Sigma lambda_1^2)."""

        def strength(own: DebiasedMoments) -> float:
            eigenvalues = self._eigenvalues(whole, own)
            scale = float(eigenvalues.sum()) * float(eigenvalues.max()) ** 2
            return float(np.linalg.eigvalsh(_gram(own, loss, eigenvalues))[-1]) / scale

        value = strength(whole)
        low, high = _interval(value, [strength(own) for own in without])
        if resolved.shape[1] == 0:
            low = 0.0
        factor = init_scale * loss.initial_curvature(self.model.classes)

        def crossover(strength: float) -> float:
            return float(factor / np.sqrt(strength)) if strength > 0 else float("inf")

        return replace(
            small_initialisation(self.model, loss, init_scale),
            value=crossover(value),
            interval=(crossover(high), crossover(low)),
        )

    def _outputs(
        self, loss: Loss, init_scale: float, whole: DebiasedMoments, without: Sequence[DebiasedMoments]
    ) -> Assessment:
        """A8 from the debiased mean square of the learnt outputs."""

        def mean_square(own: DebiasedMoments) -> float:
            eigenvalues = self._eigenvalues(whole, own)
            rates = loss.initial_curvature(self.model.classes) * eigenvalues
            learnt = _gram(own, loss, eigenvalues * np.square(np.expm1(-rates / rates.max()) / rates))
            return float(init_scale**2 * eigenvalues.sum() + np.trace(learnt) / learnt.shape[0])

        square = mean_square(whole)
        low, high = _interval(square, [mean_square(own) for own in without])
        value, lower, upper = (float(np.sqrt(max(one, 0.0))) for one in (square, low, high))
        return replace(small_outputs(self.model, loss, init_scale), value=value, interval=(lower, upper))


def _rows(own: DebiasedMoments, loss: Loss) -> FloatArray:
    """(outputs, K) matrix T with signal = T means."""
    return loss.signal(own.centring)


def _gram(own: DebiasedMoments, loss: Loss, weights: FloatArray) -> FloatArray:
    """(outputs, outputs) debiased M diag(weights) M^T of the outputs that the loss trains."""
    return own.gram(_rows(own, loss), weights)


def _explained(gram: FloatArray, square: FloatArray, directions: FloatArray) -> float:
    """tr(G^-1 A) within some output directions."""
    own, other = (directions.T @ one @ directions for one in (gram, square))
    return float(np.trace(np.linalg.solve(own, other)))


def _second_moments(inputs: FloatArray, parts: Sequence[IntArray], signal: FloatArray) -> FloatArray:
    """(1 + m, outputs, d) B E[x x^T] over all samples, then without each part."""
    sums = np.stack([(inputs[part] @ signal.T).T @ inputs[part] for part in parts])
    counts = np.array([part.size for part in parts])
    left = (sums.sum(axis=0) - sums) / (counts.sum() - counts)[:, None, None]
    return np.concatenate([sums.sum(axis=0)[None] / counts.sum(), left])


def _interval(value: float, replicates: Sequence[float]) -> tuple[float, float]:
    """Value +- the standard errors that cover 95 %; NaN where a replicate is."""
    values = np.asarray(replicates, dtype=np.float64)
    reach = errors_in_interval(values.size) * float(jackknife_error(values))
    return float(value - reach), float(value + reach)
