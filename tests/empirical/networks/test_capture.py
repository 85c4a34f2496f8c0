from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from empirical.networks.capture import capture
from empirical.networks.row_rule import RowRule, Sketch
from tests.strategies import seeds
from theory import InputError

Batch = tuple[Tensor, Tensor]


def _network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = [
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(6 * 8 * 8, 5),
    ]
    return nn.Sequential(*layers)


def _batches(count: int = 3, size: int = 7, seed: int = 0) -> list[Batch]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(size, 3, 8, 8, generator=generator), torch.randint(0, 5, (size,), generator=generator))
        for _ in range(count)
    ]


def _state(module: nn.Module) -> tuple[dict[str, Tensor], list[bool], list[int]]:
    """All that a capture might leave behind: parameters and buffers, training flags, hooks."""
    flags = [part.training for part in module.modules()]
    return copy.deepcopy(module.state_dict()), flags, [len(part._forward_hooks) for part in module.modules()]


def _assert_unchanged(module: nn.Module, before: tuple[dict[str, Tensor], list[bool], list[int]]) -> None:
    state, flags, hooks = _state(module)
    assert all(torch.equal(state[name], before[0][name]) for name in before[0])
    assert (flags, hooks) == (before[1], before[2])


def test_all_layers_come_from_one_pass_and_equal_the_layers_composed_by_hand() -> None:
    network, batches = _network().eval(), _batches()
    with patch.object(nn.Sequential, "forward", autospec=True, side_effect=nn.Sequential.forward) as passes:
        found = list(capture(network, ["0", "1", "2", "5", ""], batches))
    assert passes.call_count == len(batches)
    for (inputs, labels), got in zip(batches, found, strict=True):
        assert torch.equal(got.inputs, inputs)
        assert torch.equal(got.labels, labels)
        with torch.no_grad():
            convolved = network[0](inputs)
            normed = network[1](convolved)
            logits = network[5](normed.relu().flatten(1))
        # The rectifier works in place: what precedes it must have been copied before.
        assert list(got.activations) == ["0", "1", "2", "5", ""]
        assert torch.equal(got.activations["0"], convolved.flatten(1))
        assert torch.equal(got.activations["1"], normed.flatten(1))
        assert torch.equal(got.activations["2"], normed.relu().flatten(1))
        assert torch.equal(got.activations["5"], logits)
        assert torch.equal(got.activations[""], logits)


def test_a_module_in_training_is_run_as_in_evaluation_and_left_bit_equal() -> None:
    network = _network()
    network[1].eval()  # a frozen layer must stay frozen, and the rest in training
    network[0].register_forward_hook(lambda *_: None)
    before, random = _state(network), torch.get_rng_state()
    found = list(capture(network, ["5"], _batches()))
    _assert_unchanged(network, before)
    assert torch.equal(torch.get_rng_state(), random)
    expected = list(capture(network.eval(), ["5"], _batches()))
    assert all(torch.equal(a.activations["5"], b.activations["5"]) for a, b in zip(found, expected, strict=True))


def test_training_between_batches_is_the_same_with_and_without_capture() -> None:
    def trained(watched: bool) -> dict[str, Tensor]:
        network, batches = _network(), _batches(4)
        stream = capture(network, ["2", "5"], batches) if watched else iter([])
        optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
        for inputs, labels in batches:
            next(stream, None)
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(inputs), labels).backward()
            optimiser.step()
        return network.state_dict()

    watched, alone = trained(True), trained(False)
    assert all(torch.equal(watched[name], alone[name]) for name in alone)


def test_a_stream_that_is_left_early_or_fails_leaves_nothing_behind() -> None:
    network = _network()
    before = _state(network)
    stream = capture(network, ["1"], _batches())
    next(stream)
    _assert_unchanged(network, before)

    def interrupted() -> Iterator[Batch]:
        yield _batches()[0]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(capture(network, ["1"], interrupted()))
    _assert_unchanged(network, before)
    with pytest.raises(RuntimeError, match="channels"):
        list(capture(network, ["1"], [(torch.zeros(2, 4, 8, 8), torch.zeros(2, dtype=torch.int64))]))
    _assert_unchanged(network, before)


def test_only_one_batch_is_asked_for_at_a_time() -> None:
    asked: list[int] = []

    def counted() -> Iterator[Batch]:
        for number, batch in enumerate(_batches()):
            asked.append(number)
            yield batch

    stream = capture(_network(), ["1"], counted())
    assert asked == []
    next(stream)
    assert asked == [0]


def test_a_probe_can_be_trained_on_the_activations() -> None:
    got = next(capture(_network(), ["2"], _batches()))
    probe = nn.Linear(got.activations["2"].shape[1], 5)
    nn.functional.cross_entropy(probe(got.activations["2"]), got.labels).backward()
    assert probe.weight.grad is not None
    assert not got.activations["2"].requires_grad


@pytest.mark.parametrize(
    ("limit", "size"),
    [(None, (8, 8)), (384, (8, 8)), (383, (4, 4)), (96, (4, 4)), (95, (2, 2)), (24, (2, 2)), (23, (1, 1)), (6, (1, 1))],
)
def test_feature_maps_are_pooled_by_the_smallest_whole_factor(limit: int | None, size: tuple[int, int]) -> None:
    network, (batch, *_) = _network().eval(), _batches()
    found = next(capture(network, ["1"], [batch], pooled_features=limit)).activations["1"]
    full = next(capture(network, ["1"], [batch])).activations["1"].reshape(-1, 6, 8, 8)
    # 8 = factor * size: pooling is the mean of disjoint blocks.
    blocks = full.reshape(7, 6, size[0], 8 // size[0], size[1], 8 // size[1])
    np.testing.assert_allclose(found, blocks.mean(dim=(3, 5)).flatten(1), atol=1e-6)  # means of float32


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(1, 200))
def test_pooled_maps_are_the_largest_within_the_limit(height: int, width: int, channels: int, limit: int) -> None:
    batch = torch.ones(2, channels, height, width), torch.zeros(2, dtype=torch.int64)
    rows = RowRule(channels=1)
    found = next(capture(nn.Identity(), [""], [batch], pooled_features=limit, rows=rows)).activations[""]
    sizes = [channels * max(1, height // f) * max(1, width // f) for f in range(1, 13)]
    assert found.shape == (2, next((size for size in sizes if size <= limit), limit))
    if channels <= limit:  # however windows overlap, the mean of a constant is that constant
        np.testing.assert_allclose(found, 1.0, rtol=1e-6)


@given(seeds, st.sampled_from([(torch.float16, 2.0**-11), (torch.bfloat16, 2.0**-8)]))
def test_half_precision_rounds_each_activation_once(seed: int, precision: tuple[torch.dtype, float]) -> None:
    dtype, unit = precision
    batches = _batches(1, seed=seed)
    single = next(capture(_network(), ["2"], batches)).activations["2"]
    half = next(capture(_network(), ["2"], batches, dtype=dtype)).activations["2"]
    assert half.dtype is dtype
    # Round to nearest; 2^-24 is the smallest step of float16 near zero.
    assert ((half.float() - single).abs() <= unit * single.abs() + 2.0**-24).all()


def test_tokens_and_tuples_are_flattened_to_one_row_a_sample() -> None:
    attention = nn.MultiheadAttention(4, 2, batch_first=True)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = attention
            self.score = nn.Linear(4, 1)

        def forward(self, tokens: Tensor) -> Tensor:
            mixed, _ = self.attention(tokens, tokens, tokens)
            return self.score(mixed).mean(dim=(1, 2))

    tokens, labels = torch.randn(3, 5, 4), torch.zeros(3, dtype=torch.int32)
    got = next(capture(Block(), ["attention", "score", ""], [(tokens, labels)]))
    with torch.no_grad():
        expected = attention(tokens, tokens, tokens)[0]
    # The weights of attention are computed or not, as the caller asks: another kernel, float32 rounding.
    np.testing.assert_allclose(got.activations["attention"], expected.flatten(1), atol=1e-6)
    assert got.activations["score"].shape == (3, 5)
    assert got.activations[""].shape == (3, 1)
    assert got.labels.dtype is torch.int64


class _Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.ReLU()
        self.alias = self.shared
        self.idle = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.shared(self.shared(inputs))


class _Returns(nn.Module):
    def __init__(self, answer: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, inputs: Tensor) -> object:
        return self.answer(inputs)


@pytest.mark.parametrize(
    ("layers", "options", "match"),
    [
        pytest.param(["layer4"], {}, "layers: 'layer4' is unknown; the nearest names are .*4", id="unknown"),
        pytest.param(["5", "5"], {}, "layers: '5' is given twice", id="twice"),
        pytest.param([], {}, r"layers: \[\] is not accepted", id="none"),
        pytest.param("5", {}, "layers: '5' is not accepted; give a list", id="a name instead of a list"),
        pytest.param(["5"], {"pooled_features": 0}, "pooled_features: 0 is not accepted", id="limit"),
        pytest.param(["5"], {"dtype": torch.float64}, "dtype: torch.float64 is not accepted", id="precision"),
        pytest.param(["5"], {"rows": "average"}, "rows: 'average' is unknown; give one of flatten", id="rule"),
        pytest.param(["5"], {"rows": {"4": "mean"}}, "rows: '4' is unknown; give one of 5", id="rule of no layer"),
        pytest.param(["5"], {"batches": torch.zeros(2, 3)}, "batches: are a Tensor; give a list", id="one tensor"),
        pytest.param(["5"], {"batches": None}, "batches: are a NoneType; give a list", id="no batches"),
        pytest.param(["5"], {"module": nn.Linear}, "module: type is not accepted; give a torch.nn.Module", id="class"),
    ],
)
def test_a_bad_call_is_refused_before_the_first_batch(layers: list[str], options: dict, match: str) -> None:
    with pytest.raises(InputError, match=match):
        capture(**{"module": _network(), "layers": layers, "batches": []} | options)


@pytest.mark.parametrize(
    ("module", "layer", "match"),
    [
        pytest.param(_Twice(), "shared", r"'shared' is called more than once.*\(batch 0\)", id="called twice"),
        pytest.param(_Twice(), "alias", "'alias' is called more than once", id="alias called twice"),
        pytest.param(_Twice(), "idle", "'idle' is not called in the forward pass", id="never called"),
        pytest.param(_Returns(lambda x: {"a": x}), "", "'' returns dict; give a layer", id="no tensor"),
        pytest.param(_Returns(lambda x: ()), "", "'' returns a tuple or list without tensors", id="empty tuple"),
        pytest.param(_Returns(lambda x: x.to_sparse()), "", "'' returns a sparse or nested tensor", id="sparse"),
        pytest.param(
            _Returns(lambda x: torch.nested.nested_tensor(list(x), layout=torch.jagged)),
            "",
            "a sparse or nested tensor",
            id="nested",
        ),
        pytest.param(_Returns(lambda x: x.sum()), "", r"'' returns shape \(\)", id="a number"),
        pytest.param(_Returns(lambda x: x[1:]), "", r"returns shape \(1, 2\).*each of 2 samples", id="samples lost"),
        pytest.param(_Returns(lambda x: x.argmax(1)), "", "type torch.int64", id="integers"),
        pytest.param(_Returns(lambda x: x / 0), "", r"'' gives 4 NaN or infinite.*\(batch 0\)", id="NaN"),
        pytest.param(_Returns(lambda x: x * 1e6), "", r"out of the range of torch.float16.*bfloat16", id="overflow"),
    ],
)
def test_a_layer_that_cannot_be_captured_is_named_with_the_batch(module: nn.Module, layer: str, match: str) -> None:
    labels = torch.zeros(2, dtype=torch.int64)
    stream = capture(module, [layer], [(torch.ones(2, 2), labels)] * 2, dtype=torch.float16)
    before = _state(module)
    with pytest.raises(InputError, match=match) as caught:
        next(stream)
    assert "\n" not in str(caught.value)
    _assert_unchanged(module, before)


def test_nan_in_a_later_batch_names_that_batch() -> None:
    batches = _batches()
    batches[2][0][3, 1, 2, 2] = torch.nan
    with pytest.raises(InputError, match=r"layers: '1' gives \d+ NaN or infinite activations.*\(batch 2\)"):
        list(capture(_network(), ["1"], batches))


@pytest.mark.parametrize("labels", [torch.zeros(3, dtype=torch.int64), torch.zeros(7), torch.zeros(7, 1)])
def test_labels_that_do_not_fit_are_refused(labels: Tensor) -> None:
    with pytest.raises(InputError, match="batches: batch 0 is on the meta device"):
        next(capture(nn.Flatten(), [""], [(torch.zeros(2, 3, device="meta"), _labels(2))]))
    with pytest.raises(InputError, match="batches: labels of batch 0 have shape"):
        next(capture(_network(), ["1"], [(_batches()[0][0], labels)]))


@pytest.mark.parametrize(
    ("batch", "match"),
    [
        (torch.zeros(7, 3, 8, 8), "batch 0 is a Tensor; give pairs"),
        ({"pixels": torch.zeros(7, 3, 8, 8)}, "batch 0 is a dict; give pairs"),
        ((None, torch.zeros(7, dtype=torch.int64)), "inputs of batch 0 are a NoneType"),
        (({}, torch.zeros(7, dtype=torch.int64)), "inputs of batch 0 are empty"),
        (({"a": torch.zeros(7), "b": torch.zeros(6)}, torch.zeros(7, dtype=torch.int64)), "a, b of 2 lengths"),
        ((torch.zeros(7, 3, 8, 8), [0] * 7), "labels of batch 0 are a list"),
    ],
)
def test_a_batch_of_another_kind_is_refused(batch: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        next(capture(_network(), ["1"], [batch]))


def _labels(count: int) -> Tensor:
    return torch.zeros(count, dtype=torch.int64)


class _Patches(nn.Module):
    """A Swin-like stage: channels last, though it begins with a convolution."""

    def __init__(self, channels: int = 5) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, channels, 2, 2)
        self.mix = nn.Linear(channels, channels)

    def forward(self, images: Tensor) -> Tensor:
        return self.mix(self.cut(images).permute(0, 2, 3, 1)).contiguous()


class _PermutedBack(_Patches):
    """A ConvNeXt-like stage: channels first, though a linear layer runs last."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).permute(0, 3, 1, 2).contiguous()


def _first(module: nn.Module, inputs: object, count: int, **options: object) -> tuple[Tensor, str]:
    got = next(capture(module, [""], [(inputs, _labels(count))], **options))
    return got.activations[""], got.widths[""]


@pytest.mark.parametrize("last", [True, False])
def test_maps_are_pooled_over_positions_wherever_their_channels_are(last: bool) -> None:
    """Never over neighbouring channels: the known mistake with (n, h, w, c)."""
    torch.manual_seed(0)
    stage = _Patches() if last else _PermutedBack()
    images = torch.randn(4, 3, 16, 16)  # to maps of 8 x 8
    with torch.no_grad():
        maps = stage(images)
    first = maps.permute(0, 3, 1, 2) if last else maps
    found, said = _first(stage, images, 4, pooled_features=20)
    np.testing.assert_allclose(found, nn.functional.avg_pool2d(first, 4).flatten(1), atol=1e-6)  # means of float32
    assert "pooled to (5, 2, 2)" in said
    by_rule, _ = _first(stage, images, 4, pooled_features=20, rows=RowRule(channels=-1 if last else 1))
    assert torch.equal(by_rule, found)


@pytest.mark.parametrize("stage", [_Patches(8), _PermutedBack(8), nn.Sequential(nn.Identity())])
def test_maps_of_unknown_channels_are_not_pooled(stage: nn.Module) -> None:
    """Eight channels of 8 x 8, or a map no layer has made that is no square: any axis could be the channels'."""
    images = torch.randn(4, 3, 16, 16) if len(list(stage.parameters())) else torch.randn(4, 6, 8, 10)
    with torch.no_grad():
        flat = stage(images).flatten(1)
    found, said = _first(stage, images, 4, pooled_features=20)
    assert torch.equal(found, Sketch.from_widths(flat.shape[1], 20)(flat))
    assert "random groups" in said
    with pytest.raises(InputError, match=r"whose axis of channels is not known; give channels"):
        _first(stage, images, 4, rows="mean")


@given(st.integers(2, 60), st.integers(1, 60))
def test_a_sketch_is_an_orthogonal_projection(features: int, width: int) -> None:
    width = min(features, width)
    rows = Sketch.from_widths(features, width)(torch.eye(features, dtype=torch.float64))  # (features, width)
    np.testing.assert_allclose(rows.T @ rows, torch.eye(width, dtype=torch.float64), atol=1e-14)
    assert set(np.count_nonzero(rows, axis=0)) <= {features // width, -(-features // width)}
    assert torch.equal(rows, Sketch.from_widths(features, width)(torch.eye(features, dtype=torch.float64)))


def test_a_row_is_the_mean_or_the_first_or_last_token_or_all_of_them() -> None:
    tokens = torch.randn(3, 7, 4)
    layer = nn.LayerNorm(4, elementwise_affine=False)
    expected = layer(tokens)
    for rows, own in {
        "flatten": expected.flatten(1),
        "mean": expected.mean(1),
        "first": expected[:, 0],
        "last": expected[:, -1],
    }.items():
        torch.testing.assert_close(_first(layer, tokens, 3, rows=rows)[0], own)
    reduced, said = _first(layer, tokens, 3, pooled_features=5)
    assert reduced.shape == (3, 5)
    assert said == "(7, 4) a sample, 28 features in 5 random groups, 5 features"
    first = RowRule("mean", channels=1)  # (n, channels, positions)
    torch.testing.assert_close(_first(nn.Identity(), tokens, 3, rows=first)[0], tokens.mean(2))


def test_masked_tokens_are_neither_first_nor_last_nor_in_the_mean() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(9, 5)

        def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, flag: bool = False) -> Tensor:
            return self.embed(input_ids) * (2 if flag else 1)

    model, ids = Model(), torch.tensor([[1, 2, 3, 0], [0, 4, 5, 6]])
    inputs = {"input_ids": ids, "attention_mask": (ids > 0).long(), "flag": True}
    with torch.no_grad():
        own = 2 * model.embed(ids)
    for rows, expected in {
        "mean": torch.stack([own[0, :3].mean(0), own[1, 1:].mean(0)]),
        "first": torch.stack([own[0, 0], own[1, 1]]),
        "last": torch.stack([own[0, 2], own[1, 3]]),
    }.items():
        torch.testing.assert_close(_first(model, inputs, 2, rows=rows)[0], expected)
    got = next(capture(model, ["embed"], [inputs | {"labels": torch.tensor([0, 1])}]))  # one dictionary for the pair
    assert got.labels.tolist() == [0, 1]
    assert set(got.inputs) == {"input_ids", "attention_mask", "flag"}


def test_a_module_that_takes_one_dictionary_gets_it() -> None:
    class Model(nn.Module):
        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            return batch["a"] + batch["b"]

    found, _ = _first(Model(), {"a": torch.ones(3, 2), "b": torch.ones(3, 2)}, 3)
    assert torch.equal(found, torch.full((3, 2), 2.0))


@pytest.mark.parametrize("tokens", [5, 6])
def test_samples_on_the_second_axis_are_found_even_if_there_are_as_many_tokens(tokens: int) -> None:
    """Six samples; with six tokens only a smaller batch tells the two axes apart."""

    class SequenceFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)
            self.own = nn.Sequential(nn.Tanh())

        def forward(self, batch: Tensor) -> Tensor:
            return self.own(self.block(batch.transpose(0, 1))).mean(0)

    torch.manual_seed(0)
    model, batch = SequenceFirst().eval(), torch.randn(6, tokens, 4)
    found = next(capture(model, ["block", "own"], [(batch, _labels(6))], rows={"own": "last"})).activations
    with torch.no_grad():
        block = model.block(batch.transpose(0, 1)).transpose(0, 1)
    # Another kernel for the same block; float32 rounding.
    np.testing.assert_allclose(found["block"], block.flatten(1), atol=1e-5)
    np.testing.assert_allclose(found["own"], block[:, -1].tanh(), atol=1e-5)


def test_which_of_two_axes_are_samples_is_asked_where_the_batch_cannot_be_smaller() -> None:
    fixed = _Returns(lambda x: x.reshape(6, 6, 4))
    with pytest.raises(InputError, match=r"two axes of length 6, the number of samples; say which .*samples="):
        _first(fixed, torch.randn(6, 24), 6)
    found, _ = _first(fixed, inputs := torch.randn(6, 24), 6, rows=RowRule(samples=1))
    assert torch.equal(found, inputs.reshape(6, 6, 4).transpose(0, 1).flatten(1))


@pytest.mark.parametrize(
    ("answer", "rule", "expected"),
    [
        pytest.param(lambda x: (x, 2 * x), {}, 1, id="first of a tuple"),
        pytest.param(lambda x: ((None, x), 2 * x), {}, 1, id="nested tuple"),
        pytest.param(lambda x: (x, 2 * x), {"output": 1}, 2, id="second of a tuple"),
        pytest.param(lambda x: {"a": x, "b": 2 * x}, {"output": "b"}, 2, id="named"),
        pytest.param(lambda x: {"loss": x.sum(), "logits": 2 * x}, {}, 2, id="logits"),
        pytest.param(lambda x: {"logits": x, "last_hidden_state": 2 * x}, {}, 2, id="last hidden state"),
    ],
)
def test_the_tensor_of_an_output_of_several_is_taken_by_a_rule(
    answer: Callable[[Tensor], object], rule: dict, expected: int
) -> None:
    inputs = torch.randn(3, 2)
    assert torch.equal(_first(_Returns(answer), inputs, 3, rows=RowRule(**rule))[0], expected * inputs)


def test_packed_sequences_and_missing_entries_are_refused() -> None:
    packed = _Returns(lambda x: nn.utils.rnn.pack_padded_sequence(x, torch.full((len(x),), 2), batch_first=True))
    recurrent = nn.Sequential(packed, nn.LSTM(4, 5))  # gives a packed sequence first, then its last state
    for network in (packed, recurrent):
        with pytest.raises(InputError, match="'' returns packed sequences"):
            _first(network, torch.randn(3, 2, 4), 3)
    with pytest.raises(InputError, match=r"name one of its entries \(a\)"):
        _first(_Returns(lambda x: {"a": x}), torch.randn(3, 2), 3, rows=RowRule(output="b"))


@pytest.mark.parametrize(("call", "times"), [(0, 1), (1, 2), (2, 3), (-1, 3)])
def test_a_call_of_several_can_be_chosen(call: int, times: int) -> None:
    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.twice = _Returns(lambda x: 2 * x)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.twice(self.twice(self.twice(inputs)))

    inputs, rows = torch.ones(2, 3), RowRule(call=call)
    got = next(capture(Repeated(), ["twice"], [(inputs, _labels(2))], rows=rows)).activations["twice"]
    assert torch.equal(got, inputs * 2**times)
    with pytest.raises(InputError, match=r"is called 3 times; RowRule\(call=3\) is not"):
        next(capture(Repeated(), ["twice"], [(inputs, _labels(2))], rows=RowRule(call=3)))


@pytest.mark.filterwarnings("ignore")  # torch's own, in its compiler
def test_a_compiled_network_is_captured_after_a_pass_in_evaluation() -> None:
    """Compiled code skips hooks that come later; names are known with and without the prefixes of wrappers."""
    network, batches = _network().eval(), _batches(1)
    compiled = torch.compile(network, backend="eager")
    compiled(batches[0][0])
    expected = next(capture(network, ["5"], batches)).activations["5"]
    for module, name in [(compiled, "5"), (compiled, "_orig_mod.5"), (nn.DataParallel(compiled), "module._orig_mod.5")]:
        found = next(capture(module, [name], batches)).activations
        assert list(found) == ["5"]
        assert torch.equal(found[name], expected)
    network[5] = torch.compile(network[5], backend="eager")
    network(batches[0][0])
    part = next(capture(network, ["5"], batches)).activations
    assert torch.equal(part["5._orig_mod"], expected)
