"""W(0) so small that single precision loses the outputs that gradient descent conserves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from empirical import (
    DataSet,
    FeaturePlan,
    TargetTask,
    VerifyHiddenPlan,
    VerifyPlan,
    VerifyTransferPlan,
    verify,
    verify_transfer,
)
from empirical.command import options
from empirical.studies import training_precision
from empirical.studies.assumption_costs import Derivation
from empirical.studies.predict.deriving import predict_features
from empirical.studies.training_precision import training_dtype
from simulation import ClaimKind
from theory import InputError


@pytest.fixture(scope="module")
def three_classes() -> DataSet:
    generator = np.random.default_rng(0)
    labels = np.arange(300) % 3
    inputs = generator.standard_normal((300, 4)) + generator.standard_normal((3, 4))[labels]
    return DataSet("three", (inputs - inputs.mean(axis=0)).astype(np.float32), labels, 3)


@pytest.mark.parametrize("init_scale", [1e-3, 1e-6, 1e-12])
def test_the_input_is_reconstructed_from_outputs_that_learn_nothing_at_every_scale(
    three_classes: DataSet, init_scale: float
) -> None:
    """Two of three outputs learn: without the third, of the scale of W(0), the loss would be another by .1 and more."""
    report = verify(three_classes, VerifyPlan(init_scales=(init_scale,), steps=32, step_share=0.08, replicas=2))
    assert report.holds
    claims = [claim for finding in report.findings for claim in finding.comparison.claims if claim.kind.is_curve]
    assert {ClaimKind.MEAN_FIELD, ClaimKind.LINEARISED} == {claim.kind for claim in claims}
    assert max(claim.deviation for claim in claims) < 0.01


def test_so_it_is_on_features(three_classes: DataSet) -> None:
    plan = FeaturePlan(init_scale=1e-7, step_share=0.08, steps=16, batch_size=150, replicas=2)
    assert predict_features(three_classes, plan).agreement(Derivation.COMMON).late < 0.01


def test_so_it_is_for_a_target(three_classes: DataSet) -> None:
    """In single precision the share of the inputs that probes explain would be off by .1 and more."""
    plan = VerifyTransferPlan(components=1, init_scale=1e-7, step_share=0.08, steps=32, replicas=2)
    inputs = TargetTask("inputs", three_classes.inputs.astype(np.float64), three_classes.inputs.astype(np.float64))
    assert verify_transfer(three_classes, [inputs], plan).findings[0].comparison.deviation < 0.01


def test_the_smallest_of_several_scales_decides() -> None:
    assert training_dtype([0.1, 1e-4]) is torch.float32
    assert training_dtype([0.1, 1e-5]) is torch.float64


def test_the_command_states_the_same_bound() -> None:
    assert options.SMALLEST_TRAINED == training_precision.DOUBLE


def test_smaller_scales_than_double_precision_keeps_are_refused() -> None:
    with pytest.raises(InputError, match=r"init_scale: 1e-14 is not accepted.*at least 1e-13"):
        VerifyPlan(init_scales=(0.1, 1e-14))
    with pytest.raises(InputError, match=r"init_scale: 1e-15 is not accepted.*at least 1e-13"):
        FeaturePlan(init_scale=1e-15)
    with pytest.raises(InputError, match=r"init_scale: 1e-15 is not accepted.*at least 1e-13"):
        VerifyTransferPlan(init_scale=1e-15)
    with pytest.raises(InputError, match=r"init_scale: 1e-15 is not accepted.*at least 1e-13"):
        VerifyHiddenPlan(init_scale=1e-15)
