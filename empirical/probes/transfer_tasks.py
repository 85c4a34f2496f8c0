"""A task of transfer: to recognise the dominant colour of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from empirical.data.images import Normalisation
from theory import InputError
from theory.validation import IntArray


def dominant_channels(images: NDArray[np.uint8], normalisation: Normalisation) -> IntArray:
    """The channel of the largest normalised mean of each image: 0 red, 1 green, 2 blue; the first of equal means.

    Normalised, as in the published figures: of raw bytes red would be the answer for most images.

    Args:
        images: (n, 3, height, width) bytes.
        normalisation: of the channels, from the training split.

    Returns:
        (n,) labels 0 to 2.

    Raises:
        InputError: another type or shape.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != 3 or images.size == 0:
        raise InputError(
            f"images: have shape {images.shape}, type {images.dtype}; give (n, 3, height, width) of raw uint8 pixels"
        )
    pixels = images.shape[2] * images.shape[3]
    sums = images.sum(axis=(2, 3), dtype=np.int64)
    return np.asarray(((sums / (255 * pixels) - normalisation.mean) / normalisation.deviation).argmax(axis=1))
