"""Learning phases of single-layer networks: data model, reconstruction loss, curves, boundaries.

A user's data flow one way: moments -> data model -> curve -> boundaries. Nothing here imports torch.
"""

from theory.assumptions import mean_law
from theory.curves.annealed import OneOutput
from theory.curves.annealed_transfer import AnnealedTransfer
from theory.curves.boundaries import Boundaries, measure_boundaries
from theory.curves.budgeted_curve import limited_curve, random_outputs_curve
from theory.curves.centred_outputs import CentredOutputs, centred_rows
from theory.curves.class_mean_field import class_mean_field_curve, class_mean_field_path
from theory.curves.curve import Curve, logarithmic_steps
from theory.curves.draw_law import DrawLaw
from theory.curves.expected_curve import expected_curve, expected_turning_point
from theory.curves.finite_sample import SampledOneOutput
from theory.curves.forgetting import Forgetting
from theory.curves.initial_level import (
    RandomLevel,
    crossovers,
    random_output_level,
    random_sketch_level,
    random_sketch_spread,
)
from theory.curves.learnt_transfer import LearntTransfer
from theory.curves.linearised import flow_curve, gradient_descent_curve
from theory.curves.logistic_flow import LogisticPath, laplace_margins, log_concavity, logistic_path
from theory.curves.losses import Logistic, Loss, Softmax, SquaredError, loss_named
from theory.curves.mean_field import gradient_share, mean_field_curve, mean_field_path
from theory.curves.phase_three import (
    chebyshev_terms,
    explained_variance_speed,
    growth_rates,
    learnt_growth,
    learnt_growth_in_steps,
)
from theory.curves.reconstruction import (
    budgeted_reconstruction_loss,
    explained_target_variance,
    explained_variance,
    reconstruction_loss,
    relative_loss,
    unexplained_share,
)
from theory.curves.regimes import Absence, Boundary, Regime, regime_of
from theory.curves.transfer_verdict import Stopping, TransferVerdict, transfer_verdict
from theory.curves.turning_law import TurningLaw
from theory.data.class_covariances import ClassConditionalModel
from theory.data.component_covariances import ComponentCovariances
from theory.data.data_model import DataModel
from theory.data.mixtures import MixtureModel
from theory.data.moments import Moments, MomentsAccumulator, merge_all
from theory.data.sample_spectrum import SampleSpectrum
from theory.data.target import Target
from theory.symbols.symbolic import BoundaryFormulas, boundary_formulas
from theory.validation import InputError

__all__ = [
    "Absence",
    "AnnealedTransfer",
    "Boundaries",
    "Boundary",
    "BoundaryFormulas",
    "CentredOutputs",
    "ClassConditionalModel",
    "ComponentCovariances",
    "Curve",
    "DataModel",
    "DrawLaw",
    "Forgetting",
    "InputError",
    "LearntTransfer",
    "Logistic",
    "LogisticPath",
    "Loss",
    "MixtureModel",
    "Moments",
    "MomentsAccumulator",
    "OneOutput",
    "RandomLevel",
    "Regime",
    "SampleSpectrum",
    "SampledOneOutput",
    "Softmax",
    "SquaredError",
    "Stopping",
    "Target",
    "TransferVerdict",
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
    "explained_target_variance",
    "explained_variance",
    "explained_variance_speed",
    "flow_curve",
    "gradient_descent_curve",
    "gradient_share",
    "growth_rates",
    "laplace_margins",
    "learnt_growth",
    "learnt_growth_in_steps",
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
    "transfer_verdict",
    "unexplained_share",
]
