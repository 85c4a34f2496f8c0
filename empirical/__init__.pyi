"""Real data and real networks: data sets, activations and their moments, the fit, phases of deep training, advice."""

from .data.data_root import DATA_ROOT_VARIABLE
from .data.datasets import DataSet, leading_directions, load
from .data.images import ImageData, ImageSplit, Normalisation, load_images, only_classes, padded_to
from .data.target_tasks import TargetTask, chosen_classes, class_task, regression_task, target_task
from .data.transfer_target import TransferTarget, load_target
from .fit.class_parts import ClassParts, cut_classes
from .fit.mixture_fit import MixtureFit, fit_mixture
from .fit.mixture_model import mixture_model
from .fit.mixture_summary import MixtureSummary
from .fit.model_fit import FittedModel, fit_data_model, split_for_fit
from .fit.parametric_model import parametric_model
from .moments.activation_moments import JointAccumulator, JointMoments
from .moments.streaming import batches_of, moments_of, stream_moments
from .networks.batch_norm import recalibrated
from .networks.capture import Captured, capture
from .networks.network_training import TrainingPlan
from .networks.networks import build_network, layer_names
from .networks.row_rule import RowRule
from .networks.undisturbed import undisturbed
from .probes.measures import Measure, MeasureKind, Measurement
from .probes.neural_collapse import NeuralCollapse, neural_collapse
from .probes.reconstruction_probe import BudgetedDecoders, ReconstructionLoss
from .probes.sampled_probe import SampledLoss, sampled_reconstruction
from .probes.standard import ProbePlan
from .studies.check.job import CheckReport, check
from .studies.check.outcome import CheckPlan
from .studies.choose.job import choose
from .studies.choose.plan import ChoosePlan
from .studies.choose.report import ChooseReport
from .studies.decode.job import decode
from .studies.decode.plan import DecodePlan
from .studies.decode.report import DecodeReport
from .studies.deep.job import deep
from .studies.deep.report import DeepReport
from .studies.derive import DeriveReport, derive
from .studies.diagram import DiagramPlan, DiagramReport, diagram
from .studies.fit.job import fit_features, fit_layer
from .studies.fit.plan import FitPlan, NetworkLayer
from .studies.fit.report import FitReport
from .studies.predict.job import predict
from .studies.predict.plan import FeaturePlan, PredictPlan
from .studies.predict.report import PredictReport
from .studies.report import Report
from .studies.robustness.job import robustness
from .studies.robustness.report import RobustnessPlan, RobustnessReport
from .studies.scaling import ScalingPlan, ScalingReport, scaling
from .studies.stopping_diagram import StoppingDiagramPlan, StoppingDiagramReport, stopping_diagram
from .studies.track.job import track
from .studies.track.plan import TrackPlan
from .studies.track.report import TrackReport
from .studies.transfer.job import transfer
from .studies.transfer.report import TransferReport
from .studies.verify.job import verify
from .studies.verify.plan import VerifyPlan
from .studies.verify.report import VerifyReport
from .studies.verify_hidden.job import verify_hidden
from .studies.verify_hidden.plan import HiddenUnits, VerifyHiddenPlan
from .studies.verify_hidden.report import HiddenVerification
from .studies.verify_transfer.job import verify_transfer
from .studies.verify_transfer.plan import VerifyTransferPlan
from .studies.verify_transfer.report import TransferVerification
from .tracker.phase_reading import PhaseReading, read_phases
from .tracker.phase_tracker import PhaseTracker, ProbeSchedule
from .tracker.stop_rule import StopRule

__all__ = [
    # Jobs
    "Report",
    "verify",
    "VerifyPlan",
    "VerifyReport",
    "verify_transfer",
    "VerifyTransferPlan",
    "TransferVerification",
    "verify_hidden",
    "VerifyHiddenPlan",
    "HiddenUnits",
    "HiddenVerification",
    "check",
    "CheckPlan",
    "CheckReport",
    "derive",
    "DeriveReport",
    "diagram",
    "DiagramPlan",
    "DiagramReport",
    "stopping_diagram",
    "StoppingDiagramPlan",
    "StoppingDiagramReport",
    "scaling",
    "ScalingPlan",
    "ScalingReport",
    "robustness",
    "RobustnessPlan",
    "RobustnessReport",
    "fit_features",
    "fit_layer",
    "FitPlan",
    "NetworkLayer",
    "FitReport",
    "predict",
    "PredictPlan",
    "FeaturePlan",
    "PredictReport",
    "track",
    "TrackPlan",
    "TrackReport",
    "transfer",
    "TransferReport",
    "choose",
    "ChoosePlan",
    "ChooseReport",
    "deep",
    "DeepReport",
    "decode",
    "DecodePlan",
    "DecodeReport",
    # Data
    "DataSet",
    "load",
    "leading_directions",
    "chosen_classes",
    "TargetTask",
    "target_task",
    "class_task",
    "regression_task",
    "TransferTarget",
    "load_target",
    "ImageData",
    "ImageSplit",
    "load_images",
    "only_classes",
    "padded_to",
    "Normalisation",
    "DATA_ROOT_VARIABLE",
    # Networks and their activations
    "build_network",
    "layer_names",
    "TrainingPlan",
    "recalibrated",
    "RowRule",
    "Captured",
    "capture",
    "undisturbed",
    # Moments
    "batches_of",
    "stream_moments",
    "moments_of",
    "JointAccumulator",
    "JointMoments",
    # Probes
    "ReconstructionLoss",
    "BudgetedDecoders",
    "SampledLoss",
    "sampled_reconstruction",
    "NeuralCollapse",
    "neural_collapse",
    "ProbePlan",
    "Measure",
    "MeasureKind",
    "Measurement",
    # Fit
    "split_for_fit",
    "fit_data_model",
    "FittedModel",
    "parametric_model",
    "fit_mixture",
    "MixtureFit",
    "cut_classes",
    "ClassParts",
    "MixtureSummary",
    "mixture_model",
    # Tracker
    "PhaseTracker",
    "ProbeSchedule",
    "StopRule",
    "PhaseReading",
    "read_phases",
]
