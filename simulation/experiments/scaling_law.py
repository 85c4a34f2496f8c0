"""A scaling law: the model that is trained, and a boundary measured at several values of a parameter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.comparison.statistics import Slope
from theory import DataModel, InputError, OneOutput, SquaredError
from theory.validation import FloatArray, at_least, finite_array, non_negative, positive

#: Confidence of a single interval, and of all intervals of a sweep together.
LEVEL = 0.95


@dataclass(frozen=True)
class PowerLaw:
    """The model of a measurement: lambda_i = i^-alpha, delta_i^2 ~ i^-beta, the classes holding half the variance.

    Attributes:
        alpha: exponent of the spectrum, positive.
        beta: exponent of the squared signal, any real number.
        dimension: d, at least 2.

    Raises:
        InputError: values out of range.
    """

    alpha: float
    beta: float
    dimension: int

    def __post_init__(self) -> None:
        positive("alpha", self.alpha)
        finite_array("beta", self.beta, 0)
        at_least("dimension", self.dimension, 2)

    def model(self) -> DataModel:
        """The data model."""
        model = DataModel.power_law(self.dimension, self.alpha, self.beta, 1.0)
        return model.with_signal_scaled(float(np.sqrt(0.5 / model.class_shares[1][0])))

    def network(self) -> OneOutput:
        """The network that squared error trains on it."""
        return OneOutput.from_model(self.model(), SquaredError())


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """A boundary measured at several values of a parameter.

    The intervals are over W(0) and nothing else: the samples have exactly the moments of the model, and what a finite
    initialisation, a finite spectrum or a finite range of times leaves of the difference from the exponent is the same
    for every W(0). That difference is in ``derived``, whose slope they are meant to hold; how far the exponent is from
    it is known before anything is trained.

    Attributes:
        quantity: what was measured, with its unit.
        parameter: what was varied.
        law: the model.
        values: (m,) of the parameter.
        measured: (m,) of the quantity.
        relative_errors: (m,) standard errors of these, from a bootstrap over pairs.
        exponent: derived, of the limit: small initialisation, many steps, a wide spectrum.
        derived: slope over these values of the derived curve, read off in the same way.
        slope: the measured one with its confidence interval at LEVEL.
        joint: the same at the level at which all laws of boundaries of a sweep hold together.
        tolerance: how far from the joint interval the derived slope may lie.

    Raises:
        InputError: points that do not fit, a tolerance that is negative.
    """

    quantity: str
    parameter: str
    law: PowerLaw
    values: FloatArray
    measured: FloatArray
    relative_errors: FloatArray
    exponent: float
    derived: float
    slope: Slope
    joint: Slope
    tolerance: float

    def __post_init__(self) -> None:
        count = finite_array("values", self.values, 1).size
        for name in ("measured", "relative_errors"):
            if finite_array(name, getattr(self, name), 1).size != count:
                raise InputError(f"{name}: has shape {getattr(self, name).shape}; give one number for each of {count}")
        non_negative("tolerance", self.tolerance)

    @property
    def holds(self) -> bool:
        """Whether the derived slope lies in the joint interval, or as near to it as the tolerance."""
        return self.joint.low - self.tolerance <= self.derived <= self.joint.high + self.tolerance
