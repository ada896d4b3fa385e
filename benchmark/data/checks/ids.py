"""Each id is given once: two rows for one photograph leave open which one holds."""

from __future__ import annotations

from benchmark.common.terms import SPLITS
from benchmark.data.checks.registry import Described, Finding, Found


def find(described: Described) -> Found:
    """One finding per id that recurs.

    Where its rows agree on the grade, all go but one of the last split; where they do not, all go.
    """
    rows: dict[str, list[int]] = {}
    for place, photograph in enumerate(described.photographs):
        rows.setdefault(photograph.image_id, []).append(place)
    recurring = [places for places in rows.values() if len(places) > 1]
    return Found(len(described.photographs), tuple(_finding(described, places) for places in recurring))


def _finding(described: Described, places: list[int]) -> Finding:
    photographs = [described.photographs[place] for place in places]
    told = ", ".join(f"{photograph.split} grade {photograph.label}" for photograph in photographs)
    kept = max(places, key=lambda place: (SPLITS.index(described.photographs[place].split), -place))
    agree = len({photograph.grade for photograph in photographs}) == 1
    drop = tuple(place for place in places if not agree or place != kept)
    return Finding(f"{photographs[0].image_id} has {len(places)} rows ({told})", tuple(places), drop)
