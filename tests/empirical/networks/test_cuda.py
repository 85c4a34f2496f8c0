"""Deep networks on a CUDA device: trained, measured and watched as on the CPU; skipped where there is no card."""

from pathlib import Path

import numpy as np
import pytest
import torch

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.moments.float_precision import full_precision
from empirical.networks.network_training import TrainingPlan, TrainingRun
from empirical.networks.networks import build_network
from empirical.probes.measures import MeasureKind
from empirical.probes.on_request import CONVOLUTIONAL, INFORMATION, LINEAR, SOFTMAX, requested_probe
from empirical.probes.probe_tasks import transfer_tasks
from empirical.probes.standard import ProbePlan, measure_checkpoint
from empirical.probes.trained_decoder import DecoderTraining
from empirical.tracker.phase_tracker import PhaseTracker, ProbeSchedule, SubsetProbe
from simulation.runs.run_folder import RunFolder
from tests.devices import NEEDS_CUDA
from theory.progress import silent

pytestmark = NEEDS_CUDA

CPU, CARD = torch.device("cpu"), torch.device("cuda")


def _images(count: int, seed: int) -> ImageSplit:
    """Three classes of noise with a gradient of their own across the image."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    slope = np.linspace(0, 60, 32)
    pixels = generator.integers(0, 120, (count, 3, 32, 32)) + slope * labels[:, None, None, None]
    return ImageSplit(pixels.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def data() -> ImageData:
    return ImageData("slopes", _images(900, 0), _images(600, 1), 3, ("a", "b", "c"))


def _run(folder: Path, split: ImageSplit, device: torch.device, name: str = "resnet10") -> TrainingRun:
    plan = TrainingPlan(name, base_width=4, steps=24, batch_size=64, step_size=0.02)
    return TrainingRun(plan, split, 3, Normalisation.from_images(split), RunFolder(folder), device)


@pytest.mark.parametrize("name", ["vgg8", "resnet10"])
def test_a_killed_run_on_a_card_goes_on_to_the_bit(data: ImageData, tmp_path: Path, name: str) -> None:
    whole, parts = (_run(tmp_path / folder, data.train, CARD, name) for folder in ("whole", "parts"))
    whole.train_to(24)
    parts.train_to(9)
    _run(tmp_path / "parts", data.train, CARD, name).train_to(24)
    expected = whole.network_at(24).state_dict()
    for key, tensor in parts.network_at(24).state_dict().items():
        assert torch.equal(tensor, expected[key]), key


def test_the_first_steps_are_those_on_the_processor(data: ImageData, tmp_path: Path) -> None:
    """Four steps with all digits of float32; with the 11 bits of a card's own choice a tensor is off by .12 of its way.

    Rounding turns a few ReLUs on or off, and batch normalisation tells all samples: .034 was seen on an H200.
    """
    there, here = _run(tmp_path / "card", data.train, CARD), _run(tmp_path / "cpu", data.train, CPU)
    with full_precision(CARD):
        there.train_to(4)
    here.train_to(4)
    begun, expected = here.network_at(0).state_dict(), here.network_at(4).state_dict()
    for key, tensor in there.network_at(4).state_dict().items():
        if tensor.is_floating_point():
            moved = float((expected[key] - begun[key]).norm())
            assert float((tensor.cpu() - expected[key]).norm()) < 0.07 * moved, key


def test_a_checkpoint_measures_on_a_card_as_on_the_processor(data: ImageData) -> None:
    """Losses and probes of the same weights; activations agree to float32, which only sums of many change."""
    chosen, tasks = transfer_tasks(data, None, None)
    plan = ProbePlan(("stage1", "stage3", "stage4"), pooled_features=64)
    normalisation = Normalisation.from_images(data.train)
    network = build_network("resnet10", 3, base_width=4, seed=0)
    there, here = (
        measure_checkpoint(network.to(device), chosen, normalisation, tasks, plan, device) for device in (CARD, CPU)
    )
    assert [(one.layer, one.measure) for one in there] == [(one.layer, one.measure) for one in here]
    for found, expected in zip(there, here, strict=True):
        if found.measure.kind in (MeasureKind.RECONSTRUCTION_LOSS, MeasureKind.BUDGETED_LOSS):
            assert found.value == pytest.approx(expected.value, rel=1e-4), found
        elif found.measure.kind is MeasureKind.PROBE_ACCURACY:  # a sample or two of 600 near the border
            assert abs(found.value - expected.value) < 3 / 600, found
        elif found.measure.kind is MeasureKind.RANK:
            assert found.value == expected.value
        else:
            np.testing.assert_allclose(found.value, expected.value, rtol=1e-2, atol=1e-3, err_msg=str(found))


@pytest.mark.parametrize("name", [LINEAR, CONVOLUTIONAL, SOFTMAX, INFORMATION])
def test_probes_on_request_run_on_a_card(data: ImageData, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same decoder from the same start after one epoch of the same batches."""
    monkeypatch.setattr("empirical.probes.on_request.DecoderTraining", lambda: DecoderTraining(epochs=1))
    plan, normalisation = ProbePlan(("stage4",), pooled_features=32), Normalisation.from_images(data.train)
    network = build_network("resnet10", 3, base_width=4, seed=0).eval()
    there, here = (
        requested_probe(name)(network.to(device), data, normalisation, plan, device, silent) for device in (CARD, CPU)
    )
    for found, expected in zip(there, here, strict=True):
        # Nearest neighbours and bins of a sample change where two samples are as near as rounding.
        np.testing.assert_allclose(found.value, expected.value, rtol=1e-2, atol=5e-3, err_msg=str(found))


def test_a_subset_probe_on_a_card_finds_the_losses_of_the_processor(data: ImageData) -> None:
    images = torch.from_numpy(Normalisation.from_images(data.train).apply(data.train.images[:400]))
    network = build_network("vgg8", 3, base_width=4, seed=0)
    probe = SubsetProbe(images, ["block3", "block5"])
    here = probe.losses(network)
    there = probe.losses(network.to(CARD))
    for layer, losses in here.items():
        # The network runs in the precision of the training around, 11 bits here.
        np.testing.assert_allclose(there[layer], losses, rtol=1e-2)


def test_a_tracker_changes_no_bit_of_a_training_on_a_card_and_leaves_nothing_there(
    data: ImageData, tmp_path: Path
) -> None:
    normalisation = Normalisation.from_images(data.train)
    images = torch.from_numpy(normalisation.apply(data.train.images)).to(CARD)
    labels = torch.from_numpy(data.train.labels).to(CARD)

    def trained(watched: bool) -> tuple[dict[str, torch.Tensor], torch.Tensor, list[int]]:
        torch.manual_seed(0)
        torch.cuda.manual_seed(0)
        dropout = torch.nn.Dropout(0.2)
        network = torch.nn.Sequential(dropout, build_network("vgg8", 3, base_width=4, seed=0)).to(CARD).train()
        optimiser = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
        tracker = PhaseTracker(
            network, images[:300].cpu(), ["1.block5"], tmp_path / "tracked", ProbeSchedule(first=1, ratio=2)
        )
        held = []
        for step in range(20):
            if watched:
                before = torch.cuda.memory_allocated()
                tracker.update(step)
                held.append(torch.cuda.memory_allocated() - before)
            part = slice(40 * step, 40 * step + 40)
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(images[part]), labels[part]).backward()
            optimiser.step()
        return network.state_dict(), torch.rand(3, device=CARD), held

    torch.backends.cudnn.deterministic = True
    try:
        alone, next_alone, _ = trained(False)
        watched, next_watched, held = trained(True)
    finally:
        torch.backends.cudnn.deterministic = False
    assert all(torch.equal(tensor, watched[key]) for key, tensor in alone.items())
    assert torch.equal(next_alone, next_watched)
    # The first probe may load a library's workspace, which stays.
    assert set(held[1:]) == {0}
