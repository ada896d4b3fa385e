"""Each grade is one of the international DR scale."""

from __future__ import annotations

from benchmark.data.checks.registry import Described, Finding, Found


def find(described: Described) -> Found:
    """One finding per photograph whose label is none of 0-4; it goes from whichever split it is in."""
    findings = tuple(
        Finding(f"{photograph.image_id} has the label {photograph.label!r}", (place,), (place,))
        for place, photograph in enumerate(described.photographs)
        if photograph.grade not in range(5)
    )
    return Found(len(described.photographs), findings)
