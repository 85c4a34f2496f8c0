"""Layers and weights under the names that they have without compilation and distribution, and modules that fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from theory import InputError
from theory.validation import cut, quoted

# Attributes under which wrappers hold the module that they wrap. The plain name "module" is one of a wrapper only in
# those of torch for several devices.
_WRAPPED = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")
_DISTRIBUTED = (nn.parallel.DistributedDataParallel, nn.DataParallel)
_MODULE = "module"


def inner_module(module: nn.Module) -> nn.Module | None:
    """The module inside a compiled, checkpointed or distributed module; None if it is not a wrapper."""
    inner = module._modules.get(_wrapped_name(module) or "")
    return inner if isinstance(inner, nn.Module) else None


def bare(network: nn.Module) -> nn.Module:
    """The network inside all wrappers around it."""
    inner = inner_module(network)
    return network if inner is None else bare(inner)


def checked_network(name: str, network: Any) -> nn.Module:
    """``network`` inside its wrappers, if its forward pass can be watched.

    Raises:
        InputError: no module; scripted parts, or weights without values or in shards.
    """
    if not isinstance(network, nn.Module):
        raise InputError(f"{name}: {_kind(network)} is not accepted; give a torch.nn.Module")
    for own, part in network.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            place = f"its part {own!r}" if own else "the network"
            raise InputError(
                f"{name}: {place} is a scripted module (TorchScript), whose hooks and state cannot be put back; give "
                "the module as it was before torch.jit"
            )
    for own, tensor in _tensors(network):
        if not is_lazy(tensor) and tensor.is_meta:
            raise InputError(f"{name}: {own} is on the meta device and holds no values; load the weights first")
        if type(tensor).__name__ == "DTensor":
            raise InputError(f"{name}: {own} is sharded; give a network that holds all of its weights")
    return bare(network)


def uninitialised(network: nn.Module) -> str | None:
    """The name of a tensor that waits for the first forward pass; None if there is none."""
    return next((name for name, tensor in _tensors(network) if is_lazy(tensor)), None)


def device_and_type(network: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Device of a network's first tensor, and type of its first real tensor; CPU and float32 if there is none."""
    tensors = [tensor for _, tensor in _tensors(network)]
    real = [tensor for tensor in tensors if tensor.is_floating_point()]
    device = next((tensor.device for tensor in (*real, *tensors)), torch.device("cpu"))
    return device, next((tensor.dtype for tensor in real if tensor.dtype.itemsize > 1), torch.float32)


def named_layers(network: nn.Module, layers: Sequence[str]) -> dict[str, nn.Module]:
    """Parts of a network by name, without the prefixes of wrappers, which may be given or left out.

    Raises:
        InputError: no layer, one that is unknown (the nearest names are listed) or given twice.
    """
    if not isinstance(layers, list | tuple) or not layers or not all(isinstance(one, str) for one in layers):
        shown = repr(layers) if isinstance(layers, str | list | tuple) or layers is None else _kind(layers)
        raise InputError(f"layers: {cut(shown)} is not accepted; give a list of at least one name of named_modules()")
    # Under one name, the innermost module comes last. A module registered under two names is known by both.
    parts = list(_walk(bare(network), "", ""))
    known = {own: module for _, own, module in parts}
    as_wrapped = {raw: own for raw, own, _ in parts}
    found: dict[str, nn.Module] = {}
    for name in layers:
        own = name
        while own not in known and own not in as_wrapped and own.partition(".")[0] in (_MODULE, *_WRAPPED):
            own = own.partition(".")[2]  # of the wrappers around the network
        own = own if own in known else as_wrapped.get(own, plain_name(name, known))
        if own not in known:
            nearest = difflib.get_close_matches(own, filter(None, known), n=3, cutoff=0.0)
            raise InputError(f"layers: {quoted(name)} is unknown; the nearest names are {', '.join(nearest) or 'none'}")
        if own in found:
            raise InputError(f"layers: {quoted(name)} is given twice; give each name once")
        found[own] = known[own]
    return found


def plain_name(name: str, known: Iterable[str]) -> str:
    """``name`` without ``_orig_mod.`` anywhere, and without ``module.`` in front while it is not among the known."""
    expected = set(known)
    plain = ".".join(part for part in name.split(".") if part not in _WRAPPED)
    while plain not in expected and plain.partition(".")[0] == _MODULE:
        plain = plain.partition(".")[2]
    return plain


def plain_names(tensors: dict[str, Tensor], expected: Iterable[str]) -> dict[str, Tensor]:
    """Tensors of a checkpoint under the names that a network without wrappers has for them.

    Names that are expected as they are stay; two that would become one stay as well, so that they are reported.
    """
    known = set(expected)
    renamed = {name: name if name in known else plain_name(name, known) for name in tensors}
    return (
        {renamed[name]: one for name, one in tensors.items()} if len(set(renamed.values())) == len(tensors) else tensors
    )


def names_inside(tensors: dict[str, Tensor], expected: Iterable[str]) -> dict[str, Tensor]:
    """Tensors of a network that was an attribute of a larger one, as ``model.`` in a LightningModule, under its names.

    Where exactly one prefix gives all expected names, it is left out with all tensors that do not have it; otherwise
    the tensors stay as they are.
    """
    known = list(expected)
    if not known or set(known) <= tensors.keys():
        return tensors
    ends = [name.removesuffix(known[0]) for name in tensors if name.endswith(f".{known[0]}")]
    fitting = [prefix for prefix in ends if all(prefix + name in tensors for name in known)]
    return {name: tensors[fitting[0] + name] for name in known} if len(fitting) == 1 else tensors


def plain_state(network: nn.Module) -> dict[str, Any]:
    """``network.state_dict()`` under names without wrappers, on the device where it is."""
    inside = bare(network)
    names = {raw: own for raw, own, _ in _walk(inside, "", "")}
    state: dict[str, Any] = {}
    for key, value in inside.state_dict().items():
        owner, _, leaf = key.rpartition(".")
        state[_joined(names.get(owner, owner), leaf)] = value
    return state


def _walk(module: nn.Module, raw: str, own: str) -> Iterator[tuple[str, str, nn.Module]]:
    """Names with and without wrappers, and modules, of a module and all in it."""
    yield raw, own, module
    wrapped = _wrapped_name(module)
    for name, child in module._modules.items():
        if child is not None:
            yield from _walk(child, _joined(raw, name), own if name == wrapped else _joined(own, name))


def _wrapped_name(module: nn.Module) -> str | None:
    if isinstance(module, _DISTRIBUTED):
        return _MODULE
    return next((name for name in _WRAPPED if name in module._modules), None)


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from cast(Iterator[tuple[str, Tensor]], network.named_parameters())
    yield from network.named_buffers()


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
