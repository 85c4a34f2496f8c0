"""Settings and random states of the whole process that a forward pass may change, put back afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.modules import module as torch_module
from torch.nn.utils import parametrize

from empirical.moments.float_precision import backends

_GLOBAL_HOOKS = tuple(
    name for name in vars(torch_module) if name.startswith("_global_") and isinstance(getattr(torch_module, name), dict)
)


@contextmanager
def kept_process_state() -> Iterator[None]:
    """Suspend the hooks that act on all modules, and restore random states and settings at the end.

    Random states: of torch on the CPU and on every device in use, of Python's ``random`` and of NumPy's global
    generator. Settings: default type, modes of autograd and autocast, deterministic algorithms, cuDNN, precision of
    float32 products, threads, current device, and NumPy's treatment of floating-point faults.
    """
    with ExitStack() as stack:
        for read, write in (*_random_states(), *_settings()):
            stack.callback(_put_back, read, write, read())
        for name in _GLOBAL_HOOKS:
            hooks = getattr(torch_module, name)
            stack.callback(_refill, hooks, dict(hooks))
            hooks.clear()
        # Weights computed without gradients must not become those of the training, which may cache one computation.
        stack.callback(setattr, parametrize, "_cache_enabled", parametrize._cache_enabled)
        parametrize._cache_enabled = 0
        yield


def _random_states() -> Iterator[tuple[Callable[[], Any], Callable[[Any], object]]]:
    yield torch.get_rng_state, torch.set_rng_state
    yield random.getstate, random.setstate
    yield lambda: np.random.get_state(legacy=False), np.random.set_state  # noqa: NPY002
    for name in ("cuda", "xpu"):
        backend = getattr(torch, name, None)
        if backend is not None and backend.is_available() and backend.is_initialized():
            yield backend.get_rng_state_all, backend.set_rng_state_all
    if torch.backends.mps.is_available():
        yield torch.mps.get_rng_state, torch.mps.set_rng_state


def _settings() -> Iterator[tuple[Callable[[], Any], Callable[[Any], object]]]:
    yield torch.get_default_dtype, torch.set_default_dtype
    yield torch.is_grad_enabled, torch.set_grad_enabled
    yield torch.get_num_threads, torch.set_num_threads
    yield np.geterr, lambda faults: np.seterr(**faults)
    yield (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        lambda modes: torch.use_deterministic_algorithms(modes[0], warn_only=modes[1]),
    )
    for kind in ("cpu", "cuda"):
        yield (
            lambda kind=kind: torch.is_autocast_enabled(kind),  # type: ignore[misc]
            lambda enabled, kind=kind: torch.set_autocast_enabled(kind, enabled),  # type: ignore[misc]
        )
    owners = [(torch.backends.cudnn, name) for name in ("enabled", "benchmark", "deterministic")]
    owners += [(backend, "fp32_precision") for backend in backends()]
    for owner, name in owners:
        yield (
            lambda owner=owner, name=name: getattr(owner, name),  # type: ignore[misc]
            lambda value, owner=owner, name=name: setattr(owner, name, value),  # type: ignore[misc]
        )
    cuda: Any = torch.cuda
    if cuda.is_available() and cuda.is_initialized():
        yield torch.cuda.current_device, torch.cuda.set_device


def _put_back(read: Callable[[], Any], write: Callable[[Any], object], saved: Any) -> None:
    if not _same(read(), saved):
        write(saved)


def _same(now: Any, saved: Any) -> bool:
    if isinstance(saved, torch.Tensor):
        return torch.equal(now, saved)
    if isinstance(saved, dict):
        return all(_same(now[key], value) for key, value in saved.items())
    if isinstance(saved, np.ndarray):
        return np.array_equal(now, saved)
    if isinstance(saved, list):
        return all(_same(new, old) for new, old in zip(now, saved, strict=True))
    return bool(now == saved)


def _refill(hooks: dict[int, Any], saved: dict[int, Any]) -> None:
    hooks.clear()
    hooks.update(saved)
