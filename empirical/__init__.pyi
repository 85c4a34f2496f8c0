"""Real data and real networks: data sets, activations and their moments, the fit, phases of deep training, advice."""

from .data.data_root import DATA_ROOT_VARIABLE
from .data.datasets import DataSet, load
from .data.images import ImageData, ImageSplit, Normalisation, load_images, only_classes, padded_to
from .fit.model_fit import FittedModel, fit_data_model, split_for_fit
from .fit.parametric_model import parametric_model
from .moments.activation_moments import JointAccumulator, JointMoments
from .moments.streaming import batches_of, moments_of, stream_moments
from .networks.batch_norm import recalibrated
from .networks.capture import Captured, capture
from .networks.networks import build_network, layer_names
from .networks.row_rule import RowRule
from .networks.undisturbed import undisturbed
from .probes.neural_collapse import NeuralCollapse, neural_collapse
from .probes.reconstruction_probe import ReconstructionLoss, RidgeDecoders
from .studies.check.job import CheckReport, check
from .studies.check.outcome import CheckPlan
from .studies.derive import DeriveReport, derive
from .studies.diagram import DiagramPlan, DiagramReport, diagram
from .studies.fit.job import fit_features, fit_layer
from .studies.fit.plan import FitPlan, NetworkLayer
from .studies.fit.report import FitReport
from .studies.predict.job import predict
from .studies.predict.plan import FeaturePlan, PredictPlan
from .studies.predict.report import PredictReport
from .studies.robustness import RobustnessPlan, RobustnessReport, robustness
from .studies.scaling import ScalingPlan, ScalingReport, scaling
from .studies.verify.job import verify
from .studies.verify.plan import VerifyPlan
from .studies.verify.report import VerifyReport
from .tracker.phase_reading import PhaseReading, read_phases
from .tracker.phase_tracker import PhaseTracker, ProbeSchedule
from .tracker.stop_rule import StopRule

__all__ = [
    "DATA_ROOT_VARIABLE",
    "Captured",
    "CheckPlan",
    "CheckReport",
    "DataSet",
    "DeriveReport",
    "DiagramPlan",
    "DiagramReport",
    "FeaturePlan",
    "FitPlan",
    "FitReport",
    "FittedModel",
    "ImageData",
    "ImageSplit",
    "JointAccumulator",
    "JointMoments",
    "NetworkLayer",
    "NeuralCollapse",
    "Normalisation",
    "PhaseReading",
    "PhaseTracker",
    "PredictPlan",
    "PredictReport",
    "ProbeSchedule",
    "ReconstructionLoss",
    "RidgeDecoders",
    "RobustnessPlan",
    "RobustnessReport",
    "RowRule",
    "ScalingPlan",
    "ScalingReport",
    "StopRule",
    "VerifyPlan",
    "VerifyReport",
    "batches_of",
    "build_network",
    "capture",
    "check",
    "derive",
    "diagram",
    "fit_data_model",
    "fit_features",
    "fit_layer",
    "layer_names",
    "load",
    "load_images",
    "moments_of",
    "neural_collapse",
    "only_classes",
    "padded_to",
    "parametric_model",
    "predict",
    "read_phases",
    "recalibrated",
    "robustness",
    "scaling",
    "split_for_fit",
    "stream_moments",
    "undisturbed",
    "verify",
]
