"""The adapters beside the trainers themselves, where these are installed, and what is said where they are not."""

import importlib
import json
import sys

import pytest
import torch
from torch import nn

from empirical.phase_tracker import PhaseTracker, ProbeSchedule, SubsetProbe
from theory import InputError

# The trainers' own warnings (loaders without workers, deprecations) are not the subject here.
pytestmark = pytest.mark.filterwarnings("ignore")

NOT_INSTALLED = "needs the extra {0}: pip install 'learning-phases[{0}]'"


def small_network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 2))


def inputs():
    return torch.randn(128, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def labels():
    return (inputs().flatten(1)[:, 0] > 0).long()


def tracked(network, layer, folder, **settings):
    return PhaseTracker(network, inputs(), [layer], folder, ProbeSchedule(first=2, ratio=2), **settings)


def turning(monkeypatch):
    """A loss that falls to step 2 and rises from there, whatever the network."""
    curve = iter([[0.9], [0.5], [0.6], [0.7], [0.8], [0.9], [0.9]])
    monkeypatch.setattr(SubsetProbe, "losses", lambda self, _: dict.fromkeys(self.layers, next(curve)))


@pytest.mark.parametrize("extra", ["lightning", "transformers"])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(extra, monkeypatch):
    monkeypatch.setitem(sys.modules, extra, None)
    monkeypatch.setitem(sys.modules, f"{extra}.pytorch", None)
    monkeypatch.delitem(sys.modules, f"empirical.{extra}_adapter", raising=False)
    with pytest.raises(InputError, match=rf"pip install 'learning-phases\[{extra}\]'") as refused:
        importlib.import_module(f"empirical.{extra}_adapter")
    assert "\n" not in str(refused.value)


@pytest.fixture
def lightning():
    return pytest.importorskip("lightning.pytorch", reason=NOT_INSTALLED.format("lightning"))


@pytest.fixture
def transformers():
    pytest.importorskip("accelerate", reason=NOT_INSTALLED.format("transformers"))
    return pytest.importorskip("transformers", reason=NOT_INSTALLED.format("transformers"))


def lightning_training(lightning, folder, steps, make_tracker, checkpoint=None):
    """Train a module; returns its weights and the tracker."""
    from empirical.lightning_adapter import LightningPhaseTracker

    class Classifier(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = small_network()

        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    torch.manual_seed(3)
    model = Classifier()
    tracker = make_tracker(model.network) if make_tracker else None
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="cpu",
        callbacks=[LightningPhaseTracker(tracker)] if tracker else [],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data = torch.utils.data.TensorDataset(inputs(), labels())
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=16), ckpt_path=checkpoint)
    trainer.save_checkpoint(folder / "last.ckpt")
    return model.network.state_dict(), tracker, trainer.global_step


def test_lightning_trains_to_the_same_bits_and_resumes_with_the_tracker(lightning, tmp_path):
    def make(network):
        return tracked(network, "1", tmp_path / "phases")

    plain, _, _ = lightning_training(lightning, tmp_path / "plain", 9, None)
    watched, tracker, step = lightning_training(lightning, tmp_path / "watched", 9, make)
    assert step == 9
    assert all(torch.equal(one, watched[name]) for name, one in plain.items())
    assert tracker.rule.steps == (0, 2, 4, 8)
    _, resumed, step = lightning_training(
        lightning, tmp_path / "resumed", 17, make, checkpoint=tmp_path / "watched" / "last.ckpt"
    )
    assert step == 17
    assert resumed.rule.steps == (0, 2, 4, 8, 16)
    assert (resumed.rule.curve("1")[:4] == tracker.rule.curve("1")).all()


@pytest.mark.parametrize(("asked", "last"), [(False, 20), (True, 8)])
def test_lightning_stops_only_when_asked(lightning, tmp_path, monkeypatch, asked, last):
    turning(monkeypatch)
    _, tracker, step = lightning_training(
        lightning, tmp_path, 20, lambda network: tracked(network, "1", tmp_path / "p", stop_after_turning=asked)
    )
    assert step == last
    assert tracker.recommendation == 2


def transformers_training(transformers, folder, steps, make_tracker, resume=False):
    """Train a model; returns its weights, the tracker and the last step."""
    from empirical.transformers_adapter import TransformersPhaseTracker

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = small_network()

        def forward(self, pixels, labels=None):
            scores = self.network(pixels)
            return {"loss": nn.functional.cross_entropy(scores, labels), "logits": scores}

    torch.manual_seed(3)
    model = Classifier()
    tracker = make_tracker(model.network) if make_tracker else None
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=16,
        save_steps=9,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    rows = [{"pixels": one, "labels": label} for one, label in zip(inputs(), labels(), strict=True)]
    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        callbacks=[TransformersPhaseTracker(tracker)] if tracker else [],
    )
    trainer.train(resume_from_checkpoint=resume)
    return model.network.state_dict(), tracker, trainer.state.global_step


def test_the_hugging_face_trainer_trains_to_the_same_bits_and_resumes_with_the_tracker(transformers, tmp_path):
    def make(network):
        return tracked(network, "1", tmp_path / "phases")

    plain, _, _ = transformers_training(transformers, tmp_path / "plain", 9, None)
    watched, tracker, step = transformers_training(transformers, tmp_path / "watched", 9, make)
    assert step == 9
    assert all(torch.equal(one, watched[name]) for name, one in plain.items())
    assert tracker.rule.steps == (0, 2, 4, 8)
    _, resumed, step = transformers_training(transformers, tmp_path / "watched", 17, make, resume=True)
    assert step == 17
    assert resumed.rule.steps == (0, 2, 4, 8, 16)
    assert (resumed.rule.curve("1")[:4] == tracker.rule.curve("1")).all()
    file = tmp_path / "watched" / "checkpoint-17" / "phase_tracker.json"
    assert json.loads(file.read_text())["rule"] == resumed.rule.state_dict()


@pytest.mark.parametrize(("asked", "last"), [(False, 20), (True, 8)])
def test_the_hugging_face_trainer_stops_only_when_asked(transformers, tmp_path, monkeypatch, asked, last):
    turning(monkeypatch)
    _, tracker, step = transformers_training(
        transformers, tmp_path, 20, lambda network: tracked(network, "1", tmp_path / "p", stop_after_turning=asked)
    )
    assert step == last
    assert tracker.recommendation == 2


def test_a_damaged_state_beside_a_checkpoint_is_refused(transformers, tmp_path):
    from empirical.transformers_adapter import TransformersPhaseTracker

    (tmp_path / "checkpoint-9").mkdir()
    (tmp_path / "checkpoint-9" / "phase_tracker.json").write_text('{"rule"')
    state = transformers.TrainerState(global_step=9)
    arguments = transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to=[])
    callback = TransformersPhaseTracker(tracked(small_network(), "1", tmp_path / "p"))
    with pytest.raises(InputError, match=r"state: .* is damaged"):
        callback.on_train_begin(arguments, state, transformers.TrainerControl())
