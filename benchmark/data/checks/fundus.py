"""Each photograph looks like a fundus: a round disc stands out, or what is lit is warm.

Either sign alone will do, as fundus photographs exist that lack one: cut inside the disc, or without red. So this finds
documents, screens, scans and blank frames; it does not find a warm scene, or a round thing of another kind.
"""

from __future__ import annotations

from typing import Protocol

from benchmark.data.checks.black import DARK
from benchmark.data.checks.registry import Described, Finding, Found

WARM = 0.3
"""Share of the lit pixels that are redder than blue. IDRiD's least is 0.94, RetinaMNIST's 0.37 (on white)."""


class Glance(Protocol):
    """What the signs are read off, as in :class:`benchmark.images.fingerprint.Fingerprint`."""

    @property
    def disc(self) -> bool: ...
    @property
    def warm(self) -> float: ...


def what_is_missing(look: Glance) -> str:
    """In words, of a photograph that has neither sign; empty for others."""
    return "" if look.disc or look.warm >= WARM else f"no round disc, and {look.warm:.0%} of it is warm"


def find(described: Described) -> Found:
    """One finding per photograph that is not black and has neither sign; it goes from any split."""
    readable = described.readable()
    findings = tuple(
        Finding(f"{described.name(place)} looks like no fundus: {missing}", (place,), (place,))
        for place, look in readable
        if look.level >= DARK and (missing := what_is_missing(look))
    )
    return Found(len(readable), findings)
