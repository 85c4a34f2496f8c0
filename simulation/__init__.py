"""Simulation of single-layer networks: sampling, training, measured boundaries, comparison."""

from simulation.antithetic import antithetic_weights, pair_means
from simulation.batches import BatchesWithReplacement, FullBatch, JoinedSources, MiniBatches
from simulation.comparison import Claim, Comparison, Tolerances, Verdict, compare
from simulation.measurement import MeasuredBoundaries, measured_boundaries
from simulation.population import Population, with_frequencies
from simulation.sampling import (
    FreshSamples,
    GaussianSampler,
    PopulationSampler,
    sample,
    sample_with_exact_moments,
)
from simulation.statistics import EqualityTest, Slope, equality_test, holm, slope_with_interval
from simulation.training import Status, Trained, initial_weights, train

__all__ = [
    "BatchesWithReplacement",
    "Claim",
    "Comparison",
    "EqualityTest",
    "FreshSamples",
    "FullBatch",
    "GaussianSampler",
    "JoinedSources",
    "MeasuredBoundaries",
    "MiniBatches",
    "Population",
    "PopulationSampler",
    "Slope",
    "Status",
    "Tolerances",
    "Trained",
    "Verdict",
    "antithetic_weights",
    "compare",
    "equality_test",
    "holm",
    "initial_weights",
    "measured_boundaries",
    "pair_means",
    "sample",
    "sample_with_exact_moments",
    "slope_with_interval",
    "train",
    "with_frequencies",
]
