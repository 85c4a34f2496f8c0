"""Plans of a choice: what is probed, and with how many labels."""

from __future__ import annotations

from dataclasses import dataclass

from empirical.data.transfer_target import LEAST_INPUTS
from empirical.networks.row_rule import FLATTEN, TAKEN
from empirical.probes.gain_curve import TOLERANCE
from theory.validation import at_least, one_of, positive


@dataclass(frozen=True)
class ChoosePlan:
    """How checkpoints are compared.

    Attributes:
        layer: that the linear probe reads; None takes the one before the last linear layer.
        labels_per_class: labels that are used of each class, or in all for numbers; None uses all, 0 none.
        samples: inputs of the target that are used, at most.
        pooled_features: largest number of features of the layer; a wider one is pooled or sketched (see ``capture``).
        rows: what becomes a row of the layer's output: "flatten", "mean", "first" or "last", as in ``RowRule``; of
            tokens usually their mean, or the one that the classifier reads.
        tolerance: gains below it are not worth a choice, in shares of the samples or of the variance.
        compare: whether the rules in use are asked as well.
        seed: of the draw of inputs and of the folds.

    Raises:
        InputError: numbers out of range.
    """

    layer: str | None = None
    labels_per_class: int | None = None
    samples: int = 2000
    pooled_features: int = 512
    rows: str = FLATTEN
    tolerance: float = TOLERANCE
    compare: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.labels_per_class is not None:
            at_least("labels_per_class", self.labels_per_class, 0)
        at_least("samples", self.samples, LEAST_INPUTS)
        at_least("pooled_features", self.pooled_features, 1)
        one_of("rows", self.rows, TAKEN)
        positive("tolerance", self.tolerance)
        at_least("seed", self.seed, 0)
