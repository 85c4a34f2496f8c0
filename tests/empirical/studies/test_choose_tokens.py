"""The choice of a checkpoint from tokens: masks, identities and names of entries count as they do for the network."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from typer.testing import CliRunner

from empirical import ChoosePlan, ChooseReport, PhaseTracker, TransferTarget, choose
from empirical.networks.checkpoint_file import with_weights_from
from empirical.networks.checkpoint_series import default_layer
from empirical.probes.gain_curve import Verdict
from phases import app
from theory import InputError

STEPS = (0, 1, 2, 4, 8, 16, 32)
WORDS, LENGTH, WIDTH, SENTENCES = 40, 9, 6, 400
TOPIC = 7  # the word that the target asks for


class Sentences(nn.Module):
    """Embeds tokens and reads a class from their mean, without the masked ones."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, WIDTH)
        self.classifier = nn.Linear(WIDTH, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return self.classifier((self.embed(input_ids) * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


def planted(step: int) -> Sentences:
    """Words look alike but for the topic, which stands out most at step 4."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        own = Sentences()
        own.embed.weight.mul_(0.3)
        own.embed.weight[:, 0] = 0
        own.embed.weight[TOPIC, 0] = 3 * np.exp(-((np.log2(max(step, 0.5)) - 2) ** 2))
        own.embed.weight[TOPIC, 1:] = own.embed.weight[:, 1:].mean(0)
    return own


def sentences() -> tuple[dict[str, Tensor], np.ndarray]:
    draw = np.random.default_rng(0)
    ids = draw.integers(1, WORDS, (SENTENCES, LENGTH))
    mask = (np.arange(LENGTH) < draw.integers(4, LENGTH + 1, (SENTENCES, 1))).astype(np.int64)
    has = draw.random(SENTENCES) < 0.5
    ids[ids == TOPIC] = TOPIC + 1
    ids[has, 0] = TOPIC
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}, has.astype(np.int64)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("run")
    for step in STEPS:
        own = root / f"checkpoint-{step}"
        own.mkdir()
        save_file(planted(step).state_dict(), own / "model.safetensors")
    return sorted(root.iterdir())


MEAN = ChoosePlan(layer="embed", rows="mean")


@pytest.fixture(scope="module")
def report(folders: list[Path]) -> ChooseReport:
    return choose(folders, Sentences(), TransferTarget.from_arrays(*sentences()), MEAN)


def test_the_checkpoint_that_shows_the_topic_is_taken(report: ChooseReport, tmp_path: Path) -> None:
    assert report.verdict is Verdict.TAKE
    assert report.step in (2, 4, 8)
    report.save(tmp_path)
    assert ChooseReport.read(tmp_path).plan.rows == "mean"


def test_what_the_mask_leaves_out_changes_nothing(folders: list[Path], report: ChooseReport) -> None:
    """Masked positions hold other words, the topic among them: no number changes, of accuracy or reconstruction."""
    given, labels = sentences()
    known = given["attention_mask"] == 1
    other = torch.where(known, given["input_ids"], torch.full_like(given["input_ids"], TOPIC))
    found = choose(folders, Sentences(), TransferTarget.from_arrays(given | {"input_ids": other}, labels), MEAN)
    assert [row.accuracy for row in found.rows] == [row.accuracy for row in report.rows]
    np.testing.assert_allclose(found.losses, report.losses, rtol=1e-6)
    unmasked = TransferTarget.from_arrays({"input_ids": other}, labels)
    assert choose(folders, Sentences(), unmasked, MEAN).rows[3].accuracy != report.rows[3].accuracy


def test_tokens_in_one_tensor_are_identities_and_other_integers_numbers(folders: list[Path]) -> None:
    given, labels = sentences()
    one = TransferTarget.from_arrays(given["input_ids"], labels)
    named = TransferTarget.from_arrays({"input_ids": given["input_ids"]}, labels)
    answers = [choose(folders, Sentences(), own, MEAN).lines() for own in (one, named)]
    assert answers[0] == answers[1]
    assert isinstance(numbers := TransferTarget.from_arrays(given["input_ids"].to(torch.uint8)).inputs, Tensor)
    assert numbers.dtype is torch.float32


def test_tokens_for_a_network_of_numbers_are_refused_in_a_line(tmp_path: Path) -> None:
    for step in (1, 2):
        save_file(nn.Linear(LENGTH, 2).state_dict(), tmp_path / f"step-{step}.safetensors")
    given, labels = sentences()
    with pytest.raises(InputError, match=r"step 1: inputs: are torch.int64, identities of tokens"):
        choose(
            sorted(tmp_path.iterdir()),
            nn.Linear(LENGTH, 2),
            TransferTarget.from_arrays(given["input_ids"], labels),
            ChoosePlan(layer=""),
        )


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "several lengths or none"),
        ({"input_ids": torch.ones(50, 3), "more": torch.ones(49, 3)}, "several lengths or none"),
        ({"input_ids": torch.ones(50, 3, dtype=torch.int64)}, "all inputs are the same"),
        ({"input_ids": torch.eye(50).long()[:30]}, "at least 40 inputs"),
        ({"pixel_values": torch.full((50, 3), torch.nan)}, "NaN"),
    ],
    ids=["none", "lengths", "constant", "few", "nan"],
)
def test_bad_inputs_by_name_are_refused(inputs: dict[str, Tensor], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TransferTarget.from_arrays(inputs)


def test_what_is_reconstructed_of_several_entries_is_named() -> None:
    both = {"input_ids": torch.eye(50).long(), "decoder_input_ids": torch.eye(50).long()}
    with pytest.raises(InputError, match="give one of input_ids, decoder_input_ids"):
        _ = TransferTarget.from_arrays(both).reconstructed
    assert TransferTarget.from_arrays(both, reconstruct="input_ids").reconstructed.shape == (50, 50 * 2)


def test_a_tracker_with_rules_for_several_layers_watches_a_target(tmp_path: Path) -> None:
    """Means of the deciding layer, on the tokens that count, are what the target is read from."""
    given, labels = sentences()
    rows = {"embed": "mean", "classifier": "flatten"}
    network = planted(4)
    tracker = PhaseTracker(network, given, ["classifier", "embed"], tmp_path, rows=rows, target=(given, labels))
    for step, shown in ((0, 0), (16, 4), (23, 32)):
        network.load_state_dict(planted(shown).state_dict())
        tracker.update(step)
    assert tracker.recommendation == 16
    again = PhaseTracker(network, given, ["classifier", "embed"], tmp_path / "b", rows=rows, target=(given, labels))
    again.load_state_dict(tracker.state_dict())
    other = given | {"attention_mask": torch.ones_like(given["attention_mask"])}
    with pytest.raises(InputError, match="state: was measured on another target"):
        PhaseTracker(
            network, given, ["classifier", "embed"], tmp_path / "c", rows=rows, target=(other, labels)
        ).load_state_dict(tracker.state_dict())


def test_the_command_reads_entries_by_name(
    folders: list[Path], report: ChooseReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, labels = sentences()
    np.savez(tmp_path / "target.npz", labels=labels, **{name: one.numpy() for name, one in given.items()})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "planted_sentences", SimpleNamespace(own=Sentences))
    call = ["choose", *map(str, folders), "--network", "planted_sentences:own", "--target", "target.npz"]
    done = CliRunner().invoke(app, [*call, "--layer", "embed", "--rows", "mean", "--json", "--out", "out"])
    assert done.exit_code == 0, done.output
    assert ChooseReport.read(tmp_path / "out").rows == report.rows


class Tied(nn.Module):
    """A language model whose output weights are those of its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(WORDS, WIDTH), nn.Linear(WIDTH, WORDS, bias=False)
        self.head.weight = self.embed.weight


@pytest.mark.parametrize("name", ["embed.weight", "head.weight"])
def test_weights_under_two_names_are_found_under_one(name: str, tmp_path: Path) -> None:
    weights = torch.randn(WORDS, WIDTH, generator=torch.Generator().manual_seed(0))
    save_file({name: weights}, tmp_path / "step-1.safetensors")
    own = with_weights_from(Tied(), tmp_path / "step-1.safetensors")
    assert torch.equal(own.head.weight, weights)
    assert own.head.weight is own.embed.weight
    apart = Tied()
    apart.head.weight = nn.Parameter(weights.clone())
    with pytest.raises(InputError, match="differ in"):
        with_weights_from(apart, tmp_path / "step-1.safetensors")


class Angles(nn.Module):
    """Positions as fixed numbers, as rotary embeddings hold them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.ones(3))


def test_the_default_layer_is_none_of_fixed_numbers() -> None:
    assert default_layer(nn.Sequential(nn.LayerNorm(4), Angles(), nn.Linear(4, 2))) == "0"
    assert default_layer(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 2))) == "1"
