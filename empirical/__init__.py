"""Real data and real networks: data sets, activations and their moments, the fit, phases of deep training, advice."""

from empirical.activation_moments import ClassCovarianceAccumulator, ClassCovariances, JointAccumulator, JointMoments
from empirical.batch_norm import recalibrated
from empirical.capture import Captured, capture
from empirical.data_root import DATA_ROOT_VARIABLE
from empirical.datasets import DataSet, load
from empirical.images import ImageData, ImageSplit, Normalisation, load_images, only_classes, padded_to
from empirical.model_fit import FittedModel, fit_data_model, split_for_fit
from empirical.moments_file import SavedMoments, load_moments, save_moments
from empirical.networks import build_network, layer_names
from empirical.neural_collapse import NeuralCollapse, neural_collapse
from empirical.parametric_model import parametric_model
from empirical.phase_reading import PhaseReading, read_phases
from empirical.phase_tracker import PhaseTracker, ProbeSchedule
from empirical.reconstruction_probe import ReconstructionLoss, RidgeDecoders
from empirical.row_rule import RowRule
from empirical.stop_rule import StopRule
from empirical.streaming import batches_of, moments_of, stream_moments
from empirical.undisturbed import undisturbed

__all__ = [
    "DATA_ROOT_VARIABLE",
    "Captured",
    "ClassCovarianceAccumulator",
    "ClassCovariances",
    "DataSet",
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
    "SavedMoments",
    "StopRule",
    "batches_of",
    "build_network",
    "capture",
    "fit_data_model",
    "layer_names",
    "load",
    "load_images",
    "load_moments",
    "moments_of",
    "neural_collapse",
    "only_classes",
    "padded_to",
    "parametric_model",
    "read_phases",
    "recalibrated",
    "save_moments",
    "split_for_fit",
    "stream_moments",
    "undisturbed",
]
