"""A network that is linear in its weights: what a theory of fixed features of the weights would describe exactly.

Around its initial weights w0 a network is f(x; w0) + J(x) v, with J its derivative by the weights and v how far they
have moved. Training v is gradient descent with the neural tangent kernel of the initial weights (Jacot et al. 2018;
Lee et al. 2019). Batch normalisation is part of f: J holds how the statistics of a batch move with the weights.
"""

from __future__ import annotations

import copy
import warnings

from torch import Tensor, nn
from torch.func import functional_call, jvp, replace_all_batch_norm_modules_


class TangentNetwork(nn.Module):
    """f(x; w0) + J(x) v, with the moves v as its parameters, which start at zero.

    Batch normalisation takes the statistics of each batch, in training and in evaluation.

    Args:
        network: f with the weights w0; it is copied.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = copy.deepcopy(network).requires_grad_(False)
        replace_all_batch_norm_modules_(self._network)
        self._names = tuple(name for name, _ in network.named_parameters())
        self.moves = nn.ParameterList([nn.Parameter(one.detach() * 0) for one in network.parameters()])

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, ...) outputs for ``inputs`` (n, ...)."""
        start = dict(zip(self._names, self._network.parameters(), strict=True))
        moves = dict(zip(self._names, self.moves, strict=True))
        with warnings.catch_warnings():
            # The first derivative in forward mode has torch compile formulas in a way that torch itself deprecates.
            warnings.filterwarnings("ignore", ".*torch.jit.script")
            found = jvp(lambda weights: functional_call(self._network, weights, (inputs,)), (start,), (moves,))
        tangent: Tensor = found[0] + found[1]
        return tangent

    def first(self, parts: int) -> TangentNetwork:
        """The first parts of a sequence, with the same moves.

        Args:
            parts: number of modules of the sequence, from its inputs on; negative ones are counted from its end.
        """
        assert isinstance(self._network, nn.Sequential)
        own = self._network[:parts]
        found = TangentNetwork(own)
        # Children keep their names in a slice, and parameters their order: those of the first parts come first.
        found.moves = nn.ParameterList(list(self.moves)[: len(found.moves)])
        return found
