from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from sklearn.metrics import mutual_info_score

from empirical.probes.binned_information import binned_information, equal_frequency_edges
from tests.strategies import seeds
from theory import InputError
from theory.validation import FloatArray, IntArray


def _relu_layer(seed: int, count: int = 500, units: int = 2) -> tuple[FloatArray, IntArray]:
    """Outputs of ReLU units on three Gaussian classes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count)
    inputs = np.random.default_rng(0).standard_normal((3, 5))[labels] + 0.5 * generator.standard_normal((count, 5))
    return np.maximum(inputs @ np.random.default_rng(1).standard_normal((5, units)), 0), labels


@given(seeds)
def test_information_about_the_label_is_scikit_learns(seed: int) -> None:
    outputs, labels = _relu_layer(seed)
    edges = np.linspace(outputs.min(), outputs.max(), 7)[1:-1]
    found = binned_information(outputs, labels, edges)
    digits = (outputs[:, :, None] > edges).sum(axis=2)
    cells = digits[:, 0] * 100 + digits[:, 1]
    assert found.about_label == pytest.approx(mutual_info_score(cells, labels), abs=1e-12)
    assert found.about_input == pytest.approx(mutual_info_score(cells, cells), abs=1e-12)
    assert found.cells == len(set(cells))


def test_landmarks() -> None:
    labels = np.repeat([0, 1, 2, 3], 25)
    known = binned_information(labels[:, None].astype(float), labels, np.array([0.5, 1.5, 2.5]))
    assert known.about_input == pytest.approx(np.log(4))
    assert known.about_label == pytest.approx(np.log(4))
    dead = binned_information(np.zeros((100, 3)), labels, np.array([0.5]))
    assert (dead.about_input, dead.about_label, dead.cells) == (0, 0, 1)
    # A cell for every sample: the most that n samples can show, whatever the layer is worth.
    fine = np.random.default_rng(0).permutation(100)[:, None].astype(float)
    found = binned_information(fine, labels, np.arange(99) + 0.5)
    assert found.about_input == pytest.approx(np.log(100))
    assert found.about_label == pytest.approx(np.log(4))


def test_fixed_bins_on_relu_outputs_are_a_trap() -> None:
    """A layer that is scaled by a constant, as the next layer can undo, keeps all that it says.

    Bins at the range of tanh, -1 to 1, first see the layer in one bin, then above the last edge. Bins of a fixed width
    without an end see information grow without compression. Bins that follow the layer see no change, as there is none.
    """
    outputs, labels = _relu_layer(0)
    scales = (1e-3, 1.0, 1e3)
    fixed = [binned_information(scale * outputs, labels, np.linspace(-1, 1, 30)[1:-1]) for scale in scales]
    assert fixed[0].cells == 1
    assert fixed[2].about_input < 0.6 * fixed[1].about_input
    assert fixed[2].cells == 4  # each unit is off or beyond the last edge
    unbounded = [binned_information(scale * outputs, labels, np.arange(0.5, 20_000)) for scale in scales]
    assert unbounded[0].about_input == 0
    # With 500 samples the most is log 500, and the share that is off in both units has one cell.
    assert unbounded[2].about_input > 0.9 * (1 - (outputs == 0).all(axis=1).mean()) * np.log(500)
    found = [
        binned_information(scale * outputs, labels, equal_frequency_edges(scale * outputs, 30)) for scale in scales
    ]
    for one in found:
        assert one.about_label == pytest.approx(found[1].about_label, abs=0.01)  # an output on an edge may hop
        assert one.about_input == pytest.approx(found[1].about_input, abs=0.02)
    assert found[1].about_label > 0.4


@given(seeds)
def test_bins_of_equal_frequency_are_blind_to_strictly_increasing_maps(seed: int) -> None:
    outputs, labels = _relu_layer(seed)
    plain = binned_information(outputs, labels, equal_frequency_edges(outputs, 8))
    for mapped in (np.expm1(outputs), outputs**3, np.arctan(outputs)):
        assert binned_information(mapped, labels, equal_frequency_edges(mapped, 8)) == plain


def test_bins_of_equal_frequency_hold_equal_shares_and_the_zeros_of_relu_share_one() -> None:
    values = np.random.default_rng(0).standard_normal((1000, 1))
    shares = np.bincount(np.searchsorted(equal_frequency_edges(values, 10), values[:, 0], side="left"))
    assert np.abs(shares - 100).max() <= 1
    rectified = np.maximum(values, 0)
    edges = equal_frequency_edges(rectified, 10)
    counts = np.bincount(np.searchsorted(edges, rectified[:, 0], side="left"))
    assert counts[0] == (rectified == 0).sum()
    # The bin beside them holds what is left to the next quantile.
    assert np.abs(counts[2:] - 100).max() <= 1


def test_an_output_on_an_edge_is_below_it_so_that_units_that_are_off_and_on_differ() -> None:
    outputs = np.array([[0.0], [0.0], [1.0], [2.0]])
    labels = np.array([0, 0, 1, 1])
    edges = equal_frequency_edges(outputs, 2)
    assert edges.tolist() == [0.0]
    assert binned_information(outputs, labels, edges).about_label == pytest.approx(np.log(2))


def test_independent_outputs_tell_no_more_than_the_bias_of_finite_samples() -> None:
    """2 n I is chi-squared with (cells - 1)(classes - 1) degrees of freedom (Wilks)."""
    found = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        outputs, labels = generator.standard_normal((2000, 1)), generator.integers(0, 3, 2000)
        one = binned_information(outputs, labels, equal_frequency_edges(outputs, 10))
        assert one.cells == 10
        found.append(2 * 2000 * one.about_label)
    # The mean of 40 has a standard error of sqrt(2 * 18 / 40) = 0.95; four of these.
    assert np.mean(found) == pytest.approx(18, abs=3.8)
    assert max(found) < stats.chi2.isf(1e-5, 18)


@pytest.mark.parametrize(
    ("outputs", "labels", "edges", "match"),
    [
        pytest.param([[np.nan]], [0], [0.0], "outputs: holds 1 NaN", id="NaN"),
        pytest.param([1.0], [0], [0.0], "outputs: has shape", id="one axis"),
        pytest.param([[1.0]], [0, 1], [0.0], "labels: has shape", id="labels"),
        pytest.param([[1.0]], [0.5], [0.0], "labels: has type", id="label not an integer"),
        pytest.param([[1.0]], [-1], [0.0], "labels: holds the label -1", id="negative label"),
        pytest.param([[1.0]], [0], [1.0, 0.0], "edges: are not increasing", id="edges"),
        pytest.param([[1.0]], [0], [], "edges: is empty", id="no edge"),
    ],
)
def test_bad_input_is_refused(outputs: object, labels: object, edges: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        binned_information(*(np.asarray(part) for part in (outputs, labels, edges)))


def test_bad_numbers_of_bins_are_refused() -> None:
    with pytest.raises(InputError, match="bins"):
        equal_frequency_edges(np.ones((3, 1)), 1)
