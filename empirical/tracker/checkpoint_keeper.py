"""The checkpoints of a tracked training: a file for each step that may be asked for, and no others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from empirical.networks.module_names import plain_state
from empirical.networks.undisturbed import undisturbed
from simulation.runs.run_folder import RunFolder
from theory import InputError
from theory.validation import path_argument

_CHECKPOINTS = "step-*.safetensors"


class CheckpointKeeper:
    """Keeps step-NNNNNNNN.safetensors in a folder.

    Args:
        folder: new, or with the checkpoints of the same training.

    Raises:
        InputError: no folder can be made there.
    """

    def __init__(self, folder: str | Path) -> None:
        place = path_argument("folder", folder)
        try:
            self._folder = RunFolder(place)
        except InputError as error:
            raise InputError(f"folder: {str(error).removeprefix('out: ')}") from None
        except (OSError, RuntimeError) as error:  # a name that is too long, links in a circle
            raise InputError(f"folder: {folder} cannot be used ({error}); give another one") from None

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    def write_curve(self, content: dict[str, Any]) -> None:
        """Write curve.json beside the checkpoints."""
        self._folder.write_json("curve.json", content)

    def files(self) -> list[Path]:
        """All checkpoints in the folder."""
        return sorted(self.path.glob(_CHECKPOINTS))

    def file(self, step: int) -> Path:
        """The file of a step, whether or not it exists."""
        return self.path / f"step-{step:08d}.safetensors"

    def write(self, step: int, network: nn.Module) -> None:
        """Write the network's state as it is, under names without wrappers; a file of that step is replaced at once.

        Raises:
            OSError: the disk is full or cannot be written.
            ValueError: a tensor of a kind that the format does not know.
        """
        with undisturbed(network):
            tensors: dict[str, Any] = {
                name: one.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
                for name, one in plain_state(network).items()
                if isinstance(one, Tensor)
            }
        file = self.file(step)
        try:
            self._folder.write(file.name, lambda path: save_file(tensors, path, {"step": str(step)}))
        except SafetensorError as error:
            raise OSError(f"{file}: {error}") from None

    def remove(self, files: Iterable[Path]) -> None:
        """Remove checkpoints; one that is gone already is no fault."""
        for file in files:
            file.unlink(missing_ok=True)
