"""Patients and eyes in names of photographs, so that the eyes of a patient are never in different splits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from benchmark.common.column_names import EYE_NAMES
from benchmark.common.terms import Eye

_SIDES = sorted((name for name, eye in EYE_NAMES.items() if eye != "unknown"), key=len, reverse=True)
_SIDE, _WORD = (rf"(?P<eye>{'|'.join(names)})" for names in (_SIDES, [name for name in _SIDES if len(name) > 1]))
_SEPARATOR = r"[\s_.-]+"
_NAMES = [
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<patient>.*[^\s_.-]){_SEPARATOR}{_SIDE}",
        rf"{_SIDE}{_SEPARATOR}(?P<patient>[^\s_.-].*)",
        rf"(?P<patient>.*\d){_WORD}",
    )
]
"""17_left, left_17 and 17left; a single letter is a side only next to a separator."""
_ENDING = re.compile(r"(?P<rest>.*[^\s_.-])[\s_.-]+(?P<end>[a-z]{1,8}|\d)|(?P<before>.*\d)(?P<letter>[a-z])", re.I)
_WITHIN = re.compile(rf"(?<![a-z0-9]){_WORD}(?![a-z0-9])", re.IGNORECASE)


def patient_and_eye(image_id: str) -> tuple[str, Eye]:
    """Return patient and eye from a name like 17_left, 17-OD or R.17, in any case and folder; else "" and unknown."""
    name = PurePosixPath(image_id).name
    match = next(filter(None, (form.fullmatch(name) for form in _NAMES)), None)
    return (match["patient"], EYE_NAMES[match["eye"].lower()]) if match else ("", "unknown")


def likely_pairs(image_ids: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of ids that look like two eyes of one patient: equal except for the commonest pair of endings.

    There is none if fewer than half of the ids are in pairs: numbered photographs form pairs by chance.
    """
    ids = list(image_ids)
    groups: dict[str, list[tuple[str, str]]] = {}
    for image_id in ids:
        if parts := _parts(image_id):
            groups.setdefault(parts[0], []).append((parts[1], image_id))
    pairs = [sorted(group) for group in groups.values() if len(group) == 2 and group[0][0] != group[1][0]]
    endings = Counter((first[0], second[0]) for first, second in pairs)
    common = endings.most_common(1)[0][0] if endings else None
    found = [(first[1], second[1]) for first, second in pairs if (first[0], second[0]) == common]
    return found if len(found) > 1 and 4 * len(found) >= len(ids) else []


def _parts(image_id: str) -> tuple[str, str] | None:
    """Split an id into the part that the ids of two eyes share and the part that differs."""
    path = PurePosixPath(image_id)
    folder, name = path.parent.as_posix(), path.name
    if side := _WITHIN.search(name):
        return f"{folder}/{name[: side.start()]}*{name[side.end() :]}", side["eye"].lower()
    if match := _ENDING.fullmatch(name):
        return f"{folder}/{match['rest'] or match['before']}", (match["end"] or match["letter"]).lower()
    return None
