"""Decoded images as a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from empirical.networks.networks import network_title
from empirical.studies.decode.decoding import DecodedImages
from empirical.studies.decode.figure import draw_decoded
from empirical.studies.report import Columns, DrawnReport
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, Whole, read_json
from simulation.runs.run_kinds import DECODE
from simulation.runs.table_reader import read_table
from simulation.runs.text_table import text_table
from theory import InputError
from theory.validation import IntArray, path_argument

_IMAGES, _DECODED = "images.parquet", "decoded.parquet"

_CONTENT = Record(
    {
        "network": Text(),
        "base_width": Maybe(Whole(1)),
        "data": Text(),
        "layer": Text(),
        "seed": Whole(0, 2**63 - 1),
        "numbers": ListOf(Whole()),
        "names": ListOf(Text()),
        "shape": ListOf(Whole(1, 10_000), 3),
        "decoded": ListOf(Record({"step": Whole(), "loss": Real(0), "image_losses": ListOf(Real(0))})),
    },
    {"versions": MapOf(Text()), "notes": ListOf(Text(1000), 0)},
)


@dataclass(frozen=True, eq=False)
class DecodeReport(DrawnReport):
    """Test images, and what the exact linear decoder of a layer makes of them at some checkpoints.

    Attributes:
        network: its name.
        base_width: of its first part; None for the family's default.
        data: what it was trained on.
        layer: that is decoded.
        seed: of the network.
        numbers: (n,) of the images within the test split.
        names: (n,) of their classes.
        shape: channels, height and width of an image.
        originals: (n, channels, height, width) their pixels; None where a folder comes without ``images.parquet``, as
            of images that may not be passed on.
        decoded: one for each checkpoint.
        versions: of the software that decoded.
        notes: how the images were read.
    """

    kind = DECODE
    figure_name = "decoded.png"

    network: str
    base_width: int | None
    data: str
    layer: str
    seed: int
    numbers: IntArray
    names: tuple[str, ...]
    shape: tuple[int, ...]
    originals: NDArray[np.uint8] | None
    decoded: tuple[DecodedImages, ...]
    versions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The loss of all test images, and of each of those shown, at each checkpoint."""
        steps = [f"step {one.step:,}" for one in self.decoded]
        whole = ("all test images", "", *(f"{one.loss:.3f}" for one in self.decoded))
        own = [
            (name, str(number), *(f"{one.image_losses[place]:.3f}" for one in self.decoded))
            for place, (name, number) in enumerate(zip(self.names, self.numbers, strict=True))
        ]
        network = f"{network_title(self.network, self.base_width)} on {self.data}, seed {self.seed}"
        return [
            f"{network}: exact linear decoder of {self.layer}",
            *text_table(("image", "number", *steps), [whole, *own]),
            "squared error in units of the variance of all test images",
        ]

    def content(self) -> dict[str, Any]:
        """The losses, and which images they are of."""
        return {
            "network": self.network,
            "base_width": self.base_width,
            "data": self.data,
            "layer": self.layer,
            "seed": self.seed,
            "numbers": self.numbers.tolist(),
            "names": list(self.names),
            "shape": list(self.shape),
            "decoded": [
                {"step": one.step, "loss": one.loss, "image_losses": one.image_losses.tolist()} for one in self.decoded
            ],
            "versions": self.versions,
            "notes": list(self.notes),
        }

    def tables(self) -> dict[str, Columns]:
        """The pixels of the images and of what was decoded, as bytes, channel by channel and row by row."""
        own = {} if self.originals is None else {_IMAGES: {"number": self.numbers, "pixels": _flat(self.originals)}}
        return own | {
            _DECODED: {
                "step": np.repeat([one.step for one in self.decoded], self.numbers.size),
                "number": np.tile(self.numbers, len(self.decoded)),
                "pixels": [pixels for one in self.decoded for pixels in _flat(one.pixels)],
            },
        }

    def draw(self, path: Path | str) -> None:
        """Draw what is decoded at each step, each image with its loss, beneath the images where they are known."""
        draw_decoded(self.originals, self.names, self.decoded, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        count, shape = len(content["numbers"]), tuple(content["shape"])
        known = (folder / _IMAGES).exists()
        originals = _images(folder / _IMAGES, (count, *shape)) if known else None
        pixels = _images(folder / _DECODED, (len(content["decoded"]), count, *shape))
        losses = [len(one["image_losses"]) for one in content["decoded"]]
        if {len(content["names"]), *losses} != {count}:
            raise InputError(f"folder: {folder / 'result.json'} has names and losses of other numbers of images")
        decoded = tuple(
            DecodedImages(one["step"], float(one["loss"]), np.array(one["image_losses"], dtype=np.float64), own)
            for one, own in zip(content["decoded"], pixels, strict=True)
        )
        return cls(
            content["network"],
            content["base_width"],
            content["data"],
            content["layer"],
            content["seed"],
            np.array(content["numbers"], dtype=np.int64),
            tuple(content["names"]),
            shape,
            originals,
            decoded,
            content.get("versions", {}),
            tuple(content.get("notes", ())),
        )


def _flat(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The pixels of each image in one row."""
    return list(images.reshape(len(images), -1))


def _images(path: Path, shape: Sequence[int]) -> NDArray[np.uint8]:
    """The images in the column ``pixels`` of a table.

    Raises:
        InputError: a damaged file, or pixels of another number or type.
    """
    rows = list(read_table(path, ("pixels",), "folder")["pixels"])
    if any(not isinstance(row, np.ndarray) or row.dtype != np.uint8 for row in rows):
        raise InputError(f"folder: {path} holds pixels that are no bytes; decode again")
    flat = np.concatenate(rows) if rows else np.zeros(0, np.uint8)
    if flat.size != np.prod(shape):
        raise InputError(f"folder: {path} holds {flat.size} pixels instead of {np.prod(shape)}; decode again")
    return flat.reshape(shape)
