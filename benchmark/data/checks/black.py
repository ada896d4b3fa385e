"""No photograph is black."""

from __future__ import annotations

from benchmark.data.checks.registry import Described, Finding, Found

DARK = 20.0
"""Of 0-255. IDRiD's darkest photograph has a level of 107, RetinaMNIST's of 46."""


def find(described: Described) -> Found:
    """One finding per photograph of which 99 of 100 pixels are darker than :data:`DARK`; it goes from any split."""
    readable = described.readable()
    findings = tuple(
        Finding(
            f"{described.name(place)} is black: 99 % of its pixels are {look.level:.0f} of 255 or darker",
            (place,),
            (place,),
        )
        for place, look in readable
        if look.level < DARK
    )
    return Found(len(readable), findings)
