from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import empirical.moments.shifted_products as products
from empirical.moments.activation_moments import (
    ActivationAccumulator,
    JointAccumulator,
    JointMoments,
)
from tests.strategies import seeds
from theory import InputError, Moments, merge_all
from theory.validation import FloatArray

COUNT, FEATURES, PIXELS, CLASSES = 60, 5, 7, 4

# A sum of n float32 products is off by at most n eps / 2 of the product of the two standard deviations.
SINGLE = COUNT * float(np.finfo(np.float32).eps)
DOUBLE = 1e-12

cuts = st.lists(st.integers(1, COUNT - 1), max_size=4, unique=True).map(lambda found: [0, *sorted(found), COUNT])
Sample = tuple[Tensor, Tensor, Tensor]


def _sample(seed: int, dtype: torch.dtype = torch.float64, offset: float = 0.0) -> Sample:
    """Activations and inputs of unit scale with correlations, in classes of which the last is empty."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES - 1, COUNT)
    inputs = generator.standard_normal((COUNT, PIXELS)) + labels[:, None]
    activations = np.tanh(inputs[:, :FEATURES] @ generator.standard_normal((FEATURES, FEATURES)))
    images = torch.from_numpy(inputs + offset).to(dtype).reshape(COUNT, 1, PIXELS)
    return torch.from_numpy(activations + offset).to(dtype), images, torch.from_numpy(labels)


def _joint(sample: Sample, edges: Sequence[int] = (0, COUNT)) -> JointMoments:
    accumulator = JointAccumulator(CLASSES)
    for start, end in pairwise(edges):
        accumulator.update(*(part[start:end] for part in sample))
    return accumulator.result()


def _parts(sample: Sample, edges: Sequence[int]) -> list[Sample]:
    return [(sample[0][a:b], sample[1][a:b], sample[2][a:b]) for a, b in pairwise(edges)]


def _flat(moments: Moments | JointMoments) -> dict[str, FloatArray]:
    values: dict[str, Any] = dict(vars(moments))
    inner = values.pop("activations", None)
    return {name: np.asarray(value) for name, value in values.items()} | (vars(inner) if inner else {})


def _assert_close(found: Moments | JointMoments, expected: Moments | JointMoments, atol: float) -> None:
    for name, value in _flat(expected).items():
        np.testing.assert_allclose(_flat(found)[name], value, rtol=0, atol=atol, err_msg=name)


def _naive_joint(sample: Sample) -> JointMoments:
    """Plain numpy in float64."""
    activations, inputs = sample[0].double().numpy(), sample[1].double().flatten(1).numpy()
    labels = sample[2].numpy()
    everything = np.cov(np.hstack([activations, inputs]).T, bias=True)
    means = [activations[labels == k].mean(axis=0) if (labels == k).any() else np.zeros(FEATURES) for k in range(4)]
    return JointMoments(
        Moments(
            activations.mean(axis=0),
            everything[:FEATURES, :FEATURES],
            np.bincount(labels, minlength=CLASSES),
            np.stack(means),
        ),
        inputs.mean(axis=0),
        float(np.trace(everything[FEATURES:, FEATURES:])),
        everything[:FEATURES, FEATURES:],
    )


@pytest.fixture(params=[False, True], ids=["one panel", "small panels"])
def _panels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks and panels that do not divide the sample, so that all edges of the blocks are walked."""
    if request.param:
        monkeypatch.setattr(products, "_ROWS", 16)
        monkeypatch.setattr(products, "_PANEL", 2)


@pytest.mark.usefixtures("_panels")
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, DOUBLE), (torch.float32, PIXELS * SINGLE)])
def test_moments_are_numpys(dtype: torch.dtype, atol: float) -> None:
    for seed in range(10):
        sample = _sample(seed, dtype)
        for edges in ((0, COUNT), (0, 1, 20, COUNT)):
            found = _joint(sample, edges)
            # The inputs' variance sums PIXELS of them, with squares up to 30.
            _assert_close(found, _naive_joint(sample), atol)
            np.testing.assert_array_equal(found.activations.covariance, found.activations.covariance.T)


@given(seeds, cuts, st.randoms(use_true_random=False))
def test_shards_in_any_order_merge_to_the_whole(seed: int, edges: list[int], order: Any) -> None:
    sample = _sample(seed)
    parts = _parts(sample, edges)
    order.shuffle(parts)
    whole = _joint(sample)
    _assert_close(reduce(JointMoments.merge, [_joint(part) for part in parts]), whole, DOUBLE)
    _assert_close(merge_all([_joint(part).activations for part in parts]), whole.activations, DOUBLE)


@given(seeds)
def test_merging_is_associative_and_commutative(seed: int) -> None:
    first, second, third = (_joint(part) for part in _parts(_sample(seed), [0, 1, 25, COUNT]))
    _assert_close(first.merge(second), second.merge(first), DOUBLE)
    _assert_close(first.merge(second).merge(third), first.merge(second.merge(third)), DOUBLE)


@given(seeds, cuts)
def test_adding_a_constant_moves_means_alone(seed: int, edges: list[int]) -> None:
    """2^12 = 4,096 and its multiples of 2^-11 are exact in float32: only the accumulation could lose digits."""
    activations, inputs, labels = _sample(seed)
    grid = 2.0**-11
    plain = (activations / grid).round() * grid, (inputs / grid).round() * grid, labels
    moved = tuple((part + 4096.0).float() for part in plain[:2])
    here, there = _joint(plain, edges), _joint((*moved, labels), edges)
    # Without the shift, squares of 4,096 would leave errors of 4096^2 eps = 2.
    atol = PIXELS * SINGLE
    np.testing.assert_allclose(there.activations.covariance, here.activations.covariance, rtol=0, atol=atol)
    np.testing.assert_allclose(there.cross, here.cross, rtol=0, atol=atol)
    assert there.input_variance == pytest.approx(here.input_variance, abs=atol * PIXELS)
    np.testing.assert_allclose(there.input_mean, here.input_mean + 4096, rtol=0, atol=atol)


@pytest.mark.parametrize(("dtype", "unit"), [(torch.float16, 2.0**-11), (torch.bfloat16, 2.0**-8)])
def test_half_precision_loses_only_the_rounding_of_the_activations(dtype: torch.dtype, unit: float) -> None:
    activations, inputs, labels = _sample(0, torch.float32)
    half = _joint((activations.to(dtype), inputs, labels))
    # Bit for bit what the rounded activations give in float32 ...
    _assert_close(half, _joint((activations.to(dtype).float(), inputs, labels)), 0.0)
    # ... and each of |x| <= 1 is off by at most unit / 2: two factors below 2 after centring.
    full = _joint((activations, inputs, labels)).activations.covariance
    np.testing.assert_allclose(half.activations.covariance, full, rtol=0, atol=2 * unit)


def test_the_sums_of_many_batches_lose_no_digits() -> None:
    """The same batch 300 times: sums in float32 would drift by 1e-6 of themselves."""
    batch = torch.tensor([[0.1, -0.3], [0.4, 0.2]]), torch.tensor([[0.7], [0.2]]), torch.tensor([0, 1])
    accumulator, once = JointAccumulator(2), JointAccumulator(2)
    once.update(*batch)
    for _ in range(300):
        accumulator.update(*batch)
    found, expected = accumulator.result(), once.result()
    assert found.count == 300 * expected.count
    for name, value in _flat(expected).items():
        if name != "class_counts":
            np.testing.assert_allclose(_flat(found)[name], value, rtol=0, atol=DOUBLE, err_msg=name)


def test_a_result_in_between_changes_nothing() -> None:
    sample = _sample(0)
    accumulator = JointAccumulator(CLASSES)
    for part in _parts(sample, [0, 20, COUNT]):
        accumulator.update(*part)
        accumulator.result()
    _assert_close(accumulator.result(), _joint(sample, [0, 20, COUNT]), 0.0)


def test_results_travel_between_processes() -> None:
    result = _joint(_sample(0))
    _assert_close(pickle.loads(pickle.dumps(result)), result, 0.0)


@pytest.mark.usefixtures("few_digits")
@pytest.mark.parametrize("own_settings", [True, False])
def test_low_precision_allowed_to_training_does_not_reach_the_moments(
    own_settings: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not own_settings:  # as before torch 2.9
        monkeypatch.delattr(type(torch.backends.mkldnn), "matmul")
    sample = _sample(0, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = _joint(sample)
        assert torch.is_autocast_enabled("cpu")
    _assert_close(found, _naive_joint(sample), PIXELS * SINGLE)
    assert torch.get_float32_matmul_precision() == "medium"


def _joint_update(activations: Tensor, labels: Tensor) -> None:
    JointAccumulator(3).update(activations, torch.ones((*activations.shape[:1], 2)), labels)


def _activation_update(activations: Tensor, labels: Tensor) -> None:
    ActivationAccumulator(3).update(activations, labels)


@pytest.mark.parametrize("update", [_joint_update, _activation_update])
@pytest.mark.parametrize(
    ("activations", "labels", "match"),
    [
        pytest.param([[1.0, torch.nan]], [0], "activations: hold 1 NaN or infinite entries", id="NaN"),
        pytest.param([[-torch.inf, torch.nan]], [0], "activations: hold 2 NaN", id="infinity"),
        pytest.param([[1.0, -1e18]], [0], r"activations: reach 1e\+18; give numbers of at most 1e\+17", id="overflow"),
        pytest.param([1.0], [0], "activations: have shape", id="one axis"),
        pytest.param([[1.0 + 1j]], [0], "activations: have shape .*complex", id="complex"),
        pytest.param(torch.zeros(0, 2), [], r"have shape \(0, 2\)", id="no rows"),
        pytest.param([[1.0]], [0, 1], "labels: has shape", id="too many labels"),
        pytest.param([[1.0]], [3], "labels: holds the label 3; give integers 0 to 2", id="label out of range"),
        pytest.param([[1.0]], [0.0], "labels: has type float32", id="label not an integer"),
    ],
)
def test_bad_batches_are_refused(
    update: Callable[[Tensor, Tensor], None], activations: Any, labels: Any, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        update(torch.as_tensor(activations), torch.as_tensor(labels))


@pytest.mark.parametrize(
    ("part", "change"),
    [
        pytest.param(0, lambda x: x * torch.nan, id="NaN in the activations"),
        pytest.param(1, lambda x: x * torch.nan, id="NaN in the inputs"),
        pytest.param(0, lambda x: x[:, 1:], id="features lost"),
        pytest.param(1, lambda x: x[..., 1:], id="pixels lost"),
        pytest.param(1, lambda x: x[1:], id="an input lost"),
        pytest.param(2, lambda x: x + CLASSES, id="label out of range"),
    ],
)
def test_a_refused_batch_adds_nothing(part: int, change: Callable[[Tensor], Tensor]) -> None:
    sample = _sample(0)
    first, second = _parts(sample, [0, 20, COUNT])
    joint = JointAccumulator(CLASSES)
    bad = list(second)
    bad[part] = change(bad[part])
    for number, batch in enumerate((first, second)):
        joint.update(*batch)
        if number == 0:
            with pytest.raises(InputError):
                joint.update(*bad)
    _assert_close(joint.result(), _joint(sample, [0, 20, COUNT]), 0.0)


def test_a_bad_first_batch_leaves_the_accumulator_as_new() -> None:
    sample = _sample(0)
    accumulator = JointAccumulator(CLASSES)
    with pytest.raises(InputError, match="labels: holds"):
        accumulator.update(sample[0][:, 1:], sample[1][..., 1:], sample[2] + CLASSES)
    accumulator.update(*sample)
    _assert_close(accumulator.result(), _joint(sample), 0.0)


@pytest.mark.parametrize("kind", [ActivationAccumulator, JointAccumulator])
def test_there_is_no_result_before_the_first_batch(kind: type) -> None:
    with pytest.raises(InputError, match="batches: none was given"):
        kind(2).result()
    with pytest.raises(InputError, match="classes: 1 is not accepted"):
        kind(1)


def test_parts_that_do_not_fit_are_refused() -> None:
    sample = _sample(0)
    narrow = sample[0][:, 1:], sample[1], sample[2]
    with pytest.raises(InputError, match=r"other: has \(features, inputs\) \(4, 7\); give \(5, 7\)"):
        _joint(sample).merge(_joint(narrow))
    joint = _joint(sample)
    with pytest.raises(InputError, match="cross: has shape"):
        JointMoments(joint.activations, joint.input_mean, 1.0, joint.cross.T)
    with pytest.raises(InputError, match=r"input_variance: -1\.0"):
        JointMoments(joint.activations, joint.input_mean, -1.0, joint.cross)
