"""The phase diagram of transfer (theorem T9): verdicts over the alignment of the shared signal and the initial scale.

The family of targets is t = delta lambda^a: the exponent a says whether source and target share signal in directions of
large variance. Its alignment is the mean eigenvalue under the shared signal delta t over that under lambda delta^2, the
outputs' variance. As sigma0 falls, what is learnt decides, by Chebyshev (T9): go on for a <= 0, stop later for
0 < a < 1, stop at the turning point for a >= 1. So the borders are then the alignments of a = 0 and a = 1; at larger
sigma0 they are found on the annealed curve. Where random outputs show more of the target than any that are trained, the
verdict is not to train on the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from theory.curves.annealed import OneOutput
from theory.curves.annealed_transfer import AnnealedTransfer
from theory.curves.transfer_verdict import Stopping
from theory.data.target import Target
from theory.validation import FloatArray, InputError, finite_array, non_negative, positive

#: Exponents of the family, from signal shared in the last directions to signal shared in the first.
_EXPONENTS = (-20.0, 20.0)

#: Scaled initialisations between which borders are sought, how many steps there are between, and the accuracy of their
#: logarithm.
_SCALES, _STEPS, _ACCURACY = (1e-4, 1e3), 57, 1e-6


def shared_alignment(network: OneOutput, exponent: float) -> float:
    """Mean eigenvalue under delta t over that under lambda delta^2, for t = delta lambda^a; it rises with a."""
    levels, squares = _units(network)
    shared = squares * levels**exponent
    return float((shared @ levels / shared.sum()) / (squares @ levels**2 / (squares @ levels)))


def shared_target(network: OneOutput, alignment: float) -> Target:
    """The target of the family with this alignment, without noise: y = sum t_i x_i / lambda_i.

    Raises:
        InputError: an alignment outside of ``alignment_range``.
    """
    lowest, highest = alignment_range(network)
    if not lowest < alignment < highest:
        accepted = f"{lowest:.3g} to {highest:.3g} for this network"
        raise InputError(f"alignment: {alignment:g} is not accepted; give {accepted}")
    exponent = float(brentq(lambda a: shared_alignment(network, a) - alignment, *_EXPONENTS, xtol=1e-12))
    levels, squares = _units(network)
    with np.errstate(divide="ignore"):
        logs = np.log(squares) / 2 + exponent * np.log(levels)
    # The length of T does not matter, as the target has no noise.
    crossed = np.sign(network.signal) * np.exp(logs - logs.max())
    return Target(network.eigenvalues, crossed[:, None], float(np.sum(crossed**2 / network.eigenvalues)))


def alignment_range(network: OneOutput) -> tuple[float, float]:
    """Smallest and largest alignment of the family on a network."""
    low, high = (shared_alignment(network, exponent) for exponent in _EXPONENTS)
    return low, high


def small_scale_borders(network: OneOutput) -> tuple[float, float]:
    """Alignments between go on and stop later, and between stop later and stop at the turning point, for sigma0 -> 0.

    They are those of a = 0, B1^2 / (B0 B2), and of a = 1, which is 1.
    """
    return shared_alignment(network, 0.0), shared_alignment(network, 1.0)


@dataclass(frozen=True)
class StoppingBorder:
    """A scaled initialisation at which the verdict changes, with those below and above it."""

    scaled: float
    below: Stopping
    above: Stopping


@dataclass(frozen=True)
class TransferColumn:
    """The verdicts at one alignment, for all scaled initialisations from 1e-4 to 1e3.

    Attributes:
        alignment: of the target.
        lowest: verdict at the smallest scale.
        borders: ascending.
    """

    alignment: float
    lowest: Stopping
    borders: tuple[StoppingBorder, ...]

    def at(self, scaled: float) -> Stopping:
        """The verdict at a scaled initialisation lambda_1 s1."""
        if not _SCALES[0] <= scaled <= _SCALES[1]:
            raise InputError(f"scaled: {scaled:g} is not accepted; give {_SCALES[0]:g} to {_SCALES[1]:g}")
        passed = [border.above for border in self.borders if border.scaled <= scaled]
        return passed[-1] if passed else self.lowest


def own_verdict(network: OneOutput, target: Target, scaled: float, resolution: float = 0.0) -> Stopping:
    """The verdict of one annealed curve; ``scaled`` is lambda_1 s1, as in ``theory.curves.phase_diagram``."""
    init_scale = positive("scaled", scaled) / network.phase_one_end(1.0) / float(network.eigenvalues.max())
    return AnnealedTransfer(network, target).peak(init_scale, resolution).stopping


def transfer_column(network: OneOutput, alignment: float, resolution: float = 0.0) -> TransferColumn:
    """All verdicts at one alignment of the shared signal, with borders that are further apart than a third.

    Args:
        network: spectrum, signal and curvature.
        alignment: of the shared signal with variance, within ``alignment_range``.
        resolution: smallest loss of R_T that counts.
    """
    smallest = non_negative("resolution", resolution)
    target = shared_target(network, alignment)
    grid = np.geomspace(*_SCALES, _STEPS)
    verdicts = [own_verdict(network, target, float(scaled), smallest) for scaled in grid]
    borders = []
    for number in range(1, grid.size):
        place, below = float(grid[number - 1]), verdicts[number - 1]
        while below != verdicts[number]:
            place = _end_of(network, target, smallest, below, place, float(grid[number]))
            above = own_verdict(network, target, place, smallest)
            borders.append(StoppingBorder(place, below, above))
            below = above
    return TransferColumn(alignment, verdicts[0], tuple(borders))


def transfer_diagram(network: OneOutput, alignments: FloatArray, resolution: float = 0.0) -> tuple[TransferColumn, ...]:
    """The diagram, a column of borders for each alignment (A,); arguments as in ``transfer_column``."""
    chosen = finite_array("alignments", alignments, 1)
    return tuple(transfer_column(network, float(one), resolution) for one in chosen)


def _end_of(network: OneOutput, target: Target, resolution: float, verdict: Stopping, low: float, high: float) -> float:
    """A scale between two, just above the one at which ``verdict``, that of ``low``, ends."""
    below, above = np.log(low), np.log(high)
    while above - below > _ACCURACY:
        middle = (below + above) / 2
        if own_verdict(network, target, float(np.exp(middle)), resolution) == verdict:
            below = middle
        else:
            above = middle
    return float(np.exp(above))


def _units(network: OneOutput) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues over the largest, and squares of the signal over the largest."""
    squares = np.square(network.signal / np.abs(network.signal).max())
    return np.asarray(network.eigenvalues / network.eigenvalues.max()), np.asarray(squares)
