"""All state that a forward pass may change in a network, so that it can be put back.

The state is found from the network's attributes: tensors, arrays, random generators and plain values of every module,
in containers, in objects of the user's own classes, and in the variables that their functions enclose, take as defaults
or share with their file. Objects of libraries are not entered, except modules, tensors, generators and holders.
"""

from __future__ import annotations

import array
import contextvars
import copy
import functools
import io
import itertools
import queue
import random
import threading
import types
import warnings
import weakref
from collections import ChainMap, OrderedDict, UserDict, UserList, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.grad_mode import _unsafe_preserve_version_counter
from torch.nn.parameter import is_lazy

from empirical.networks.held_values import (
    functions_in,
    is_installed,
    is_library,
    is_value,
    names_in,
    refill,
    restore_class,
    restore_names,
    restore_slots,
    rewrite,
    slots,
)

#: Where a module keeps its hooks.
HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)

# Classes of libraries that only hold what they are given.
_HOLDERS: tuple[type, ...] = (
    *(types.SimpleNamespace, functools.partial, UserDict, UserList, ChainMap, queue.Queue, threading.local),
    *(weakref.WeakKeyDictionary, weakref.WeakValueDictionary),
)
_NOT_ENTERED = (torch.utils.data.Dataset, torch.utils.data.DataLoader, torch.optim.Optimizer)
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type, types.ModuleType, torch.dtype, torch.device)
_REWINDABLE: tuple[Any, ...] = (
    *(type(iter(range(0))), type(iter(list[int]())), type(iter(())), type(iter("")), type(iter(b""))),
    itertools.count,
)
_WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class HeldState:
    """A copy of all state of a network at the time of construction; reading it changes nothing.

    Attributes:
        modules: all modules found, the registered ones and those that are hidden in containers and objects.
    """

    def __init__(self, network: nn.Module) -> None:
        self.modules: list[nn.Module] = []
        self._undo: list[Callable[[], None]] = []
        self._containers: list[dict[Any, Any] | list[Any]] = []
        self._cells: list[tuple[types.CellType, object]] = []
        self._spaces: list[tuple[dict[str, object], dict[str, object]]] = []
        self._gradients: list[tuple[Tensor, Tensor]] = []
        self._seen: dict[int, object] = {}
        self._of_files: list[object] = []
        waiting: list[object] = [network]
        while waiting or self._of_files:
            own = bool(waiting)
            one = waiting.pop() if own else self._of_files.pop()
            if isinstance(one, _PLAIN) or id(one) in self._seen:
                continue
            # A tensor or array that a file holds may be a whole data set: it is not copied.
            if own or not isinstance(one, Tensor | np.ndarray):
                self._seen[id(one)] = one  # kept, so that no other object gets its id meanwhile
                held = self._kept(one)
                (waiting if own or isinstance(one, nn.Module) else self._of_files).extend(held)

    def detach(self) -> None:
        """Hide gradients, and replace iterators, which could not be rewound, by stand-ins."""
        for tensor, _ in self._gradients:
            tensor.grad = None
        for container in self._containers:
            entries = enumerate(container) if isinstance(container, list) else dict.items(container)
            for key, value in list(entries):
                if _is_iterator(value):
                    container[key] = _stand_in(value)
        for cell, content in self._cells:
            if _is_iterator(content):
                cell.cell_contents = _stand_in(content)
        for space, values in self._spaces:
            space.update({name: _stand_in(value) for name, value in values.items() if _is_iterator(value)})

    def restore(self) -> None:
        """Put everything back; what has not changed is not touched."""
        fault: Exception | None = None
        for undo in reversed(self._undo):
            try:
                undo()
            except Exception as error:  # the rest has to be put back all the same
                fault = fault or error
        for tensor, gradient in self._gradients:
            if tensor.grad is not gradient:
                tensor.grad = gradient
        if fault is not None:
            raise fault

    def _kept(self, one: object) -> Iterable[object]:
        """Remember how to put ``one`` back; returns what it holds."""
        match one:
            case Tensor():
                self._keep_tensor(one)
                return [vars(one)] if vars(one) else []
            case np.ndarray():
                if not isinstance(one, np.memmap):  # a file
                    self._keep_array(one)
                return []
            case torch.Generator():
                self._keep_value(one.get_state, one.set_state)
            case random.Random():
                self._keep_value(one.getstate, one.setstate)
            case np.random.Generator():
                return [one.bit_generator]
            case np.random.BitGenerator():
                self._keep_value(lambda: one.state, lambda state: setattr(one, "state", state))
            case np.random.RandomState():
                self._keep_value(lambda: one.get_state(legacy=False), one.set_state)
            case nn.Module():
                self.modules.append(one)
                own = vars(one)
                self._keep_mapping(own)
                for name in HOOKS:  # restored, but not entered: no hook runs meanwhile
                    hooks = own.get(name)
                    if isinstance(hooks, dict) and id(hooks) not in self._seen:
                        self._seen[id(hooks)] = hooks
                        self._keep_mapping(hooks)
                entered = [value for name, value in own.items() if name not in HOOKS]
                return [*entered, *self._keep_slots(one), *self._class_attributes(type(one))]
            case dict():
                self._keep_mapping(one)
                return [*dict.values(one), *([vars(one)] if getattr(one, "__dict__", None) else [])]
            case list():
                self._keep_list(one)
                return list(one)
            case tuple() | frozenset():
                return list(one)
            case set() | deque() | bytearray() | array.array():
                saved = one[:] if isinstance(one, array.array) else one.copy()
                self._undo.append(lambda: refill(one, saved))
                return list(one) if isinstance(one, deque) else []
            case io.StringIO() | io.BytesIO():
                if not one.closed:
                    self._keep_value(lambda: (one.getvalue(), one.tell()), functools.partial(rewrite, one))
            case contextvars.ContextVar():
                return self._keep_context(one)
            case types.MethodType():
                return [one.__self__, one.__func__]
            case types.FunctionType():
                return [] if is_library(one.__module__) else self._keep_function(one)
            case types.CellType():
                return self._keep_cell(one)
            case functools.partial():
                return [one.func, one.args, one.keywords]
            case _:
                return self._keep_object(one)
        return []

    def _keep_object(self, one: object) -> Iterable[object]:
        kind = type(one)
        if isinstance(one, _NOT_ENTERED) or (is_library(kind.__module__) and not isinstance(one, _HOLDERS)):
            return []
        own = getattr(one, "__dict__", None)
        held: list[object] = [own] if isinstance(own, dict) else []
        return [*held, *self._keep_slots(one), *self._class_attributes(kind)]

    def _keep_slots(self, one: object) -> Iterable[object]:
        names = [name for base in type(one).__mro__ for name in slots(base) if hasattr(one, name)]
        values = {name: getattr(one, name) for name in names}
        if values:
            self._undo.append(functools.partial(restore_slots, one, values))
        return values.values()

    def _keep_function(self, one: types.FunctionType) -> list[object]:
        """What a function of the user keeps from call to call; variables of its file wait to be read last."""
        space = one.__globals__
        names = set[str]() if is_installed(one.__code__) else names_in(one.__code__)
        values = {name: space[name] for name in names if name in space}
        self._spaces.append((space, values))
        self._undo.append(functools.partial(restore_names, space, names, values))
        for value in values.values():
            self._of_files += self._class_attributes(value) if isinstance(value, type) else [value]
        return [vars(one), *(one.__closure__ or ()), one.__defaults__, one.__kwdefaults__]

    def _class_attributes(self, kind: type) -> list[object]:
        """Values that the user's classes keep for all their instances, and what the functions of these enclose."""
        held: list[object] = []
        for base in kind.__mro__:
            if is_library(base.__module__) or id(base) in self._seen:
                continue
            self._seen[id(base)] = base
            values = {name: value for name, value in vars(base).items() if is_value(name, value)}
            held += values.values()
            held += [part for value in vars(base).values() for part in functions_in(value)]
            self._undo.append(functools.partial(restore_class, base, values))
        return held

    def _keep_value(self, read: Callable[[], Any], write: Callable[[Any], object]) -> None:
        saved = read()
        self._undo.append(lambda: (write(saved), None)[1])

    def _keep_cell(self, cell: types.CellType) -> list[object]:
        try:
            content = cell.cell_contents
        except ValueError:  # a variable that is not bound yet
            return []

        def undo() -> None:
            cell.cell_contents = content

        self._cells.append((cell, content))
        self._undo.append(undo)
        return [content]

    def _keep_context(self, variable: contextvars.ContextVar[Any]) -> list[object]:
        try:
            content = variable.get()
        except LookupError:  # neither a value nor a default
            return []
        token = variable.set(content)
        self._undo.append(lambda: variable.reset(token))
        return [content]

    def _keep_mapping(self, mapping: dict[Any, Any]) -> None:
        kind: Any = OrderedDict if isinstance(mapping, OrderedDict) else dict
        saved = list(kind.items(mapping))

        def undo() -> None:
            if len(mapping) == len(saved) and all(
                key is old_key and value is old
                for (key, value), (old_key, old) in zip(kind.items(mapping), saved, strict=True)
            ):
                return
            kind.clear(mapping)
            for key, value in saved:
                kind.__setitem__(mapping, key, value)

        self._containers.append(mapping)
        self._undo.append(undo)

    def _keep_list(self, values: list[Any]) -> None:
        saved = list(values)

        def undo() -> None:
            if len(values) != len(saved) or any(new is not old for new, old in zip(values, saved, strict=True)):
                values[:] = saved

        self._containers.append(values)
        self._undo.append(undo)

    def _keep_array(self, array: np.ndarray[Any, Any]) -> None:
        saved = array.copy()

        def undo() -> None:
            if array.flags.writeable and array.tobytes() != saved.tobytes():
                array[...] = saved

        self._undo.append(undo)

    def _keep_tensor(self, tensor: Tensor) -> None:
        if is_lazy(tensor) or tensor.is_meta:
            return
        version = None if tensor.is_inference() else _unsafe_preserve_version_counter(tensor)
        needed, leaf = tensor.requires_grad, tensor.is_leaf
        held = tensor.data  # the same memory, even if the tensor is given another one
        saved = _distinct(held).clone()
        if leaf and tensor.grad is not None:
            self._gradients.append((tensor, tensor.grad))

        def undo() -> None:
            if _moved(tensor.data, held):
                tensor.data = held
            if not _same_bits(_distinct(held), saved):
                with torch.inference_mode(tensor.is_inference()):
                    _distinct(tensor.data).copy_(saved)
            if leaf and tensor.is_leaf and tensor.requires_grad != needed:
                tensor.requires_grad_(needed)
            if version is not None:
                # A graph of the training that waits for its backward pass finds what it has saved.
                version.__exit__(None, None, None)

        self._undo.append(undo)


class _Unread:
    """Replaces an iterator during a probe, as items taken from an iterator cannot be put back."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> NoReturn:
        raise RuntimeError(f"the forward pass reads a {self._kind} that the network holds, which cannot be rewound")

    def send(self, _: object) -> NoReturn:
        """As ``next``."""
        self.__next__()


def _is_iterator(value: object) -> bool:
    return (
        isinstance(value, Iterator)
        and not isinstance(value, io.IOBase | nn.Module | _Unread)
        and (not hasattr(value, "__dict__") or is_library(type(value).__module__))
    )


def _stand_in(value: Any) -> Any:
    if isinstance(value, _REWINDABLE):
        with warnings.catch_warnings(action="ignore"):
            try:
                return copy.copy(value)
            except TypeError:
                pass  # itertools of Python 3.14 are not copied
    return _Unread(type(value).__name__)


def _distinct(tensor: Tensor) -> Tensor:
    """The entries of a tensor, once each: an expanded one has the same memory in many places."""
    if tensor.layout is torch.strided:
        for axis, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
            if stride == 0 and size > 1:
                tensor = tensor.narrow(axis, 0, 1)
    return tensor


def _moved(tensor: Tensor, held: Tensor) -> bool:
    if tensor.shape != held.shape or tensor.dtype != held.dtype or tensor.device != held.device:
        return True
    strided = tensor.layout is torch.strided and held.layout is torch.strided
    return strided and (tensor.data_ptr() != held.data_ptr() or tensor.stride() != held.stride())


def _same_bits(tensor: Tensor, saved: Tensor) -> bool:
    """Whether no bit differs; NaN is itself, and 0 is not -0."""
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return False
    if tensor.is_complex():
        tensor, saved = (torch.view_as_real(one.resolve_conj()) for one in (tensor, saved))
    words = _WORDS[tensor.element_size()]
    return torch.equal(tensor.resolve_neg().view(words), saved.resolve_neg().view(words))
