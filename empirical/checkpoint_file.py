"""Weights of a network from a file that may come from anywhere: nothing in it is ever run."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from empirical.module_names import plain_names
from theory import InputError

Network = TypeVar("Network", bound=nn.Module)

_SAFETENSORS = ".safetensors"


def with_weights_from(network: Network, path: Path) -> Network:
    """Load a state dictionary into ``network``, and return it in evaluation mode.

    Args:
        network: of the architecture whose weights the file holds.
        path: a .safetensors file, as ``phases track`` writes them, or a file of ``torch.save(network.state_dict())``,
            of which tensors alone are read. Prefixes of compiled and distributed networks (``_orig_mod.``,
            ``module.``) are left out.

    Raises:
        InputError: no such file; a damaged file, or a pickle that holds more than tensors; other names or shapes.
    """
    if not path.is_file():
        raise InputError(f"checkpoint: {path} is not a file; give a .safetensors or torch file of weights")
    try:
        if path.suffix == _SAFETENSORS:
            tensors = load_file(path)
        else:
            # A protocol other than torch's own is warned of before it is refused.
            with warnings.catch_warnings(action="ignore"):
                tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, BadZipFile, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"checkpoint: {path} does not hold plain tensors ({reason}); give a file of weights") from None
    if not isinstance(tensors, dict) or not all(isinstance(one, torch.Tensor) for one in tensors.values()):
        raise InputError(f"checkpoint: {path} holds no dictionary of tensors; save network.state_dict()")
    expected = network.state_dict()
    tensors = plain_names(tensors, expected)
    missing = sorted(expected.keys() ^ tensors.keys())
    if missing:
        raise InputError(f"checkpoint: {path} and the network differ in {missing[0]}; give the same architecture")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise InputError(
                f"checkpoint: {name} in {path} has shape {tuple(tensor.shape)}; the network's is "
                f"{tuple(expected[name].shape)}: give the same architecture"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"checkpoint: {name} in {path} holds NaN or infinite numbers; give another file")
    network.load_state_dict(tensors)
    return network.eval()
