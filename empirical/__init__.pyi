"""Real data and real networks: data sets, activations and their moments, the fit, phases of deep training, advice."""

from .data.data_root import DATA_ROOT_VARIABLE
from .data.datasets import DataSet, load
from .data.images import ImageData, ImageSplit, Normalisation, load_images, only_classes, padded_to
from .fit.mixture_fit import MixtureFit, fit_mixture
from .fit.mixture_model import mixture_model
from .fit.mixture_summary import MixtureSummary
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
from .tracker.phase_reading import PhaseReading, read_phases
from .tracker.phase_tracker import PhaseTracker, ProbeSchedule
from .tracker.stop_rule import StopRule

__all__ = [
    "DATA_ROOT_VARIABLE",
    "Captured",
    "DataSet",
    "FittedModel",
    "ImageData",
    "ImageSplit",
    "JointAccumulator",
    "JointMoments",
    "MixtureFit",
    "MixtureSummary",
    "NeuralCollapse",
    "Normalisation",
    "PhaseReading",
    "PhaseTracker",
    "ProbeSchedule",
    "ReconstructionLoss",
    "RidgeDecoders",
    "RowRule",
    "StopRule",
    "batches_of",
    "build_network",
    "capture",
    "fit_data_model",
    "fit_mixture",
    "layer_names",
    "load",
    "load_images",
    "mixture_model",
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
]
