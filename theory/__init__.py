"""Learning phases of single-layer networks: data model, reconstruction loss, curves, boundaries.

A user's data flow one way: moments -> data model -> curve -> boundaries. Nothing here imports torch.
"""

from theory.assumptions import Assessment, Verdict, assess, mean_law
from theory.curves.annealed import OneOutput
from theory.curves.annealed_transfer import AnnealedTransfer
from theory.curves.boundaries import Boundaries, boundaries_of
from theory.curves.budgeted_curve import budgeted_curve, random_outputs_curve
from theory.curves.centred_outputs import CentredOutputs, centred_rows
from theory.curves.class_mean_field import class_mean_field_curve, class_mean_field_path
from theory.curves.curve import Curve, logarithmic_steps
from theory.curves.deep_linear import deep_linear_curves, deep_linear_path
from theory.curves.draw_law import DrawLaw
from theory.curves.early_depth import EarlyDepth
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
from theory.curves.mean_field import curves_of_path, gradient_share, mean_field_curve, mean_field_path
from theory.curves.phase_diagram import Border, ScaleFamily, borders, regimes_at
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
from theory.curves.relu_layer import relu_curve, relu_path
from theory.curves.relu_parameters import BatchNormalised, WeightsAlone, WithBiases
from theory.curves.tied_units import TiedBranch, TiedUnits
from theory.curves.transfer_diagram import TransferColumn, transfer_diagram
from theory.curves.transfer_verdict import Stopping, TransferVerdict, transfer_verdict
from theory.curves.turning_law import TurningLaw
from theory.data.class_covariances import ClassConditionalModel
from theory.data.component_covariances import ComponentCovariances
from theory.data.data_model import DataModel
from theory.data.mixtures import MixtureModel
from theory.data.moments import Moments, MomentsAccumulator, merge_all
from theory.data.sample_spectrum import SampleSpectrum
from theory.data.target import Target
from theory.progress import Progress
from theory.symbols.symbolic import BoundaryFormulas, boundary_formulas
from theory.theorems.catalogue import LEMMAS, THEOREMS, theorem_named
from theory.theorems.domain import Domain
from theory.theorems.evaluation import statement_at
from theory.theorems.sampled_assumptions import SampledAssumptions
from theory.theorems.step import Relation, Step, check_step
from theory.theorems.theorem import Derivation, Theorem
from theory.validation import InputError

__all__ = [
    # Data
    "Moments",
    "MomentsAccumulator",
    "merge_all",
    "DataModel",
    "MixtureModel",
    "ClassConditionalModel",
    "ComponentCovariances",
    "SampleSpectrum",
    "Target",
    # Training loss
    "Loss",
    "SquaredError",
    "Logistic",
    "Softmax",
    "loss_named",
    "CentredOutputs",
    "centred_rows",
    # Reconstruction
    "explained_variance",
    "reconstruction_loss",
    "relative_loss",
    "budgeted_reconstruction_loss",
    "explained_target_variance",
    "unexplained_share",
    # Curves
    "Curve",
    "logarithmic_steps",
    "OneOutput",
    "SampledOneOutput",
    "budgeted_curve",
    "random_outputs_curve",
    "deep_linear_curves",
    "deep_linear_path",
    "relu_curve",
    "relu_path",
    "WeightsAlone",
    "WithBiases",
    "BatchNormalised",
    "TiedUnits",
    "TiedBranch",
    "expected_curve",
    "flow_curve",
    "gradient_descent_curve",
    "mean_field_curve",
    "mean_field_path",
    "class_mean_field_curve",
    "class_mean_field_path",
    "curves_of_path",
    "gradient_share",
    "LogisticPath",
    "logistic_path",
    # Boundaries
    "Boundary",
    "Absence",
    "Boundaries",
    "boundaries_of",
    "Regime",
    "regime_of",
    "RandomLevel",
    "random_output_level",
    "random_sketch_level",
    "random_sketch_spread",
    "crossovers",
    "expected_turning_point",
    "TurningLaw",
    "DrawLaw",
    "EarlyDepth",
    # Phase III
    "Forgetting",
    "explained_variance_speed",
    "growth_rates",
    "learnt_growth",
    "learnt_growth_in_steps",
    "chebyshev_terms",
    "log_concavity",
    "laplace_margins",
    # Transfer
    "AnnealedTransfer",
    "LearntTransfer",
    "transfer_verdict",
    "TransferVerdict",
    "Stopping",
    "TransferColumn",
    "transfer_diagram",
    # Phase diagram
    "ScaleFamily",
    "regimes_at",
    "Border",
    "borders",
    # Assumptions
    "Verdict",
    "Assessment",
    "assess",
    "mean_law",
    "SampledAssumptions",
    # Theorems
    "BoundaryFormulas",
    "boundary_formulas",
    "Theorem",
    "THEOREMS",
    "LEMMAS",
    "theorem_named",
    "statement_at",
    "Derivation",
    "Domain",
    "Step",
    "Relation",
    "check_step",
    # Errors and progress
    "InputError",
    "Progress",
]
