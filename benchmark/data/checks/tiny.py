"""No photograph is tiny: a thumbnail enlarged shows no lesions."""

from __future__ import annotations

from benchmark.data.checks.registry import Described, Finding, Found

MIN_SIDE = 100
"""Pixels. Of 100, the optic disc takes about 15, and a microaneurysm, at most a twelfth of that, about one."""


def find(described: Described) -> Found:
    """One finding per photograph whose shorter side has fewer than :data:`MIN_SIDE` pixels; it goes from any split."""
    readable = described.readable()
    findings = tuple(
        Finding(f"{described.name(place)} has {look.width} x {look.height} pixels", (place,), (place,))
        for place, look in readable
        if min(look.width, look.height) < MIN_SIDE
    )
    return Found(len(readable), findings)
