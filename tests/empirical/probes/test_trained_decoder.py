from __future__ import annotations

import pytest
import torch
from torch import Tensor

from empirical.moments.activation_moments import JointMoments
from empirical.probes.reconstruction_probe import BudgetedDecoders
from empirical.probes.trained_decoder import (
    PUBLISHED_BATCH,
    DecoderTraining,
    convolutional_decoder,
    held_out_error,
    linear_decoder,
    shuffled_epochs,
    train_decoder,
)
from theory import InputError, Moments

Pair = tuple[Tensor, Tensor]


def _pair(seed: int, count: int) -> Pair:
    """Six inputs with an offset through a fixed ReLU layer of four features."""
    fixed = torch.Generator().manual_seed(0)
    mixing, layer = torch.randn(6, 6, generator=fixed) / 6**0.5, torch.randn(6, 4, generator=fixed)
    inputs = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) @ mixing + 0.5
    return torch.relu(inputs @ layer), inputs


def _moments(pair: Pair) -> JointMoments:
    activations, inputs = (part.double().numpy() for part in pair)
    centred = inputs - inputs.mean(axis=0)
    return JointMoments(
        Moments.from_samples(activations, [0, 1] * (len(inputs) // 2), 2),
        inputs.mean(axis=0),
        float((centred**2).sum() / len(inputs)),
        (activations - activations.mean(axis=0)).T @ centred / len(inputs),
    )


def test_a_decoder_trained_to_the_end_is_the_exact_one_and_the_published_training_stops_before() -> None:
    training, held_out = _pair(1, 2_000), _pair(2, 500)
    exact = BudgetedDecoders.from_moments(_moments(training), _moments(held_out)).exact().loss
    epochs = shuffled_epochs(*training, PUBLISHED_BATCH, seed=0)
    converged = linear_decoder(4, 6, seed=0)
    train_decoder(converged, epochs, DecoderTraining(epochs=150, learning_rate=3e-3, weight_decay=0.0))
    # Adam's last steps still wander by learning_rate = 0.003 in each weight, which costs its square.
    assert held_out_error(converged, [held_out]) == pytest.approx(exact, rel=0.01)
    published = linear_decoder(4, 6, seed=0)
    losses = train_decoder(published, epochs, DecoderTraining())
    assert len(losses) == 20
    assert held_out_error(published, [held_out]) > 1.2 * exact
    assert losses[-1] < losses[0]


def test_the_first_step_moves_every_weight_by_the_learning_rate_against_its_gradient() -> None:
    """Adam's first step, with the penalty in the gradient and one batch an epoch."""
    activations, inputs = _pair(1, 50)
    decoder = linear_decoder(4, 6, seed=3)
    weights, intercept = decoder.weight.detach().clone(), decoder.bias.detach().clone()
    residual = activations @ weights.T + intercept - inputs
    training = DecoderTraining(epochs=1, learning_rate=0.01, weight_decay=0.5)
    (loss,) = train_decoder(decoder, lambda _: [(activations, inputs)], training)
    assert loss == pytest.approx(float(residual.square().mean()), rel=1e-5)  # float32
    gradient = 2 * residual.T @ activations / residual.numel() + 0.5 * weights
    # Adam divides by |gradient| + 1e-8; gradients here are above 1e-3.
    assert gradient.abs().min() > 1e-3
    torch.testing.assert_close(decoder.weight.detach(), weights - 0.01 * gradient.sign(), rtol=0, atol=1e-6)
    gradient = 2 * residual.sum(dim=0) / residual.numel() + 0.5 * intercept
    torch.testing.assert_close(decoder.bias.detach(), intercept - 0.01 * gradient.sign(), rtol=0, atol=1e-6)


def test_held_out_errors_do_not_depend_on_the_cut_into_batches() -> None:
    activations, inputs = _pair(2, 70)
    decoder = linear_decoder(4, 6, seed=0)
    whole = held_out_error(decoder, [(activations, inputs)])
    assert whole == pytest.approx(float((decoder(activations) - inputs).detach().square().mean()), rel=1e-6)
    parts = [(activations[:64], inputs[:64]), (activations[64:], inputs[64:])]
    assert held_out_error(decoder, parts) == pytest.approx(whole, rel=1e-6)


def test_held_out_errors_are_those_of_evaluation() -> None:
    pair = _pair(2, 70)
    plain = linear_decoder(4, 6, seed=0)
    assert held_out_error(torch.nn.Sequential(torch.nn.Dropout(0.5), plain), [pair]) == held_out_error(plain, [pair])


def test_same_seeds_same_decoder_and_torchs_generator_is_left_alone() -> None:
    training, state = _pair(1, 300), torch.random.get_rng_state()
    found = []
    for seed in (0, 0, 1):
        decoder = linear_decoder(4, 6, seed)
        train_decoder(decoder, shuffled_epochs(*training, 32, seed), DecoderTraining(epochs=2))
        found.append(decoder.weight.detach())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_epoch_sees_every_sample_once_in_an_order_of_its_own() -> None:
    rows = torch.arange(10.0)[:, None]
    epochs = shuffled_epochs(rows, 2 * rows, 4, seed=0)
    orders = []
    for epoch in (0, 1, 0):
        batches = list(epochs(epoch))
        assert [len(activations) for activations, _ in batches] == [4, 4, 2]
        assert all(torch.equal(inputs, 2 * activations) for activations, inputs in batches)
        orders.append(torch.cat([activations for activations, _ in batches]).flatten())
    assert torch.equal(orders[0].sort().values, rows.flatten())
    assert torch.equal(orders[0], orders[2])
    assert not torch.equal(orders[0], orders[1])


def test_the_convolutional_decoder_learns_images_that_the_activations_hold() -> None:
    """Images that are constant in each channel, activations their three colours."""
    colours = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    images = colours[:, :, None, None].expand(-1, -1, 8, 8)
    decoder = convolutional_decoder(features=3, channels=3, side=8, seed=0)
    assert decoder(colours).shape == (200, 3 * 8 * 8)
    training = DecoderTraining(epochs=60, learning_rate=1e-2)
    train_decoder(decoder, shuffled_epochs(colours[:160], images[:160], 16, seed=0), training)
    # A tenth of the variance, 1/12, of a colour that is uniform in 0 to 1.
    assert held_out_error(decoder, [(colours[160:], images[160:])]) < 0.1 / 12


def test_activations_take_no_gradient() -> None:
    activations, inputs = _pair(1, 20)
    activations.requires_grad_()
    train_decoder(linear_decoder(4, 6, seed=0), lambda _: [(activations, inputs)], DecoderTraining(epochs=1))
    assert activations.grad is None


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        pytest.param([], "pairs: none was given", id="no batch"),
        pytest.param([(torch.zeros(3, 4), torch.zeros(2, 6))], r"pairs: shapes \(3, 4\) and \(2, 6\)", id="rows"),
        pytest.param([(torch.zeros(3, 4, 1), torch.zeros(3, 6))], "pairs: shapes", id="axes"),
        pytest.param(
            [(torch.zeros(3, 5), torch.zeros(3, 6))], r"decoder: refuses activations of shape \(3, 5\)", id="p"
        ),
        pytest.param([(torch.zeros(3, 4), torch.zeros(3, 7))], r"decoder: gives shape \(3, 6\)", id="D"),
        pytest.param([(torch.full((3, 4), torch.nan), torch.zeros(3, 6))], "pairs: the error is nan", id="NaN"),
        pytest.param([(torch.zeros(3, 4), torch.full((3, 6), torch.inf))], "pairs: the error is inf", id="infinity"),
    ],
)
def test_bad_pairs_are_refused(pairs: list[Pair], match: str) -> None:
    decoder = linear_decoder(4, 6, seed=0)
    with pytest.raises(InputError, match=match):
        held_out_error(decoder, pairs)
    with pytest.raises(InputError, match=match.replace("is inf", "is (inf|nan)")):
        train_decoder(decoder, lambda _: pairs, DecoderTraining(epochs=1))


def test_values_out_of_range_are_refused() -> None:
    for bad in ({"epochs": 0}, {"learning_rate": 0.0}, {"weight_decay": -1.0}):
        with pytest.raises(InputError, match=next(iter(bad))):
            DecoderTraining(**bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="side: 12 is not accepted; give a multiple of 8"):
        convolutional_decoder(4, 3, 12, seed=0)
    with pytest.raises(InputError, match="seed"):
        linear_decoder(4, 6, seed=-1)
    with pytest.raises(InputError, match="inputs: 2 rows, but 3"):
        shuffled_epochs(torch.zeros(3, 1), torch.zeros(2, 1), 2, seed=0)
    with pytest.raises(InputError, match="size"):
        shuffled_epochs(torch.zeros(3, 1), torch.zeros(3, 1), 0, seed=0)
