"""Each patient has both eyes, as in EyePACS: a lone eye is mostly a row that was lost."""

from __future__ import annotations

from benchmark.data.checks.registry import Described, Finding, Found


def find(described: Described) -> Found:
    """One finding per patient of whom a left or a right eye is missing; a lone eye in train may go."""
    places: dict[str, list[int]] = {}
    for place, photograph in enumerate(described.photographs):
        if photograph.patient and photograph.eye != "unknown":
            places.setdefault(photograph.patient, []).append(place)
    if not places:
        return Found(0, why_not="no patient's eyes are known")
    findings = []
    for patient, members in places.items():
        eyes = {described.photographs[place].eye for place in members}
        if len(eyes) == 1:
            listed = ", ".join(described.name(place) for place in members)
            drop = tuple(place for place in members if described.photographs[place].split == "train")
            findings.append(Finding(f"patient {patient} has a {eyes.pop()} eye alone: {listed}", tuple(members), drop))
    return Found(len(places), tuple(findings))
