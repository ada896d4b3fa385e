"""Patients and eyes in names of photographs, so that the eyes of a patient are never in different splits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from benchmark.common.column_names import EYE_NAMES
from benchmark.common.terms import Eye

_SIDES = sorted((name for name, eye in EYE_NAMES.items() if eye != "unknown"), key=len, reverse=True)
_SIDE, _WORD = (rf"(?P<eye>{'|'.join(names)})" for names in (_SIDES, [name for name in _SIDES if len(name) > 1]))
_SEPARATOR = r"[\s_.-]+"
_SHOT = r"[\s_.(-]*\d{1,3}\)?|[\s_.-]+[a-z]"
"""Number or letter of a photograph of one eye, of which there are several."""
_NUMBERED = r"(?P<patient>.*\d[^\s_.-]*)"
_NAMES = [
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<patient>.*[^\s_.-]){_SEPARATOR}{_SIDE}",
        rf"{_SIDE}{_SEPARATOR}(?P<patient>[^\s_.-].*)",
        rf"(?P<patient>.*\d){_WORD}",
        rf"{_NUMBERED}{_SEPARATOR}{_SIDE}({_SHOT})",
        rf"(?P<patient>.*\d){_WORD}({_SHOT})",
        rf"{_NUMBERED}{_SEPARATOR}{_WORD}{_SEPARATOR}[a-z].*",
        rf"(?P<patient>.*\d){_WORD}{_SEPARATOR}[a-z].*",
        rf"{_SIDE}\d{{1,3}}{_SEPARATOR}(?P<patient>.*\d.*)",
    )
]
"""17_left, left_17 and 17left, and with the number or the field of a shot 17_left_2, 17_l1, 17left2, 17_left_macula,
17left_macula and l1_17; a single letter is a side only next to a separator."""
_ENDINGS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(.*[^\W_])[\W_]+((?:19|20)\d\d([-_.]?)[01]\d\3[0-3]\d)[\W_]*",
        r"(.*[^\W_])[\W_]+(?=[^\W_])([a-z]{0,8}\d{0,3}(?:of\d)?)[\W_]*",
        r"(.*\d)([a-z]{1,5}\d{0,2})",
    )
]
"""17_2019-01-31, 17_a, 17 (2), 17_1of2 and 17b."""
_WITHIN = re.compile(rf"(?<![a-z0-9]){_WORD}\d{{0,2}}(?![a-z0-9])", re.IGNORECASE)
_MOST = 16
"""Most photographs of one patient that a name's ending tells apart, or that are in a folder of a patient."""
_FOLDERS = 10
"""Fewest folders of few photographs each that may be patients."""


def patient_and_eye(image_id: str) -> tuple[str, Eye]:
    """Return patient and eye from a name like 17_left, R.17 or 17_l2, in any case and folder; else "" and unknown."""
    name = image_id.rpartition("/")[2]
    match = next(filter(None, (form.fullmatch(name) for form in _NAMES)), None)
    return (match["patient"], EYE_NAMES[match["eye"].lower()]) if match else ("", "unknown")


def likely_patients(image_ids: Iterable[str]) -> list[tuple[str, ...]]:
    """Return groups of ids that look like several photographs of one patient: equal except for endings that recur.

    There is none if fewer than half of the ids are in groups, or if the endings do not recur from group to group:
    numbered photographs form groups by chance.
    """
    ids = list(dict.fromkeys(image_ids))
    groups: dict[str, list[tuple[str, str]]] = {}
    for image_id in ids:
        if parts := _parts(image_id):
            groups.setdefault(parts[0], []).append((parts[1], image_id))
    several = [sorted(group) for group in groups.values() if 1 < len({end for end, _ in group}) <= _MOST]
    counts = Counter(_kind(end) for group in several for end, _ in group)
    common = {kind for kind, count in counts.items() if 4 * count >= len(several)}
    found = [tuple(image_id for end, image_id in group if _kind(end) in common) for group in several]
    found = [group for group in found if len(group) > 1]
    recur = len(found) > 1 and len(common) <= len(found)
    return found if recur and 2 * sum(map(len, found)) >= len(ids) else []


def _parts(image_id: str) -> tuple[str, str] | None:
    """Split an id into the part that the photographs of a patient share and the part that differs."""
    folder, _, name = image_id.rpartition("/")
    if side := _WITHIN.search(name):
        return f"{folder}/{name[: side.start()]}*{name[side.end() :]}", side[0].lower()
    if match := next(filter(None, (form.fullmatch(name) for form in _ENDINGS)), None):
        return f"{folder}/{match[1]}", match[2].lower()
    return None


def _kind(end: str) -> str:
    """Return an ending, or the same word for all dates: visits of patients are on different days."""
    return "date" if re.match(r"\d{4}", end) else end


def _folders_of_patients(photographs: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the image ids of each folder if many folders hold a few photographs, and patients do not follow them."""
    folders: dict[str, dict[str, str]] = {}
    for image_id, patient in photographs:
        folders.setdefault(PurePosixPath(image_id).parent.as_posix(), {})[image_id] = patient or image_id
    several = [tuple(images) for images in folders.values() if len(images) > 1]
    if len(several) < _FOLDERS or max(map(len, several)) > _MOST or 2 * sum(map(len, several)) < len(photographs):
        return []
    pairs = {(folder, patient) for folder, images in folders.items() for patient in images.values()}
    follow = len(pairs) == len(folders) == len({patient for _, patient in pairs})
    return [] if follow else several


def warn_of_torn_patients(photographs: Iterable[tuple[str, str]]) -> str:
    """Return a warning if ids look like several photographs of one patient that nothing tells apart; else empty.

    Ids of unknown patients are compared, and patients that follow from the names, such as 17_1 of 17_1_left.

    Args:
        photographs: image id and patient, empty if unknown.
    """
    open_ = [(name, patient) for name, patient in photographs if patient in ("", patient_and_eye(name)[0])]
    unknown = (image_id for image_id, patient in open_ if not patient)
    named = (patient for _, patient in open_ if patient)
    groups = _folders_of_patients(open_) or likely_patients(unknown) or likely_patients(named)
    if not groups:
        return ""
    return (
        f"{sum(map(len, groups))} names look like several of one patient each ({' and '.join(groups[0][:2])}), but "
        "count as a patient each: give the table a column `patient`, or name the files like 17_left and 17_right"
    )
