"""Classes cut into parts by k-means: parts and moments are exact, and location counts for training, not spread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from empirical.data.datasets import DataSet
from empirical.fit.class_gaussians import class_gaussians
from empirical.fit.class_parts import cut_classes
from empirical.fit.mixture_fit import fit_mixture
from empirical.fit.mixture_model import mixture_model
from simulation import FullBatch, initial_weights, train
from theory import ClassConditionalModel, InputError, MixtureModel, Softmax, class_mean_field_curve, logarithmic_steps
from theory.validation import FloatArray, IntArray

CENTRES = np.array([[0.0, 0], [9, 0], [0, 9], [-9, 4]])


def _samples(count: int = 200) -> tuple[FloatArray, IntArray, IntArray]:
    """Inputs in six directions, their classes, and which of two parts of its class each comes from."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    parts = generator.integers(0, 2, count)
    inputs = generator.standard_normal((count, 6)) * np.array([1, 0.8, 0.5, 0.3, 0.2, 0.1])
    inputs[:, :2] += CENTRES[2 * labels + parts]
    return inputs + 3, labels, parts


def test_parts_that_are_apart_are_found_with_their_own_moments() -> None:
    """In the leading directions: those of the samples of each part, to rounding."""
    inputs, labels, parts = _samples()
    division = cut_classes(inputs, labels, 2, 2)
    assert division.components == (2, 2)
    for label in (0, 1):
        own = division.belongs(label, division.leading(inputs[labels == label]))
        assert set(np.unique(own)) == {0.0, 1.0}
        same = own[:, 0] == parts[labels == label]
        assert same.all() or not same.any()
    model = mixture_model(division, inputs, labels)
    assert model.model.basis is not None
    leading = model.model.basis.T @ division.directions  # of the eigenbasis
    found = [model.means[one] @ leading for one in range(4)]
    for label in (0, 1):
        for part in (0, 1):
            own = division.leading(inputs[(labels == label) & (parts == part)])
            (component,) = (one for one in range(4) if np.allclose(found[one], own.mean(axis=0), atol=1e-9))
            assert model.labels[component] == label
            matrix = leading.T @ model.covariances.matrix(component) @ leading
            np.testing.assert_allclose(matrix, np.cov(own.T, bias=True), atol=1e-9)


def _mirrored() -> tuple[FloatArray, IntArray]:
    """Two classes, of which a fifth lies on the side of the other in the first direction; half of each is wide.

    The likelihood of two Gaussians gains more from the width, in 18 directions; what a layer learns depends on the one.
    """
    generator = np.random.default_rng(1)
    labels = np.arange(2000) % 2
    side = 2 * labels - 1
    inputs = generator.standard_normal((2000, 20)) * np.arange(1, 21) ** -0.5
    inputs[:, 2:] *= np.where(generator.random(2000) < 0.5, 1.6, 0.4)[:, None]
    inputs[:, 0] += 3 * np.where(generator.random(2000) < 0.2, -side, side)
    inputs[:, 1] += 0.7 * side
    return inputs, labels


def test_training_depends_on_where_parts_are_and_the_likelihood_on_how_wide() -> None:
    """Two parts of k-means are within .003 of training; two Gaussians of the largest likelihood and one are not."""
    inputs, labels = _mirrored()
    data = DataSet("mirrored", (inputs - inputs.mean(axis=0)).astype(np.float32), labels, 2)
    models: dict[str, MixtureModel] = {
        "one": ClassConditionalModel.from_samples(data.inputs, labels, 2),
        "likelihood": mixture_model(fit_mixture(data.inputs, labels, 2, (2,)), data.inputs, labels),
        "place": class_gaussians(data, 2, 0)[0],
    }
    model, steps = models["one"].model, logarithmic_steps(512, 6)
    start = initial_weights(2, 2, 20, 0.01, 0)
    source = FullBatch(torch.from_numpy(data.inputs).double(), torch.from_numpy(labels))
    trained = train(source, model, Softmax(), start, steps, 0.1, dtype=torch.float64).curve
    apart = {}
    for name, one in models.items():
        derived = class_mean_field_curve(one, Softmax(), one.model.to_eigenbasis(start), steps, 0.1)
        apart[name] = float(np.abs(derived.mean - trained.mean).max())
    print(apart)
    assert apart["place"] < 0.003
    assert min(apart["one"], apart["likelihood"]) > 3 * apart["place"]


def test_as_many_parts_as_distinct_samples_are_kept() -> None:
    inputs = np.repeat(np.array([[0.0, 1], [2, 1], [0, 5]]), 6, axis=0)
    labels = np.tile([0, 1], 9)
    model = mixture_model(cut_classes(inputs, labels, 2, 5), inputs, labels)
    assert model.components == 6


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"parts": 0}, "parts: 0 is not accepted"),
        ({"parts": 101}, "class 0 has 100 samples"),
        ({"classes": 3}, "labels"),
        ({"inputs": np.ones((200, 6))}, "inputs: are all equal"),
        ({"inputs": np.full((200, 6), np.nan)}, "inputs: holds 1200 NaN"),
        ({"seed": -1}, "seed: -1 is not accepted"),
    ],
)
def test_what_cannot_be_cut_is_refused(change: dict[str, Any], match: str) -> None:
    inputs, labels, _ = _samples()
    good: dict[str, Any] = {"inputs": inputs, "labels": labels, "classes": 2, "parts": 2}
    with pytest.raises(InputError, match=match):
        cut_classes(**(good | change))
