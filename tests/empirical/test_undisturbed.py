"""A network that is probed trains to the same bits as one that is not, whatever it holds and whatever a probe raises."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from empirical.phase_tracker import PhaseTracker, ProbeSchedule
from empirical.undisturbed import undisturbed
from tests.empirical.odd_modules import KINDS, Net, Odd, net

STEPS = 5


def plain(value: Any) -> Any:
    """State as something that == compares to the bit."""
    if isinstance(value, Tensor):
        dense = value.detach().cpu()
        return "tensor", str(dense.dtype), value.requires_grad, dense.contiguous().view(-1).numpy(force=True).tobytes() \
            if dense.dtype is not torch.bfloat16 else dense.float().numpy().tobytes()
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
            "hooks": [[len(part._forward_hooks), len(part._backward_hooks), len(part._forward_pre_hooks)] for part in parts.values()],
            "random": [torch.get_rng_state(), random.getstate(), np.random.get_state()[1]],  # noqa: NPY002
            "settings": [torch.is_grad_enabled(), torch.get_default_dtype(), np.geterr(), torch.is_autocast_enabled("cpu")],
            "counts": odd.counts(),
        }
    )  # fmt: skip


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
@pytest.mark.parametrize("kind", KINDS)
def test_a_probed_training_is_the_same_to_the_bit(kind: str, tmp_path: Path) -> None:
    make = KINDS[kind]
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
