"""Runs a network's forward pass without a trace: the network and the process are afterwards as they were.

The network is used where it is, not copied: modules that hold locks, open files or weights that are computed from
others cannot be copied, and a copy would still share random states and counters with the original.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from empirical.networks.held_state import HOOKS, HeldState
from empirical.networks.module_names import inner_module
from empirical.networks.process_state import kept_process_state

# Hooks of torch itself that compute weights or activations: weight_norm, spectral_norm, pruning, quantisation.
_COMPUTING = ("torch.nn.utils.", "torch.ao.")


@contextmanager
def undisturbed(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode inside, and restore everything at the end, also after an error or interrupt.

    Inside: all registered modules are in evaluation, autograd is off, gradients are hidden, compiled parts run as
    written, and no hook runs. Hooks of torch's weight_norm, spectral_norm, pruning and quantisation do run, since they
    are how the weights are computed. What a hook of the user changes in an activation therefore has no effect.

    Put back to the bit: parameters and buffers, computed weights, ``requires_grad``, ``grad``, version counters (a
    graph that waits for its backward pass stays valid), training flags, hooks; attributes of modules and of
    their classes, of the user's own objects and of variables that their functions enclose, in containers at any depth:
    counters, lists, tensors, arrays, random generators; global variables that functions of the user name, save the
    content of tensors and arrays among them, which may be whole data sets. Of the process: see
    ``kept_process_state``. Memory: one more copy of all these tensors.

    Not put back: variables of other files, of installed packages, of ``functools.cache`` and the like, files, other
    processes, and what the forward pass prints or warns of. An iterator that a module holds cannot be rewound: a
    forward pass that reads one fails inside.

    Args:
        network: any module but a scripted one, on any device. Its parts may be moved to another device or type
            inside; they come back.

    Raises:
        RuntimeError, MemoryError: what is held cannot be copied.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        stack.enter_context(kept_process_state())
        held = HeldState(network)
        stack.callback(held.restore)
        held.detach()
        for module in held.modules:
            _suspend_hooks(module)
            _run_as_written(module)
        # Flags are set one by one: eval() would call a train() that a part may have made do more, such as merging
        # weights.
        for module in network.modules():
            module.training = False
        if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def _suspend_hooks(module: nn.Module) -> None:
    own = vars(module)
    for name in HOOKS:
        if name in own:
            kept = {key: hook for key, hook in own[name].items() if _computes(hook)}
            own[name] = OrderedDict(kept)


def _computes(hook: Any) -> bool:
    while isinstance(hook, partial):
        hook = hook.func
    kind = hook if hasattr(hook, "__code__") else type(hook)
    return str(getattr(kind, "__module__", "")).startswith(_COMPUTING)


def _run_as_written(module: nn.Module) -> None:
    """Run without compilation, whose cache would grow, and without the wrappers of several devices."""
    own = vars(module)
    if own.get("_compiled_call_impl") is not None:
        own["_compiled_call_impl"] = None
    inner = inner_module(module)
    if inner is not None:
        own["forward"] = _calling(inner)


def _calling(inner: nn.Module) -> Callable[..., Any]:
    def forward(*inputs: Any, **named: Any) -> Any:
        return inner(*inputs, **named)

    return forward
