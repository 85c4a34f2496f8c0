"""Single precision with all its digits: the settings inside and after, and on a CUDA card the numbers themselves."""

import pytest
import torch

from empirical.moments.float_precision import full_precision
from tests.devices import NEEDS_CUDA


def _settings() -> tuple[str, ...]:
    card, processor = torch.backends.cudnn, torch.backends.mkldnn
    products = torch.backends.cuda.matmul, processor.matmul
    return tuple(one.fp32_precision for one in (*products, card.conv, card.rnn, processor.conv, processor.rnn))


@pytest.mark.usefixtures("few_digits")
def test_products_and_convolutions_have_all_digits_inside_and_their_own_again_afterwards() -> None:
    """Stated of the setting, as not every processor multiplies with fewer digits where it may."""
    before = _settings()
    assert "ieee" not in before
    with full_precision(torch.device("cpu")):
        assert set(_settings()) == {"ieee"}
        with full_precision(torch.device("cpu")):
            assert set(_settings()) == {"ieee"}
        assert set(_settings()) == {"ieee"}
    assert _settings() == before


def test_before_torch_has_a_setting_for_each_operation_the_common_ones_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(type(torch.backends.mkldnn), "matmul")
    assert torch.backends.cudnn.allow_tf32
    with full_precision(torch.device("cpu")):
        assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.cudnn.allow_tf32


def test_what_was_chosen_is_put_back_after_a_fault() -> None:
    before = _settings()
    with pytest.raises(ZeroDivisionError), full_precision(torch.device("cpu")):
        raise ZeroDivisionError
    assert _settings() == before


@NEEDS_CUDA
@pytest.mark.usefixtures("few_digits")
def test_a_card_computes_with_all_digits() -> None:
    """Numbers of 13 bits whose sums float32 holds exactly; with 11 bits the part of 2^-12 is lost whole."""
    images = torch.full((4, 8, 8, 8), 1 + 2.0**-12)
    kernels = torch.ones((4, 8, 3, 3))
    with full_precision(torch.device("cuda")):
        convolved = torch.conv2d(images.cuda(), kernels.cuda()).cpu()
        product = (images.flatten(1).cuda() @ torch.ones((512, 3), device="cuda")).cpu()
    for found, terms in ((convolved, 72), (product, 512)):
        # Half of what would be lost.
        assert float((found - terms * (1 + 2.0**-12)).abs().max()) < terms * 2.0**-13
