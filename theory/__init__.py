"""Learning phases of single-layer networks: data model, reconstruction loss, curves, boundaries.

A user's data flow one way: moments -> data model -> curve -> boundaries. Nothing here imports torch.
"""

from theory.annealed import OneOutput
from theory.boundaries import Boundaries, Regime, measure_boundaries, regime_of
from theory.curve import Curve, logarithmic_steps
from theory.data_model import DataModel
from theory.initial_level import crossovers, random_sketch_level
from theory.linearised import flow_curve, gradient_descent_curve
from theory.losses import Logistic, Loss, Softmax, SquaredError, loss_named
from theory.mean_field import mean_field_curve
from theory.moments import Moments, MomentsAccumulator, merge_all
from theory.reconstruction import (
    budgeted_reconstruction_loss,
    explained_variance,
    reconstruction_loss,
    relative_loss,
)
from theory.symbolic import BoundaryFormulas, boundary_formulas
from theory.validation import InputError

__all__ = [
    "Boundaries",
    "BoundaryFormulas",
    "Curve",
    "DataModel",
    "InputError",
    "Logistic",
    "Loss",
    "Moments",
    "MomentsAccumulator",
    "OneOutput",
    "Regime",
    "Softmax",
    "SquaredError",
    "boundary_formulas",
    "budgeted_reconstruction_loss",
    "crossovers",
    "explained_variance",
    "flow_curve",
    "gradient_descent_curve",
    "logarithmic_steps",
    "loss_named",
    "mean_field_curve",
    "measure_boundaries",
    "merge_all",
    "random_sketch_level",
    "reconstruction_loss",
    "regime_of",
    "relative_loss",
]
