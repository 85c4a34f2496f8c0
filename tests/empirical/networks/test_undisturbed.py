"""A network that is probed trains to the same bits as one that is not, whatever it holds and a probe raises."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from empirical.networks.undisturbed import undisturbed
from empirical.tracker.phase_tracker import PhaseTracker, ProbeSchedule
from empirical.tracker.subset_probe import SubsetProbe
from tests.empirical.odd_modules import KINDS, Net, Odd, net
from tests.empirical.odd_state import STATE_KINDS

STEPS = 5
ALL_KINDS = KINDS | STATE_KINDS


def plain(value: Any) -> Any:
    """State as something that == compares to the bit."""
    if isinstance(value, Tensor):
        dense = value.detach().cpu()
        return (
            "tensor",
            str(dense.dtype),
            value.requires_grad,
            dense.contiguous().view(-1).numpy(force=True).tobytes()
            if dense.dtype is not torch.bfloat16
            else dense.float().numpy().tobytes(),
        )
    if isinstance(value, np.ndarray):
        return "array", value.tobytes()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def everything(network: nn.Module, optimiser: torch.optim.Optimizer, odd: Odd) -> dict[str, Any]:
    """All that training depends on."""
    parts = dict(network.named_modules())
    simple = (bool, int, float, str, list, tuple, dict, Tensor, np.ndarray, set)
    return plain(
        {
            "parameters": dict(network.named_parameters()),
            "gradients": {name: one.grad for name, one in network.named_parameters()},
            "buffers": dict(network.named_buffers()),
            "optimiser": optimiser.state_dict(),
            "attributes": {
                name: {
                    key: one
                    for key, one in vars(part).items()
                    if isinstance(one, simple) and not key.startswith("_") and key not in ("own", "others")
                }
                for name, part in parts.items()
            },
            "hooks": [
                [len(part._forward_hooks), len(part._backward_hooks), len(part._forward_pre_hooks)]
                for part in parts.values()
            ],
            "random": [torch.get_rng_state(), random.getstate(), np.random.get_state()[1]],  # noqa: NPY002
            "settings": [
                *(torch.is_grad_enabled(), torch.get_default_dtype(), np.geterr()),
                torch.is_autocast_enabled("cpu"),
            ],
            "counts": odd.counts(),
        }
    )


def trained(make: Callable[[], Odd], folder: Path | None) -> tuple[dict[str, Any], list[str], PhaseTracker | None]:
    """Train for STEPS steps of SGD with momentum; returns the state at the end and what the probes warned of."""
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    odd = make()
    draw = torch.Generator().manual_seed(5)
    fixed, batches = odd.inputs(64, draw), [odd.inputs(16, draw) for _ in range(STEPS)]
    calls: list[int] = []
    handle = None
    settings = dict(odd.settings)
    if settings.pop("global hook", False):
        handle = nn.modules.module.register_module_forward_hook(lambda *_: calls.append(1))
    tracker = None
    if folder is not None:
        tracker = PhaseTracker(odd.network, fixed, [odd.layer], folder, ProbeSchedule(1, 2), **settings)
    optimiser: torch.optim.Optimizer | None = None
    said: list[str] = []
    try:
        for step, batch in enumerate(batches):
            if tracker is not None:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    tracker.update(step)
                said += [str(one.message) for one in caught if issubclass(one.category, RuntimeWarning)]
            loss = odd.network(batch.clone()).float().square().mean()
            if optimiser is None:  # lazy parameters are there now
                known = [one for one in odd.network.parameters() if one.is_floating_point()]
                optimiser = torch.optim.SGD(known, 0.05, momentum=0.9)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if tracker is not None:
            with warnings.catch_warnings(record=True):
                warnings.simplefilter("always")
                tracker.update(STEPS)
    finally:
        if handle is not None:
            handle.remove()
    assert optimiser is not None
    return everything(odd.network, optimiser, odd) | {"global calls": len(calls)}, said, tracker


@pytest.mark.filterwarnings("ignore::FutureWarning")  # the old weight_norm is deprecated, and used
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_probed_training_is_the_same_to_the_bit(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Waiting for the disk is not the subject.
    monkeypatch.setattr("simulation.runs.run_folder._flush", lambda _: None)
    make = ALL_KINDS[kind]
    alone, _, _ = trained(make, None)
    watched, said, tracker = trained(make, tmp_path)
    assert watched == alone
    assert tracker is not None
    expected = make().warning
    if expected is None:
        assert said == []
        assert tracker.rule.steps == (0, 1, 2, 4)
        assert tracker.checkpoint is not None
        assert np.isfinite(tracker.rule.curve(tracker.rule.deciding_layer)).all()
    else:
        assert len(said) == 1  # reported once
        assert "\n" not in said[0]
        assert re.search(expected, said[0]), said[0]


def assert_put_back(network: nn.Module, read: Callable[[], Any], act: Callable[[], None]) -> None:
    """What ``act`` changes inside is as before afterwards."""
    before = plain(read())
    with undisturbed(network):
        act()
        assert plain(read()) != before
    assert plain(read()) == before


def test_an_interrupt_and_an_exit_pass_and_everything_is_put_back() -> None:
    for error in (KeyboardInterrupt(), SystemExit(1)):
        network = net(_raising(error))
        before, random_state = plain(network.state_dict()), torch.get_rng_state()
        tracker_inputs = torch.randn(64, 12, generator=torch.Generator().manual_seed(0))
        with pytest.raises(type(error)):
            _probe(network, tracker_inputs)
        assert plain(network.state_dict()) == before
        assert torch.equal(torch.get_rng_state(), random_state)
        assert network.training


def _raising(error: BaseException) -> Callable[[Any, Tensor], Tensor]:
    def between(self: Any, hidden: Tensor) -> Tensor:
        self.head.weight.data.zero_()
        torch.rand(1)
        raise error

    return between


def _probe(network: nn.Module, inputs: Tensor) -> None:
    SubsetProbe(inputs, ["body"]).losses(network)


def test_a_graph_that_waits_for_its_backward_pass_stays_valid(tmp_path: Path) -> None:
    """Batch normalisation and a bounded embedding save what a probe changes and puts back."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
    inputs = torch.randn(64, 12)

    def gradients(probed: bool) -> list[Any]:
        network.zero_grad()
        network[1].reset_running_stats()
        loss = network(inputs).square().mean()
        if probed:
            PhaseTracker(network, inputs, ["1"], tmp_path).update(0)
        loss.backward()
        return [plain(one.grad) for one in network.parameters()]

    assert gradients(True) == gradients(False)


def test_parts_that_are_moved_to_another_type_come_back_to_their_own_memory() -> None:
    network = Net()
    memory = [one.data_ptr() for one in network.parameters()]
    assert_put_back(network, network.state_dict, network.double)
    assert [one.data_ptr() for one in network.parameters()] == memory


def test_settings_of_the_process_are_put_back() -> None:
    network = Net()
    assert_put_back(
        network, torch.are_deterministic_algorithms_enabled, lambda: torch.use_deterministic_algorithms(True)
    )
    assert_put_back(
        network, lambda: torch.backends.cudnn.benchmark, lambda: setattr(torch.backends.cudnn, "benchmark", True)
    )
    assert_put_back(network, torch.get_default_dtype, lambda: torch.set_default_dtype(torch.float64))


@pytest.mark.parametrize("inside", [torch.inference_mode, torch.no_grad, lambda: torch.autocast("cpu", torch.bfloat16)])
def test_the_losses_do_not_depend_on_the_modes_around(inside: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    network, inputs = nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6)), torch.randn(64, 12)
    probe = SubsetProbe(inputs, ["1"])
    expected = probe.losses(network)["1"]
    with inside():
        found = probe.losses(network)["1"]
    assert np.array_equal(found, expected)


def test_weights_that_hooks_of_torch_compute_are_those_of_now() -> None:
    """The old weight_norm computes its weight in a hook; without it a probe would see that of the last pass."""
    with warnings.catch_warnings(action="ignore"):
        network = nn.utils.weight_norm(nn.Linear(12, 6))
    before = network.weight.detach().clone()
    network.weight_g.data *= 3
    with undisturbed(network):
        seen = network(torch.eye(12)) - network.bias
    torch.testing.assert_close(seen.T, 3 * before)
    assert torch.equal(network.weight, before)


def test_a_cached_parametrisation_is_still_the_trainings() -> None:
    """Within ``cached`` a weight is computed once: by a probe first, it would have no gradient."""
    network = nn.utils.parametrizations.weight_norm(nn.Linear(12, 6))
    with nn.utils.parametrize.cached():
        with undisturbed(network):
            network(torch.zeros(2, 12))
        network(torch.ones(2, 12)).sum().backward()
    assert network.parametrizations.weight.original0.grad is not None


@pytest.mark.filterwarnings("ignore")  # torch's own, in its compiler
def test_compiled_code_is_not_compiled_again_for_a_probe() -> None:
    compilations = Mock()

    def backend(graph: Any, _: Any) -> Any:
        compilations()
        return graph.forward

    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 6), nn.Dropout(0.5))
    network[0] = torch.compile(network[0], backend=backend)
    other = Net()
    other.compile(backend=backend)
    for one in (network, other):
        one(torch.randn(8, 12))
        before = compilations.call_count
        with undisturbed(one):
            one(torch.randn(5, 12))
        assert compilations.call_count == before > 0
