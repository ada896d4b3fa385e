"""The one sheet of an Excel file as rows of text: as much of the format as a table of labels needs."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

from benchmark.common.errors import InputError

_SPACE = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
_MAX_BYTES = 64 * 1024**2
"""Of a part of the file, unpacked; a table of labels has a thousandth of it."""
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")


def read_sheet(path: Path) -> list[list[str]]:
    """Rows of the one sheet that holds any, all as long as the longest; numbers as they are stored.

    Raises:
        InputError: the file is no Excel file (.xlsx), or several of its sheets are filled.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            shared = [_text(item) for item in _parse(archive, "xl/sharedStrings.xml", "x:si", missing_ok=True)]
            names = sorted(name for name in archive.namelist() if _SHEET.fullmatch(name))
            rows = {name: _parse(archive, name, "x:sheetData/x:row") for name in names}
            filled = {name: found for name in names if (found := [_row(row, shared) for row in rows[name]])}
    # What zipfile raises on encryption is a RuntimeError, on a method that it does not know NotImplementedError.
    except (
        zipfile.BadZipFile,
        zlib.error,
        LookupError,
        ElementTree.ParseError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        msg = f"{path} must be an Excel file, but cannot be read as one ({' '.join(str(error).split())}): get it again"
        raise InputError(msg) from error
    if len(filled) != 1:
        msg = f"{path} must be an Excel file with one filled sheet, but has {len(filled)}: save the one as csv"
        raise InputError(msg)
    (found,) = filled.values()
    width = max((max(row, default=-1) for row in found), default=-1) + 1
    return [[row.get(place, "") for place in range(width)] for row in found]


def _parse(archive: zipfile.ZipFile, part: str, tag: str, missing_ok: bool = False) -> list[ElementTree.Element]:
    if missing_ok and part not in archive.namelist():
        return []
    if archive.getinfo(part).file_size > _MAX_BYTES:
        msg = f"{part} is too large"
        raise zipfile.BadZipFile(msg)
    return ElementTree.fromstring(archive.read(part)).findall(tag, _SPACE)


def _row(row: ElementTree.Element, shared: list[str]) -> dict[int, str]:
    """Text by the place of its column, from 0."""
    cells = {}
    for cell in row.findall("x:c", _SPACE):
        value = cell.findtext("x:v", "", _SPACE)
        kind = cell.get("t")
        text = shared[int(value)] if kind == "s" else _text(cell) if kind == "inlineStr" else value
        if text.strip():
            cells[_place(cell.get("r", "A1"))] = text
    return cells


def _place(reference: str) -> int:
    """Place of the column from 0: A1 -> 0, AB7 -> 27."""
    place = 0
    for letter in re.match("[A-Z]{0,3}", reference)[0]:  # type: ignore[index]
        place = 26 * place + ord(letter) - ord("A") + 1
    return place - 1


def _text(element: ElementTree.Element) -> str:
    return "".join(part.text or "" for part in element.iter(f"{{{_SPACE['x']}}}t"))
