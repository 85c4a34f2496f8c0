"""Linear networks of any depth, z = W_L ... W_1 x: the mean field by the chain rule.

The loss depends on the layers by their product W = W_L ... W_1 alone, and its negative gradient G there is what the
mean field of one layer has: with a common covariance (``theory.curves.mean_field``), or with Gaussian components that
have their own (``theory.curves.class_mean_field``). The layers move along

    dW_l = (W_L ... W_(l+1))^T G (W_(l-1) ... W_1)^T.

Blocks of steps are those of ``theory.curves.block_descent``. What a block holds constant is the pull on the product,
which takes a quadrature; G is then linear in the product and the layers' own steps, a few products of matrices with
few rows, are taken one by one. So a block is exact but for the pull, at any step size.

A hidden layer has the weights of W(0) in all directions that it does not learn, and its outputs count by the rule of
``theory.curves.reconstruction``. The sum of the rows of the product is not conserved, only that of the rows of W_L.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from theory.curves.block_descent import Field, Pull, follow_in_blocks
from theory.curves.class_mean_field import OwnCovariancesField
from theory.curves.curve import Curve
from theory.curves.linearised import check_target
from theory.curves.losses import Loss, loss_argument
from theory.curves.mean_field import CommonCovarianceField, gaussian_nodes
from theory.curves.reconstruction import explained_variance_from_gram, unexplained_share
from theory.data.data_model import DataModel
from theory.data.mixtures import MixtureModel
from theory.data.target import Target
from theory.progress import Progress, silent
from theory.validation import FloatArray, InputError, IntArray, finite_array, non_negative, positive, step_counts

#: W_1, ..., W_L, each (replica, h_l, h_(l-1)), h_0 the dimension of the inputs and h_L the number of outputs.
Layers = tuple[FloatArray, ...]


def partial_products(layers: Sequence[FloatArray]) -> Layers:
    """W_1, W_2 W_1, ..., W_L ... W_1: what each layer's output is of the inputs, each (replica, h_l, d)."""
    products = [layers[0]]
    for layer in layers[1:]:
        products.append(layer @ products[-1])
    return tuple(products)


def layers_above(layers: Sequence[FloatArray]) -> Layers:
    """W_L ... W_1, W_L ... W_2, ..., W_L: the network from each layer's input on, each (replica, K, h_(l-1))."""
    products = [layers[-1]]
    for layer in reversed(layers[:-1]):
        products.append(products[-1] @ layer)
    return tuple(reversed(products))


def layer_descents(layers: Sequence[FloatArray], above: Sequence[FloatArray], descent: FloatArray) -> Layers:
    """How fast each layer moves, (W_L ... W_(l+1))^T G (W_(l-1) ... W_1)^T.

    Args:
        layers: W_1, ..., W_L.
        above: ``layers_above`` of them.
        descent: (replica, K, d) G, the negative gradient by the product.

    Returns:
        An array of the shape of each layer.
    """
    moves = []
    passed = descent  # G (W_(l-1) ... W_1)^T
    for number, layer in enumerate(layers):
        last = number + 1 == len(layers)
        moves.append(passed if last else np.swapaxes(above[number + 1], -1, -2) @ passed)
        if not last:
            passed = passed @ np.swapaxes(layer, -1, -2)
    return tuple(moves)


@dataclass(frozen=True, eq=False)
class _LinearNetwork:
    """The motion of all layers, for ``theory.curves.block_descent``."""

    field: Field
    eigenvalues: FloatArray
    step_size: float

    def held(self, state: Layers) -> Pull:
        return self.field.pull(layers_above(state)[0])

    def between(self, one: Pull, other: Pull) -> Pull:
        return one.between(other)

    def advance(self, state: Layers, held: Pull, done: int, steps: int) -> Layers:
        return descend(state, self.field.descent(held), self.step_size, steps)

    def error(self, end: Layers, other: Layers, steps: int) -> float:
        """Of the worst replica: of the product's length, and of what each layer explains as a share of tr Sigma."""
        product = layers_above(end)[0]
        root = np.sqrt(self.eigenvalues)
        size = np.linalg.norm(product * root, axis=(1, 2))
        apart = np.linalg.norm((layers_above(other)[0] - product) * root, axis=(1, 2)) / np.where(size > 0, size, 1.0)
        moved = [
            np.abs(_explained(one, self.eigenvalues) - _explained(two, self.eigenvalues)) / self.eigenvalues.sum()
            for one, two in zip(partial_products(end), partial_products(other), strict=True)
        ]
        return float(max(apart.max(), *(np.max(change) for change in moved))) / 3


def _explained(rows: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """(replica,) what is explained, from Gram matrices: enough for an estimate of an error."""
    weighted, back = rows * eigenvalues, np.swapaxes(rows, -1, -2)
    return explained_variance_from_gram(weighted @ back, (weighted * eigenvalues) @ back)


def descend(layers: Layers, descent: Callable[[FloatArray], FloatArray], step_size: float, steps: int) -> Layers:
    """All layers after steps of gradient descent.

    Args:
        layers: W_1, ..., W_L, which are left as they are.
        descent: the negative gradient by the product (replica, K, d), a function of the product.
        step_size: eta.
        steps: number of steps.
    """
    moved = tuple(layer.copy() for layer in layers)
    for _ in range(steps):
        above = layers_above(moved)
        for layer, move in zip(moved, layer_descents(moved, above, descent(above[0])), strict=True):
            move *= step_size
            layer += move
    return moved


def mean_field_of(data: DataModel | MixtureModel, loss: Loss, step_size: float, nodes: FloatArray) -> Field:
    """The mean field of Gaussian classes with a common covariance, or of components with their own.

    Args:
        data: a ``DataModel`` has a common covariance, a ``MixtureModel`` one per component.
        loss: the training loss.
        step_size: eta.
        nodes: (n, outputs) standard normal nodes.
    """
    if isinstance(data, MixtureModel):
        return OwnCovariancesField(data, loss, step_size, nodes)
    return CommonCovarianceField(data, loss, step_size, nodes)


def deep_linear_path(
    data: DataModel | MixtureModel,
    loss: Loss,
    initial_layers: Sequence[FloatArray],
    steps: IntArray,
    step_size: float,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
) -> Iterator[Layers]:
    """Layers of full-batch gradient descent on infinitely many samples of Gaussian classes.

    Args:
        data: a ``DataModel``, whose classes are taken to be Gaussian with a common covariance (A4), or a mixture of
            Gaussians with covariances of their own.
        loss: the training loss.
        initial_layers: W_1(0), ..., W_L(0), each (replica, h_l, h_(l-1)), columns of W_1 in the eigenbasis of Sigma.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta, the same for all layers.
        nodes: quasi-Monte-Carlo nodes per class or component, a power of two.
        growth: largest block of steps as a share of those done; 0 takes every single step.
        progress: shows how many of the recorded steps are done.

    Returns:
        The layers at each of ``steps``, computed as they are asked for.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a step size that is not positive; on the way, one at which
            gradient descent does not stay finite. No limit on it is known in advance, as the curvature that a layer
            feels grows with the others.
    """
    loss_argument(loss)
    model = data.model if isinstance(data, MixtureModel) else data
    layers = check_layers(initial_layers, model.dimension, loss.outputs(model.classes))
    counts = step_counts("steps", steps)
    share = non_negative("growth", growth)
    field = mean_field_of(data, loss, positive("step_size", step_size), gaussian_nodes(layers[-1].shape[1], nodes))
    motion = _LinearNetwork(field, model.eigenvalues, step_size)
    # A generator of its own, so that bad input is refused here and not at the first layers.
    return _finite(follow_in_blocks(motion, layers, progress(counts.tolist()), share), step_size)


def deep_linear_curves(
    data: DataModel | MixtureModel,
    loss: Loss,
    initial_layers: Sequence[FloatArray],
    steps: IntArray,
    step_size: float,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
    target: Target | None = None,
) -> tuple[Curve, ...]:
    """Curves of every layer's output along ``deep_linear_path``, where arguments and errors are described.

    ``target`` is what is decoded from a layer's output; the inputs x of the network (reconstruction) if left out.

    Returns:
        A curve for each layer, that of the layer next to the inputs first.
    """
    model = data.model if isinstance(data, MixtureModel) else data
    decoded = check_target(model, target)
    path = deep_linear_path(data, loss, initial_layers, steps, step_size, nodes, growth, progress)
    return layer_curves(path, steps, step_size, decoded)


def layer_curves(path: Iterable[Layers], steps: IntArray, step_size: float, target: Target) -> tuple[Curve, ...]:
    """Curves of every layer's output along a path.

    Args:
        path: layers at each of ``steps``.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta.
        target: what is decoded.
    """
    counts = step_counts("steps", steps)
    shares = [[unexplained_share(rows, target) for rows in partial_products(layers)] for layers in path]
    losses = np.stack([np.stack(one) for one in shares], axis=-1)  # (layer, replica, T)
    return tuple(Curve(np.asarray(step_size * counts, dtype=np.float64), one) for one in losses)


def check_layers(layers: Sequence[FloatArray], dimension: int, outputs: int) -> Layers:
    """Layers as finite arrays (replica, h_l, h_(l-1)) that fit each other.

    Args:
        layers: W_1, ..., W_L.
        dimension: columns of W_1.
        outputs: rows of W_L.

    Raises:
        InputError: no layers, shapes that do not fit, NaN or infinity.
    """
    if len(layers) == 0:
        raise InputError("layers: none are given; give at least one")
    known = tuple(finite_array(f"layer {number + 1}", layer, 3) for number, layer in enumerate(layers))
    replicas, width = known[0].shape[0], dimension
    for number, layer in enumerate(known):
        rows = outputs if number + 1 == len(known) else layer.shape[1]
        if layer.shape != (replicas, rows, width):
            raise InputError(f"layer {number + 1}: has shape {layer.shape}; give ({replicas}, {rows}, {width})")
        width = layer.shape[1]
    return known


def _finite(path: Iterator[Layers], step_size: float) -> Iterator[Layers]:
    """``path`` as long as it is finite."""
    refusal = f"step_size: at {step_size:g} gradient descent diverges; give a smaller one"
    with np.errstate(over="ignore", invalid="ignore"):
        while True:
            try:
                layers = next(path)
            except StopIteration:
                return
            except np.linalg.LinAlgError:  # within a block the weights may no longer be finite
                raise InputError(refusal) from None
            if not all(np.all(np.isfinite(layer)) for layer in layers):
                raise InputError(refusal)
            yield layers
