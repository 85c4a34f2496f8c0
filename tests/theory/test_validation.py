"""What arguments may be: anything that stands for real numbers, and nothing that NumPy would only read as such."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch

from theory import InputError
from theory.validation import class_labels, finite_array, one_of, positive, step_counts


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        range(1, 3),
        np.array([1, 2], dtype=np.uint8),
        np.array([1, 2], dtype=np.float16),
        torch.tensor([1.0, 2.0]),
        [Fraction(1), Fraction(2)],
        np.ma.masked_array([1.0, 2.0]),
    ],
    ids=["tuple", "range", "bytes", "half precision", "tensor", "fractions", "nothing masked"],
)
def test_what_holds_real_numbers_is_an_array(value: object) -> None:
    found = finite_array("x", value, 1)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [1.0, 2.0])


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ([1 + 2j], "x: not numeric .*complex128"),
        (["1", "2"], "x: not numeric .*<U1"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "x: not numeric .*datetime64"),
        (torch.ones(2, requires_grad=True), r"x: is a tensor that NumPy cannot read; give tensor.detach\(\).cpu\(\)"),
        (np.ma.masked_array([1.0, 2.0], [False, True]), "x: has masked entries"),
        ([10**400], "x: not numeric.*in the range of floats"),
        ([np.longdouble("1e400")], "x: holds 1 NaN or infinite entries"),
        ([[1.0], [2.0, 3.0]], "x: not numeric.*rows of one length"),
        (1.0, r"x: has shape \(\); give an array with 1 axis"),
    ],
    ids=["complex", "text", "date", "gradient", "masked", "too large", "long", "ragged", "number"],
)
def test_what_holds_no_real_numbers_is_refused(value: object, fault: str) -> None:
    """NumPy cuts off imaginary parts, unmasks entries, and reads text and dates as numbers."""
    with pytest.raises(InputError, match=fault):
        finite_array("x", value, 1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint64, np.int16, np.int64])
def test_step_counts_ascend_whatever_their_integer_type(kind: type[np.integer]) -> None:
    """The difference of unsigned integers is never negative: 3 after 5 is a step of 2^64 - 2."""
    np.testing.assert_array_equal(step_counts("steps", np.array([3, 5], dtype=kind)), [3, 5])
    for wrong in ([5, 3], [3, 3]):
        with pytest.raises(InputError, match="steps: give strictly increasing integers"):
            step_counts("steps", np.array(wrong, dtype=kind))


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda: step_counts("steps", [[0], [1, 2]]), "steps: .*rows of one length"),
        (lambda: step_counts("steps", np.array([0, 2**63], dtype=np.uint64)), "steps: give strictly increasing"),
        (lambda: class_labels("labels", [[0], [1, 2]], 2, 2), "labels: .*rows of one length"),
        (lambda: positive("scale", np.array(True)), "scale: .* is not accepted"),
        (lambda: positive("scale", torch.tensor(True)), "scale: .* is not accepted"),
        (lambda: one_of("loss", np.array(["softmax", "squared"]), ("softmax", "squared")), "loss: .* is unknown"),
    ],
)
def test_bad_values_are_refused_in_one_line(call: Callable[[], object], fault: str) -> None:
    with pytest.raises(InputError, match=fault) as refused:
        call()
    assert "\n" not in str(refused.value)
