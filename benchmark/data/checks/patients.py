"""No patient is in two splits: one eye tells the grade of the other, so a kappa measured across them is too high."""

from __future__ import annotations

from benchmark.common.terms import SPLITS
from benchmark.data.checks.registry import Described, Finding, Found, lesser_side


def find(described: Described) -> Found:
    """One finding per patient with photographs in two splits or three."""
    places: dict[str, list[int]] = {}
    for place, photograph in enumerate(described.photographs):
        if photograph.patient:
            places.setdefault(photograph.patient, []).append(place)
    if not places:
        return Found(0, why_not="no patient is known")
    findings = []
    for patient, members in places.items():
        splits = {described.photographs[place].split for place in members}
        if len(splits) > 1:
            listed = ", ".join(described.photographs[place].image_id for place in members)
            message = f"patient {patient} is in {' and '.join(s for s in SPLITS if s in splits)} ({listed})"
            findings.append(Finding(message, tuple(members), lesser_side(described.photographs, members)))
    return Found(len(places), tuple(findings))
