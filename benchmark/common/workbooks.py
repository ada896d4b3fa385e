"""Sheets of Excel and OpenDocument workbooks (xlsx, xlsb, xls, ods) as rows of text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError

_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_PARTS_IN_ZIP = (b"xl/workbook", b"xl/worksheets/", b"application/vnd.oasis.opendocument.spreadsheet")


def is_workbook(data: bytes) -> bool:
    """Return whether a file's content is a workbook's, damaged or not."""
    return data.startswith(_OLD_EXCEL) or (data.startswith(_ZIP) and any(part in data for part in _PARTS_IN_ZIP))


def read_sheet(data: bytes, path: Path) -> list[tuple[int, list[str]]]:
    """Read the only filled sheet: each row's number and its values, a whole number without decimals.

    Raises InputError if the workbook is damaged or has a password, or not exactly one of its sheets is filled.
    """
    # Imported here, because few tables are workbooks.
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_object(io.BytesIO(data)) as workbook:
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


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
