"""Phase III at large steps: forgetting (theorem T4) needs eta c lambda_1 <= 1, and training fails it beyond.

The counterexample is the smallest possible: two directions with eigenvalues 2 and 1 and equal signal, one output,
squared error, W(0) = 0. Past eta lambda_1 = 1 the first direction overshoots at every second step, the explained
variance falls with it and rises again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from simulation.training.batches import FullBatch
from simulation.training.sampling import sample_with_exact_moments
from simulation.training.training import train
from theory import Curve, DataModel, SquaredError, gradient_descent_curve
from theory.validation import IntArray

#: Values of eta lambda_1, from inside the range of the theorem to the limit of stability at 2.
STEP_SHARES = (0.5, 1.0, 1.1, 1.3, 1.5, 1.7, 1.9)

_STEPS: IntArray = np.arange(25)


@dataclass(frozen=True)
class Rise:
    """The largest rise of R from one step to the next after the first, relative; 0 where R never rises.

    Attributes:
        step_share: eta lambda_1.
        derived: of gradient descent in closed form.
        trained: of a network on samples with exactly these moments.
    """

    step_share: float
    derived: float
    trained: float


def phase_three_rises() -> list[Rise]:
    """Derived and trained rises of R in phase III at STEP_SHARES."""
    model = DataModel.two_classes([2.0, 1.0], [0.2, 0.2])
    source = FullBatch(*sample_with_exact_moments(model, 64, seed=0))
    zero = np.zeros((1, 1, model.dimension))
    rises = []
    for share in STEP_SHARES:
        step_size = share / float(model.eigenvalues[0])
        derived = gradient_descent_curve(model, SquaredError(), zero, _STEPS, step_size)
        trained = train(source, model, SquaredError(), zero, _STEPS, step_size, dtype=torch.float64)
        rises.append(Rise(share, _largest_rise(derived), _largest_rise(trained.curve)))
    return rises


def _largest_rise(curve: Curve) -> float:
    explained = 1 - curve.mean[1:]
    rise = float(np.max(explained[1:] / explained[:-1])) - 1
    # Rounding of a constant R is not a rise.
    return rise if rise > 1e-9 else 0.0
