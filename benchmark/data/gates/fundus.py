"""Each photograph looks like a fundus: a round disc stands out, or what is lit is warm.

Either sign alone will do, as fundus photographs exist that lack one: cut inside the disc, or without red. So this finds
documents, screens, scans and blank frames; it does not find a warm scene, or a round thing of another kind.
"""

from __future__ import annotations

from benchmark.data.gates.black import DARK
from benchmark.data.gates.registry import Described, Finding, Found

WARM = 0.3
"""Share of the lit pixels that are redder than blue. IDRiD's least is 0.94, RetinaMNIST's 0.37 (on white)."""


def find(described: Described) -> Found:
    """One finding per photograph that is not black and has neither sign; it goes from any split."""
    readable = described.readable()
    findings = tuple(
        Finding(
            f"{described.name(place)} looks like no fundus: no round disc, and {look.warm:.0%} of it is warm",
            (place,),
            (place,),
        )
        for place, look in readable
        if look.level >= DARK and not look.disc and look.warm < WARM
    )
    return Found(len(readable), findings)
