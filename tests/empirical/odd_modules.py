"""Networks that people train and a careless probe disturbs: how to make each, its layer and its inputs."""

from __future__ import annotations

import itertools
import random
import sys
import threading
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint


@dataclass
class Odd:
    """A network of inputs (n, 12), or (n, ...) as given, its probed layer, and what its probe says, if anything."""

    network: nn.Module
    layer: str = "body"
    inputs: Callable[[int, torch.Generator], Tensor] = lambda count, draw: torch.randn(count, 12, generator=draw)
    warning: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    counts: Callable[[], object] = lambda: None


class Net(nn.Module):
    """``body``, whatever a subclass does between, and ``head``."""

    def __init__(self, body: nn.Module | None = None) -> None:
        super().__init__()
        self.body = nn.Linear(12, 6) if body is None else body
        self.head = nn.Linear(6, 3)

    def between(self, hidden: Tensor) -> Tensor:
        return hidden.relu()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.between(self.body(inputs)))


def net(between: Callable[[Any, Tensor], Tensor] | None = None, body: nn.Module | None = None, **held: Any) -> Net:
    """A ``Net`` with a ``between`` and attributes of its own."""
    kind = type("Own", (Net,), {} if between is None else {"between": between})
    made = kind(body)
    for name, value in held.items():
        setattr(made, name, value)
    return made


def _in_sequence(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(OrderedDict([("body", nn.Sequential(*parts)), ("head", nn.Linear(6, 3))]))


def _counted(self: Any, hidden: Tensor) -> Tensor:
    self.calls += 1
    return hidden * (1 + 0.01 * self.calls)


def _kept_in_list(self: Any, hidden: Tensor) -> Tensor:
    self.kept.append(hidden)
    return hidden + sum(one.mean() for one in self.kept[-3:]).detach()


def _kept_by_name(self: Any, hidden: Tensor) -> Tensor:
    self.kept["last"] = hidden.detach()
    self.kept.setdefault("sizes", []).append(len(hidden))
    return hidden * len(self.kept["sizes"])


def _moving_mean(self: Any, hidden: Tensor) -> Tensor:
    self.mean.mul_(0.9).add_(hidden.detach().mean(0), alpha=0.1)
    return hidden - self.mean


def _array(self: Any, hidden: Tensor) -> Tensor:
    self.table[0] += 1
    return hidden * float(self.table[0])


def draws(read: Callable[[Any], Any]) -> Callable[[Any, Tensor], Tensor]:
    return lambda self, hidden: hidden * (1 + float(read(self)))


def _drawn(of: Callable[[Any], torch.Generator]) -> Callable[[Any, Tensor], Tensor]:
    return draws(lambda self: torch.rand((), generator=of(self)))


def _counter_of(kind: str) -> Odd:
    """A hook of the user that counts, and changes training by it."""
    made, counts = Net(), Counter()

    def count(*_: Any) -> None:
        counts["calls"] += 1

    match kind:
        case "forward":
            made.body.register_forward_hook(lambda _, __, output: (count(), output * (1 + counts["calls"]))[1])
        case "pre":
            made.register_forward_pre_hook(count)
        case "named pre":
            made.body.register_forward_pre_hook(lambda *_: count(), with_kwargs=True)
        case "backward":
            made.head.register_full_backward_hook(count)
        case "backward pre":
            made.head.register_full_backward_pre_hook(count)
        case "always":
            made.body.register_forward_hook(count, always_call=True)
        case "state":
            made._register_state_dict_hook(count)
            made.register_state_dict_pre_hook(count)
    return Odd(made, counts=lambda: dict(counts))


class _Lookup(nn.Module):
    """Token identities to logits."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self.body = embedding
        self.head = nn.Linear(6, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.body(tokens).mean(1))


class _Recurrent(nn.Module):
    def __init__(self, body: nn.RNNBase) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(6, 3)

    def forward(self, steps: Tensor) -> Tensor:
        hidden, _ = self.body(steps if self.body.batch_first else steps.transpose(0, 1))
        return self.head(hidden.mean(1 if self.body.batch_first else 0))


class _Encoder(nn.Module):
    """Tokens inside on the first axis, as torch's transformers have them by default."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.1)
        self.head = nn.Linear(6, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.body(tokens.transpose(0, 1)).mean(0))


class _ByClass(Net):
    calls = 0
    seen: list[int] = []  # noqa: RUF012

    def between(self, hidden: Tensor) -> Tensor:
        type(self).calls += 1
        self.seen.append(len(hidden))
        return hidden * (1 + 0.01 * self.calls)


class _Slotted:
    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class _Statistics:
    def __init__(self) -> None:
        self.count, self.sums = 0, [0.0]

    def add(self, value: float) -> float:
        self.count += 1
        self.sums[0] += value
        return self.sums[0]


def _slotted(self: Any, hidden: Tensor) -> Tensor:
    self.own.count += 1
    return hidden * self.own.count


def _enclosed() -> Odd:
    count = 0
    seen: list[int] = []

    class Enclosing(Net):
        def between(self, hidden: Tensor) -> Tensor:
            nonlocal count
            count += 1
            seen.append(count)
            return hidden * (1 + 0.01 * len(seen))

    return Odd(Enclosing(), counts=lambda: (count, list(seen)))


def _merging() -> Net:
    """Its train() does more than set flags."""

    class Merging(Net):
        def train(self, mode: bool = True) -> Merging:
            self.switches = getattr(self, "switches", 0) + 1
            return super().train(mode)

    return Merging()


def _no_copy() -> Net:
    class NoCopy(Net):
        def __deepcopy__(self, _: object) -> NoCopy:
            raise RuntimeError("never copied")

    return NoCopy()


def _in_evaluation(error: BaseException) -> Callable[[Any, Tensor], Tensor]:
    def between(self: Any, hidden: Tensor) -> Tensor:
        self.kept = hidden
        torch.rand(1)
        if not self.training:
            self.body.weight.data.zero_()
            raise error
        return hidden

    return between


def _clipped(self: Any, hidden: Tensor) -> Tensor:
    self.head.weight.data.clamp_(-0.2, 0.2 if self.training else 0.1)
    return hidden


def _renormalised(self: Any, hidden: Tensor) -> Tensor:
    self.head.weight.data = nn.functional.normalize(self.head.weight.data) * (1 if self.training else 3)
    return hidden


def _setting(change: Callable[[], object]) -> Callable[[Any, Tensor], Tensor]:
    def between(self: Any, hidden: Tensor) -> Tensor:
        if not self.training:
            change()
        return hidden.relu()

    return between


def _flips(self: Any, hidden: Tensor) -> Tensor:
    self.body.weight.requires_grad_(self.training)
    return hidden


def _registers(self: Any, hidden: Tensor) -> Tensor:
    number = sum(1 for _ in self.buffers())
    self.register_buffer(f"seen{number}", torch.full((6,), 0.01 * number))
    self.add_module(f"part{number}", nn.Identity())
    return hidden + self.get_buffer(f"seen{number}")


def _learns(self: Any, hidden: Tensor) -> Tensor:
    """Calls backward within its forward pass, as energy-based models do."""
    with torch.enable_grad():
        self.head(hidden.detach()).sum().backward()
    return hidden


def _containers(self: Any, hidden: Tensor) -> Tensor:
    self.groups["a"] += 1
    self.last.append(float(hidden.detach().sum()))
    self.lengths.add(len(self.last))
    self.names["a"] = [*self.names.get("a", []), 1]
    return hidden * (self.groups["a"] + len(self.lengths) + len(self.names["a"]))


def _hidden_part(self: Any, hidden: Tensor) -> Tensor:
    return self.others[0](hidden)


def _global_hook() -> Odd:
    return Odd(Net(), settings={"global hook": True})


def _tied() -> Net:
    made = Net(nn.Sequential(nn.Linear(12, 6), nn.Linear(6, 6), nn.Linear(6, 6)))
    made.body[2].weight = made.body[1].weight
    return made


def _spread() -> Net:
    made = net(lambda self, hidden: hidden * self.scale)
    made.register_buffer("scale", torch.ones(1).expand(6))
    return made


def _integer_first() -> Net:
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step = nn.Parameter(torch.zeros(1, dtype=torch.int64), requires_grad=False)
            self.body = nn.Linear(12, 6)
            self.head = nn.Linear(6, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            self.step.data += 1
            return self.head(self.body(inputs))

    return First()


def _with_buffer(value: Tensor) -> Net:
    made = net()
    made.register_buffer("extra", value)
    return made


def _checkpointed() -> Net:
    return net(lambda self, hidden: checkpoint(nn.functional.dropout, hidden, 0.3, self.training, use_reentrant=False))


def _pruned() -> Net:
    made = Net()
    prune.l1_unstructured(made.body, "weight", 0.5)
    return made


def _frozen() -> nn.Module:
    made = _in_sequence(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Dropout(0.2))
    made.body[1].eval()
    made.body[0].requires_grad_(False)
    return made


def _fixed(self: Any, hidden: Tensor) -> Tensor:
    return hidden.view(16, 6) + self.state


def _tokens(count: int, draw: torch.Generator) -> Tensor:
    return torch.randint(0, 50, (count, 4), generator=draw)


def _sequences(count: int, draw: torch.Generator) -> Tensor:
    return torch.randn(count, 5, 6, generator=draw)


def _maps(count: int, draw: torch.Generator) -> Tensor:
    return torch.randn(count, 3, 4, 4, generator=draw)


def _on_maps(*parts: nn.Module) -> nn.Module:
    head = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    made = nn.Sequential(OrderedDict([("body", nn.Sequential(*parts)), ("head", head)]))
    made(torch.zeros(2, 3, 4, 4))
    return made


def _yielded() -> Any:
    yield from range(10**6)


def _held(**held: Any) -> Odd:
    return Odd(net(None, **held))


KINDS: dict[str, Callable[[], Odd]] = {
    "plain": lambda: Odd(Net()),
    "dropout": lambda: Odd(_in_sequence(nn.Linear(12, 6), nn.Dropout(0.4))),
    "batch norm": lambda: Odd(_in_sequence(nn.Linear(12, 6), nn.BatchNorm1d(6))),
    "batch norm, plain mean": lambda: Odd(_in_sequence(nn.Linear(12, 6), nn.BatchNorm1d(6, momentum=None))),
    "batch norm without statistics": lambda: Odd(
        _in_sequence(nn.Linear(12, 6), nn.BatchNorm1d(6, track_running_stats=False))
    ),
    "frozen parts": lambda: Odd(_frozen()),
    "instance norm": lambda: Odd(
        _on_maps(nn.Conv2d(3, 4, 3, padding=1), nn.InstanceNorm2d(4, track_running_stats=True)), inputs=_maps
    ),
    "convolutions": lambda: Odd(_on_maps(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), inputs=_maps),
    "weight norm": lambda: Odd(Net(parametrizations.weight_norm(nn.Linear(12, 6)))),
    "weight norm of old": lambda: Odd(Net(nn.utils.weight_norm(nn.Linear(12, 6)))),
    "spectral norm": lambda: Odd(Net(parametrizations.spectral_norm(nn.Linear(12, 6)))),
    "spectral norm of old": lambda: Odd(Net(nn.utils.spectral_norm(nn.Linear(12, 6)))),
    "orthogonal weights": lambda: Odd(Net(parametrizations.orthogonal(nn.Linear(12, 6)))),
    "pruned": lambda: Odd(_pruned()),
    **{
        f"hook: {kind}": lambda kind=kind: _counter_of(kind)
        for kind in ("forward", "pre", "named pre", "backward", "backward pre", "always", "state")
    },
    "hook of all modules": _global_hook,
    "counter": lambda: Odd(net(_counted, calls=0)),
    "kept activations": lambda: Odd(net(_kept_in_list, kept=[])),
    "cache by name": lambda: Odd(net(_kept_by_name, kept={})),
    "tensor that is no buffer": lambda: Odd(net(_moving_mean, mean=torch.zeros(6))),
    "array": lambda: Odd(net(_array, table=np.ones(2))),
    "containers": lambda: Odd(
        net(_containers, groups=defaultdict(int), last=deque(maxlen=3), lengths=set(), names=OrderedDict())
    ),
    "object of the user": lambda: Odd(net(lambda self, hidden: hidden * self.own.add(0.1), own=_Statistics())),
    "object in a list in an object": lambda: Odd(
        net(lambda self, hidden: hidden * self.own.all[0].add(0.1), own=types.SimpleNamespace(all=[_Statistics()]))
    ),
    "object with slots": lambda: Odd(net(_slotted, own=_Slotted())),
    "attributes of the class": lambda: Odd(type("Fresh", (_ByClass,), {"seen": [], "calls": 0})()),
    "enclosed variables": _enclosed,
    "generator of torch": lambda: Odd(net(_drawn(lambda self: self.own), own=torch.Generator().manual_seed(1))),
    "generator in a list": lambda: Odd(net(_drawn(lambda self: self.own[0]), own=[torch.Generator().manual_seed(1)])),
    "generator in a dictionary in a list": lambda: Odd(
        net(_drawn(lambda self: self.own[0]["a"]), own=[{"a": torch.Generator().manual_seed(1)}])
    ),
    "generator of NumPy": lambda: Odd(net(draws(lambda self: self.own.random()), own=np.random.default_rng(1))),
    "old generator of NumPy": lambda: Odd(net(draws(lambda self: self.own.rand()), own=np.random.RandomState(1))),
    "generator of Python": lambda: Odd(net(draws(lambda self: self.own.random()), own=random.Random(1))),
    "global state of torch": lambda: Odd(net(draws(lambda _: torch.rand(())))),
    "global state of Python": lambda: Odd(net(draws(lambda _: random.gauss(0, 1)))),
    "global state of NumPy": lambda: Odd(net(draws(lambda _: np.random.randn()))),  # noqa: NPY002
    "seeds in its forward pass": lambda: Odd(net(_setting(lambda: (torch.manual_seed(0), random.seed(0))))),
    "lock": lambda: _held(lock=threading.Lock()),
    "thread-local": lambda: _held(local=threading.local()),
    "open file": lambda: _held(file=sys.__stdout__),
    "generator that is held": lambda: _held(numbers=_yielded()),
    "generator that is read": lambda: Odd(
        net(draws(lambda self: next(self.own)), own=_yielded()), warning="reads a generator .* cannot be rewound"
    ),
    "count": lambda: Odd(net(draws(lambda self: next(self.own)), own=itertools.count())),
    "iterator of a list": lambda: Odd(net(draws(lambda self: next(self.own[0])), own=[iter([*range(500)])])),
    "lambda": lambda: _held(function=lambda: 0),
    "never copied": lambda: Odd(_no_copy()),
    "train() of its own": lambda: Odd(_merging()),
    "lazy": lambda: Odd(Net(nn.LazyLinear(6)), warning="body.weight of the network waits for its first forward pass"),
    "recurrent": lambda: Odd(_Recurrent(nn.GRU(6, 6)), inputs=_sequences),
    "recurrent, batch first": lambda: Odd(_Recurrent(nn.LSTM(6, 6, batch_first=True)), inputs=_sequences),
    "transformer": lambda: Odd(_Encoder(), inputs=_sequences),
    "tokens": lambda: Odd(_Lookup(nn.Embedding(50, 6)), inputs=_tokens),
    "tokens of bounded norm": lambda: Odd(_Lookup(nn.Embedding(50, 6, max_norm=1.0)), inputs=_tokens),
    "integers first": lambda: Odd(_integer_first()),
    "batches of one size": lambda: Odd(net(_fixed, state=torch.ones(16, 6)), settings={"batch_size": 16}),
    "batches of one size, untold": lambda: Odd(net(_fixed, state=torch.ones(16, 6)), warning="RuntimeError: shape"),
    "weights clipped": lambda: Odd(net(_clipped)),
    "weights given other memory": lambda: Odd(net(_renormalised)),
    "requires_grad": lambda: Odd(net(_flips)),
    "registers parts": lambda: Odd(net(_registers)),
    "backward in its forward pass": lambda: Odd(net(_learns)),
    "tied weights": lambda: Odd(_tied()),
    "expanded buffer": lambda: Odd(_spread()),
    "complex buffer": lambda: Odd(_with_buffer(torch.ones(3, dtype=torch.complex64))),
    "double": lambda: Odd(Net().double(), inputs=lambda n, draw: torch.randn(n, 12, generator=draw).double()),
    "bfloat16": lambda: Odd(Net().bfloat16(), inputs=lambda n, draw: torch.randn(n, 12, generator=draw).bfloat16()),
    "works in place on its inputs": lambda: Odd(_in_sequence(nn.ReLU(inplace=True), nn.Linear(12, 6))),
    "hidden part": lambda: Odd(net(_hidden_part, others=[nn.BatchNorm1d(6)])),
    "gradient checkpoints": lambda: Odd(_checkpointed()),
    "for several devices": lambda: Odd(nn.DataParallel(Net())),
    "part for several devices": lambda: Odd(Net(nn.DataParallel(nn.Linear(12, 6)))),
    "leaves gradients off": lambda: Odd(net(_setting(lambda: torch.set_grad_enabled(False)))),
    "leaves another default type": lambda: Odd(net(_setting(lambda: torch.set_default_dtype(torch.float64)))),
    "leaves NumPy's faults ignored": lambda: Odd(net(_setting(lambda: np.seterr(all="ignore")))),
    "leaves autocast on": lambda: Odd(net(_setting(lambda: torch.set_autocast_enabled("cpu", True)))),
    "RuntimeError": lambda: Odd(net(_in_evaluation(RuntimeError("one\ntwo"))), warning="step 0: RuntimeError: one"),
    "MemoryError": lambda: Odd(net(_in_evaluation(MemoryError())), warning="step 0: MemoryError"),
    "AssertionError": lambda: Odd(net(_in_evaluation(AssertionError("no"))), warning="step 0: AssertionError: no"),
    "StopIteration": lambda: Odd(net(_in_evaluation(StopIteration())), warning="step 0: "),
}
