"""The choice of a checkpoint: planted trainings whose best step is known, files of other frameworks, and bad calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from empirical import ChoosePlan, ChooseReport, TransferTarget, choose
from empirical.networks.checkpoint_file import with_weights_from
from empirical.networks.checkpoint_series import CheckpointSeries, default_layer, step_in
from empirical.probes.gain_curve import Verdict
from empirical.studies.choose.rows import unlabelled_choice
from theory import InputError

STEPS = (0, 1, 2, 4, 8, 16, 32, 64)
INPUTS = 12


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(INPUTS, 6), nn.ReLU(), nn.Linear(6, 3))


def state(step: int) -> dict[str, torch.Tensor]:
    """A layer that reads the target's direction, input 0, best at step 8."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        own = network()
        weights = 0.3 * torch.randn(6, INPUTS)
        weights[:, 0] = 0
        weights[:2, 0] = torch.tensor([1.0, -1.0]) * np.exp(-((np.log2(max(step, 0.5)) - 3) ** 2) / 4)
        own[0].weight.copy_(weights)
    return {name: one.clone() for name, one in own.state_dict().items()}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("run")
    for step in STEPS:
        save_file(state(step), folder / f"step-{step:08d}.safetensors")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def target() -> TransferTarget:
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((600, INPUTS)).astype(np.float32)
    labels = (inputs[:, 0] > 0).astype(np.int64)
    return TransferTarget.from_arrays(inputs, labels, "sign of input 0")


@pytest.fixture(scope="module")
def report(checkpoints: list[Path], target: TransferTarget) -> ChooseReport:
    return choose(checkpoints, network(), target)


def test_the_checkpoint_that_reads_the_target_is_taken(report: ChooseReport) -> None:
    assert report.verdict is Verdict.TAKE
    assert report.step in (4, 8, 16)
    assert report.layer == "1"
    assert report.curve is not None
    assert report.curve.lower[list(STEPS).index(report.step)] > 0
    assert any(f"take step {report.step}" in line for line in report.lines())
    assert max(map(len, report.lines())) <= 100


def test_few_labels_abstain_or_agree_and_say_how_many_more(checkpoints: list[Path], target: TransferTarget) -> None:
    few = choose(checkpoints, network(), target, ChoosePlan(labels_per_class=2))
    assert few.verdict is Verdict.UNDECIDED
    assert few.holds  # an abstention is an answer, no claim that fails
    assert few.step == few.leading_step
    assert few.content()["more_labels"] > 0


def test_numbers_are_scored_by_explained_variance(checkpoints: list[Path], target: TransferTarget) -> None:
    numbers = TransferTarget.from_arrays(target.inputs, target.inputs[:, 0] / 3, "input 0")
    found = choose(checkpoints, network(), numbers)
    assert found.step in (4, 8, 16)
    assert found.rows[0].accuracy is None
    assert found.curve is not None
    explained = np.array([row.explained_variance for row in found.rows])
    np.testing.assert_allclose(found.curve.raw, explained - explained[-1], atol=1e-12)


def test_without_labels_the_last_is_taken_and_reconstruction_is_called_weaker(
    checkpoints: list[Path], target: TransferTarget
) -> None:
    found = choose(checkpoints, network(), target, ChoosePlan(labels_per_class=0))
    assert found.step == STEPS[-1]
    assert found.holds
    assert found.leading_step == STEPS[unlabelled_choice(found.losses)]
    assert found.content()["weaker"]
    assert any("weaker" in line for line in found.lines())


@pytest.mark.parametrize(
    ("losses", "place"),
    [
        ([0.5, 0.5, 0.3, 0.2, 0.21, 0.4], 4),
        ([0.1, 0.5, 0.3, 0.2, 0.25, 0.4], 3),
        ([0.5, 0.4, 0.3, 0.2, 0.1], 4),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 4),
    ],
    ids=["within the tolerance", "random features reconstruct well", "still falling", "only rising"],
)
def test_reconstruction_chooses_after_a_turning_point_alone(losses: list[float], place: int) -> None:
    assert unlabelled_choice(np.array(losses)) == place


def test_the_network_is_left_as_it_was(checkpoints: list[Path], target: TransferTarget) -> None:
    own = network().train()
    before = {name: one.clone() for name, one in own.state_dict().items()}
    choose(checkpoints[:2], own, target)
    assert own.training
    assert all(torch.equal(one, before[name]) for name, one in own.state_dict().items())


def test_the_rules_in_use_are_compared(checkpoints: list[Path], target: TransferTarget, tmp_path: Path) -> None:
    found = choose(checkpoints, network(), target, ChoosePlan(compare=True), folder=tmp_path)
    assert found.rivals["last"] == STEPS[-1]
    assert found.rivals["10 % of training"] == 8
    assert found.rivals["direct probe"] == found.rivals["LogME"] == found.rivals["class separation"] == 8
    assert "best on the source" not in found.rivals
    assert ChooseReport.read(tmp_path).lines() == found.lines()
    assert any("LogME" in line for line in found.lines())


def test_a_report_is_read_back(report: ChooseReport, tmp_path: Path) -> None:
    report.save(tmp_path)
    assert (tmp_path / "choose.png").stat().st_size > 10_000
    assert ChooseReport.read(tmp_path).lines() == report.lines()


def hugging_face(folder: Path) -> Iterator[Path]:
    for step in STEPS:
        own = folder / f"checkpoint-{step}"
        own.mkdir(parents=True)
        save_file(state(step), own / "model.safetensors")
        yield own


def lightning(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    for step in STEPS:
        weights = {f"model.{name}": one for name, one in state(step).items()} | {"loss.weight": torch.ones(3)}
        torch.save({"state_dict": weights, "global_step": step, "epoch": 0}, folder / f"epoch=0-step={step}.ckpt")
        yield folder / f"epoch=0-step={step}.ckpt"


def plain(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    for step in STEPS:
        compiled = {f"_orig_mod.{name}": one for name, one in state(step).items()}
        torch.save(compiled, folder / f"net2_{step}.pt")
        yield folder / f"net2_{step}.pt"


@pytest.mark.parametrize("write", [hugging_face, lightning, plain])
def test_checkpoints_of_other_trainings_give_the_same_answer(
    write: object, tmp_path: Path, target: TransferTarget, report: ChooseReport
) -> None:
    paths = list(write(tmp_path / "run"))  # type: ignore[operator]
    found = choose(paths, network(), target)
    assert found.lines() == report.lines()


@pytest.mark.parametrize(
    ("name", "step"),
    [("step-00000512.safetensors", 512), ("epoch=3-step=900.ckpt", 900), ("checkpoint-500", 500), ("net2_17.pt", 17)],
)
def test_the_step_is_read_from_the_name(name: str, step: int) -> None:
    assert step_in(Path(name)) == step


def test_weights_of_two_equal_parts_are_not_confused(tmp_path: Path) -> None:
    """Two prefixes that fit, as of a student and a teacher: neither is taken."""
    both = {f"{part}.{name}": one for part in ("student", "teacher") for name, one in state(1).items()}
    save_file({name: one.clone() for name, one in both.items()}, tmp_path / "step-1.safetensors")
    with pytest.raises(InputError, match="differ in"):
        with_weights_from(network(), tmp_path / "step-1.safetensors")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("step-1.pt", "one path"),
        (["step-1.pt"], "at least two"),
        (["a.pt", "step-2.pt"], "holds no step"),
        (["a/step-2.pt", "b/step-2.pt"], "both of step 2"),
    ],
    ids=["text", "one", "no step", "twice"],
)
def test_bad_series_are_refused(given: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CheckpointSeries.from_paths(given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (np.zeros((50, 3)), None, "all inputs are the same"),
        (np.full((50, 3), np.nan), None, "NaN"),
        (np.eye(3), None, "at least 40"),
        (np.eye(50), np.zeros(50, dtype=int), "1 class"),
        (np.eye(50), np.zeros(49, dtype=int), "49|labels"),
        (np.eye(50), np.full(50, np.nan), "labels"),
    ],
    ids=["constant", "nan", "few", "one class", "lengths", "nan labels"],
)
def test_bad_targets_are_refused(inputs: np.ndarray, labels: np.ndarray | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TransferTarget.from_arrays(inputs, labels)


def test_a_class_with_too_few_labels_is_named(checkpoints: list[Path], target: TransferTarget) -> None:
    with pytest.raises(InputError, match="labels_per_class: class"):
        choose(checkpoints, network(), target, ChoosePlan(labels_per_class=599))


def test_a_network_without_linear_layers_asks_for_a_layer() -> None:
    with pytest.raises(InputError, match="name the layer"):
        default_layer(nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU()))


def test_inputs_that_the_network_does_not_take_are_refused(checkpoints: list[Path]) -> None:
    """With the shape of the inputs and the network's own words."""
    narrow = TransferTarget.from_arrays(np.random.default_rng(0).standard_normal((80, 3)), np.arange(80) % 2)
    with pytest.raises(
        InputError, match=r"step 0: inputs: have shape \(n, 3\), which the network does not take \(mat1"
    ):
        choose(checkpoints, network(), narrow)
