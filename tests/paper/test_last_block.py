"""The paper's numbers of the study of the last layers are those of its curves, worked out by hand for planted ones."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.studies.last_block_study.plan import LastBlockPlan
from empirical.studies.last_block_study.report import LastBlockReport
from empirical.studies.last_block_study.runs import BlockRun, Level
from paper import last_block
from paper.result_folders import ResultFolders
from theory.validation import FloatArray, IntArray

PLAN = LastBlockPlan((0.001, 0.002), (0.1, 1.0), 0.002, steps=64)


def vee(steps: IntArray, turning: int, depth: float) -> FloatArray:
    """A loss that falls from .6 by ``depth`` until the step ``turning`` and rises after it, linearly in log steps."""
    times = np.log(np.maximum(steps, 0.5) / 0.5)
    return np.asarray(0.6 - depth + depth * np.abs(1 - times / times[steps == turning]), dtype=np.float64)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> ResultFolders:
    """All layers turn at 8 by a depth of .2; derived layers at 16 or at 4; the series leaves nothing as it was."""
    root = tmp_path_factory.mktemp("results")
    turning = {(0.002, 1.0): 8, (0.002, 0.1): 16, (0.001, 1.0): 16}
    runs = []
    for setting in PLAN.settings:
        own = turning[setting.training.step_size, setting.scale]
        curves = {
            Level.END_TO_END: vee(setting.steps, own, 0.2),
            Level.TWO_TRAINED: vee(setting.longer_steps, 64, 0.1),
            Level.TWO_DERIVED: vee(setting.longer_steps, 2 * own, 0.08),
            Level.ONE_DERIVED: vee(setting.longer_steps, 8 * 8 // own, 0.1),
        }
        if setting == PLAN.shared:
            curves[Level.PARTS_DERIVED] = vee(setting.longer_steps, 64, 0.1) + 0.01
        if setting.training.network == "resnet10":
            curves[Level.STAGE_TRAINED] = vee(setting.longer_steps, 32, 0.15)
            curves[Level.TWO_DERIVED] += 0.02
            curves[Level.TWO_ON_GAUSSIANS] = curves[Level.TWO_DERIVED] - 0.003
        runs.append(BlockRun(setting, curves))
    LastBlockReport(PLAN, "planted", tuple(runs)).save(root / "last-block")
    return ResultFolders((root,))


def test_numbers_are_of_the_shared_training(folders: ResultFolders) -> None:
    """At step 8, 4 ln 2 after step 1/2, two derived layers have done 4 of 5 parts of .08, trained ones 4 of 7 of .1."""
    found = last_block.numbers(folders)
    assert found["BlockShareStep"] == "8"
    assert found["BlockShareDerived"] == f"${0.08 * 4 / 5 / 0.2:.2f}$"
    assert found["BlockShareTrained"] == f"${0.1 * 4 / 7 / 0.2:.2f}$"
    assert found["BlockFallAll"] == "$0.200$"
    assert found["BlockFallDerived"] == "$0.080$"
    assert found["BlockFallParts"] == "$0.100$"
    assert found["BlockDistanceParts"] == found["BlockLastDistanceParts"] == "$0.010$"
    assert found["BlockDrift"] == "1"


def test_numbers_of_the_residual_network(folders: ResultFolders) -> None:
    """Two derived layers fall by .08 until step 16, .02 above what they are compared with at the start."""
    found = last_block.numbers(folders)
    assert found["BlockResidualFallDerived"] == "$0.080$"
    assert found["BlockResidualFallStage"] == "$0.150$"
    assert found["BlockResidualStart"] == "$0.020$"
    assert found["BlockResidualDistanceGaussian"] == "$0.003$"
    half = 0.5 * np.sqrt(16 / 0.5)  # of a fall that is even in log steps
    assert float(found["BlockResidualHalfDerived"]) == pytest.approx(half, abs=1)
    # At step 64 the derived curve is back at .62 - .08 * (1 - 2 / 5), the trained one at .5.
    assert found["BlockResidualDistance"] == f"${0.62 - 0.08 * 3 / 5 - 0.5:.3f}$"


def test_agreement_counts_order_and_factor(folders: ResultFolders) -> None:
    """Two layers turn twice as late everywhere: in order, and exact but for a constant. One layer has the order wrong.

    Half of a fall that is even in log steps is done at the square root: 1.41 times as late, which holds in both series.
    """
    rows = [
        line.removesuffix(r" \\").split(" & ")
        for line in last_block.tables(folders)["lastblockseries.tex"].splitlines()
        if line.endswith(r"\\")
    ][1:]
    turning = {(row[0], row[1]): row[4:] for row in rows if row[2:4] == ["end to end", "turning point"]}
    two = "two layers derived"
    assert turning["step size", two][0] == "yes"
    assert float(turning["step size", two][1].strip("$")) == pytest.approx(2, abs=0.1)
    assert float(turning["step size", two][2].strip("$")) == pytest.approx(1, abs=0.1)
    assert turning["classifier's scale", "one layer derived"][0] == "no"
    assert last_block.numbers(folders)["BlockAllHold"] == "2"
    assert last_block.numbers(folders)["BlockAllHalfFactor"] == "$1.41$"


def test_a_training_has_both_boundaries_by_level(folders: ResultFolders) -> None:
    (header, *_, last, residual) = [
        line for line in last_block.tables(folders)["lastblock.tex"].splitlines() if line.endswith(r"\\")
    ]
    assert header.count("&") == last.count("&") == 10
    assert last.startswith("VGG-8 & $0.002$ & $0.1$ & ")
    assert residual.startswith("ResNet-10 & $0.002$ & $1$ & ")
