"""Each file is there and can be decoded."""

from __future__ import annotations

from benchmark.data.checks.registry import Described, Finding, Found


def find(described: Described) -> Found:
    """One finding per file that is missing, empty, cut off, damaged or no image; it goes from whichever split."""
    findings = tuple(
        Finding(f"{described.name(place)} cannot be read: {look.reason}", (place,), (place,))
        for place, look in enumerate(described.looks)
        if look.reason
    )
    return Found(len(described.looks), findings)
