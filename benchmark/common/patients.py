"""Patients in tables: words for an unknown patient, several spellings of one, and one with too many photographs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

_UNKNOWN = {
    *("unknown", "unk", "unkn", "na", "nan", "none", "null", "nil", "nat", "missing", "miss", "empty", "blank"),
    *("undefined", "unspecified", "unassigned", "unidentified", "anonymous", "anonymised", "anonymized", "anon"),
    *("notavailable", "notapplicable", "notknown", "notgiven", "notrecorded", "notreported", "notspecified", "nodata"),
    *("noid", "nopatient", "nopatientid", "unknownpatient", "patientunknown", "unknownid", "tbd", "tba", "tbc"),
    *("unbekannt", "inconnu", "inconnue", "desconocido", "desconhecido", "sconosciuto", "未知", "不明"),
    *("x", "xx", "xxx", "xxxx", "void", "false", "missingvalue"),
}
"""Words for an unknown patient in lower case, without blanks and punctuation; signs alone, such as ? and -, are too."""
_NUMBER_FOR_UNKNOWN = re.compile(r"-?0+(\.0*)?|-1(\.0*)?|-?(9{2,})(\.0*)?")
"""Numbers that may mean an unknown patient: 0, -1 and 99, 999 and the like."""
MANY = 10
"""Fewest photographs of one patient that may be too many."""
_TIMES = 5
"""Ratio to the median over patients from which they are."""


def clean_patients(written: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return each photograph's patient, empty if unknown and spelled in one way, and remarks on the changes.

    Words for an unknown patient are empty, a number for one only if far more photographs have it than another patient.
    Spellings that differ in case, blanks, separators, leading zeros or ``.0`` are one patient, named by the first.
    """
    remarks = []
    first: dict[str, str] = {}
    plain = ["" if is_unknown(text) else _plain(text) for text in written]
    counts = Counter(name for name in plain if name)
    spelled = {name: text for name, text in zip(plain, written, strict=True)}
    numbers = {
        name for name in counts if _NUMBER_FOR_UNKNOWN.fullmatch(spelled[name].strip()) and _is_many(name, counts)
    }
    known = [name if name not in numbers else "" for name in plain]
    if dropped := sorted({text for text, name in zip(written, known, strict=True) if text.strip() and not name}):
        count = sum(bool(text.strip()) and not name for text, name in zip(written, known, strict=True))
        remarks.append(f"{count} photographs whose patient is {' or '.join(map(repr, dropped[:3]))} count as unknown")
    spellings: dict[str, list[str]] = {}
    for name, text in zip(known, written, strict=True):
        first.setdefault(name, text.strip() if name else "")
        if name and text not in spellings.setdefault(name, []):
            spellings[name].append(text)
    if several := [texts for texts in spellings.values() if len(texts) > 1]:
        example = " and ".join(map(repr, several[0][:2]))
        remarks.append(f"{len(several)} patients are written in several ways and count as one each, such as {example}")
    counts = Counter(name for name in known if name)
    if heavy := [name for name in counts if _is_many(name, counts)]:
        remarks.append(
            f"patient {first[heavy[0]]!r} has {counts[heavy[0]]} of {len(written)} photographs, far more than the "
            "others: leave the patient empty where it is unknown"
        )
    return [first[name] for name in known], remarks


def is_unknown(text: str) -> bool:
    """Return whether a text in a table means that the value is unknown."""
    plain = re.sub(r"[\W_]", "", text.casefold())
    return not plain or plain in _UNKNOWN


def _plain(text: str) -> str:
    """Return a patient's name without what spreadsheets and people change: case, blanks, separators, zeros and .0."""
    plain = re.sub(r"[\s_-]+", "-", text.strip().casefold())
    if re.fullmatch(r"-?\d+(\.0*)?", plain):
        return str(int(plain.partition(".")[0]))
    return plain


def _is_many(name: str, counts: Counter[str]) -> bool:
    """Return whether a patient has far more photographs than the others."""
    others = [count for other, count in counts.items() if other != name]
    return counts[name] >= MANY and bool(others) and counts[name] > _TIMES * median(others)
