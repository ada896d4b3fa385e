"""No pixels recur in another split, which leaks, or under another grade, which is one label too many."""

from __future__ import annotations

from benchmark.data.checks.registry import Described, Found, recurrence


def find(described: Described) -> Found:
    """One finding per set of photographs with the same decoded pixels in two splits or under two grades of one."""
    readable = described.readable()
    places: dict[str, dict[str, int]] = {}
    for place, look in readable:
        # Of a photograph with two rows, which another check finds, one will do.
        places.setdefault(look.pixels, {}).setdefault(described.photographs[place].image_id, place)
    groups = [tuple(members.values()) for members in places.values() if len(members) > 1]
    found = (recurrence(described, members, "have the same pixels") for members in groups)
    return Found(len(readable), tuple(finding for finding in found if finding))
