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
    "FittedModel",
    "ImageData",
    "ImageSplit",
    "JointAccumulator",
    "JointMoments",
    "NeuralCollapse",
    "Normalisation",
    "PhaseReading",
    "PhaseTracker",
    "ProbeSchedule",
    "ReconstructionLoss",
    "RidgeDecoders",
    "RowRule",
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
    "layer_names",
    "load",
    "load_images",
    "moments_of",
    "neural_collapse",
    "only_classes",
    "padded_to",
    "parametric_model",
    "read_phases",
    "recalibrated",
    "split_for_fit",
    "stream_moments",
    "undisturbed",
    "verify",
]
