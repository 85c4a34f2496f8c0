"""The diagonal of boundaries holds what the reports say, and nothing that one side lacks."""

from __future__ import annotations

import numpy as np

from empirical.studies.verify.report import VerifyReport
from paper.boundaries import BoundaryPair, boundary_pairs
from paper.result_folders import ResultFolders
from simulation import ClaimKind


def test_every_boundary_that_theory_and_training_share_is_on_the_diagonal(results: ResultFolders) -> None:
    pairs = boundary_pairs(results)
    digits = VerifyReport.read(results.folder("verify-digits"))
    own = [one for one in pairs if one.data in ("digits", "synthetic, moments of digits")]
    # Three scales and two sources, each with half of the fall and a turning point; no curve returns.
    assert len(own) == 2 * len(digits.findings) == 12
    assert {one.kind for one in own} == {ClaimKind.END_OF_PHASE_ONE, ClaimKind.TURNING_POINT}
    assert all(np.isfinite([one.derived, one.measured]).all() for one in pairs)


def test_features_that_never_turn_have_no_pair(results: ResultFolders) -> None:
    """Of six sets of features of VGG-8, the last block of the trained network falls to the end."""
    own: list[BoundaryPair] = [one for one in boundary_pairs(results) if one.data == "features of VGG-8"]
    assert sum(one.kind is ClaimKind.TURNING_POINT for one in own) == 5
