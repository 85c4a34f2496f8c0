"""What tests of several modules need."""

from collections.abc import Iterator

import pytest
import torch

from empirical import FittedModel, fit_data_model, load, split_for_fit


@pytest.fixture(scope="session")
def digits_fit() -> FittedModel:
    """The fit of the digits, which takes seconds."""
    return fit_data_model(*split_for_fit(load("digits")))


@pytest.fixture
def few_digits() -> Iterator[None]:
    """Products with fewer digits than float32 has, where the CPU can; as a training may choose."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)
