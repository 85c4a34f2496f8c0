"""The tracker beside small trainings: it changes nothing, resumes, keeps the right checkpoints and names faults."""

import json
import types
import warnings
from itertools import pairwise
from unittest.mock import Mock, call

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import empirical.tracker.phase_tracker as module_under_test
from empirical.moments.activation_moments import JointAccumulator
from empirical.probes.reconstruction_probe import BudgetedDecoders
from empirical.tracker.phase_tracker import PhaseTracker, ProbeSchedule, SubsetProbe
from empirical.tracker.probe_inputs import probe_inputs
from tests.processes import ready_processes
from theory import InputError

SCHEDULE = ProbeSchedule(first=2, ratio=2)


class Noisy(nn.Module):
    """Draws random numbers in evaluation mode as well."""

    def forward(self, inputs):
        return inputs + 0.01 * torch.rand_like(inputs)


def small_network(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), Noisy())
        return nn.Sequential(body, nn.Flatten(), nn.Linear(4 * 16, 5))


def images(count=80, seed=1):
    return torch.randn(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))


def labels(inputs):
    return (inputs.flatten(1)[:, 0] > 0).long()


class Training:
    """A training with dropout, whose random numbers come from torch's own generator."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.network = small_network()
        self.optimiser = torch.optim.SGD(self.network.parameters(), 0.05, momentum=0.9)

    def step(self):
        inputs = torch.randn(16, 3, 6, 6)
        self.optimiser.zero_grad()
        nn.functional.cross_entropy(self.network(inputs), labels(inputs)).backward()
        self.optimiser.step()


def tracked(network, folder, layers=("0",), inputs=None, **settings):
    given = images() if inputs is None else inputs
    return PhaseTracker(network, given, list(layers), folder, settings.pop("schedule", SCHEDULE), **settings)


def test_weights_and_random_numbers_are_the_same_to_the_bit_with_and_without(tmp_path):
    plain = Training()
    for _ in range(10):
        plain.step()
    after_plain = torch.rand(3)
    watched = Training()
    tracker = tracked(watched.network, tmp_path)
    for step in range(10):
        tracker.update(step)
        watched.step()
    tracker.update(10)
    assert tracker.rule.steps == (0, 2, 4, 8)
    assert torch.equal(torch.rand(3), after_plain)
    other = watched.network.state_dict()
    assert all(torch.equal(one, other[name]) for name, one in plain.network.state_dict().items())


def test_the_loss_is_that_of_the_regularised_decoder_on_inputs_it_was_not_fitted_to():
    """Against the same decoders, from moments of both parts taken in one batch each; products are float32."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 7)).eval()
    inputs = images(200)
    order = np.random.default_rng(0).permutation(200)
    moments = []
    for rows in (inputs[order[50:]], inputs[order[:50]]):
        accumulator = JointAccumulator(2)
        accumulator.update(network(rows), rows, torch.zeros(len(rows), dtype=torch.int64))
        moments.append(accumulator.result())
    expected = BudgetedDecoders.from_moments(*moments).regularised().relative
    groups = SubsetProbe(inputs, ["1"]).losses(network)["1"]
    assert groups.shape == (25,)
    assert groups.mean() == pytest.approx(expected, rel=1e-6)
    assert groups.std() > 0


@pytest.mark.parametrize("part", ["fitted", "scored"])
def test_a_part_that_does_not_vary_is_refused_before_any_probe(part):
    inputs = images(80)
    order = np.random.default_rng(0).permutation(80)
    rows = order[20:] if part == "fitted" else order[:20]
    inputs[rows] = inputs[rows[0]].clone()
    with pytest.raises(InputError, match="inputs: hold NaN, infinity or do not vary"):
        SubsetProbe(inputs, ["0"])


def test_batch_normalisation_is_measured_on_at_most_five_hundred_inputs():
    class Watched(nn.BatchNorm2d):
        def forward(self, inputs):
            if self.training:
                seen(len(inputs))
            return super().forward(inputs)

    seen = Mock()  # a list in this function would be put back after the probe
    network = small_network()
    network[0][1] = Watched(4)
    SubsetProbe(images(900), ["0"]).losses(network)
    assert seen.call_args_list == [call(250), call(250)]


def test_more_features_than_samples_never_reconstruct_by_over_fitting():
    """White noise seen through random features: with 150 samples for 400 features hardly anything is known of it."""
    torch.manual_seed(3)
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 400), nn.ReLU())
    loss = SubsetProbe(images(200), ["2"]).losses(network)["2"].mean()
    assert 0.3 < loss < 1.05


def test_the_probe_sees_an_identity_as_lossless_and_a_constant_as_knowing_nothing():
    class Constant(nn.Module):
        def forward(self, inputs):
            return torch.ones(inputs.shape[0], 3)

    network = nn.Sequential(nn.Identity(), Constant())
    inputs = images(400)[:, :, :2, :2]
    losses = SubsetProbe(inputs, ["0", "1"]).losses(network)
    assert losses["0"].mean() < 1e-6  # the smallest penalty of cross-validation
    # The mean of 300 fitting inputs differs from that of 100 held-out ones by their sampling errors.
    assert losses["1"].mean() == pytest.approx(1, abs=3 * (1 / 300 + 1 / 100))


def test_statistics_of_batch_normalisation_do_not_come_from_the_training():
    network = small_network()
    del network[0][4]
    probe = SubsetProbe(images(), ["0"])
    before = probe.losses(network)["0"]
    network[0][1].running_mean.fill_(100.0)
    network[0][1].running_var.fill_(50.0)
    assert np.array_equal(probe.losses(network)["0"], before)


def test_the_schedule_is_log_spaced_from_the_first_step_on():
    schedule = ProbeSchedule()
    steps = [0]
    while steps[-1] < 1000:
        steps.append(schedule.after(steps[-1]))
    assert steps == [0, 16, 23, 32, 45, 64, 91, 128, 362, 724, 1024]
    assert [ProbeSchedule(least_gap=1).after(step) for step in (128, 181, 256)] == [181, 256, 362]
    # A ratio so small that rounding repeats steps still goes on.
    assert ProbeSchedule(1, 1.01).after(7) == 8
    assert ProbeSchedule(1, 1 + 1e-12).after(7) == 8
    assert ProbeSchedule(16, 1e200).after(16) > 10**100


def test_a_probe_of_seven_steps_is_cheap_from_step_128_on_and_in_whole():
    """The default schedule beside VGG-8 at batches of 128, whose probe of 2,000 images costs about seven steps."""
    cost, schedule = 7, ProbeSchedule()
    steps = [0]
    while steps[-1] < 8192:
        steps.append(schedule.after(steps[-1]))
    assert steps[-1] == 8192
    assert len(steps) * cost / 8192 < 0.015
    assert all(cost / (after - step) < 0.05 for step, after in pairwise(steps) if step >= 128)


class Clock:
    """A clock that the test advances."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_budget_bounds_every_gap_from_step_128_on_and_wastes_nothing(tmp_path, monkeypatch):
    """Steps of one second; probes of 20 seconds, and of 60 in a slow spell."""
    clock = Clock()
    monkeypatch.setattr(module_under_test.time, "perf_counter", clock)
    costs = {}

    def losses(self, network):
        costs[clock.now - sum(costs.values())] = 60.0 if len(costs) == 9 else 20.0
        clock.now += list(costs.values())[-1]
        return {"0": np.array([0.5])}

    monkeypatch.setattr(SubsetProbe, "losses", losses)
    tracker = PhaseTracker(small_network(), images(), ["0"], tmp_path, budget=0.05)
    for step in range(6001):
        tracker.update(step)
        clock.now += 1
    steps = tracker.rule.steps
    assert steps[:8] == (0, 16, 23, 32, 45, 64, 91, 128)
    gaps = {step: after - step for step, after in pairwise(steps[7:])}
    spent = dict(zip(steps, costs.values(), strict=True))
    assert all(spent[step] / gap <= 0.05 for step, gap in gaps.items())
    # A probe comes at the first step that is due and affordable.
    schedule = ProbeSchedule()
    assert all(gap == max(schedule.after(step) - step, 20 * spent[step]) for step, gap in gaps.items())
    assert any(spent[step] == 60 for step in gaps)
    free = PhaseTracker(small_network(), images(), ["0"], tmp_path / "free")
    for step in range(1025):
        free.update(step)
    assert free.rule.steps[8:] == (362, 724, 1024)


def test_a_loop_that_calls_seldom_is_probed_at_the_next_call(tmp_path):
    tracker = tracked(small_network(), tmp_path)
    for step in (3, 3, 5, 7, 20, 30, 33):
        tracker.update(step)
    assert tracker.rule.steps == (3, 5, 20, 33)


def scripted(monkeypatch, curve):
    """Losses that a probe is made to find, one after the other."""
    values = iter(curve)
    monkeypatch.setattr(SubsetProbe, "losses", lambda *_: {"0": np.array([next(values)])})


def test_the_recommended_checkpoint_is_the_network_at_the_smallest_loss(tmp_path, monkeypatch):
    scripted(monkeypatch, [0.9, 0.6, 0.4, 0.5, 0.6])
    training = Training()
    tracker = tracked(training.network, tmp_path, stop_after_turning=True)
    kept, stops = [], []
    weights = {}
    for step in range(17):
        tracker.update(step)
        weights[step] = training.network.state_dict()["2.weight"].clone()
        kept.append(sorted(int(file.stem[5:]) for file in tmp_path.glob("step-*")))
        stops.append(tracker.should_stop)
        training.step()
    assert kept[0] == [0]
    assert kept[2] == [2]
    assert kept[4] == [4]
    assert kept[8] == [4, 8]  # the latest is recommended as long as no turn is confirmed
    assert kept[16] == [4]
    assert tracker.recommendation == 4
    assert stops == [False] * 16 + [True]
    assert tracker.checkpoint == tmp_path / "step-00000004.safetensors"
    loaded = load_file(tracker.checkpoint)
    assert set(loaded) == set(training.network.state_dict())
    assert torch.equal(loaded["2.weight"], weights[4])
    assert "turned at step" in tracker.reason


def test_no_stop_unless_it_was_asked_for(tmp_path, monkeypatch):
    scripted(monkeypatch, [0.9, 0.4, 0.5, 0.6])
    tracker = tracked(small_network(), tmp_path)
    for step in (0, 2, 4, 8):
        tracker.update(step)
    assert tracker.rule.turned
    assert not tracker.should_stop


def test_a_resumed_training_gets_the_same_advice(tmp_path):
    def run(tracker, training, steps):
        for step in steps:
            tracker.update(step)
            training.step()

    whole = Training()
    one = tracked(whole.network, tmp_path / "one")
    run(one, whole, range(20))

    begun = Training()
    first = tracked(begun.network, tmp_path / "two")
    run(first, begun, range(7))
    state = json.loads(json.dumps(first.state_dict()))
    second = tracked(begun.network, tmp_path / "two")
    second.load_state_dict(state)
    run(second, begun, range(7, 20))

    assert second.rule.state_dict() == one.rule.state_dict()
    assert (second.recommendation, second.reason) == (one.recommendation, one.reason)
    names = [sorted(file.name for file in (tmp_path / folder).iterdir()) for folder in ("one", "two")]
    assert names[0] == names[1]
    assert second.share > 0


def test_nan_in_the_activations_names_layer_and_step_and_ends_the_probes_alone(tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 6))
    tracker = tracked(network, tmp_path, ["1"])
    tracker.update(0)
    with torch.no_grad():
        network[1].weight[0, 0] = float("nan")
    with pytest.warns(RuntimeWarning, match=r"step 2: layers: '1' gives \d+ NaN or infinite activations"):
        tracker.update(2)
    tracker.update(4)
    assert tracker.rule.steps == (0,)
    assert tracker.recommendation == 0
    assert "probes ended at step 2: layers: '1' gives" in tracker.reason
    resumed = tracked(network, tmp_path, ["1"])
    resumed.load_state_dict(tracker.state_dict())
    assert resumed.reason == tracker.reason


def test_activations_too_large_to_multiply_name_their_layer(tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 6))
    tracker = tracked(network, tmp_path, ["1"])
    tracker.update(0)
    with torch.no_grad():
        network[1].weight *= 1e30
    with pytest.warns(RuntimeWarning, match=r"step 2: layers: '1': activations: reach"):
        tracker.update(2)


def test_nan_before_a_batch_normalisation_names_its_layer_and_the_step(tmp_path):
    network = small_network()
    with torch.no_grad():
        network[0][0].bias[0] = float("nan")
    with pytest.raises(InputError, match=r"step 8: batches: the inputs of layer 0\.1 hold NaN"):
        tracked(network, tmp_path).update(8)


def test_the_share_is_the_time_of_the_probes_over_that_of_the_rest(tmp_path, monkeypatch):
    clock = iter([0.0, 2.0, 2.0, 12.0, 12.0, 22.0, 27.0, 27.0])
    monkeypatch.setattr(module_under_test.time, "perf_counter", lambda: next(clock))
    scripted(monkeypatch, [0.9, 0.8])
    tracker = tracked(small_network(), tmp_path)
    tracker.update(0)  # from 0 to 2
    assert np.isnan(tracker.share)
    tracker.update(1)  # at 12
    tracker.update(2)  # from 22 to 27
    assert tracker.share == pytest.approx((2 + 5) / (10 + 10))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, at the import of its compiler
def test_a_compiled_or_wrapped_network_is_known_by_its_own_layers(tmp_path):
    network = small_network()
    wrapped = nn.DataParallel(network)
    compiled = torch.compile(network)  # nothing is compiled before the first call
    reasons = []
    for number, one in enumerate((network, wrapped, compiled)):
        tracker = tracked(one, tmp_path / str(number))
        tracker.update(0)
        reasons.append(tracker.reason)
    assert len(set(reasons)) == 1
    # A wrapped part too, and layers may be called as the wrapper calls them.
    parts = small_network()
    parts[0] = torch.compile(nn.DataParallel(parts[0]))
    tracker = tracked(nn.DataParallel(parts), tmp_path / "parts", layers=["module.0._orig_mod.module.0", "0"])
    tracker.update(0)
    assert tracker.rule.layers == ("0.0", "0")
    assert tracker.reason == reasons[0]
    assert set(load_file(tracker.checkpoint)) == set(network.state_dict())


def test_half_precision_weights_are_probed_near_the_single_precision_loss():
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 7))
    single = SubsetProbe(images(200), ["1"]).losses(network)["1"].mean()
    half = SubsetProbe(images(200), ["1"]).losses(network.to(torch.bfloat16))["1"].mean()
    assert half == pytest.approx(single, abs=2**-8)  # the rounding of bfloat16


def scripted_module():
    with warnings.catch_warnings(action="ignore"):
        return torch.jit.script(nn.Sequential(nn.Linear(2, 2)))


BAD_INPUTS = {
    "none": lambda: None,
    "text": lambda: "images",
    "list": lambda: [1.0, 2.0],
    "list of tensors": lambda: list(images()),
    "tuple": lambda: (images(), images()),
    "loader": lambda: torch.utils.data.DataLoader(images()),
    "generator": lambda: (one for one in images()),
    "empty dictionary": dict,
    "dictionary without a tensor": lambda: {"a": 1},
    "dictionary of lists": lambda: {"a": [1, 2]},
    "dictionary without names": lambda: {3: images()},
    "dictionary of two lengths": lambda: {"a": images(), "b": images(70)},
    "dictionary of two targets": lambda: {"a": images(), "b": images()},
    "sparse": lambda: images().to_sparse(),
    "meta": lambda: images().to("meta"),
    "complex": lambda: images().to(torch.complex64),
    "flags": lambda: images() > 0,
    "bytes": lambda: (images() * 10).to(torch.uint8),
    "another byte order": lambda: images().numpy().astype(">f4"),
    "objects": lambda: np.array([object()] * 80),
    "strings": lambda: np.array(["a"] * 80),
    "masked": lambda: np.ma.masked_array(images().numpy()),
    "long floats": lambda: images().numpy().astype(np.longdouble),
    "records": lambda: np.zeros(80, dtype=[("a", "f4")]),
    "one axis": lambda: torch.arange(80.0),
    "no row": lambda: images()[:0],
    "too few": lambda: images(10),
    "constant tokens": lambda: torch.zeros(80, 3, dtype=torch.int64),
    "constant": lambda: torch.ones(80, 3, 6, 6),
    "not a number": lambda: images() * float("nan"),
}
#: What the inputs of a target may be and those of a tracker may not: more is converted, for labels are at hand.
TAKEN_AS_TARGETS = ("list of tensors", "flags", "bytes", "another byte order", "dictionary of two targets")
BAD = [
    *((f"inputs: {name}", {"inputs": make}, "(inputs|reconstruct): ") for name, make in BAD_INPUTS.items()),
    *(
        (f"target: {name}", {"target": lambda make=make: (make(), torch.arange(80) % 2)}, "target: ")
        for name, make in BAD_INPUTS.items()
        if name not in TAKEN_AS_TARGETS
    ),
    *(
        (f"network: {value!r:.20}", {"network": value}, "network: .*give a torch.nn.Module")
        for value in (None, {}, "net", nn.Linear)
    ),
    ("network: meta", {"network": nn.Linear(2, 2, device="meta")}, "network: weight is on the meta device"),
    ("network: scripted", {"network": scripted_module}, "network: the network is a scripted module"),
    ("network: scripted part", {"network": lambda: nn.Sequential(scripted_module())}, "network: its part '0' is a scr"),
    *(
        (f"layers: {value!r}", {"layers": value}, "layers: .* is not accepted; give a list")
        for value in (None, "0", [], {}, {"0": 1}, [0], {"0"}, 3)
    ),
    ("layers: unknown", {"layers": ["nought"]}, "layers: 'nought' is unknown"),
    ("layers: long", {"layers": ["a" * 10_000]}, r"layers: 'a+\.\.\. is unknown"),
    ("layers: twice", {"layers": ["0", "_orig_mod.0"]}, "layers: '_orig_mod.0' is given twice"),
    *(
        (f"folder: {value!r}", {"folder": value}, "folder: ")
        for value in (None, "", 3, {}, "a\0b", "x" * 5000, __file__)
    ),
    *((f"schedule: {value!r}", {"schedule": value}, "schedule: .* give a ProbeSchedule") for value in (3, "log", {})),
    *((f"features: {value!r}", {"pooled_features": value}, "pooled_features: ") for value in (None, 0, 1.5, True)),
    ("stop: yes", {"stop_after_turning": "yes"}, "stop_after_turning: 'yes' is not accepted"),
    ("overwrite: 1", {"overwrite": 1}, "overwrite: 1 is not accepted"),
    ("rows: average", {"rows": "average"}, "rows: 'average' is unknown; give one of flatten, mean, first, last"),
    ("rows: of no layer", {"rows": {"2": "mean"}}, "rows: '2' is unknown; give one of 0"),
    ("reconstruct: no entry", {"reconstruct": "pixels"}, "reconstruct: 'pixels' names no entry"),
    ("reconstruct: too few", {"reconstruct": torch.zeros(3, 2)}, "reconstruct: has shape"),
    ("target: no pair", {"target": torch.zeros(80, 2)}, "target: is not accepted; give a pair"),
    ("target: no labels", {"target": (images(), None)}, "target: has no labels"),
    ("target: one class", {"target": (images(), torch.zeros(80))}, "labels: "),
    ("target: few inputs", {"target": (images(10), torch.arange(10) % 2)}, "target: inputs have shape"),
    ("accuracy: a number", {"accuracy": 0.5}, "accuracy: 0.5 is not accepted; give a function"),
    ("batch_size: 0", {"batch_size": 0}, "batch_size: 0 is not accepted"),
    ("batch_size: large", {"batch_size": 10**30}, "batch_size: 10.* is not accepted; give at most 1,000,000"),
]


@pytest.mark.parametrize(("change", "fault"), [pytest.param(*case, id=name) for name, *case in BAD])
def test_bad_arguments_are_refused_at_once_in_one_line(tmp_path, change, fault):
    made = {
        name: value() if isinstance(value, types.FunctionType) or value is dict else value
        for name, value in change.items()
    }
    arguments = {"network": small_network(), "inputs": images(), "layers": ["0"], "folder": tmp_path}
    with pytest.raises(InputError, match=fault) as refused:
        PhaseTracker(**(arguments | made))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("first", "ratio"),
    [
        *((0, 2), (10**400, 2), (1.5, 2), (1, 1), (1, float("nan")), (1, None)),
        # Each would be found only in the middle of training.
        *((1, "2"), (1, b"2"), (1, True), (1, 10**400)),
    ],
)
def test_bad_schedules_are_refused(first, ratio):
    with pytest.raises(InputError):
        ProbeSchedule(first, ratio)


@pytest.mark.parametrize("gap", [0, 1.5, 10**16, None])
def test_bad_gaps_are_refused(gap):
    with pytest.raises(InputError, match="least_gap"):
        ProbeSchedule(least_gap=gap)


@pytest.mark.parametrize("budget", [0, -1, float("nan"), "5 %"])
def test_bad_budgets_are_refused(budget, tmp_path):
    with pytest.raises(InputError, match="budget"):
        PhaseTracker(small_network(), images(), ["0"], tmp_path, budget=budget)


def test_a_step_before_the_last_probe_a_used_folder_and_a_foreign_state_are_refused(tmp_path):
    tracker = tracked(small_network(), tmp_path)
    tracker.update(4)
    with pytest.raises(InputError, match="step: 3 is not accepted"):
        tracker.update(3)
    with pytest.raises(InputError, match=r"holds checkpoints of another training; .*overwrite=True"):
        tracked(small_network(), tmp_path).update(0)
    with pytest.raises(InputError, match="other inputs"):
        tracked(small_network(), tmp_path, inputs=images(seed=9)).load_state_dict(tracker.state_dict())
    with pytest.raises(InputError, match="no state of a tracker"):
        tracker.load_state_dict({})


def test_a_second_run_replaces_the_checkpoints_of_the_first_once_its_own_is_safe(tmp_path, monkeypatch):
    first = tracked(small_network(), tmp_path)
    for step in (3, 6):
        first.update(step)
    old = {file.name for file in tmp_path.glob("step-*")}
    (tmp_path / "notes.txt").write_text("kept")
    second = tracked(small_network(seed=1), tmp_path, overwrite=True)
    with monkeypatch.context() as broken:
        broken.setattr(
            "empirical.tracker.checkpoint_keeper.save_file", lambda *_: (_ for _ in ()).throw(OSError("disk full"))
        )
        with pytest.warns(RuntimeWarning, match=r"checkpoint of step 0 is not kept: OSError: .*disk full"):
            second.update(0)
    assert {file.name for file in tmp_path.glob("step-*")} == old  # nothing is lost before something is safe
    assert second.checkpoint is None
    assert "there is no checkpoint of step 0 in" in second.reason
    assert "disk full" in second.reason
    third = tracked(small_network(seed=1), tmp_path, overwrite=True)
    third.update(0)
    assert {file.name for file in tmp_path.iterdir()} == {"step-00000000.safetensors", "notes.txt", "curve.json"}


@pytest.mark.parametrize("goes_on_at", [4, 5])
def test_a_tracker_resumed_from_an_older_state_says_why_its_checkpoint_is_gone(tmp_path, monkeypatch, goes_on_at):
    scripted(monkeypatch, [0.9, 0.6, 0.5, 0.4, 0.3])
    network = small_network()
    first = tracked(network, tmp_path)
    for step in (0, 2, 4):
        first.update(step)
    state = first.state_dict()
    for step in (8, 16):
        first.update(step)  # removes the checkpoint of step 4
    second = tracked(network, tmp_path)
    second.load_state_dict(state)
    assert second.recommendation == 4
    assert second.checkpoint is None
    assert "there is no checkpoint of step 4 in" in second.reason
    assert "removed after a later measurement" in second.reason
    second.update(goes_on_at)
    if goes_on_at == 4:  # the network of that very step is there again
        assert second.checkpoint == tmp_path / "step-00000004.safetensors"
        assert "no checkpoint" not in second.reason
    else:
        assert second.checkpoint is None


def test_one_hot_tokens_are_reconstructed_by_their_codes():
    """Against one-hot vectors themselves as the target, by the same decoder; and both ends of the scale."""
    tokens = torch.randint(0, 40, (800, 3), generator=torch.Generator().manual_seed(0))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.one_hot = nn.Embedding.from_pretrained(torch.eye(40))
            self.narrow = nn.Linear(40, 20)
            self.constant = nn.Threshold(1e9, 1.0)

        def forward(self, input_ids, attention_mask=None):
            return self.constant(self.narrow(self.one_hot(input_ids)))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Model()
    layers = ["one_hot", "narrow", "constant"]
    coded = SubsetProbe({"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}, layers).losses(model)
    target = nn.functional.one_hot(tokens, 40).float()
    exact = SubsetProbe({"input_ids": tokens}, layers, reconstruct=target).losses(model)
    # 120 directions of 600 samples; the rest is what the budget shrinks.
    assert coded["one_hot"].mean() < 0.01
    assert 0.98 < coded["constant"].mean() < 1.05
    # Each position codes 40 tokens by 32 signs: the estimate varies by a few per cent.
    assert coded["narrow"].mean() == pytest.approx(exact["narrow"].mean(), rel=0.1)
    assert 0.2 < exact["narrow"].mean() < 0.8


def test_padding_has_no_code():
    tokens = torch.randint(1, 50, (64, 3), generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([1, 1, 0]).repeat(64, 1)
    found = probe_inputs({"input_ids": tokens, "attention_mask": mask}).target.reshape(64, 3, -1)
    assert (found[:, 2] == 0).all()
    np.testing.assert_allclose(found[:, :2].square().sum(2), 1.0, rtol=1e-6)  # the length of a one-hot vector


def test_batches_of_one_size_give_the_losses_of_any_other():
    """Batches are filled up with inputs that do not count; products in other parts round otherwise, in float32."""

    class Fixed(nn.Module):
        def forward(self, inputs):
            assert len(inputs) == 32
            return inputs.flatten(1)[:, :7]

    free = SubsetProbe(images(200), [""]).losses(nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, 108)), nn.Flatten()))
    assert free[""].mean() < 1e-5
    fixed = SubsetProbe(images(200), [""], batch_size=32).losses(Fixed())[""]
    any_size = SubsetProbe(images(200), [""], batch_size=50).losses(
        type("Any", (nn.Module,), {"forward": lambda _, x: x.flatten(1)[:, :7]})()
    )[""]
    np.testing.assert_allclose(fixed, any_size, rtol=1e-4)


def _one_of_two(rank, folder):
    """A process whose own network is another one, so that it would decide otherwise alone."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    network = small_network(seed=rank)
    tracker = tracked(network, f"{folder}/checkpoints")
    for step in range(5):
        tracker.update(step)
    with torch.no_grad():
        if rank == 0:
            network[0][0].weight.fill_(float("nan"))
    warnings.simplefilter("ignore")
    tracker.update(8)
    state = {"reason": tracker.reason, "rule": tracker.rule.state_dict()}
    (folder / f"{rank}.json").write_text(json.dumps(state))
    torch.distributed.destroy_process_group()


def test_two_processes_decide_alike_and_one_writes(tmp_path):
    ready_processes()
    torch.multiprocessing.start_processes(_one_of_two, (tmp_path,), nprocs=2, start_method="forkserver")
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first["rule"]["steps"] == [0, 2, 4]
    assert "probes ended at step 8" in first["reason"]
    assert all(file.name.startswith(("step-", "curve.json")) for file in (tmp_path / "checkpoints").iterdir())
