"""Several Gaussians per class: their number, and the density that the fit says it has."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from empirical.fit.class_division import MOST_DIRECTIONS
from empirical.fit.class_mixture import fit_class_mixture
from empirical.fit.mixture_fit import fit_mixture
from empirical.fit.mixture_summary import MIXTURE, MixtureSummary
from theory import InputError
from theory.validation import FloatArray, IntArray


def _classes(parts: int, samples: int = 450, dimension: int = 6, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Three classes of equally many parts with unit covariance, centres eight deviations apart or more."""
    generator = np.random.default_rng(seed)
    labels = np.arange(samples) % 3
    centres = 8 * np.eye(dimension)[:parts]
    drawn = centres[generator.integers(0, parts, samples)] + generator.standard_normal((samples, dimension))
    return drawn + np.arange(3)[labels][:, None], labels


@pytest.mark.parametrize("parts", [1, 3])
def test_held_out_samples_ask_for_as_many_gaussians_as_there_are(parts: int) -> None:
    inputs, labels = _classes(parts)
    fit = fit_mixture(inputs, labels, 3, tuple(range(1, parts + 2)))
    assert [choice.components for choice in fit.choices] == [parts] * 3
    found = MixtureSummary.from_fit(fit)
    assert found.components == (parts,) * 3
    assert (found.gain > 5 * found.gain_error) == (parts > 1)
    count = found.directions
    # Frequencies, means and covariances; coordinates and a label.
    assert found.parameters == 3 * parts * (1 + count + count * (count + 1) / 2) - 1
    assert found.data_numbers == 450 * (count + 1)


def test_parts_that_differ_in_spread_alone_are_found() -> None:
    """A scale mixture about one mean, which k-means cannot start from."""
    generator = np.random.default_rng(0)
    sizes = np.where(generator.random(1200) < 0.5, 1.0, 5.0)
    inputs, labels = sizes[:, None] * generator.standard_normal((1200, 6)), np.arange(1200) % 2
    fit = fit_mixture(inputs, labels, 2, (1, 2, 3))
    assert [choice.components for choice in fit.choices] == [2, 2]
    for part, label in zip(fit.parts, range(2), strict=True):
        own = labels == label
        belongs = part.responsibilities(fit.leading(inputs[own]))
        wide = int(np.argmax(part.parts.covariances_[:, 0, 0]))
        # Six directions tell factors of five apart in all but a few samples.
        assert np.mean((belongs[:, wide] > 0.5) == (sizes[own] > 2)) > 0.95


def test_the_gain_of_known_gaussians_is_their_entropy() -> None:
    """Two far parts on a line against one Gaussian of their variance 37: ln 37 / 2 less ln 2, in nats."""
    generator = np.random.default_rng(0)
    inputs = 6 * generator.choice([-1.0, 1.0], (4000, 1)) + generator.standard_normal((4000, 1))
    fit = fit_mixture(inputs, np.arange(4000) % 2, 2, (1, 2))
    # Five standard errors, and the ridge: a hundredth of 37 widens a part of variance 1.
    ridge = 0.5 * (np.log(1.37) + 1 / 1.37 - 1)
    assert fit.choices[0].ridge == 0.01
    found = MixtureSummary.from_fit(fit)
    assert found.gain == pytest.approx(0.5 * np.log(37) - np.log(2) - ridge, abs=5 * found.gain_error)


def test_the_density_is_that_of_its_gaussians_in_the_coordinates_of_the_samples() -> None:
    """Against SciPy's, from means and covariances taken back to these coordinates; responsibilities by Bayes."""
    generator = np.random.default_rng(1)
    samples = generator.standard_normal((300, 3)) @ generator.standard_normal((3, 3)) + 5
    fit = fit_class_mixture(samples, 3, 0.1)
    back = np.linalg.inv(fit.whitening)
    logs = np.stack(
        [
            np.log(share) + multivariate_normal(fit.centre + mean @ back, back.T @ covariance @ back).logpdf(samples)
            for share, mean, covariance in zip(
                fit.parts.weights_, fit.parts.means_, fit.parts.covariances_, strict=True
            )
        ],
        axis=1,
    )
    np.testing.assert_allclose(fit.log_densities(samples), logsumexp(logs, axis=1), atol=1e-8)
    expected = np.exp(logs - logsumexp(logs, axis=1)[:, None])
    np.testing.assert_allclose(fit.responsibilities(samples), expected, atol=1e-8)


def test_a_small_class_is_left_a_single_gaussian() -> None:
    inputs, labels = _classes(3, samples=60)
    assert [choice.components for choice in fit_mixture(inputs, labels, 3).choices] == [1, 1, 1]
    assert [choice.components for choice in fit_mixture(inputs, labels, 3, (2,)).choices] == [2, 2, 2]


def test_gaussians_are_fitted_where_most_of_the_variance_is() -> None:
    """At most so many directions, and no more than hold 95 % of the variance; units do not matter."""
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 2
    flat = generator.standard_normal((120, 50))
    assert fit_mixture(flat, labels, 2, (1,)).directions.shape == (50, MOST_DIRECTIONS)
    steep = generator.standard_normal((120, 8)) * 10.0 ** -np.arange(8)
    one, large = fit_mixture(steep, labels, 2, (1,)), fit_mixture(1e3 * steep, labels, 2, (1,))
    assert one.directions.shape == large.directions.shape == (8, 1)
    assert one.choices[0].held_out - large.choices[0].held_out == pytest.approx(np.log(1e3), abs=1e-9)


def test_a_summary_says_what_it_holds_and_is_read_back() -> None:
    found = MixtureSummary((1, 3, 2), 6, 100, 0.0625, 0.002)
    text = " ".join(" ".join(found.lines()).split())
    assert max(map(len, found.lines())) <= 80
    assert "in 6 leading directions: 1 3 2" in text
    assert "+0.062 +- 0.002 nats" in text
    # Six Gaussians of 1 + 6 + 21 numbers, whose frequencies sum to 1.
    assert "167 for 700 of the samples, 0.24" in text
    values = json.loads(json.dumps(found.as_values()))
    MIXTURE.check("result", values)
    assert MixtureSummary.from_values(values) == found


_INPUTS, _LABELS = _classes(1, samples=12)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"inputs": np.where(_INPUTS > 0, _INPUTS, np.nan)}, "inputs: holds"),
        ({"inputs": np.ones((12, 6))}, "inputs: are all equal"),
        ({"labels": np.zeros(12, int)}, "labels: class 1 has 0 samples; give at least 2"),
        ({"labels": np.zeros(11, int)}, "labels: has shape"),
        ({"numbers": ()}, "numbers: \\[\\] is not accepted"),
        ({"numbers": (2, 1)}, "give ascending integers"),
        ({"numbers": (0, 1)}, "numbers: 0 is not accepted"),
        (
            {"numbers": (3,)},
            "class 0 has 4 samples; give at least 6 of each class, twice as many as Gaussians per class, 3",
        ),
        ({"seed": -1}, "seed: -1"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], match: str) -> None:
    good: dict[str, object] = {"inputs": _INPUTS, "labels": _LABELS, "classes": 3}
    with pytest.raises(InputError, match=match):
        fit_mixture(**(good | change))
