"""No shot recurs in another split or under another grade, changed in size, brightness, frame, compression or turn."""

from __future__ import annotations

from benchmark.data.checks.registry import Described, Found, recurrence


def find(described: Described) -> Found:
    """One finding per pair of photographs that are nearly the same, in two splits or under two grades of one."""
    found = []
    for pair in described.pairs:
        turn = f", one of them {pair.turn}" if pair.turn else ""
        what = f"are nearly the same{turn} (correlation {pair.likeness:.3f})"
        found.append(recurrence(described, (pair.first, pair.second), what))
    return Found(len(described.readable()), tuple(finding for finding in found if finding))
