"""Numbers that belong to an image of a digit, which a linear probe can be asked for: its ink, and where that lies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from theory.validation import FloatArray, InputError

#: Pixels along each side of the digits.
SIDE = 8


def _ink(images: FloatArray) -> FloatArray:
    return np.asarray(images.sum(axis=(1, 2)))


def _centre(images: FloatArray) -> FloatArray:
    return np.asarray((images.sum(axis=1) @ np.arange(SIDE)) / _ink(images))


def _upper(images: FloatArray) -> FloatArray:
    return _ink(images[:, : SIDE // 2])


def _left_less_right(images: FloatArray) -> FloatArray:
    return _ink(images[:, :, : SIDE // 2]) - _ink(images[:, :, SIDE // 2 :])


#: By name, functions of images (n, 8, 8): the sum of the pixels; the mean column of the ink, which is not linear in
#: them; the ink of the upper half; and that of the left half less that of the right one.
DIGIT_NUMBERS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "ink": _ink,
    "centre": _centre,
    "upper": _upper,
    "left-right": _left_less_right,
}


def digit_number(name: str, inputs: FloatArray) -> FloatArray:
    """A number of each digit.

    Args:
        name: a key of ``DIGIT_NUMBERS``.
        inputs: (n, 64) pixels, not centred.

    Raises:
        InputError: inputs of another number of columns, as when they are reduced to leading directions.
    """
    if inputs.shape[1] != SIDE**2:
        raise InputError(
            f"target: digits:{name} is a number of {SIDE**2} pixels, and the inputs have {inputs.shape[1]} columns; "
            "leave out directions"
        )
    return DIGIT_NUMBERS[name](inputs.astype(np.float64).reshape(-1, SIDE, SIDE))
