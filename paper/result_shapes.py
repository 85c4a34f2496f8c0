"""What each study's result.json must hold for the paper: checked before any of it is set or drawn."""

from __future__ import annotations

from fnmatch import fnmatchcase

from empirical.studies.tracked_file import TRACKED
from empirical.studies.transfer import Effect
from simulation.runs.json_reader import Flag, ListOf, MapOf, Maybe, Real, Record, Shape, Text, Whole, Word

_SEED, _SHARE = Whole(0, 2**63 - 1), Real(-1e-6, 1 + 1e-6)
_SCALE, _NUMBER = Real(1e-30, 1e30), Maybe(Real())
_ESTIMATE = Record({"value": _NUMBER, "error": _NUMBER})
_KNOWN = Record({"value": Real(), "error": _NUMBER})

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

#: Shapes by the pattern of a result's name.
_SHAPES: dict[str, Shape] = {
    "track-*": _TRACKING,
    "decoder-*": _TRACKING,
    "transfer": _TRANSFER,
}


def shape_of(name: str) -> Shape:
    """What result.json of the study ``name`` must hold; any object, for other studies."""
    return next((shape for pattern, shape in _SHAPES.items() if fnmatchcase(name, pattern)), Record({}))
