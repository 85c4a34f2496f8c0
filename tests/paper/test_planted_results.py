"""Every macro and every cell of a table is the entry of the results that its name promises.

Each study is planted with entries that all differ, so that one taken from another row, seed, step or column shows;
what is expected was worked out by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from empirical.probes.probe_tasks import COLOUR, HELD_OUT
from empirical.studies.assumption_costs import Derivation
from paper import deep, diagram, fits, predictions, robustness, scaling, theorems, transfer, verification
from paper.result_folders import ResultFolders
from paper.studies import SOURCE
from simulation.runs.run_folder import RunFolder
from theory.theorems.step import Kind

Content = dict[str, Any]


def _planted(root: Path, **contents: Content) -> ResultFolders:
    """Folders with these results; two underscores stand for a hyphen."""
    for name, content in contents.items():
        RunFolder(root / name.replace("__", "-")).write_json("result.json", content)
    return ResultFolders((root,))


def rows_of(tables: Mapping[str, str]) -> list[list[str]]:
    """The cells of the one table, without its header."""
    (text,) = tables.values()
    return [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if line.endswith(r"\\")][1:]


def estimate(value: float | None, error: float | None = None) -> Content:
    return {"value": value, "error": error}


def test_deep(tmp_path: Path) -> None:
    """Twice too late and twice too early: a factor of two, as of one constant for steps a factor of four apart."""

    def row(derived: float, tracked: float) -> Content:
        boundaries = {"derived_half_fall": estimate(11), "half_fall": estimate(None)}
        turning = {"derived_turning_point": estimate(derived, 3), "turning_point": estimate(tracked, 40)}
        return {"network": "vgg_8", "data": "blobs", "layer": "last", "step_size": 0.02} | boundaries | turning

    folders = _planted(tmp_path, deep={"deep": [row(200, 100), row(200, 400)]})
    assert deep.numbers(folders) == {
        "DeepRows": "2",
        "DeepHold": "1",
        "DeepTolerance": r"25\,\%",
        "DeepFactor": "$2.00$",
        "DeepConstant": "$2.00$",
    }
    first, _ = rows_of(deep.tables(folders))
    assert first == [r"vgg\_8", "blobs", "$11.0$", "--", r"$200 \pm 3$", r"$100 \pm 40$", "$2.00$"]


def test_transfer(tmp_path: Path) -> None:
    def row(task: str, alignment: float, steps: list[int], gain: float, effect: str, network: str) -> Content:
        return {
            "training": ord(network) - ord("a"),
            "network": network,
            "data": "CIFAR-10 classes 0, 1, 2",
            "classes": [0, 1, 2],
            "layer": "last",
            "task": task,
            "alignment": alignment,
            "recommended_steps": steps,
            "best_step": 7,
            "last_step": 99,
            "first": estimate(0.64, 0.044),
            "regret": estimate(0.11, 0.055),
            "recommended": estimate(0.81, 0.011),
            "best": estimate(0.92, 0.022),
            "last": estimate(0.73, 0.033),
            "gain": estimate(gain, 0.004),
            "half_width": 0.017,
            "effect": effect,
        }

    rows = [
        row(COLOUR, 0.9, [0, 8, 4], 0.08, "helps", "a"),
        row(COLOUR, 0.3, [16, 32], 0.05, "helps", "b"),
        row(COLOUR, 0.6, [64, 64, 64], -0.02, "no difference seen", "c"),
        row(HELD_OUT, 0.5, [2, 2, 4], -0.06, "hurts", "d"),
    ]
    relations = [
        {"task": HELD_OUT, "trainings": 5, "rank_correlation": 0.11, "p_value": 0.22},
        {"task": COLOUR, "trainings": 6, "rank_correlation": -0.33, "p_value": 0.44},
    ]
    folders = _planted(tmp_path, transfer={"rows": rows, "alignment": relations})
    assert transfer.numbers(folders) == {
        "TransferRows": "4",
        "TransferColourCorrelation": "$-0.33$",
        "TransferColourChance": "$0.44$",
        "TransferSeeds": "2",
        "TransferSpread": "8",  # 8 over the first step
        "TransferColourRows": "3",
        "TransferColourHelps": "2",
        "TransferColourHurts": "0",
        "TransferColourLeast": "$-0.020$",
        "TransferColourMost": "$0.080$",
        "TransferClassesRows": "1",
        "TransferClassesHelps": "0",
        "TransferClassesHurts": "1",
        "TransferClassesLeast": "$-0.060$",
        "TransferClassesMost": "$-0.060$",
    }
    table = rows_of(transfer.tables(folders))
    accuracies = [r"$0.810 \pm 0.011$", r"$0.920 \pm 0.022$", r"$0.730 \pm 0.033$"]
    # The gain has its sign and the half width of its interval, not its standard error. Of two networks, Student's
    # quantile is tan(pi (p - 1/2)): 50.9 for one of four rows instead of 12.7.
    assert table[0] == ["b", "0--2", "colour", "$0.30$", *accuracies, r"$+0.050 \pm 0.017$", r"$\pm 0.068$", "helps"]
    assert [one[0] for one in table] == ["b", "d", "c", "a"]
    assert [one[-1] for one in table] == ["helps", "hurts", "--", "helps"]
    assert table[1][7] == r"$-0.060 \pm 0.017$"


def test_scaling(tmp_path: Path) -> None:
    def law(quantity: str, parameter: str, exponent: float, derived: float, slope: float) -> Content:
        return {
            "quantity": quantity,
            "parameter": parameter,
            "law": {"alpha": 0.7, "beta": 2.0, "dimension": 30},
            "exponent": exponent,
            "derived": derived,
            "slope": {"value": slope, "low": slope - 0.1, "high": slope + 0.1, "level": 0.95},
            "joint": {"value": slope, "low": slope - 0.25, "high": slope + 0.25, "level": 0.99},
            "tolerance": 0.01,
        }

    laws = [
        law("explained variance (share of the total)", "time", 0.5, 0.48, 0.45),
        law("turning point (time)", "sigma0", 1.2, 0.859, 1.12),  # beyond the joint interval by more than the tolerance
        law("turning point (steps)", "eta", -1.0, -1.1, -1.12),
    ]
    folders = _planted(tmp_path, scaling={"configuration": {"pairs": 8, "seed": 1}, "laws": laws})
    points = [(one["quantity"], one["parameter"], 0.7, 2.0, 30, at, at, 0.1) for one in laws for at in (1.0, 2.0)]
    names = ("quantity", "parameter", "alpha", "beta", "dimension", "value", "measured", "relative_error")
    columns = {name: [point[column] for point in points] for column, name in enumerate(names)}
    RunFolder(tmp_path / "scaling").write_table("points.parquet", columns)
    assert scaling.numbers(folders) == {
        "ScalingLaws": "3",
        "ScalingHold": "2",
        "ScalingDraws": "16",  # antithetic pairs
        "ScalingLevel": r"95\,\%",
        "ScalingLargest": "$0.3$",  # from the derived slopes, not from the limits' exponents
    }
    assert rows_of(scaling.tables(folders)) == [
        ["explained variance", "$s$", "$0.7$", "$2$", "$0.500$", "$0.4800$", "$0.4500$ $[0.2000, 0.7000]$"],
        ["turning point (time)", r"$\sigma_0$", "$0.7$", "$2$", "$1.200$", "$0.8590$", "$1.1200$ $[0.8700, 1.3700]$"],
        ["turning point (steps)", r"$\eta$", "$0.7$", "$2$", "$-1.000$", "$-1.1000$", "$-1.1200$ $[-1.3700, -0.8700]$"],
    ]


def test_verification(tmp_path: Path) -> None:
    """Rows of the first version, without kinds, and of the present one; verdicts follow from the numbers."""

    def claim(name: str, deviation: float | None, scale: float = 0.001, **rest: Any) -> Content:
        values = {"derived": "0.3 at step 8", "measured": "0.31", "derived_value": 0.3, "measured_value": 0.31}
        values |= {"standard_error": 0.003, "tolerance": 0.01, "verdict": "holds"}
        return {"source": "inputs", "init_scale": scale, "name": name, "deviation": deviation} | values | rest

    def study(claims: list[Content], first: int, batch_size: int | None, tolerance: float) -> Content:
        return {
            "data": "planted",
            "inputs": 1000 * first,
            "model": {
                "dimension": 10 * first + 1,
                "classes": 2,
                "total_variance": 3.0,
                "largest_eigenvalue": 2.0,
                "smallest_eigenvalue": 1.0,
            },
            "configuration": {
                "loss": "softmax",
                "steps": first + 2,
                "replicas": first + 3,
                "batch_size": batch_size,
                "step_size": 0.1,
                "step_share": 0.2,
                "init_scales": [0.001, 0.01],
                "seed": 0,
                "tolerances": {"early_curve": 5.0, "late_curve": tolerance, "boundary": 6.0}
                | {"early_steps": 7, "linearised_curve": 8.0, "linearised_steps": 9},
            },
            "claims": claims,
        }

    def plant(name: str, content: Content) -> None:
        """With curves for every scale of a claim."""
        scales = dict.fromkeys(row["init_scale"] for row in content["claims"])
        kinds = ("trained", "derived", "linearised")
        rows = [(scale, kind, step) for scale in scales for kind in kinds for step in (0, 8)]
        columns = {
            "source": ["inputs"] * len(rows),
            "init_scale": [scale for scale, _, _ in rows],
            "curve": [kind for _, kind, _ in rows],
            "replica": [0] * len(rows),
            "step": [step for _, _, step in rows],
            "time": [0.1 * step for _, _, step in rows],
            "loss": [0.5] * len(rows),
        }
        folder = RunFolder(tmp_path / name)
        folder.write_json("result.json", content)
        folder.write_table("curves.parquet", columns)

    # Differences of 1, 70 and 3 standard errors; the last claim has none. The third's reaches the third digit.
    boundaries = [
        claim("end of phase I (half of the fall)", 0.003, derived_value=120.0, measured_value=120.36),
        claim("turning point", 0.21, derived_value=345.0, measured_value=417.45),
        claim(
            "end of phase I (half of the fall)",
            0.03,
            0.01,
            derived_value=2.0,
            measured_value=2.06,
            tolerance=0.1,
            standard_error=0.01,
        ),
        claim("turning point", None, 0.01, derived_value=7.0, measured_value=None, standard_error=None),
    ]
    kind = {"kind": "mean-field curve", "steps": [9, 64], "worst_step": 64, "is_flat": False, "range_share": 0.1}
    digits = [
        claim("mean-field curve, steps 0 to 8", 0.004, standard_error=0.001),
        claim("a name that nobody reads", 0.015, standard_error=0.004, **kind),
        claim("linearised curve, steps 0 to 4", 0.5),
        *boundaries[:2],
        claim("mean-field curve, steps 0 to 8", 0.002, 0.01, standard_error=0.0),
        *boundaries[2:],
    ]
    plant("verify-digits", study(digits, 20, None, 0.01))
    plant("verify-cifar10", study([claim("mean-field curve, steps 0 to 8", 0.03)], 40, 256, 0.03))
    folders = ResultFolders((tmp_path,))
    assert verification.numbers(folders) == {
        "DigitsInputs": "20{,}000",
        "DigitsDimension": "201",
        "DigitsSteps": "22",
        "DigitsDraws": "23",
        "DigitsClaims": "8",
        "DigitsHolds": "4",
        "DigitsUnresolved": "2",
        "DigitsFails": "2",
        "DigitsBoundaries": "3",  # the one without a measured step cannot be tested
        "DigitsBoundariesDiffer": "2",
        "DigitsLargest": "$0.015$",  # of the mean field: the linearised curve is farther off
        "CifarInputs": "40{,}000",
        "CifarDimension": "401",
        "CifarSteps": "42",
        "CifarDraws": "43",
        "CifarClaims": "1",
        "CifarHolds": "0",
        "CifarUnresolved": "0",
        "CifarFails": "1",
        "CifarBoundaries": "0",
        "CifarBoundariesDiffer": "0",
        "CifarLargest": "$0.030$",
        "CifarBatch": "256",
        "CifarTolerance": "$0.03$",
        "DigitsTolerance": "$0.01$",
    }
    assert rows_of(verification.tables(folders)) == [
        ["digits", "inputs", "$0.001$", r"$0.015 \pm 0.004$", "$120$", "$120$", "$345$", "$417$"],
        ["digits", "inputs", "$0.01$", "$0.00200$", "$2.00$", r"$2.06 \pm 0.02$", "$7.00$", "--"],
        ["CIFAR-10", "inputs", "$0.001$", r"$0.030 \pm 0.003$", "--", "--", "--", "--"],
    ]


def test_diagram(tmp_path: Path) -> None:
    """Ten points: two near a border, of which one differs; of the other eight two do."""
    configuration = {"eigenvalues": [3.0, 2.0, 1.0], "resolution": 0.01, "replicas": 4, "seed": 5}
    folders = _planted(tmp_path, diagram={"configuration": configuration, "points": 10})
    own, other = "monotone rise", "three phases"
    columns = {
        "scaled": [float(number) for number in range(1, 11)],
        "alignment": [1.5] * 10,
        "predicted": [own] * 10,
        "measured": [other, own, other, other] + [own] * 6,
        "near_border": [True, True] + [False] * 8,
    }
    RunFolder(tmp_path / "diagram").write_table("points.parquet", columns)
    assert diagram.numbers(folders) == {
        "DiagramPoints": "10",
        "DiagramAway": "8",
        "DiagramAgreement": r"75.0\,\%",
        "DiagramDraws": "4",
        "DiagramDimension": "3",
        "DiagramDisagree": "3",
        "DiagramDisagreeFar": "2",
    }


def test_fits(tmp_path: Path) -> None:
    def around(value: float, half_width: float) -> Content:
        half = half_width / 2
        return {"value": value, "standard_error": half, "low": value - half_width, "high": value + half_width}

    published = json.loads((SOURCE / "results" / "fits" / "vgg8-trained-block1" / "result.json").read_text())

    def fit(
        layer: str, alpha: float | None, beta: float | None, alignment: Content, tail: float | str, best: str
    ) -> Content:
        first, *others = published["rivals"]
        rivals = [first | {"name": best}, *(one | {"name": "power law"} for one in others)]
        return published | {
            "name": layer,
            "alpha": None if alpha is None else around(alpha, 0.1),
            "beta": None if beta is None else around(beta, 0.2),
            "alignment": alignment,
            "effective_rank": around(12.34, 1.0),
            "tail_index": {"value": tail, "low": 1.0, "high": 2.0},
            "rivals": rivals,
        }

    contents = {
        # Aligned only where the whole interval lies above 1.
        "fits/vgg8-trained-block1": fit("block1", 0.5, None, around(1.5, 0.6), "inf", "power law"),
        "fits/vgg8-untrained-block1": fit("block1", 1.5, 2.0, around(3.0, 1.0), 7.0, "broken power law"),
        "fits/vgg8-trained-block2": fit("block2", None, 1.0, around(0.5, 0.1), 30.0, "exponential"),
    }
    folders = _planted(tmp_path, **contents)
    assert fits.numbers(folders) == {
        "FitLayers": "3",
        "FitAligned": "1",
        "FitBetterRival": "2",
        "FitAlphaLowest": "$0.50$",
        "FitAlphaHighest": "$1.50$",
        "FitBetaLowest": "$1.00$",
        "FitBetaHighest": "$2.00$",
    }
    layer, rank = "VGG-8, block1", "$12.3$"
    assert rows_of(fits.tables(folders)) == [
        [
            f"{layer}, untrained",
            "$1.50$ $[1.40, 1.60]$",
            "$2.00$ $[1.80, 2.20]$",
            "$3.00$ $[2.00, 4.00]$",
            rank,
            "$7.0$",
        ],
        [f"{layer}, trained", "$0.50$ $[0.40, 0.60]$", "--", "$1.50$ $[0.90, 2.10]$", rank, r"$\infty$"],
        ["VGG-8, block2, trained", "--", "$1.00$ $[0.80, 1.20]$", "$0.50$ $[0.40, 0.60]$", rank, "$30$"],
    ]


def test_robustness(tmp_path: Path) -> None:
    def point(
        axis: str, level: float | str, deviation: float, measured: float, regime: str = "three phases"
    ) -> Content:
        turning = {"derived": 10.0, "measured": measured, "error": 0.05, "reason": None}
        none = {"derived": None, "measured": None, "error": None, "reason": "not there"}
        descent = {
            "deviation": deviation,
            "deviation_error": 0.003,
            "deviation_step": 7,
            "fall_derived": 0.1,
            "fall_measured": 0.2,
            "fall_error": 0.01,
            "shape_deviation": None,
            "regime_derived": "three phases",
            "regime_measured": regime,
            "boundaries": {"fraction_point": none, "turning_point": turning, "return_time": none},
        }
        flow = descent | {"deviation": 0.5, "regime_measured": "constant"}
        return {"axis": axis, "level": level, "draws": 2, "samples": 100, "descent": descent, "flow": flow}

    points = [
        point("tail_index", "Gaussian", -0.004, 10.0),
        point("tail_index", 2.5, -0.02, 12.0),
        point("tail_index", 5.0, 0.01, 13.0),
        {"axis": "label_noise", "level": 0.1, "draws": 2, "samples": 100},  # failed
        point("optimiser", "momentum 0.9", 0.03, 11.0, "rise-fall"),
    ]
    rises = [
        {"step_share": 0.5, "derived": 0.1, "trained": 0.2},
        {"step_share": 1.5, "derived": 0.3, "trained": 0.4},
    ]
    content = {"configuration": {"draws": 2, "seed": 0}, "points": points, "phase_three_rises": rises}
    folders = _planted(tmp_path, robustness=content)
    assert robustness.numbers(folders) == {
        "RobustBase": r"$0.004 \pm 0.003$",
        "RobustBaseLevels": "5",
        "RobustMomentum": r"$0.030 \pm 0.003$",
        "RobustMomentumLater": r"10\,\%",
        "RobustStep": "$1.5$",
        "RobustStepRise": r"40\,\%",
        "RobustStepRiseDerived": r"30\,\%",
    }
    # The level of the largest deviation of either sign; the error of a ratio is relative: 1.2 times 0.05.
    assert [row[1:] for row in rows_of(robustness.tables(folders))] == [
        ["$2.5$", r"$-0.020 \pm 0.003$", r"$1.20 \pm 0.06$", "as derived"],
        ["momentum 0.9", r"$0.030 \pm 0.003$", r"$1.10 \pm 0.06$", "rise-fall"],
    ]


def test_predictions(tmp_path: Path) -> None:
    # Early and late deviation and ratio of turning points, by set of features and derivation.
    sets: dict[str, dict[Derivation, tuple[float, float, float | None]]] = {
        "block1, untrained": {
            Derivation.LINEARISED: (0.011, 0.051, 1.21),
            Derivation.COMMON: (0.005, 0.025, 1.11),
            Derivation.CLASSES: (0.006, 0.021, None),
            Derivation.PARAMETRIC: (0.012, 0.071, None),
        },
        "block2, step 8": {
            Derivation.LINEARISED: (0.031, 0.091, None),
            Derivation.COMMON: (0.015, 0.061, None),
            Derivation.CLASSES: (0.013, 0.081, 1.31),
            Derivation.PARAMETRIC: (0.001, 0.002, 1.01),
        },
        "block3, step 8": {
            Derivation.LINEARISED: (0.002, 0.022, 1.02),
            Derivation.COMMON: (0.001, 0.020, 0.98),
            Derivation.CLASSES: (0.003, 0.01, 1.0),
        },
    }
    rows = [
        {"features": name, "number": 8, "rank": 7, "step_size": 0.1, "source": source.value}
        | {"early": early, "late": late, "turning_ratio": ratio}
        for name, own in sets.items()
        for source, (early, late, ratio) in own.items()
    ]
    plan = {"steps": 4096, "replicas": 3, "init_scale": 0.004, "step_share": 0.1, "batch_size": 9, "seed": 0}
    folders = _planted(tmp_path, predict__vgg8={"plan": plan, "rows": rows})
    curves = [(name, kind) for name, own in sets.items() for kind in ("trained", *(one.value for one in own))]
    columns = {
        "features": [name for name, _ in curves for _ in (0, 8)],
        "curve": [kind for _, kind in curves for _ in (0, 8)],
        "step": [step for _ in curves for step in (0.0, 8.0)],
        "loss": [0.5 for _ in curves for _ in (0, 8)],  # the kept numbers are those of draws, not of these
    }
    RunFolder(tmp_path / "predict-vgg8").write_table("curves.parquet", columns)
    assert predictions.numbers(folders) == {
        "PredictNetwork": "VGG-8",
        "PredictSets": "3",
        "PredictHold": "2",  # the parametric model alone holds for the second set, which does not count
        "PredictEarly": "$0.015$",
        "PredictLate": "$0.061$",
        "PredictClassBetter": "2",
        "PredictParametric": "$0.07$",
        "PredictEarlyStep": "1{,}024",
        "PredictEarlyTolerance": "$0.02$",
        "PredictLateTolerance": "$0.03$",
        "PredictTurningTolerance": r"25\,\%",
        "PredictSteps": "4{,}096",
        "PredictDraws": "3",
        "PredictScale": "$0.004$",
    }
    assert rows_of(predictions.tables(folders)) == [
        ["VGG-8", "block1, untrained", "$0.051$", "$0.025$", "$0.021$", "$0.071$", "$1.11$"],
        ["VGG-8", "block2, trained", "$0.091$", "$0.061$", "$0.081$", "$0.002$", "--"],
        ["VGG-8", "block3, trained", "$0.022$", "$0.020$", "$0.010$", "--", "$0.98$"],
    ]


def test_proofs() -> None:
    kinds = [Kind.IDENTITY] * 3 + [Kind.INEQUALITY] * 2 + [Kind.INSTANCES]
    known: Any = tuple(SimpleNamespace(steps=[SimpleNamespace(kind=kind)]) for kind in kinds)
    found = theorems.numbers(known)
    assert found.pop("ProofStepsEvidence").startswith("the other 1 rests on numbers alone")
    assert found == {"ProofSteps": "6", "ProofStepsProved": "5", "ProofInequalities": "2"}
