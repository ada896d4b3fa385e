"""Reader of tables that other programs have written, shared by all commands.

A table is text in UTF-8, UTF-16 or UTF-32 with any line ends, separated by commas, semicolons or tabs, also packed as
.gz or .zip; or the one filled sheet of a workbook (xlsx, xlsb, xls, ods). The format is detected from the content, not
from the file name. Blanks around values, empty rows, empty columns and an unnamed index column are dropped. A list
without a header, as DDR has, is read if its first line is an image name and a number.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path, PurePosixPath
from typing import cast

import numpy as np

from benchmark.common.arrays import Floats
from benchmark.common.errors import InputError
from benchmark.common.files import fix_for
from benchmark.common.units import some
from benchmark.common.workbooks import INVISIBLE, is_workbook, read_sheet

NUMPY = b"\x93NUMPY"
"""First bytes of a NumPy array's file (.npy)."""

_LISTED = 12
"""Largest number of columns that a message lists."""
_MAX_BYTES = 256 * 1024**2
"""Largest content of an archive: a thousand times the size of EyePACS' labels."""
_KINDS = {
    NUMPY: "an array of NumPy (.npy)",
    b"MATLAB 5.0": "a file of MATLAB (.mat)",
    b"\x89HDF": "an HDF5 file (.h5, or .mat of MATLAB 7.3)",
    b"PAR1": "a Parquet file",
    b"ARROW1": "a Feather file",
    b"\x80": "a pickle of Python",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"%PDF": "a PDF",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"7z\xbc\xaf": "packed by 7-Zip",
    b"Rar!": "packed by RAR",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"SQLite format 3": "a database of SQLite",
    b"version https://git-lfs": "a pointer of Git LFS, whose file was not pulled",
    b"{": "JSON",
    b"[": "JSON",
    b"<": "a web page or XML",
}
"""First bytes of files that are often taken for tables -> name of the format."""
_FIXES = {"packed": "unpack it", "a pointer": "get the file by `git lfs pull`"}
"""First word of a format -> how to get the table; it can be saved from any other format."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_BINARY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LIST = re.compile(r"\S+\.(?:jpe?g|png|tiff?)([,;\t ]) *\d+\s*", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"([+-]?[0-9]{1,9})(?:\.0*)?")

_Row = list[str]


@dataclass(frozen=True, slots=True)
class TextTable:
    """Columns of stripped text by name, in the file's order, all of the same length of at least 1."""

    path: Path
    columns: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def listed(self) -> str:
        """Return the names of the first columns as a message shows them."""
        return some(list(self.columns), _LISTED)


def read_text_table(path: Path) -> TextTable:
    """Read any table; raise InputError if the file is missing, is not a table, or is ambiguous."""
    rows = _filled_rows(path)
    _, names = next(rows, (0, []))
    width = len(names)
    read: list[list[str]] = [[] for _ in names]
    for line, row in rows:
        if any(row[width:]) or any(names[len(row) :]):
            msg = (
                f"each row of a table must have a value per column, but line {line} of {path} has {len(row)} and the "
                f"header {len([name for name in names if name])}: correct the line (a value that contains a separator "
                "needs quotes)"
            )
            raise InputError(msg)
        for values, value in zip_longest(read, row[:width], fillvalue=""):
            cast("list[str]", values).append(value)
    if not read or not read[0]:
        msg = f"a table must have a header and a row per image, but {path} has no rows: add them"
        raise InputError(msg)
    columns: dict[str, list[str]] = {}
    for place, (name, values) in enumerate(zip(names, read, strict=True)):
        if not name and (not any(values) or (place == 0 and all(whole(value) is not None for value in values))):
            continue
        if not name or name in columns:
            fault = f"{name!r} twice" if name else f"none for column {place + 1}, which holds {values[0]!r}"
            msg = f"the first line of a table must give each column a unique name, but {path} has {fault}: name it"
            raise InputError(msg)
        columns[name] = values
    return TextTable(path, columns)


def read_bytes(path: Path) -> bytes:
    """Read a file that the user named.

    Raises InputError if it is missing, empty or unreadable.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        fault = f"{path} does not exist" if missing else f"{path} cannot be opened ({error.strerror or error})"
        msg = f"a table must be a readable file, but {fault}: {fix_for(error.errno)}"
        raise InputError(msg) from error
    if not data:
        msg = f"a table must be a readable file, but {path} is empty: download or save it again"
        raise InputError(msg)
    return data


def _text(data: bytes, path: Path) -> str:
    """Unpack and decode a file's content, without changing line ends."""
    data = _unpacked(data, path)
    start = data.lstrip()
    for first, kind in _KINDS.items():
        if start.startswith(first):
            fixes = (fix for words, fix in _FIXES.items() if kind.startswith(words))
            raise InputError(_no_table(path, kind, next(fixes, "save its rows as csv")))
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = INVISIBLE.sub("", data.decode(encoding))
    except UnicodeDecodeError as error:
        fault = f"in neither UTF-8 nor UTF-16 (byte {error.start + 1} is wrong)"
        raise InputError(_no_table(path, fault, "save it again as UTF-8")) from error
    if _BINARY.search(text):
        raise InputError(_no_table(path, "binary, or UTF-16 without a byte order mark", "save it again as UTF-8"))
    return text


def parse_numbers(values: Iterable[str]) -> Floats:
    """Parse numbers in decimal notation with a point; NaN for any other text. Shape (n,)."""
    written = list(values)
    # Grades repeat a few texts.
    numbers = {value: float(value) if _NUMBER.fullmatch(value) else np.nan for value in set(written)}
    return np.array([numbers[value] for value in written], np.float64)


def whole(value: str) -> int | None:
    """Parse a whole number of at most nine digits, also one written as ``2.0``; None for any other text."""
    match = _WHOLE.fullmatch(value)
    return int(match[1]) if match else None


def _filled_rows(path: Path) -> Iterator[tuple[int, _Row]]:
    """Yield the line number and the stripped values of every row that is not empty, the header first."""
    data = read_bytes(path)
    rows = _filled(read_sheet(data, path)) if is_workbook(data) else _split(_text(data, path), path)
    head = list(islice(rows, 3))
    while len(head) > 2 and _is_title(head[0][1], head[1][1]):
        head = [*head[1:], *islice(rows, 1)]
    return chain(head, rows)


def _filled(rows: Iterable[tuple[int, _Row]]) -> Iterator[tuple[int, _Row]]:
    """Strip the values of each row, and drop empty rows."""
    for line, row in rows:
        stripped = [value.strip() for value in row]
        if any(stripped):
            yield line, stripped


def _is_title(row: _Row, below: _Row) -> bool:
    """Return whether a row is a title: it fills one cell, and the header below it fills more, without a number."""
    return sum(map(bool, row)) == 1 < sum(map(bool, below)) and not any(map(_NUMBER.fullmatch, below))


def _split(text: str, path: Path) -> Iterator[tuple[int, _Row]]:
    """Split text into numbered rows by the one separator that gives all rows the header's length."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    header: list[tuple[int, _Row]] = []
    if declared := re.fullmatch(r'"?sep=(.)"?', first.strip()):
        separators, text = [declared[1]], text[text.index(first) + len(first) :]
    elif listed := _LIST.fullmatch(first):
        separators, header = [listed[1]], [(0, ["image", "grade"])]
    else:
        separators = [separator for separator in _SEPARATORS if separator in first] or [","]
    kinds = " or ".join(_SEPARATORS.get(separator, separator) for separator in separators)
    fitting, faults = list[Iterable[tuple[int, _Row]]](), ""
    for separator in separators:
        try:
            # A table of one separator may be large, so it is read row by row.
            rows = _parsed(text, separator) if len(separators) == 1 else list(_parsed(text, separator))
            if len(separators) == 1 or len(_widths(rows)) == 1:
                fitting.append(rows)
        except csv.Error as error:
            faults += f" ({error})"
    try:
        if len(fitting) == 1:
            yield from header
            yield from _without_other_separators(iter(fitting[0]), path)
            return
    except csv.Error as error:
        faults = f" ({error})"
    fault = f"not consistently separated by {kinds}{faults}"
    raise InputError(_no_table(path, fault, "separate values by commas, and quote text that contains commas"))


def _parsed(text: str, separator: str) -> Iterator[tuple[int, _Row]]:
    # A StringIO would take four bytes per character.
    stream = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline="")
    reader = csv.reader(stream, delimiter=separator, strict=True, skipinitialspace=True)
    return _filled((reader.line_num, row) for row in reader)


def _widths(rows: Iterable[tuple[int, _Row]]) -> set[int]:
    return {len(row) for _, row in rows}


def _without_other_separators(rows: Iterator[tuple[int, _Row]], path: Path) -> Iterator[tuple[int, _Row]]:
    """Yield the rows; refuse a single column whose values bars or blanks would split into equally many parts."""
    single = list[tuple[int, _Row]]()
    for each in rows:
        if len(each[1]) > 1:
            yield from chain(single, [each], rows)
            return
        single.append(each)
    values = [value for _, (value,) in single]
    for sign, name in (("|", "bars"), (None, "blanks")):
        parts = {len(value.split(sign)) for value in values}
        if len(values) > 1 and len(parts) == 1 and parts != {1}:
            raise InputError(_no_table(path, f"separated by {name}", "separate values by commas"))
    yield from single


def _unpacked(data: bytes, path: Path) -> bytes:
    """Unpack a .gz or .zip file; return any other content as it is."""
    try:
        if data.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                inside = stream.read(_MAX_BYTES + 1)
        elif data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            inside = _unzipped(data, path)
        else:
            return data
    # zipfile raises RuntimeError for an encrypted file and NotImplementedError for an unknown method.
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        why = " ".join(str(error).split())
        msg = f"{path} must be a readable archive, but is truncated, damaged or encrypted ({why}): get it again"
        raise InputError(msg) from error
    if len(inside) > _MAX_BYTES:
        raise InputError(_too_large(path))
    return inside


def _unzipped(data: bytes, path: Path) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        if names and all(name.endswith(".npy") for name in names):
            raise InputError(_no_table(path, "an archive of arrays of NumPy (.npz)", "save one array with numpy.save"))
        if any(name.endswith("data.pkl") for name in names):
            raise InputError(_no_table(path, "a file of PyTorch (.pt)"))
        if any(name.endswith(".iwa") for name in names):
            raise InputError(_no_table(path, "a file of Numbers", "export it as csv"))
        tables = [name for name in names if _is_member(name)]
        if len(tables) != 1:
            inside = ", ".join(tables[:3]) + (" and more" if len(tables) > 3 else "")
            fix = f"holds {inside}: unpack the table" if tables else "holds none: get it again"
            msg = f"a zip archive must hold one table, but {path} {fix}"
            raise InputError(msg)
        with archive.open(tables[0]) as stream:
            return stream.read(_MAX_BYTES + 1)


def _is_member(name: str) -> bool:
    """Return whether an archive's member is a visible file, and not macOS metadata."""
    parts = PurePosixPath(name).parts
    return not name.endswith("/") and "__MACOSX" not in parts and not parts[-1].startswith(".")


def _no_table(path: Path, what: str, fix: str = "save its rows as csv") -> str:
    kinds = "text separated by commas, semicolons or tabs, also as .gz or .zip; or a workbook: xlsx, xlsb, xls, ods"
    return f"{path} must be a table ({kinds}), but is {what}: {fix}"


def _too_large(path: Path) -> str:
    return f"an archive must hold a table of at most {_MAX_BYTES >> 20} MB, but {path} holds more: unpack it"
