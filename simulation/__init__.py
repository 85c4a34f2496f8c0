"""Simulation of single-layer networks: sampling, training, measured boundaries, comparison."""

from simulation.comparison.claim import Claim, ClaimKind, Verdict
from simulation.comparison.comparison import Comparison, Tolerances, compare
from simulation.comparison.measurement import MeasuredBoundaries, measured_boundaries
from simulation.comparison.statistics import EqualityTest, Slope, equality_test, holm, slope_with_interval
from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import DaskScheduler, LocalScheduler
from simulation.runs.sweep import SweepResult, grid, run_sweep
from simulation.training.antithetic import antithetic_weights, pair_means
from simulation.training.batches import BatchesWithReplacement, FullBatch, JoinedSources, MiniBatches
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
    "Adam",
    "BatchesWithReplacement",
    "Claim",
    "ClaimKind",
    "Comparison",
    "DaskScheduler",
    "EqualityTest",
    "FreshSamples",
    "FullBatch",
    "GaussianSampler",
    "GradientDescent",
    "JoinedSources",
    "LocalScheduler",
    "MeasuredBoundaries",
    "MiniBatches",
    "MixtureSampler",
    "Population",
    "PopulationSampler",
    "RunFolder",
    "SampleProbe",
    "Slope",
    "Status",
    "SweepResult",
    "Tolerances",
    "Trained",
    "Verdict",
    "antithetic_weights",
    "compare",
    "equality_test",
    "grid",
    "holm",
    "initial_weights",
    "measured_boundaries",
    "pair_means",
    "run_sweep",
    "sample",
    "sample_gradient_share",
    "sample_with_exact_moments",
    "slope_with_interval",
    "train",
    "with_frequencies",
]
