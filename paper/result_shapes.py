"""What each study's result.json must hold for the paper: checked before any of it is set or drawn."""

from __future__ import annotations

from fnmatch import fnmatchcase

from empirical.studies.tracked_file import TRACKED
from empirical.studies.transfer import Effect
from simulation.runs.json_reader import AnyOf, Flag, ListOf, MapOf, Maybe, Real, Record, Shape, Text, Whole, Word

_SEED, _SHARE = Whole(0, 2**63 - 1), Real(-1e-6, 1 + 1e-6)
_SCALE, _NUMBER = Real(1e-30, 1e30), Maybe(Real())
_ESTIMATE = Record({"value": _NUMBER, "error": _NUMBER})
_KNOWN = Record({"value": Real(), "error": _NUMBER})

_SLOPE = Record({"value": Real(), "low": Real(), "high": Real(), "level": _SHARE})
_SCALING = Record(
    {
        "configuration": Record({"pairs": Whole(1)}),
        "laws": ListOf(
            Record(
                {
                    "quantity": Text(),
                    "parameter": Word(("sigma0", "eta", "time")),
                    "law": Record({"alpha": Real(), "beta": Real()}),
                    "exponent": Real(),
                    "derived": Real(),
                    "slope": _SLOPE,
                    "joint": _SLOPE,
                    "holds": Flag(),
                }
            )
        ),
    }
)
_BOUNDARY = Record({"derived": _NUMBER, "measured": _NUMBER, "error": _NUMBER, "reason": Maybe(Text())})
_DEPARTURE = Record(
    {
        "deviation": Real(),
        "deviation_error": _NUMBER,
        "regime_derived": Text(),
        "regime_measured": Text(),
        "boundaries": Record({"turning_point": _BOUNDARY}),
    }
)
_ROBUSTNESS = Record(
    {
        "points": ListOf(Record({"axis": Text(), "level": AnyOf((Text(), Whole(), Real()))}, {"descent": _DEPARTURE})),
        "phase_three_rises": ListOf(Record({"step_share": _SCALE, "derived": Real(), "trained": Real()})),
    }
)
_PHASES = Record({"fall": _KNOWN, "rise": _KNOWN, "half_fall": _ESTIMATE, "turning_point": _ESTIMATE, "turned": Flag()})
_TRACKING = Record(
    {
        **TRACKED.entries,
        "steps": ListOf(Whole()),
        "phases": MapOf(_PHASES),
        "means": MapOf(MapOf(ListOf(_NUMBER))),
    }
)
_TRANSFER = Record(
    {
        "rows": ListOf(
            Record(
                {
                    "network": Text(),
                    "data": Text(),
                    "task": Text(),
                    "alignment": _SHARE,
                    "recommended_steps": ListOf(Whole()),
                    "recommended": _KNOWN,
                    "best": _KNOWN,
                    "last": _KNOWN,
                    "gain": _KNOWN,
                    "half_width": _NUMBER,
                    "effect": Word(tuple(one.value for one in Effect)),
                }
            )
        ),
        "alignment": ListOf(Record({"task": Text(), "rank_correlation": Real(), "p_value": Real()}), 0),
    }
)
_PREDICTION = Record(
    {
        "plan": Record({"steps": Whole(1), "replicas": Whole(1), "init_scale": _SCALE}),
        "rows": ListOf(
            Record(
                {
                    "features": Text(),
                    "number": Whole(1),
                    "rank": Whole(1),
                    "step_size": _SCALE,
                    "source": Text(),
                    "early": Real(),
                    "late": Real(),
                    "turning_ratio": _NUMBER,
                }
            )
        ),
    }
)
_INTERVAL = Record({"value": Real(), "low": Real(), "high": Real()})
_FIT = Record(
    {
        "alpha": Maybe(_INTERVAL),
        "beta": Maybe(_INTERVAL),
        "alignment": _INTERVAL,
        "effective_rank": Record({"value": Real()}),
        "tail_index": Record({"value": AnyOf((Word(("inf",)), Real()))}),
        "rivals": ListOf(Record({"name": Text()})),
    }
)

#: Shapes by the pattern of a result's name.
_SHAPES: dict[str, Shape] = {
    "scaling": _SCALING,
    "robustness": _ROBUSTNESS,
    "track-*": _TRACKING,
    "decoder-*": _TRACKING,
    "transfer": _TRANSFER,
    "predict-*": _PREDICTION,
    "fits/*": _FIT,
}


def shape_of(name: str) -> Shape:
    """What result.json of the study ``name`` must hold; any object, for other studies."""
    return next((shape for pattern, shape in _SHAPES.items() if fnmatchcase(name, pattern)), Record({}))
