"""Full single precision: all 24 bits of float32 on every device, whatever precision a training allows.

CUDA GPUs multiply and convolve with 11 bits where allowed, which torch's default is for convolutions. To a decoder
such rounding is noise in the activations.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Compute products, convolutions and recurrent layers with all digits of float32, without autocast.

    The settings are restored at the end. They belong to the process: other threads compute with all digits meanwhile
    too. They are restored for each operation separately, so that torch's common settings no longer act on these.
    """
    own = backends()
    before = [backend.fp32_precision for backend in own]
    try:
        for backend in own:
            backend.fp32_precision = "ieee"
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        for backend, precision in zip(own, before, strict=True):
            backend.fp32_precision = precision


def exact_device(device: torch.device) -> torch.device:
    """``device``, or the CPU for one without float64."""
    return torch.device("cpu") if device.type == "mps" else device


class _Products:
    """The one setting of products that torch before 2.9 has, under the name of the later ones."""

    @property
    def fp32_precision(self) -> str:
        return torch.get_float32_matmul_precision()

    @fp32_precision.setter
    def fp32_precision(self, precision: str) -> None:
        torch.set_float32_matmul_precision("highest" if precision == "ieee" else precision)


class _Convolutions:
    """The setting of convolutions and recurrent layers that torch before 2.9 has, likewise."""

    @property
    def fp32_precision(self) -> str:
        return "tf32" if torch.backends.cudnn.allow_tf32 else "ieee"

    @fp32_precision.setter
    def fp32_precision(self, precision: str) -> None:
        torch.backends.cudnn.allow_tf32 = precision == "tf32"


def backends() -> tuple[Any, ...]:
    """The settings that decide the precision of products, convolutions and recurrent layers.

    Where each backend has its own setting, that is used: the common one then fails once they have been set
    apart, and does not put back what it found.
    """
    cpu: Any = torch.backends.mkldnn
    gpu: Any = torch.backends.cudnn
    if not hasattr(cpu, "matmul"):
        return _Products(), _Convolutions()
    return torch.backends.cuda.matmul, gpu.conv, gpu.rnn, cpu.matmul, cpu.conv, cpu.rnn
