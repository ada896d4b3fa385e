"""Names of photographs in tables: with or without folders and extension, with slashes or backslashes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from benchmark.common.patients import SHORTENED
from benchmark.images.reading import EXTENSIONS

_AS_DATE = re.compile(r"[0-9]{1,2}-[A-Z][a-z]{2}|[A-Z][a-z]{2}-[0-9]{2}")
_DIGITS = 15
"""Number of digits that spreadsheets keep of a number."""


def posix(name: str) -> str:
    """Replace backslashes between folders by slashes, and letters of two characters, as macOS writes ä, by one."""
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def image_id(name: str) -> str:
    """Return the name with slashes and without the extension of a photograph."""
    path = posix(name)
    if "/" in path:
        path = PurePosixPath(path).as_posix()
    start, _, extension = path.rpartition(".")
    return start if start and f".{extension.lower()}" in EXTENSIONS else path


def stem(name: str) -> str:
    """Return the image id without its folders."""
    return image_id(name).rpartition("/")[2]


def why_unmatched(unmatched: Iterable[str], known: Iterable[str]) -> str:
    """Return a common reason for names that match none of the known ones, with the fix; empty if none is found."""
    names, others = {stem(name) for name in unmatched}, {stem(name) for name in known} - {""}
    if names & others:
        return "the folders of equal file names differ: write them alike"
    either = names | others
    if {name.casefold() for name in names} & {other.casefold() for other in others}:
        return "names differ in upper and lower case: write them alike"
    if any(map(SHORTENED.fullmatch, either)):
        what = "numbers such as 2.01704E+16, whose last digits are lost"
    elif names & set(map(_rounded, others)) or others & set(map(_rounded, names)):
        what = f"numbers, of which it keeps {_DIGITS} digits"
    elif any(map(_AS_DATE.fullmatch, either)):
        what = "dates"
    elif {name.lstrip("0") for name in names} & {other.lstrip("0") for other in others}:
        what = "numbers without leading zeros"
    else:
        return ""
    return (
        f"a spreadsheet turned names into {what}: take the original file, or format the column as text before pasting"
    )


def _rounded(name: str) -> str:
    return name[:_DIGITS].ljust(len(name), "0") if name.isdigit() else name
