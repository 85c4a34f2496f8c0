"""Simulation of single-layer networks: sampling, training, measured boundaries, comparison."""

from simulation.comparison.claim import Claim, ClaimKind
from simulation.comparison.comparison import Comparison, Tolerances, compare
from simulation.comparison.measurement import MeasuredBoundaries, measured_boundaries
from simulation.comparison.statistics import EqualityTest, Slope, equality_test, holm, slope_with_interval
from simulation.comparison.transfer import TransferComparison, TransferReading, compare_transfer
from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import DaskScheduler, LocalScheduler
from simulation.runs.sweep import SweepResult, grid, run_sweep
from simulation.training.antithetic import antithetic_weights, pair_means
from simulation.training.batches import BatchesWithReplacement, FullBatch, JoinedSources, MiniBatches
from simulation.training.deep_training import DeepTrained, initial_layers, linear_measurement, train_layers
from simulation.training.gradient_share import sample_gradient_share
from simulation.training.mixture_sampling import MixtureSampler
from simulation.training.optimisers import Adam, GradientDescent
from simulation.training.population import Population, with_frequencies
from simulation.training.sample_probe import SampleProbe
from simulation.training.sampling import (
    FreshSamples,
    GaussianSampler,
    PopulationSampler,
    sample,
    sample_with_exact_moments,
)
from simulation.training.training import Status, Trained, initial_weights, train

__all__ = [
    # Data
    "Population",
    "with_frequencies",
    "GaussianSampler",
    "MixtureSampler",
    "PopulationSampler",
    "sample",
    "sample_with_exact_moments",
    # Batches
    "FullBatch",
    "MiniBatches",
    "BatchesWithReplacement",
    "FreshSamples",
    "JoinedSources",
    # Training
    "GradientDescent",
    "Adam",
    "initial_layers",
    "initial_weights",
    "linear_measurement",
    "antithetic_weights",
    "train",
    "train_layers",
    "DeepTrained",
    "Trained",
    "Status",
    "pair_means",
    "SampleProbe",
    "sample_gradient_share",
    # Measured boundaries
    "MeasuredBoundaries",
    "measured_boundaries",
    # Comparison
    "Tolerances",
    "compare",
    "Comparison",
    "Claim",
    "ClaimKind",
    "compare_transfer",
    "TransferComparison",
    "TransferReading",
    # Statistics
    "EqualityTest",
    "equality_test",
    "holm",
    "Slope",
    "slope_with_interval",
    # Sweeps
    "grid",
    "run_sweep",
    "SweepResult",
    "RunFolder",
    "LocalScheduler",
    "DaskScheduler",
]
