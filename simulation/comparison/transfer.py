"""Derived and trained transfer: how far the curves are apart, and whether both say the same of where to stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory import Curve, InputError, Stopping
from theory.validation import positive

#: Smallest loss of R_T that counts where a curve is read.
RESOLUTION = 0.005


@dataclass(frozen=True)
class TransferReading:
    """Where a transfer curve is best.

    Attributes:
        stopping: to stop before training, at the turning point, later, or to go on. One curve does not show whether its
            best time moves with sigma0; one before the first mode saturates counts as the turning point.
        time: s of the highest R_T.
        share: R_T there.
        first: R_T at the first time of the curve.
        last: R_T at its last.
    """

    stopping: Stopping
    time: float
    share: float
    first: float
    last: float


def read_transfer(curve: Curve, saturation: float, resolution: float = RESOLUTION) -> TransferReading:
    """Read a curve of what a probe misses of its target, averaged over replicas.

    Args:
        curve: 1 - R_T (replica, T).
        saturation: time 1 / (c lambda_1) at which the first mode saturates.
        resolution: smallest loss of R_T that counts: to go on is right where it costs no more, and not to train where
            that does.

    Raises:
        InputError: a saturation or a resolution that is not positive.
    """
    shares = 1 - curve.mean
    best = int(np.argmax(shares))
    accepted = shares[best] - positive("resolution", resolution)
    if shares[-1] >= accepted:
        stopping = Stopping.GO_ON
    elif shares[0] >= accepted:
        stopping = Stopping.BEFORE_TRAINING
    else:
        early = curve.times[best] <= positive("saturation", saturation)
        stopping = Stopping.TURNING_POINT if early else Stopping.LATER
    return TransferReading(stopping, float(curve.times[best]), float(shares[best]), float(shares[0]), float(shares[-1]))


@dataclass(frozen=True, eq=False)
class TransferComparison:
    """A derived transfer curve beside the trained one.

    Attributes:
        derived: 1 - R_T (replica, T).
        trained: of the same replicas and times.
        expected: how the derived curve reads.
        found: how the trained one does.
        deviation: largest difference of the mean curves over all times.
        deviation_time: where that is.
        regret: what trained R_T loses at the derived best time, compared with its own best.
    """

    derived: Curve
    trained: Curve
    expected: TransferReading
    found: TransferReading
    deviation: float
    deviation_time: float
    regret: float

    @property
    def agrees(self) -> bool:
        """Whether both curves give the same advice."""
        return self.expected.stopping.agrees_with(self.found.stopping)

    @property
    def time_ratio(self) -> float:
        """Derived over trained best time: 1 where both are 0, infinite or 0 where one is."""
        derived, trained = self.expected.time, self.found.time
        if derived == trained:
            return 1.0
        return derived / trained if trained > 0 else float("inf")


def compare_transfer(
    derived: Curve, trained: Curve, saturation: float, resolution: float = RESOLUTION
) -> TransferComparison:
    """Hold a derived transfer curve against that of trained networks.

    Args:
        derived: 1 - R_T (replica, T).
        trained: of the same draws of W(0), at the same times.
        saturation: time 1 / (c lambda_1) at which the first mode saturates.
        resolution: smallest loss of R_T that counts where the curves are read.

    Raises:
        InputError: the curves differ in times or replicas.
    """
    if derived.losses.shape != trained.losses.shape or not np.allclose(derived.times, trained.times, rtol=1e-9, atol=0):
        raise InputError("derived: has other times or replicas than the trained curve; give the same ones")
    expected, found = (read_transfer(curve, saturation, resolution) for curve in (derived, trained))
    apart = np.abs(derived.mean - trained.mean)
    column = int(np.argmax(apart))
    at_derived = int(np.argmin(np.abs(trained.times - expected.time)))
    regret = found.share - float(1 - trained.mean[at_derived])
    return TransferComparison(
        derived, trained, expected, found, float(apart[column]), float(derived.times[column]), regret
    )
