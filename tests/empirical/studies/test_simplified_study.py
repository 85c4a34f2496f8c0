"""The study of simpler trainings: the clone's moments, the tangent of a network, and a run on blobs that resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from empirical import ImageData
from empirical.data.gaussian_clone import gaussian_clone, gaussian_features
from empirical.data.images import ImageSplit, Normalisation
from empirical.networks.networks import build_network
from empirical.studies.simplified_study.job import simplified_study
from empirical.studies.simplified_study.plan import SimplifiedPlan, Training
from empirical.studies.simplified_study.report import SimplifiedReport
from empirical.studies.simplified_study.runs import SimplifiedRun
from empirical.studies.simplified_study.tangent import TangentNetwork
from simulation.runs.run_folder import json_text
from tests.empirical.studies.test_track import blobs
from theory import InputError

#: A VGG-8 of width 2 has 32 features in its last block, which need 128 images.
PLAN = SimplifiedPlan(("vgg8",), (2, 1), steps=3, step_size=0.02, batch_size=64, images=200)


@pytest.fixture(scope="module")
def data() -> ImageData:
    return ImageData("blobs", blobs(200, 0), blobs(40, 1), 4, ("a", "b", "c", "d"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def report(data: ImageData, place: Path) -> SimplifiedReport:
    return simplified_study(PLAN, data=data, folder=place)


def test_a_clone_has_the_moments_of_each_class() -> None:
    """Sampling errors of 4,000 draws; images of 3 x 2 x 2 with skewed, correlated pixels, which the clone's are not."""
    draw = np.random.default_rng(0)
    count, pixels = 4_000, 12
    labels = np.repeat([0, 1], count)
    mixed = draw.exponential(size=(2 * count, pixels)) @ draw.normal(size=(pixels, pixels))
    gray = np.clip(120 + 8 * mixed + 30 * labels[:, None], 0, 255).astype(np.uint8)
    split = ImageSplit(gray.reshape(-1, 3, 2, 2), labels)
    normalisation = Normalisation.from_images(split)
    clone = gaussian_clone(split, normalisation).flatten(1).double().numpy()
    images = normalisation.apply(split.images).reshape(2 * count, -1).astype(np.float64)
    for label in (0, 1):
        own, drawn = images[labels == label], clone[labels == label]
        covariance = np.cov(own.T, bias=True)
        spread = np.sqrt(np.diag(covariance))
        # Five standard errors of a mean; of a covariance of Gaussian draws, sqrt((1 + rho^2) / n) at most.
        assert np.abs((drawn - own).mean(axis=0) / spread).max() < 5 / np.sqrt(count)
        apart = (np.cov(drawn.T, bias=True) - covariance) / np.outer(spread, spread)
        assert np.abs(apart).max() < 5 * np.sqrt(2 / count)
        # The third moments of Gaussian draws are those of none: sqrt(6 / n) is their standard error.
        whitened = (drawn - drawn.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(covariance)).T
        assert np.abs((whitened**3).mean(axis=0)).max() < 5 * np.sqrt(6 / count)


def test_a_clone_is_drawn_by_its_seed(data: ImageData) -> None:
    normalisation = Normalisation.from_images(data.train)
    first, again, other = (gaussian_clone(data.train, normalisation, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_features_are_drawn_together_with_the_images(data: ImageData) -> None:
    """Features that are linear in the images are so in the draws, to the rounding of single precision."""
    normalisation = Normalisation.from_images(data.train)
    mixing = torch.randn(3072, 8, generator=torch.Generator().manual_seed(2)) / 3072**0.5
    images = torch.from_numpy(normalisation.apply(data.train.images)).flatten(1)
    found = gaussian_features((images @ mixing).view(-1, 2, 2, 2), data.train.labels, seed=3)
    expected = gaussian_clone(data.train, normalisation, seed=3).flatten(1) @ mixing
    np.testing.assert_allclose(found.flatten(1), expected, atol=1e-4)


def test_a_tangent_is_the_first_order_of_its_network() -> None:
    """Moves a tenth as large leave a hundredth of the difference, batch normalisation included."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Softplus(), nn.Flatten(), nn.Linear(3 * 36, 4)
    ).double()
    inputs = torch.randn(20, 1, 8, 8, dtype=torch.float64)
    directions = [torch.randn_like(one) for one in network.parameters()]

    def difference(size: float) -> float:
        tangent = TangentNetwork(network)
        moved = [one.detach().clone() for one in network.parameters()]
        with torch.no_grad():
            for move, direction in zip(tangent.moves, directions, strict=True):
                move.copy_(size * direction)
            for one, direction in zip(network.parameters(), directions, strict=True):
                one.add_(size * direction)
            found = float((network(inputs) - tangent(inputs)).abs().max())
            for one, before in zip(network.parameters(), moved, strict=True):
                one.copy_(before)
        return found

    assert difference(0.0) < 1e-12
    assert difference(1e-4) == pytest.approx(difference(1e-3) / 100, rel=0.05)


def test_the_gradient_of_a_tangent_is_that_of_its_network_at_the_start() -> None:
    network = build_network("vgg8", 4, 3, 2)
    inputs, labels = torch.randn(16, 3, 32, 32), torch.arange(16) % 4
    tangent = TangentNetwork(network)
    for one in (network, tangent):
        nn.functional.cross_entropy(one.train()(inputs), labels).backward()
    for own, move in zip(network.parameters(), tangent.moves, strict=True):
        assert own.grad is not None
        assert move.grad is not None
        assert torch.allclose(own.grad, move.grad, atol=1e-5 * float(own.grad.abs().max() + 1))


def test_the_first_parts_of_a_tangent_move_with_it() -> None:
    network = build_network("vgg8", 4, 3, 2)
    tangent = TangentNetwork(network)
    encoder = tangent.first(-2)
    inputs = torch.randn(8, 3, 32, 32)
    with torch.no_grad():
        before = encoder(inputs)
        tangent.moves[0].add_(0.1)
        assert not torch.equal(encoder(inputs), before)
    assert all(any(own is move for move in tangent.moves) for own in encoder.moves)


def test_all_trainings_begin_alike(report: SimplifiedReport) -> None:
    """The tangent takes the statistics of each batch instead of the mean over batches: here there is one batch."""
    run = report.runs[0]
    starts = [(run.losses[one][0], run.errors[one][0]) for one in Training]
    assert starts[1] == starts[0]
    assert starts[2][0] == pytest.approx(starts[0][0], abs=1e-4)


def test_departures_are_the_first_steps_apart() -> None:
    steps, flat = 4, np.zeros(5)
    images, clone, tangent = flat, np.array([0, 0.009, 0.02, 0, 0.5]), flat + 0.001
    setting = replace(PLAN, steps=steps).setting("vgg8")
    curves = dict(zip(Training, (images, clone, tangent), strict=True))
    run = SimplifiedRun(setting, curves, curves)
    assert run.loss_departure(Training.CLONE) == run.error_departure(Training.CLONE) == 2
    assert np.isnan(run.loss_departure(Training.TANGENT))
    assert run.fall(Training.CLONE) == 0
    with pytest.raises(InputError, match="losses: "):
        SimplifiedRun(setting, {Training.IMAGES: flat}, curves)
    with pytest.raises(InputError, match="errors: "):
        SimplifiedRun(setting, curves, curves | {Training.CLONE: flat[:-1]})


@pytest.mark.parametrize("change", [{"networks": ()}, {"networks": ("vgg8", "vgg8")}, {"networks": ("vgg11",)}])
def test_networks_that_are_not_accepted_are_named(change: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(InputError, match="networks: "):
        SimplifiedPlan(**change)  # type: ignore[arg-type]


def test_a_finished_study_reads_and_resumes(
    report: SimplifiedReport, data: ImageData, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "VGG-8" in str(report)
    assert (place / "simplified.png").stat().st_size > 10_000
    stored = SimplifiedReport.read(place)
    assert json_text(stored.content()) == json_text(report.content())

    def trained(*_: object) -> None:
        raise AssertionError("a finished curve was made again")

    monkeypatch.setattr("empirical.studies.simplified_study.job.measured_along", trained)
    again = simplified_study(PLAN, data=data, folder=place)
    assert json_text(again.content()) == json_text(report.content())
