"""The adapters beside the trainers themselves, where these are installed, and what is said where they are not."""

import importlib
import json
import sys

import pytest
import torch
from torch import nn

from empirical.tracker.phase_tracker import PhaseTracker, ProbeSchedule, SubsetProbe
from empirical.tracker.update_count import UpdateCount
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
    monkeypatch.delitem(sys.modules, f"empirical.tracker.{extra}", raising=False)
    with pytest.raises(InputError, match=rf"pip install 'learning-phases\[{extra}\]'") as refused:
        importlib.import_module(f"empirical.tracker.{extra}")
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
    from empirical.tracker.lightning import LightningPhaseTracker

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


def adversarial(lightning, accumulate=1):
    """A module with a network and a critic, whose optimisers step in turn."""

    class Adversarial(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network, self.critic = small_network(), nn.Linear(2, 1)
            self.automatic_optimization = False

        def training_step(self, batch, number):
            ends = (number + 1) % accumulate == 0
            for optimiser, sign in zip(self.optimizers(), (1, -1), strict=True):
                if number % accumulate == 0:
                    optimiser.zero_grad()
                self.manual_backward(sign * self.critic(self.network(batch[0])).mean())
                if ends:
                    optimiser.step()

        def configure_optimizers(self):
            return [torch.optim.SGD(one.parameters(), 0.01) for one in (self.network, self.critic)]

    return Adversarial()


@pytest.mark.parametrize(("accumulate", "updates"), [(1, 32), (4, 8)])
def test_two_optimisers_count_the_updates_of_the_watched_network_once(lightning, tmp_path, accumulate, updates):
    from empirical.tracker.lightning import LightningPhaseTracker

    model = adversarial(lightning, accumulate)
    callback = LightningPhaseTracker(tracked(model.network, "1", tmp_path / "phases"))
    trainer = lightning.Trainer(
        max_epochs=4,
        accelerator="cpu",
        callbacks=[callback],
        default_root_dir=tmp_path,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data = torch.utils.data.TensorDataset(inputs(), labels())
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=16))
    assert trainer.global_step == 2 * updates
    assert callback.state_dict()["updates"] == updates
    assert callback.tracker.rule.steps == (0, *(step for step in (2, 4, 8, 16, 32) if step <= updates))
    assert not importlib.import_module("torch.optim.optimizer")._global_optimizer_post_hooks


@pytest.mark.parametrize(
    ("steps", "updates"),
    [
        pytest.param([], 0, id="accumulated"),
        pytest.param(["own"], 1, id="one"),
        pytest.param(["other"], 0, id="of another network"),
        pytest.param(["own", "other"], 1, id="both in turn"),
        pytest.param(["own", "own", "other"], 2, id="two within a batch"),
        pytest.param(["own", "part"], 1, id="two of its parts at once"),
        pytest.param(["idle"], 0, id="weights without a gradient"),
    ],
)
def test_an_update_is_a_step_of_an_optimiser_that_owns_weights_with_a_gradient(steps, updates):
    network, other = small_network(), nn.Linear(2, 2)
    for one in (network[1].weight, network[4].weight, other.weight):
        one.grad = torch.zeros_like(one)
    optimisers = {
        "own": torch.optim.SGD(network.parameters(), 0.1),
        "part": torch.optim.Adam([network[4].weight]),
        "idle": torch.optim.SGD([network[1].bias], 0.1),
        "other": torch.optim.SGD(other.parameters(), 0.1),
    }
    count = UpdateCount(network)
    count.start(0, optimisers.values())
    try:
        for batch in (1, 2):
            for name in steps:
                optimisers[name].step()
            assert count.batch_ended(7 * batch) == updates * batch  # whatever the trainer counts
    finally:
        count.stop()


def test_the_trainers_count_stands_for_optimisers_that_are_not_torchs():
    count = UpdateCount(small_network())
    count.start(3, [object()])
    assert [count.batch_ended(steps) for steps in (3, 4, 6)] == [0, 1, 3]
    count.stop()


@pytest.mark.parametrize("adapter", ["lightning", "transformers"])
def test_something_else_than_a_tracker_is_refused(adapter, lightning, transformers):
    module = importlib.import_module(f"empirical.tracker.{adapter}")
    with pytest.raises(InputError, match="tracker: is a Sequential; give a PhaseTracker"):
        getattr(module, f"{adapter.capitalize()}PhaseTracker")(small_network())


def tokens(count=128):
    """Sentences of four to twelve tokens, as a tokenizer gives them."""
    draw = torch.Generator().manual_seed(2)
    mask = (torch.arange(12) < torch.randint(4, 13, (count, 1), generator=draw)).long()
    return {"input_ids": torch.randint(1, 90, (count, 12), generator=draw) * mask, "attention_mask": mask}


def test_the_hugging_face_trainer_and_a_tracker_of_sentences(transformers, tmp_path):
    """A model that takes input_ids and attention_mask by name, watched from a BatchEncoding."""
    from empirical.tracker.transformers import TransformersPhaseTracker

    configuration = transformers.BertConfig(
        vocab_size=90, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    sentences = tokens()
    rows = [{name: one[index] for name, one in sentences.items()} | {"labels": index % 2} for index in range(32)]

    def trained(watched):
        torch.manual_seed(3)
        model = transformers.BertForSequenceClassification(configuration)
        callbacks = []
        if watched:
            given = transformers.BatchEncoding(sentences)
            layers = ["bert.embeddings", "bert.encoder.layer.0", "bert.pooler"]
            where, when = tmp_path / "phases", ProbeSchedule(first=2, ratio=2)
            rule = {"bert.encoder.layer.0": "mean"}
            callbacks = [TransformersPhaseTracker(PhaseTracker(model, given, layers, where, when, rows=rule))]
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"),
            max_steps=3,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=2,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        transformers.Trainer(model=model, args=arguments, train_dataset=rows, callbacks=callbacks).train()
        return model.state_dict(), callbacks

    plain, _ = trained(False)
    watched, (callback,) = trained(True)
    assert all(torch.equal(one, watched[name]) for name, one in plain.items())
    assert callback.tracker.rule.steps == (0, 2)
    assert callback.tracker.widths["bert.encoder.layer.0"] == "(12, 8) a sample, mean over positions, 8 features"


def test_lightning_and_a_tracker_of_sentences(lightning, tmp_path):
    from empirical.tracker.lightning import LightningPhaseTracker

    class Sentences(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(90, 6), nn.Linear(6, 2)

        def forward(self, input_ids, attention_mask):
            return self.head((self.embed(input_ids) * attention_mask[..., None]).mean(1))

        def training_step(self, batch, _):
            return self(**batch).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    model, sentences = Sentences(), tokens()
    tracker = PhaseTracker(
        model, sentences, ["embed", "head"], tmp_path / "p", ProbeSchedule(2, 2), rows={"embed": "mean"}
    )
    rows = [{name: one[index] for name, one in sentences.items()} for index in range(32)]
    trainer = lightning.Trainer(
        max_steps=4,
        accelerator="cpu",
        callbacks=[LightningPhaseTracker(tracker)],
        default_root_dir=tmp_path,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, torch.utils.data.DataLoader(rows, batch_size=4))
    assert tracker.rule.steps == (0, 2, 4)
    assert tracker.widths == {
        "embed": "(12, 6) a sample, mean over positions, 6 features",
        "head": "(2,) a sample, 2 features",
    }


def transformers_training(transformers, folder, steps, make_tracker, resume=False):
    """Train a model; returns its weights, the tracker and the last step."""
    from empirical.tracker.transformers import TransformersPhaseTracker

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
    from empirical.tracker.transformers import TransformersPhaseTracker

    (tmp_path / "checkpoint-9").mkdir()
    (tmp_path / "checkpoint-9" / "phase_tracker.json").write_text('{"rule"')
    state = transformers.TrainerState(global_step=9)
    arguments = transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to=[])
    callback = TransformersPhaseTracker(tracked(small_network(), "1", tmp_path / "p"))
    with pytest.raises(InputError, match=r"state: .* is damaged"):
        callback.on_train_begin(arguments, state, transformers.TrainerControl())
