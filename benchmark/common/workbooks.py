"""Sheets of Excel and OpenDocument workbooks (xlsx, xlsb, xls, ods) as rows of text."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError

_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_PARTS_IN_ZIP = (b"xl/workbook", b"xl/worksheets/", b"application/vnd.oasis.opendocument.spreadsheet")
_MAX_UNPACKED = 64 * 1024**2
_MAX_CELLS = 20_000_000
"""Largest extent of a sheet: its rows times its columns."""
_DAMAGED = (zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError)
"""Errors of zipfile for a damaged or encrypted archive; the library that reads workbooks reports it."""
_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]")
"""Characters that nobody sees and that copying from pages and programs leaves in text."""
_HIDDEN = re.compile(
    rb'<row\b[^>]*\bhidden="(?:1|true)"[^>]*(?<!/)>|<table:table-row\b[^>]*\btable:visibility="(?:filter|collapse)"'
)
"""Row with cells that xlsx or ods hides."""
_CELL = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_MAX_TEXT = 256 * 1024**2
"""Largest text of all cells in bytes: a text or row that is stored once may fill any number of cells."""
_SHARED = re.compile(rb'\bt="s"[^>]*>\s*<(?:\w+:)?v>([0-9]+)<')
_ROW = re.compile(rb"<table:table-row\b([^>]*)(?<!/)>(.*?)</table:table-row>", re.DOTALL)
_FILLED = re.compile(rb"<table:table-cell\b([^>]*)(?<!/)>")
_REPEATED = re.compile(rb'repeated="([0-9]+)"')


def is_workbook(data: bytes) -> bool:
    """Return whether a file's content is a workbook's, damaged or not."""
    return data.startswith(_OLD_EXCEL) or (data.startswith(_ZIP) and any(part in data for part in _PARTS_IN_ZIP))


def read_sheet(data: bytes, path: Path) -> list[tuple[int, list[str]]]:
    """Read the only filled sheet: each row's number and its values, a whole number without decimals.

    Raises InputError if the workbook is damaged, huge or has a password, not exactly one of its sheets is filled, or an
    xlsx or ods hides rows, as a filter does.
    """
    _refuse_huge_or_hidden(data, path)
    # Imported here, because few tables are workbooks.
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_object(io.BytesIO(_with_relations(data))) as workbook:
            sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names]
            filled = [(sheet.start or (0, 0), rows) for sheet in sheets if (rows := sheet.to_python())]
    except CalamineError as error:
        msg = (
            f"{path} must be a whole Excel file (xlsx, xlsb, xls) or OpenDocument spreadsheet (ods), without a "
            f"password, but it cannot be read ({' '.join(str(error).split())}): save it again, or save its sheet as csv"
        )
        raise InputError(msg) from error
    if len(filled) != 1:
        msg = f"a workbook must have one filled sheet, but {path} has {len(filled)}: save the sheet of the table as csv"
        raise InputError(msg)
    ((first, _), rows) = filled[0]
    return [(number, [_text(value) for value in row]) for number, row in enumerate(rows, start=first + 1)]


def _with_relations(data: bytes) -> bytes:
    """Add the relations between its parts to an xlsx of bare sheets, as simple exporters write it."""
    stream = io.BytesIO()
    # A damaged archive is reported by the library that reads it.
    with suppress(*_DAMAGED), zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(stream, "w") as whole:
        parts = set(archive.namelist())
        sheets = {part for part in parts if re.fullmatch(r"xl/worksheets/sheet.*\.xml", part)}
        if not sheets or _RELATIONS in parts:
            return data
        for part in parts - {_WORKBOOK, "_rels/.rels"}:
            whole.writestr(part, archive.read(part))
        listed = "".join(f'<sheet name="{key}" sheetId="{key[1:]}" r:id="{key}"/>' for key, _, _ in _numbered(sheets))
        whole.writestr(_WORKBOOK, f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>')
        texts = {("texts", "sharedStrings", part) for part in parts if part == "xl/sharedStrings.xml"}
        whole.writestr(_RELATIONS, _relations([*_numbered(sheets), *texts]))
        whole.writestr("_rels/.rels", _relations([("r1", "officeDocument", _WORKBOOK)]))
        whole.close()
        return stream.getvalue()
    return data


def _numbered(sheets: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(f"r{number}", "worksheet", sheet) for number, sheet in enumerate(sorted(sheets), 1)]


def _relations(targets: Iterable[tuple[str, str, str]]) -> str:
    each = (f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="/{part}"/>' for key, kind, part in targets)
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(each)}</Relationships>'


def _refuse_huge_or_hidden(data: bytes, path: Path) -> None:
    """Refuse a workbook that would fill the memory, as a small file may unpack to gigabytes or fill a corner cell.

    Refuse hidden rows as well, because they may be meant to count or not.
    """
    if not data.startswith(_ZIP):
        return
    fault, hidden = "", 0
    with suppress(*_DAMAGED), zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(part.file_size for part in archive.infolist()) > _MAX_UNPACKED:
            fault = f"unpacks to more than {_MAX_UNPACKED >> 20} MB"
        else:
            if _text_bytes(archive) > _MAX_TEXT:
                fault = f"unpacks to more than {_MAX_TEXT >> 20} MB of text"
            for name in archive.namelist():
                sheet = archive.read(name) if name.startswith(("xl/worksheets/sheet", "content.xml")) else b""
                hidden += len(_HIDDEN.findall(sheet))
                cells = _CELL.findall(sheet)
                height = max((int(row) for _, row in cells), default=0)
                letters = {column for column, _ in cells}
                width = max((reduce(lambda n, one: 26 * n + one - 64, column, 0) for column in letters), default=0)
                if height * width > _MAX_CELLS:
                    fault = f"has a sheet of {height:,} rows and {width:,} columns"
    if fault:
        msg = f"a workbook must have at most {_MAX_CELLS:,} cells, but {path} {fault}: save the table alone as csv"
        raise InputError(msg)
    if hidden:
        msg = f"a workbook must show all of its rows, but {path} hides {hidden}: show or delete them, or save it as csv"
        raise InputError(msg)


def _text_bytes(archive: zipfile.ZipFile) -> int:
    """Estimate the bytes of the text of all cells, of which an xlsx or ods stores repeated ones once."""
    parts = set(archive.namelist())
    if "content.xml" in parts:
        each = (
            (_repeats(row), max(map(_repeats, _FILLED.findall(cells)), default=0), len(cells))
            for row, cells in _ROW.findall(archive.read("content.xml"))
        )
        return sum(rows * columns * length for rows, columns, length in each)
    if "xl/sharedStrings.xml" not in parts:
        return 0
    lengths = [len(text) for text in re.split(rb"<(?:\w+:)?si\b", archive.read("xl/sharedStrings.xml"))[1:]]
    sheets = [archive.read(name) for name in parts if name.startswith("xl/worksheets/sheet")]
    indices = (int(index) for sheet in sheets for index in _SHARED.findall(sheet))
    return sum(lengths[index] for index in indices if index < len(lengths))


def _repeats(attributes: bytes) -> int:
    return int((_REPEATED.search(attributes) or (b"", b"1"))[1])


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else INVISIBLE.sub("", str(value))
