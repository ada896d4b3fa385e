"""Patients in tables: words for an unknown patient, several spellings of one, and one with too many photographs."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from statistics import median

_UNKNOWN = {
    *("unknown", "unk", "unkn", "na", "nan", "none", "null", "nil", "nat", "missing", "miss", "empty", "blank"),
    *("undefined", "unspecified", "unassigned", "unidentified", "anonymous", "anonymised", "anonymized", "anon"),
    *("notavailable", "notapplicable", "notknown", "notgiven", "notrecorded", "notreported", "notspecified", "nodata"),
    *("noid", "nopatient", "nopatientid", "unknownpatient", "patientunknown", "unknownid", "tbd", "tba", "tbc"),
    *("x", "xx", "xxx", "xxxx", "void", "false", "missingvalue", "nd", "nk", "notprovided", "withheld", "redacted"),
    *("removed", "deleted", "unkown", "unknow", "uknown", "ref", "value", "div0", "unbekannt", "ka", "keineangabe"),
    *("inconnu", "inconnue", "nonrenseigné", "desconocido", "desconocida", "sindato", "sindatos", "desconhecido"),
    *("desconhecida", "sconosciuto", "sconosciuta", "onbekend", "ukjent", "ukendt", "okänd", "неизвестно", "нет"),
    *("bilinmiyor", "未知", "不明", "不详", "無", "无", "なし", "없음"),
}
"""Words for an unknown patient in lower case, without blanks and punctuation; signs alone, such as ? and -, are too."""
_NUMBER_FOR_UNKNOWN = re.compile(r"-?0+|-1|-9|-?9{2,}")
"""Numbers that may mean an unknown patient: 0, -1, -9 and 99, 999 and the like."""
SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]{2,3}", re.IGNORECASE)
"""Number as a spreadsheet shortens it."""
MANY = 10
"""Fewest photographs of one patient that may be too many."""
_TIMES = 5
"""Ratio to the median over patients from which they are."""


def clean_patients(written: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return each photograph's patient, empty if unknown and spelled in one way, and remarks on the changes.

    Words for an unknown patient are empty, a number for one only if far more photographs have it than another patient.
    Spellings that differ in case, blanks, separators, leading zeros, ``.0``, invisible characters or the width or
    composition of letters are one patient, named by the first.
    """
    remarks = []
    plain = ["" if is_unknown(text) else _plain(text) for text in written]
    counts = Counter(name for name in plain if name)
    numbers = {name for name in _far_more(counts) if _NUMBER_FOR_UNKNOWN.fullmatch(name)}
    known = [name if name not in numbers else "" for name in plain]
    if dropped := sorted({text for text, name in zip(written, known, strict=True) if text.strip() and not name}):
        count = sum(bool(text.strip()) and not name for text, name in zip(written, known, strict=True))
        remarks.append(f"{count} photographs whose patient is {' or '.join(map(repr, dropped[:3]))} count as unknown")
    spellings: dict[str, dict[str, None]] = {}
    for name, text in zip(known, written, strict=True):
        spellings.setdefault(name, {})[text if name else ""] = None
    first = {name: next(iter(texts)).strip() for name, texts in spellings.items()}
    if several := [list(texts) for texts in spellings.values() if len(texts) > 1]:
        example = " and ".join(map(repr, several[0][:2]))
        remarks.append(f"{len(several)} patients are written in several ways and count as one each, such as {example}")
    if shortened := [name for name in spellings if SHORTENED.fullmatch(name)]:
        remarks.append(
            f"a spreadsheet shortened {len(shortened)} patients such as {first[shortened[0]]!r}, of which several may "
            "be one now: take the original file"
        )
    counts = Counter(name for name in known if name)
    if heavy := _far_more(counts):
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
    """Return a patient's name without what spreadsheets, keyboards and people change."""
    shown = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    plain = re.sub(r"[\s_-]+", "-", shown.strip().casefold())
    plain = re.sub(r"^(-?\d+)[.,]0*$", r"\1", plain)
    return re.sub(r"(?<![\d.,])0+(?=\d)", "", plain)


def _far_more(counts: Counter[str]) -> list[str]:
    """Return the patients that have far more photographs than the others."""
    ordered = sorted(counts.values())
    many = set()
    for count in {count for count in ordered if count >= MANY and len(ordered) > 1}:
        place = ordered.index(count)
        if count > _TIMES * median(ordered[:place] + ordered[place + 1 :]):
            many.add(count)
    return [name for name, count in counts.items() if count in many]
