"""The checkpoints of one finished training: their steps, and the network that they belong to."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from torch import nn

from empirical.data.reading import one_line, printable
from empirical.networks.checkpoint_file import weights_in
from empirical.networks.networks import NETWORK_NAMES, build_network, layer_names
from theory import InputError
from theory.validation import IntArray, path_argument, quoted, step_counts

_STEP = re.compile(r"step[-_= ]*([0-9]{1,15})", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, eq=False)
class CheckpointSeries:
    """Checkpoints in the order of their steps.

    Attributes:
        steps: (T,) ascending, T at least 2.
        paths: of the files or folders.
    """

    steps: IntArray
    paths: tuple[Path, ...]

    @classmethod
    def from_paths(cls, given: Sequence[str | Path] | Mapping[int, str | Path]) -> CheckpointSeries:
        """Checkpoints by their paths, or by their steps.

        Args:
            given: paths whose last names hold the step, as step-00000512.safetensors, epoch=3-step=900.ckpt or
                checkpoint-500: the number after "step", otherwise the last one; or a dictionary of steps and paths.

        Raises:
            InputError: fewer than two, a name without a number, or two of one step.
        """
        if isinstance(given, str | Path):
            raise InputError(f"checkpoints: {quoted(str(given))} is one path; give a list of at least two")
        pairs = (
            [(step, path_argument("checkpoints", path)) for step, path in given.items()]
            if isinstance(given, Mapping)
            else [(step_in(path), path) for path in (path_argument("checkpoints", one) for one in given)]
        )
        if len(pairs) < 2:
            raise InputError(f"checkpoints: {len(pairs)} is not enough to choose from; give at least two")
        ordered = sorted(pairs, key=lambda pair: pair[0])
        for (step, path), (other, second) in pairwise(ordered):
            if step == other:
                raise InputError(
                    f"checkpoints: {printable(path.name)} and {printable(second.name)} are both of step {step}; give "
                    "one for each step"
                )
        return cls(step_counts("checkpoints", [step for step, _ in ordered]), tuple(path for _, path in ordered))


def step_in(path: Path) -> int:
    """The step in the last name of a path; InputError where it holds no number."""
    stated = _STEP.findall(path.name)
    numbers = stated or _NUMBER.findall(path.stem)
    if not numbers:
        raise InputError(
            f"checkpoints: the name {printable(path.name)} holds no step; rename it as step-500{printable(path.suffix)}"
        )
    return int(numbers[-1])


def network_for(name: str, first: Path) -> nn.Module:
    """The network that checkpoints belong to.

    Args:
        name: one of this package's networks, whose width, channels and classes are read from the checkpoint; or
            MODULE:FUNCTION, a function without arguments that returns the network. The module is imported as Python
            does it, also from the current folder: its code runs.
        first: one of the checkpoints.

    Raises:
        InputError: another name, a module or function that cannot be had, or a checkpoint of another network.
    """
    module, colon, function = name.partition(":")
    if colon:
        return _called(module, function)
    if name not in NETWORK_NAMES:
        raise InputError(
            f"network: {quoted(name)} is unknown; give one of {', '.join(NETWORK_NAMES)}, or MODULE:FUNCTION that "
            "returns yours"
        )
    tensors = weights_in(first)
    convolution = next((one for one in tensors.values() if one.ndim == 4), None)
    classifier = next((one for key, one in tensors.items() if key.endswith("classifier.weight")), None)
    if convolution is None or classifier is None or classifier.ndim != 2:
        raise InputError(f"network: {printable(str(first))} holds no weights of {name}; give the network that it is of")
    return build_network(name, int(classifier.shape[0]), int(convolution.shape[1]), int(convolution.shape[0]))


def _called(module: str, function: str) -> nn.Module:
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        network = getattr(importlib.import_module(module), function)()
    except Exception as error:  # whatever the user's own code raises
        raise InputError(
            f"network: {printable(f'{module}:{function}')} does not return a network ({type(error).__name__}: "
            f"{one_line(error)}); give a function without arguments"
        ) from error
    finally:
        if added:
            sys.path.remove(here)
    if not isinstance(network, nn.Module):
        raise InputError(
            f"network: {printable(f'{module}:{function}')} returns a {type(network).__name__}; give a function that "
            "returns a torch.nn.Module"
        )
    return network


def default_layer(network: nn.Module) -> str:
    """The layer that a linear probe reads where none is named: the one before the last linear layer.

    Of this package's networks it is the last block; of others the last module without parts that is registered before
    the last ``nn.Linear``, apart from those that hold fixed numbers alone, as of positions.

    Raises:
        InputError: a network without a linear layer, or without a module before it.
    """
    named = {name for name, _ in network.named_children()}
    if isinstance(network, nn.Sequential) and "classifier" in named and "pool" in named:
        return layer_names(network)[-1]
    leaves: list[tuple[str, nn.Module]] = [
        (name, part)
        for name, part in network.named_modules()
        if name and not any(part.children()) and not _holds_constants(part)
    ]
    linear = [place for place, (_, part) in enumerate(leaves) if isinstance(part, nn.Linear)]
    if not linear or linear[-1] == 0:
        raise InputError("layer: the network has no linear layer with a module before it; name the layer to probe")
    layer, _ = leaves[linear[-1] - 1]
    return layer


def _holds_constants(part: nn.Module) -> bool:
    """Whether a module has buffers and no weights, and is none of torch's: it computes from no layer."""
    fixed = any(True for _ in part.buffers()) and not any(True for _ in part.parameters())
    return fixed and not type(part).__module__.startswith("torch.")
