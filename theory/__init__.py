"""Learning phases of single-layer networks: data model, reconstruction loss, curves, boundaries.

A user's data flow one way: moments -> data model -> curve -> boundaries. Nothing here imports torch.
"""

from theory.annealed import OneOutput
from theory.boundaries import Boundaries, measure_boundaries
from theory.centred_outputs import CentredOutputs, centred_rows
from theory.class_covariances import ClassConditionalModel
from theory.class_mean_field import class_mean_field_curve, class_mean_field_path
from theory.curve import Curve, logarithmic_steps
from theory.data_model import DataModel
from theory.draw_law import DrawLaw, mean_law
from theory.expected_curve import expected_curve, expected_turning_point
from theory.finite_sample import SampledOneOutput
from theory.forgetting import Forgetting
from theory.initial_level import (
    RandomLevel,
    crossovers,
    random_output_level,
    random_sketch_level,
    random_sketch_spread,
)
from theory.limited_curve import limited_curve, random_outputs_curve
from theory.linearised import flow_curve, gradient_descent_curve
from theory.logistic_flow import LogisticPath, laplace_margins, log_concavity, logistic_path
from theory.losses import Logistic, Loss, Softmax, SquaredError, loss_named
from theory.mean_field import gradient_share, mean_field_curve, mean_field_path
from theory.moments import Moments, MomentsAccumulator, merge_all
from theory.phase_three import chebyshev_terms, explained_variance_speed
from theory.reconstruction import (
    budgeted_reconstruction_loss,
    explained_variance,
    reconstruction_loss,
    relative_loss,
)
from theory.regimes import Absence, Boundary, Regime, regime_of
from theory.sample_spectrum import SampleSpectrum
from theory.symbolic import BoundaryFormulas, boundary_formulas
from theory.turning_law import TurningLaw
from theory.validation import InputError

__all__ = [
    "Absence",
    "Boundaries",
    "Boundary",
    "BoundaryFormulas",
    "CentredOutputs",
    "ClassConditionalModel",
    "Curve",
    "DataModel",
    "DrawLaw",
    "Forgetting",
    "InputError",
    "Logistic",
    "LogisticPath",
    "Loss",
    "Moments",
    "MomentsAccumulator",
    "OneOutput",
    "RandomLevel",
    "Regime",
    "SampleSpectrum",
    "SampledOneOutput",
    "Softmax",
    "SquaredError",
    "TurningLaw",
    "boundary_formulas",
    "budgeted_reconstruction_loss",
    "centred_rows",
    "chebyshev_terms",
    "class_mean_field_curve",
    "class_mean_field_path",
    "crossovers",
    "expected_curve",
    "expected_turning_point",
    "explained_variance",
    "explained_variance_speed",
    "flow_curve",
    "gradient_descent_curve",
    "gradient_share",
    "laplace_margins",
    "limited_curve",
    "log_concavity",
    "logarithmic_steps",
    "logistic_path",
    "loss_named",
    "mean_field_curve",
    "mean_field_path",
    "mean_law",
    "measure_boundaries",
    "merge_all",
    "random_output_level",
    "random_outputs_curve",
    "random_sketch_level",
    "random_sketch_spread",
    "reconstruction_loss",
    "regime_of",
    "relative_loss",
]
