"""A scaling law: a quantity of trained networks against a parameter, with its derived slopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any, Self

import numpy as np

from simulation.comparison.statistics import Slope
from theory import DataModel, InputError, OneOutput, SquaredError
from theory.validation import FloatArray, at_least, finite_array, non_negative, positive

#: Attributes of a law that have an entry per value of the parameter.
POINT_NAMES = ("values", "measured", "relative_errors")


class Parameter(Enum):
    """The parameter that is varied; the values are names in files."""

    INIT_SCALE = "sigma0"
    STEP_SIZE = "eta"
    TIME = "time"


class Quantity(Enum):
    """The measured quantity; the values are names in files and tables, with the unit."""

    PHASE_ONE_END = "end of phase I (time)"
    TURNING_TIME = "turning point (time)"
    EXPLAINED_VARIANCE = "explained variance (share of the total)"
    TURNING_STEP = "turning point (steps)"

    @property
    def parameter(self) -> Parameter:
        """The parameter against which the quantity is measured."""
        match self:
            case Quantity.PHASE_ONE_END | Quantity.TURNING_TIME:
                return Parameter.INIT_SCALE
            case Quantity.TURNING_STEP:
                return Parameter.STEP_SIZE
            case Quantity.EXPLAINED_VARIANCE:
                return Parameter.TIME


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

    The intervals are over W(0) only: the samples have exactly the moments of the model, and what a finite
    initialisation, a finite spectrum or a finite range of times leaves of the difference from the exponent is the same
    for every W(0). That difference is in ``derived``, whose slope they are meant to hold; how far the exponent is from
    it is known before anything is trained.

    Attributes:
        quantity: what was measured.
        law: the model.
        values: (m,) of the parameter.
        measured: (m,) of the quantity.
        relative_errors: (m,) standard errors of these, from a bootstrap over pairs.
        exponent: derived, of the limit: small initialisation, many steps, a wide spectrum.
        derived: slope over these values of the derived curve, read off in the same way.
        slope: the measured slope with its confidence interval at LEVEL.
        joint: the same at the joint level of all boundary laws of a sweep.
        tolerance: how far from the joint interval the derived slope may lie.

    Raises:
        InputError: points that do not fit, a tolerance that is negative.
    """

    quantity: Quantity
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

    def as_values(self) -> dict[str, Any]:
        """All attributes as plain values, the points as arrays."""
        return asdict(self) | {"quantity": self.quantity.value}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``as_values``; other entries are left alone."""
        own = {one.name: values[one.name] for one in fields(cls)}
        arrays = {name: np.asarray(values[name], dtype=np.float64) for name in POINT_NAMES}
        parts = {
            "quantity": Quantity(values["quantity"]),
            "law": PowerLaw(**values["law"]),
            "slope": Slope(**values["slope"]),
            "joint": Slope(**values["joint"]),
        }
        return cls(**(own | arrays | parts))
