"""Simulation of single-layer networks: sampling, training, measured boundaries, comparison."""

from simulation.comparison import Claim, Comparison, Tolerances, Verdict, compare
from simulation.measurement import MeasuredBoundaries, measured_boundaries
from simulation.sampling import FreshSamples, FullBatch, MiniBatches, sample, sample_with_exact_moments
from simulation.training import Status, Trained, initial_weights, train

__all__ = [
    "Claim",
    "Comparison",
    "FreshSamples",
    "FullBatch",
    "MeasuredBoundaries",
    "MiniBatches",
    "Status",
    "Tolerances",
    "Trained",
    "Verdict",
    "compare",
    "initial_weights",
    "measured_boundaries",
    "sample",
    "sample_with_exact_moments",
    "train",
]
