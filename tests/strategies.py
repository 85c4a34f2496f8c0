"""Hypothesis strategies for spectra, signals, data models and weights, shared by all tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from theory import DataModel, Target
from theory.validation import FloatArray

seeds = st.integers(0, 2**32 - 1)


def _descending(values: FloatArray) -> FloatArray:
    return np.sort(values)[::-1].copy()


@st.composite
def spectra(draw: st.DrawFn, smallest: int = 2, largest: int = 60) -> FloatArray:
    """Power-law, spiked, flat, clustered and nearly singular spectra of dimension 2 to 60."""
    dimension = draw(st.integers(smallest, largest))
    index = np.arange(1, dimension + 1, dtype=np.float64)
    scale = 10.0 ** draw(st.floats(-3, 3))
    kind = draw(st.sampled_from(["power law", "spiked", "flat", "clustered", "nearly singular"]))
    match kind:
        case "power law":
            values = index ** -draw(st.floats(0.1, 3))
        case "spiked":
            values = np.where(index <= draw(st.integers(1, max(1, dimension // 3))), draw(st.floats(2, 100)), 1.0)
        case "flat":
            values = np.ones(dimension)
        case "clustered":
            levels = np.array(draw(st.lists(st.floats(0.1, 10), min_size=1, max_size=3)))
            values = levels[np.arange(dimension) % levels.size]
        case _:
            values = np.geomspace(1, 1e-8, dimension)
    return scale * _descending(values)


@st.composite
def signals(draw: st.DrawFn, eigenvalues: FloatArray) -> FloatArray:
    """(d,) aligned, misaligned, one-mode and dense signals, of unit length."""
    dimension = eigenvalues.size
    generator = np.random.default_rng(draw(seeds))
    kind = draw(st.sampled_from(["aligned", "misaligned", "one mode", "dense"]))
    match kind:
        case "aligned":
            row = np.sqrt(eigenvalues / eigenvalues[0]) * generator.choice([-1.0, 1.0], dimension)
        case "misaligned":
            row = np.sqrt(eigenvalues[-1] / eigenvalues) * generator.choice([-1.0, 1.0], dimension)
        case "one mode":
            row = np.zeros(dimension)
            row[draw(st.integers(0, dimension - 1))] = 1.0
        case _:
            row = generator.standard_normal(dimension)
    return row / np.linalg.norm(row)


@st.composite
def two_class_models(draw: st.DrawFn) -> DataModel:
    """Realisable models of two classes."""
    eigenvalues = draw(spectra())
    row = draw(signals(eigenvalues))
    share = draw(st.floats(0.05, 0.95))
    # The classes hold the share 4 sum delta^2 / lambda of the variance in their direction.
    return DataModel.two_classes(eigenvalues, row * np.sqrt(share / (4 * np.sum(row**2 / eigenvalues))))


@st.composite
def data_models(draw: st.DrawFn, largest_dimension: int = 60) -> DataModel:
    """Realisable models of 2 to 10 classes with unequal frequencies."""
    eigenvalues = draw(spectra(largest=largest_dimension))
    classes = draw(st.integers(2, 10))
    generator = np.random.default_rng(draw(seeds))
    frequencies = generator.dirichlet(np.full(classes, 5.0)) * 0.9 + 0.1 / classes
    profile = np.abs(draw(signals(eigenvalues))) + 1e-3
    prototypes = generator.standard_normal((classes, eigenvalues.size)) * profile
    prototypes -= frequencies[:, None] * prototypes.sum(axis=0)
    model = DataModel(eigenvalues, prototypes * np.sqrt(eigenvalues[0]), frequencies)
    share = draw(st.floats(0.05, 0.95))
    return model.with_signal_scaled(float(np.sqrt(share / model.class_shares[1][0])))


@st.composite
def weights(draw: st.DrawFn, outputs: int, dimension: int, replicas: int = 2) -> FloatArray:
    """(replica, outputs, dimension) Gaussian weights of a random scale."""
    scale = 10.0 ** draw(st.floats(-4, 1))
    return scale * np.random.default_rng(draw(seeds)).standard_normal((replicas, outputs, dimension))


@st.composite
def targets(draw: st.DrawFn, eigenvalues: FloatArray, other_inputs: bool = True) -> Target:
    """Reconstruction, and targets of one to four outputs with and without noise, on the model's inputs or on others."""
    dimension = eigenvalues.size
    generator = np.random.default_rng(draw(seeds))
    kinds = ["reconstruction", "own inputs", *(["other inputs"] if other_inputs else [])]
    kind = draw(st.sampled_from(kinds))
    if kind == "reconstruction":
        return Target.reconstruction(eigenvalues)
    profile = np.abs(draw(signals(eigenvalues))) + 1e-3
    signal = profile[:, None] * generator.standard_normal((dimension, draw(st.integers(1, 4))))
    variance = float(np.square(signal).sum()) * (1 + draw(st.sampled_from([0.0, 0.1, 10.0])))
    if kind == "own inputs":
        return Target(eigenvalues, np.sqrt(eigenvalues)[:, None] * signal, variance)
    # Inputs of about the same spectrum in another basis.
    mixing = np.linalg.qr(np.eye(dimension) + 0.3 * generator.standard_normal((dimension, dimension))).Q
    root = np.sqrt(eigenvalues)[:, None] * mixing * np.sqrt(generator.uniform(0.2, 2, dimension))
    return Target(root @ root.T, root @ signal, variance)


@st.composite
def row_spaces(draw: st.DrawFn, eigenvalues: FloatArray) -> FloatArray:
    """(K, d) orthonormal rows, K from 2 to 10 and at most d, with the profiles of the signals."""
    dimension = eigenvalues.size
    outputs = draw(st.integers(min(2, dimension), min(10, dimension)))
    profile = np.abs(draw(signals(eigenvalues))) + 1e-3
    rows = profile * np.random.default_rng(draw(seeds)).standard_normal((outputs, dimension))
    return np.ascontiguousarray(np.linalg.qr(rows.T).Q.T)


@st.composite
def gaussian_pairs(draw: st.DrawFn, largest_dimension: int = 20) -> DataModel:
    """Realisable models of two classes of unequal frequency, with spectra over at most three decades."""
    dimension = draw(st.integers(2, largest_dimension))
    generator = np.random.default_rng(draw(seeds))
    eigenvalues = _descending(10.0 ** -generator.uniform(0, draw(st.floats(0, 3)), dimension))
    row = draw(signals(eigenvalues)) * np.sqrt(eigenvalues)
    first = draw(st.floats(0.05, 0.95))
    model = DataModel(eigenvalues, np.stack([-row, row]), np.array([first, 1 - first]))
    share = draw(st.floats(0.05, 0.95))
    return model.with_signal_scaled(float(np.sqrt(share / model.class_shares[1][0])))
