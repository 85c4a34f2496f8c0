"""Where and how precisely networks train: devices, number types, random generators, from one place that checks them."""

from __future__ import annotations

import torch

from theory import InputError
from theory.validation import at_least, quoted

#: Number types of inputs and weights.
DTYPES = (torch.float32, torch.float64)

# Beyond it torch's generators raise their own error.
_LARGEST_SEED = 2**63 - 1


def checked_device(device: torch.device | str) -> torch.device:
    """The CPU, or a CUDA GPU of this machine.

    Raises:
        InputError: another kind of device, or no such GPU.
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError(f"device: {quoted(device)} is unknown; give cpu, cuda, or cuda:0 and so on") from None
    if found.type == "cpu":
        return torch.device("cpu")
    if found.type != "cuda":
        raise InputError(f"device: {device!s} is not supported; give cpu or cuda")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (found.index or 0) >= gpus:
        raise InputError(f"device: {device!s} does not exist, torch sees {gpus} CUDA GPUs; give cpu or another")
    return found


def checked_dtype(dtype: torch.dtype) -> torch.dtype:
    """float32 or float64; InputError otherwise."""
    if dtype not in DTYPES:
        raise InputError(f"dtype: {quoted(dtype)} is not accepted; give torch.float32 or torch.float64")
    return dtype


def seeded_generator(seed: int, device: torch.device) -> torch.Generator:
    """A new seeded generator on the device; InputError unless the seed is an integer from 0 to 2^63 - 1."""
    if at_least("seed", seed, 0) > _LARGEST_SEED:
        raise InputError(f"seed: {seed} is not accepted; give an integer of at most 2^63 - 1")
    return torch.Generator(device).manual_seed(int(seed))


def device_name(device: torch.device | str) -> str:
    """``cpu``, or the name of the CUDA GPU; InputError where there is no such device."""
    found = checked_device(device)
    return "cpu" if found.type == "cpu" else str(torch.cuda.get_device_name(found))
