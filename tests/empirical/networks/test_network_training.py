"""Training with checkpoints: the optimiser's rule, resumption to the bit, faults."""

import pickle
import platform
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from empirical.data import tensor_file
from empirical.data.images import ImageSplit, Normalisation
from empirical.networks.network_training import (
    TrainingPlan,
    TrainingRun,
    batch_indices,
    checkpoint_steps,
    image_batches,
)
from empirical.networks.networks import build_network
from simulation.runs.run_folder import RunFolder
from tests.processes import ready_processes
from theory import InputError


def images(count=90, seed=0):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return ImageSplit(pixels, np.arange(count) % 3)


def run_in(folder, **changes):
    split = images()
    plan = TrainingPlan(
        **{"network": "vgg8", "base_width": 2, "steps": 12, "batch_size": 32, "step_size": 0.05} | changes
    )
    return TrainingRun(plan, split, 3, Normalisation.from_images(split), RunFolder(folder), torch.device("cpu"))


def weights(run, step):
    return run.network_at(step).state_dict()


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


def test_checkpoints_are_at_powers_of_two_and_at_the_ends():
    np.testing.assert_array_equal(checkpoint_steps(20), [0, 1, 2, 4, 8, 16, 20])
    np.testing.assert_array_equal(checkpoint_steps(8192)[[0, 1, -1]], [0, 1, 8192])


def test_an_epoch_takes_every_image_once_in_an_order_of_its_own():
    epochs = [np.concatenate([batch_indices(5, 3 * epoch + step, 70, 32) for step in range(3)]) for epoch in range(2)]
    for order in epochs:
        np.testing.assert_array_equal(np.sort(order), np.arange(70))
    assert not np.array_equal(*epochs)


def test_the_weights_are_those_of_torchs_own_loop(tmp_path):
    run = run_in(tmp_path, momentum=0.5, weight_decay=0.01, seed=4)
    run.train_to(12)
    network = build_network("vgg8", 3, base_width=2, seed=4).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.5, weight_decay=0.01)
    inputs = torch.from_numpy(run.normalisation.apply(run.split.images))
    labels = torch.from_numpy(run.split.labels)
    for step in range(12):
        chosen = batch_indices(4, step, 90, 32)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs[chosen]), labels[chosen]).backward()
        optimiser.step()
    for name, tensor in weights(run, 12).items():
        # Another memory layout sums in another order; float32 errors grow over twelve steps.
        torch.testing.assert_close(tensor, network.state_dict()[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("stop", [0, 1, 5, 11])
def test_a_run_in_two_parts_is_equal_to_one_in_one_to_the_bit(tmp_path, stop):
    whole, parts = run_in(tmp_path / "whole"), run_in(tmp_path / "parts")
    whole.train_to(12)
    parts.train_to(stop)
    run_in(tmp_path / "parts").train_to(12)
    for step in checkpoint_steps(12):
        assert_equal(weights(whole, step), weights(parts, step))


def test_a_longer_plan_goes_on_from_a_shorter_one(tmp_path):
    run_in(tmp_path / "first", steps=6).train_to(6)
    longer = run_in(tmp_path / "first", steps=12)
    longer.train_to(12)
    whole = run_in(tmp_path / "whole")
    whole.train_to(12)
    assert_equal(weights(whole, 12), weights(longer, 12))


def test_a_deleted_checkpoint_is_made_again(tmp_path):
    run = run_in(tmp_path)
    run.train_to(12)
    before = weights(run, 4)
    run.checkpoint(4).unlink()
    run.train_to(12)
    assert_equal(before, weights(run, 4))


def train_in(folder, threads):
    """The training that is killed; a target for processes."""
    torch.set_num_threads(threads)
    run_in(folder, steps=64).train_to(64)


def test_a_killed_training_resumes_to_the_same_weights(tmp_path):
    killed = tmp_path / "killed"
    for checkpoints in (2, 4):  # of 8
        process = ready_processes().Process(target=train_in, args=(killed, torch.get_num_threads()))
        process.start()
        while len(list(killed.glob("checkpoints/step-*"))) < checkpoints:
            assert process.is_alive(), "the training ended before it was killed"
            time.sleep(0.001)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the training ended before it was killed"
        process.close()
    run_in(killed, steps=64).train_to(64)
    whole = run_in(tmp_path / "whole", steps=64)
    whole.train_to(64)
    for step in checkpoint_steps(64):
        assert_equal(weights(whole, step), weights(run_in(killed, steps=64), step))


def test_batches_cover_the_split_in_order():
    split = images(10)
    seen = list(image_batches(split, Normalisation.from_images(split), 4, torch.device("cpu")))
    assert [len(labels) for _, labels in seen] == [4, 4, 2]
    whole = torch.cat([inputs for inputs, _ in seen])
    # The training split is normalised: mean 0 and variance 1 in every channel, to float32.
    torch.testing.assert_close(whole.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.var(dim=(0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


def test_divergence_names_the_step_size(tmp_path):
    with pytest.raises(InputError, match=r"step_size: training diverged at step \d+; give less than 1e\+20"):
        run_in(tmp_path, step_size=1e20).train_to(12)


@pytest.mark.parametrize("change", [{"seed": 1}, {"momentum": 0.8}, {"network": "resnet10"}])
def test_a_folder_of_another_run_is_refused(tmp_path, change):
    run_in(tmp_path).train_to(2)
    with pytest.raises(InputError, match="of other settings, data or seed"):
        run_in(tmp_path, **change)


class Planted:
    """What a hostile pickle does on loading."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code in a pickle was run')",))


@pytest.mark.parametrize("content", ["truncated", "pickle", "text"])
def test_a_damaged_or_foreign_checkpoint_is_refused_in_one_line(tmp_path, content):
    run = run_in(tmp_path)
    run.train_to(1)
    whole = run.checkpoint(1).read_bytes()
    foreign = {"truncated": whole[: len(whole) // 2], "pickle": pickle.dumps(Planted()), "text": b"hello"}
    run.checkpoint(1).write_bytes(foreign[content])
    with pytest.raises(InputError, match="is not an intact safetensors file") as caught:
        run.network_at(1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("width", "layout"), [(2, torch.contiguous_format), (8, torch.channels_last)])
def test_narrow_residual_networks_are_not_trained_in_the_layout_that_overruns_memory(tmp_path, width, layout):
    """In channels-last order the gradient of their shortcuts ended the process: ``double free or corruption``."""
    run = run_in(tmp_path, network="resnet10", base_width=width)
    network, seen = run._new_network(), []
    shortcut = next(part for part in network.modules() if getattr(part, "kernel_size", 0) == (1, 1))

    class SeenError(Exception):
        pass

    def stop(_, inputs):  # before the gradients
        seen.append(inputs[0])
        raise SeenError

    shortcut.register_forward_pre_hook(stop)
    with pytest.raises(SeenError):
        run._advance(network, torch.optim.SGD(network.parameters(), 0.1), 0)
    assert seen[0].is_contiguous(memory_format=layout)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "lenet"}, "network: 'lenet' is unknown"),
        ({"steps": 0}, "steps"),
        ({"batch_size": 1}, "batch_size"),
        ({"batch_size": 91}, "batch_size: 91 exceeds the 90 images"),
        ({"step_size": float("nan")}, "step_size"),
        ({"momentum": 1.0}, "momentum"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"base_width": 0}, "base_width"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_plans_are_named(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        run_in(tmp_path, **change)


@pytest.mark.parametrize("before", [(False, True), (True, False)])
def test_convolutions_repeat_while_a_training_lasts_and_the_callers_choice_comes_back(tmp_path, monkeypatch, before):
    """Also after a fault; the setting acts on CUDA cards alone and can be read anywhere."""
    chosen = torch.backends.cudnn
    monkeypatch.setattr(chosen, "deterministic", before[0])
    monkeypatch.setattr(chosen, "benchmark", before[1])
    seen = []

    def looks(steps):
        for step in steps:
            seen.append((chosen.deterministic, chosen.benchmark))
            yield step

    run_in(tmp_path / "whole").train_to(3, looks)
    with pytest.raises(InputError, match="diverged"):
        run_in(tmp_path / "diverging", step_size=1e30).train_to(12, looks)
    assert set(seen) == {(True, False)}
    assert (chosen.deterministic, chosen.benchmark) == before


def test_what_killed_trainings_left_half_written_is_removed(tmp_path):
    # The folder tells its checkpoints and its state apart from files that have no name yet.
    run_in(tmp_path).train_to(1)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    name = f".{platform.node()}-{ended.pid}-0123abcd.state.safetensors"
    for folder in (tmp_path, tmp_path / "checkpoints"):
        (folder / name).write_bytes(b"half")
    before = {path.name for path in tmp_path.rglob("*")} - {name}
    run_in(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == before


def test_an_intact_checkpoint_of_other_settings_is_not_called_damaged(tmp_path):
    run_in(tmp_path).train_to(1)
    with pytest.raises(InputError) as caught:
        run_in(tmp_path, batch_size=7)
    assert str(caught.value).endswith("is of other settings, data or seed; give another folder")


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path, monkeypatch):
    run = run_in(tmp_path)
    run.train_to(0)
    before = sorted(tmp_path.rglob("*"))

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(tensor_file, "save_file", full)
    with pytest.raises(OSError, match=r"No space left on device: .*step-\d+\.safetensors"):
        run.train_to(1)
    assert sorted(tmp_path.rglob("*")) == before
