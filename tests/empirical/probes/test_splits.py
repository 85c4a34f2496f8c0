"""Every measure of a checkpoint is fitted and scored on the split that its name promises.

Training and test images are drawn from different distributions with different labels, so that a measure taken on the
other split has another value. Each is computed again here, plainly, with NumPy and scikit-learn.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.probes.binned_information import binned_information, equal_frequency_edges
from empirical.probes.measures import (
    GRADIENT_SHARE,
    RECONSTRUCTION,
    TEST_ACCURACY,
    TRAINING_ACCURACY,
    WHOLE,
    Measure,
    MeasureKind,
    Measurement,
)
from empirical.probes.neighbour_information import label_information, leading_directions, uniform_ranks
from empirical.probes.on_request import BINS, DIRECTIONS, INFORMATION, LINEAR, SOFTMAX, requested_probe
from empirical.probes.probe_tasks import class_task
from empirical.probes.standard import ProbePlan, measure_checkpoint
from empirical.probes.trained_decoder import DecoderTraining
from theory.validation import FloatArray

CPU = torch.device("cpu")
FEATURES, CLASSES = 5, 3
PLAN = ProbePlan(("block",), pooled_features=FEATURES, classifier_samples=240)


def _split(count: int, seed: int, contrast: float) -> ImageSplit:
    """Images of 8 x 8: a random mixture of six fixed patterns and noise; the class is that of the largest of three."""
    patterns = np.random.default_rng(0).standard_normal((6, 1, 8, 8))
    generator = np.random.default_rng(seed)
    mixture = generator.standard_normal((count, 6))
    pixels = 128 + contrast * np.tensordot(mixture, patterns, axes=1) + 8 * generator.standard_normal((count, 1, 8, 8))
    return ImageSplit(np.clip(pixels, 0, 255).astype(np.uint8), mixture[:, :3].argmax(axis=1).astype(np.int64))


@pytest.fixture(scope="module")
def data() -> ImageData:
    """More training images than the classifier may take; test images of less contrast, a third of them mislabelled."""
    train, test = _split(300, 1, 25.0), _split(180, 2, 12.0)
    labels = np.where(np.arange(180) % 3 == 0, (test.labels + 1) % CLASSES, test.labels)
    return ImageData("planted", train, ImageSplit(test.images, labels), CLASSES, ("a", "b", "c"))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Five features of the pixels, and a classifier that is right more often than not."""
    block = nn.Linear(64, FEATURES)
    classifier = nn.Linear(FEATURES, CLASSES)
    patterns = torch.from_numpy(np.random.default_rng(0).standard_normal((6, 64))).float()
    with torch.no_grad():
        block.weight.copy_(patterns[:FEATURES] / 8)
        block.bias.copy_(torch.linspace(-1, 1, FEATURES))
        classifier.weight.copy_(torch.eye(CLASSES, FEATURES))
        classifier.bias.copy_(-block.bias[:CLASSES])
    parts = [("flat", nn.Flatten()), ("block", nn.Sequential(block)), ("classifier", classifier)]
    return nn.Sequential(OrderedDict(parts)).eval()


def _pixels(data: ImageData, split: ImageSplit) -> FloatArray:
    """(n, 64) normalised by the training split."""
    known = data.train.images / 255
    return np.asarray(((split.images / 255 - known.mean()) / known.std()).reshape(len(split.labels), -1))


def _activations(network: nn.Module, pixels: FloatArray) -> FloatArray:
    block = network.get_submodule("block.0")
    return np.asarray(pixels @ block.weight.detach().double().numpy().T + block.bias.detach().double().numpy())


def _outputs(network: nn.Module, activations: FloatArray) -> FloatArray:
    classifier = network.get_submodule("classifier")
    weight, bias = classifier.weight.detach().double().numpy(), classifier.bias.detach().double().numpy()
    return np.asarray(activations @ weight.T + bias)


@pytest.fixture(scope="module")
def measured(data: ImageData, network: nn.Module) -> dict[tuple[str, Measure], Measurement]:
    rows = measure_checkpoint(network, data, Normalisation.from_images(data.train), [class_task(data)], PLAN, CPU)
    return {(row.layer, row.measure): row for row in rows}


@pytest.fixture(scope="module")
def plain(data: ImageData, network: nn.Module) -> dict[str, tuple[FloatArray, FloatArray, FloatArray, FloatArray]]:
    """Pixels, activations, outputs and labels of each split, by its name."""
    found = {}
    for name, split in (("train", data.train), ("test", data.test)):
        pixels = _pixels(data, split)
        activations = _activations(network, pixels)
        found[name] = (pixels, activations, _outputs(network, activations), split.labels)
    return found


def test_the_networks_accuracies_are_those_of_their_splits(measured, plain) -> None:
    shares = {name: float(np.mean(plain[name][2].argmax(axis=1) == plain[name][3])) for name in plain}
    assert measured[WHOLE, TRAINING_ACCURACY].value == shares["train"]
    assert measured[WHOLE, TEST_ACCURACY].value == shares["test"]
    assert shares["train"] > shares["test"] + 0.2
    error = np.sqrt(shares["test"] * (1 - shares["test"]) / 180)
    assert measured[WHOLE, TEST_ACCURACY].standard_error == pytest.approx(error, rel=1e-12)


def test_the_gradient_share_is_that_of_the_training_samples(measured, plain) -> None:
    def share(name: str) -> float:
        _, _, outputs, labels = plain[name]
        exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        wrong = 1 - exponentials[np.arange(len(labels)), labels] / exponentials.sum(axis=1)
        return float(wrong.sum() ** 2 / (len(labels) * np.square(wrong).sum()))

    # Outputs are in float32, of order ten.
    assert measured[WHOLE, GRADIENT_SHARE].value == pytest.approx(share("train"), rel=1e-4)
    assert abs(share("test") / share("train") - 1) > 0.05


def test_the_exact_decoder_is_fitted_to_training_images_and_scored_on_test_images(measured, plain) -> None:
    def loss(fitted: str, scored: str) -> float:
        """Least squares with an intercept; error on the scored images over their own variance."""
        design = np.column_stack([plain[fitted][1], np.ones(len(plain[fitted][1]))])
        coefficients = np.linalg.lstsq(design, plain[fitted][0], rcond=None)[0]
        pixels, activations = plain[scored][:2]
        error = pixels - np.column_stack([activations, np.ones(len(activations))]) @ coefficients
        return float(np.square(error).sum() / np.square(pixels - pixels.mean(axis=0)).sum())

    # Activations are in float32.
    assert measured["block", RECONSTRUCTION].value == pytest.approx(loss("train", "test"), rel=1e-4)
    others = [loss("train", "train"), loss("test", "test"), loss("test", "train")]
    assert min(abs(other / loss("train", "test") - 1) for other in others) > 0.01


def test_neural_collapse_is_that_of_the_training_images(measured, plain) -> None:
    def ratio(name: str) -> float:
        """The ratio tr Sigma_W / tr Sigma_B by its definition."""
        _, activations, _, labels = plain[name]
        means = np.stack([activations[labels == label].mean(axis=0) for label in range(CLASSES)])
        within = np.square(activations - means[labels]).sum()
        return float(within / np.square(means[labels] - activations.mean(axis=0)).sum())

    assert measured["block", Measure(MeasureKind.COLLAPSE_VARIANCE_RATIO)].value == pytest.approx(
        ratio("train"), rel=1e-4
    )
    assert ratio("test") > 2 * ratio("train")


def test_the_class_probe_is_fitted_to_training_images_and_scored_on_test_images(measured, plain) -> None:
    def accuracy(fitted: str, scored: str, count: int | None = None) -> float:
        _, activations, _, labels = plain[fitted]
        activations, labels = activations[:count], labels[:count]
        centre, scale = activations.mean(axis=0), activations.std(axis=0)
        peer = LogisticRegression(C=1 / (len(labels) * 1e-4), tol=1e-8, max_iter=10_000)
        peer.fit((activations - centre) / scale, labels)
        return float(peer.score((plain[scored][1] - centre) / scale, plain[scored][3]))

    found = measured["block", Measure.probe("class")]
    expected = accuracy("train", "test", PLAN.classifier_samples)
    # A sample at a border between classes may fall on either side: two of 180 at most.
    assert found.value == pytest.approx(expected, abs=2.5 / 180)
    assert accuracy("train", "train") > expected + 0.2
    assert accuracy("test", "train") > expected + 0.05
    assert found.standard_error == pytest.approx(np.sqrt(found.value * (1 - found.value) / 180), rel=1e-12)


def test_a_trained_decoder_is_scored_on_test_images(data, network, plain, monkeypatch) -> None:
    training = DecoderTraining(epochs=60, learning_rate=1e-2, weight_decay=0.0)
    monkeypatch.setattr("empirical.probes.on_request.DecoderTraining", lambda: training)
    rows = requested_probe(LINEAR)(network, data, Normalisation.from_images(data.train), PLAN, CPU, lambda calls: calls)
    values = {row.measure: row.value for row in rows}
    design = np.column_stack([plain["train"][1], np.ones(300)])
    coefficients = np.linalg.lstsq(design, plain["train"][0], rcond=None)[0]

    def squared_error(name: str) -> float:
        pixels, activations = plain[name][:2]
        return float(np.mean((pixels - np.column_stack([activations, np.ones(len(pixels))]) @ coefficients) ** 2))

    # Adam's last steps wander by the learning rate in each weight.
    assert values[Measure(MeasureKind.LINEAR_DECODER_ERROR)] == pytest.approx(squared_error("test"), rel=0.03)
    last_epoch = values[Measure(MeasureKind.LINEAR_DECODER_TRAINING_ERROR)]
    assert last_epoch == pytest.approx(squared_error("train"), rel=0.03)
    pixels = plain["test"][0]
    relative = squared_error("test") / np.mean((pixels - pixels.mean(axis=0)) ** 2)
    assert values[Measure(MeasureKind.LINEAR_DECODER_LOSS)] == pytest.approx(relative, rel=0.03)
    assert abs(squared_error("test") / squared_error("train") - 1) > 0.1


def test_the_decoder_of_the_softmax_outputs_is_least_squares_on_probabilities(data, network, plain) -> None:
    """Probabilities sum to one, so that one of three is left out: the others and a constant say the same."""
    (row,) = requested_probe(SOFTMAX)(
        network, data, Normalisation.from_images(data.train), PLAN, CPU, lambda calls: calls
    )
    assert (row.layer, row.measure) == (WHOLE, Measure(MeasureKind.SOFTMAX_LOSS))
    design = {}
    for name in ("train", "test"):
        outputs = np.exp(plain[name][2] - plain[name][2].max(axis=1, keepdims=True))
        probabilities = outputs / outputs.sum(axis=1, keepdims=True)
        design[name] = np.column_stack([probabilities[:, 1:], np.ones(len(probabilities))])
    coefficients = np.linalg.lstsq(design["train"], plain["train"][0], rcond=None)[0]
    pixels = plain["test"][0]
    error = np.mean((pixels - design["test"] @ coefficients) ** 2)
    assert row.value == pytest.approx(error / np.mean((pixels - pixels.mean(axis=0)) ** 2), rel=2e-3)
    assert 0.1 < row.value < 1.2


def test_information_is_that_of_the_test_images(data, network, plain) -> None:
    rows = requested_probe(INFORMATION)(
        network, data, Normalisation.from_images(data.train), PLAN, CPU, lambda calls: calls
    )
    values = {row.measure: row.value for row in rows}

    def information(name: str) -> tuple[float, float]:
        directions = leading_directions(plain[name][1], DIRECTIONS).values
        labels = np.asarray(plain[name][3], dtype=np.int64)
        binned = binned_information(directions, labels, equal_frequency_edges(directions, BINS))
        return label_information(uniform_ranks(directions), labels), binned.about_input

    neighbours, binned = information("test")
    # Ranks and bins of float32 activations may differ in single samples.
    assert values[Measure(MeasureKind.INFORMATION_NEIGHBOURS_LABEL)] == pytest.approx(neighbours, abs=0.02)
    assert values[Measure(MeasureKind.INFORMATION_BINNED_INPUT)] == pytest.approx(binned, abs=0.02)
    assert information("train")[0] > neighbours + 0.2
    assert information("train")[1] > binned + 0.2


def test_batch_normalisation_has_the_statistics_of_the_training_images(data, plain, monkeypatch) -> None:
    """Beside a network without it, whose weights hold those statistics; behind a kink, so that a scale shows."""
    monkeypatch.setattr("empirical.probes.on_request.DecoderTraining", lambda: DecoderTraining(epochs=2))
    weight = torch.from_numpy(np.random.default_rng(1).standard_normal((FEATURES, 64))).float() / 8
    head = nn.Linear(FEATURES, CLASSES)
    with torch.no_grad():
        head.weight.copy_(2 * torch.eye(CLASSES, FEATURES))

    def network(normalised: nn.Module, first: torch.Tensor, bias: torch.Tensor) -> nn.Module:
        linear = nn.Linear(64, FEATURES)
        with torch.no_grad():
            linear.weight.copy_(first)
            linear.bias.copy_(bias)
        block = nn.Sequential(normalised, linear, nn.ReLU())
        return nn.Sequential(OrderedDict([("flat", nn.Flatten()), ("block", block), ("classifier", head)])).eval()

    def values(own: nn.Module) -> dict[tuple[str, Measure], float]:
        normalisation = Normalisation.from_images(data.train)
        rows = measure_checkpoint(own, data, normalisation, [], PLAN, CPU)
        for name in (LINEAR, INFORMATION):
            rows += requested_probe(name)(own, data, normalisation, PLAN, CPU, lambda calls: calls)
        return {(row.layer, row.measure): row.value for row in rows}

    def folded(name: str) -> dict[tuple[str, Measure], float]:
        pixels = torch.from_numpy(plain[name][0]).float()
        scaled = weight / torch.sqrt(pixels.var(dim=0) + 1e-5)
        return values(network(nn.Identity(), scaled, 0.3 - scaled @ pixels.mean(dim=0)))

    found = values(network(nn.BatchNorm1d(64, affine=False), weight, torch.full((FEATURES,), 0.3)))
    expected, other = folded("train"), folded("test")
    # Float32 activations; a few samples may change bins or ranks.
    assert found == pytest.approx(expected, rel=2e-3, abs=5e-3)
    differing = (
        RECONSTRUCTION,
        Measure(MeasureKind.LINEAR_DECODER_ERROR),
        Measure(MeasureKind.INFORMATION_NEIGHBOURS_INPUT),
    )
    for place in ((WHOLE, GRADIENT_SHARE), *(("block", measure) for measure in differing)):
        assert abs(other[place] - expected[place]) > 0.01
