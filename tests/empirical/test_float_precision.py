"""Single precision with all its digits: the settings inside and after, and on a CUDA card the numbers themselves."""

from collections.abc import Iterator

import pytest
import torch

from empirical.float_precision import full_precision
from tests.devices import NEEDS_CUDA


def _settings() -> tuple[str, ...]:
    card, processor = torch.backends.cudnn, torch.backends.mkldnn
    backends = torch.backends.cuda.matmul, processor.matmul, card.conv, processor.conv
    return tuple(one.fp32_precision for one in backends)


@pytest.fixture
def _few_digits() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.usefixtures("_few_digits")
def test_products_and_convolutions_have_all_digits_inside_and_their_own_again_afterwards() -> None:
    """Stated of the setting, as not every processor multiplies with fewer digits where it may."""
    before = _settings()
    assert "ieee" not in before[:3]
    with full_precision(torch.device("cpu")):
        assert set(_settings()) == {"ieee"}
        with full_precision(torch.device("cpu")):
            assert set(_settings()) == {"ieee"}
        assert set(_settings()) == {"ieee"}
    assert _settings() == before


def test_what_was_chosen_is_put_back_after_a_fault() -> None:
    before = _settings()
    with pytest.raises(ZeroDivisionError), full_precision(torch.device("cpu")):
        raise ZeroDivisionError
    assert _settings() == before


@NEEDS_CUDA
@pytest.mark.usefixtures("_few_digits")
def test_a_card_computes_with_all_digits() -> None:
    """A sum of 576 products of order 1 is right within 576 eps of float32; with 11 bits it is off by about 2^-11."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((4, 64, 8, 8), generator=generator)
    kernels = torch.rand((32, 64, 3, 3), generator=generator)
    exact = torch.conv2d(images.double(), kernels.double(), padding=1)
    with full_precision(torch.device("cuda")):
        convolved = torch.conv2d(images.cuda(), kernels.cuda(), padding=1).cpu().double()
        product = (images.flatten(1).cuda() @ images.flatten(1).cuda().T).cpu().double()
    squares = images.flatten(1).double() @ images.flatten(1).double().T
    eps = torch.finfo(torch.float32).eps
    assert float(((convolved - exact) / exact).abs().max()) < 576 * eps
    assert float(((product - squares) / squares).abs().max()) < 4096 * eps / 8
