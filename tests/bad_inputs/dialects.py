"""Variants of one table as programs write it, which every command must read alike, and files that are not tables."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping

from tests.bad_inputs.running import GRADES, LABELS, gzipped, zipped
from tests.factories.workbooks import ods, with_part, with_text, xlsx


def _lines(text: str, change: Callable[[int, str], str]) -> str:
    return "".join(f"{change(place, line)}\n" for place, line in enumerate(text.splitlines()))


def _quoted(text: str) -> str:
    return _lines(text, lambda _, line: ",".join(f'"{value}"' for value in line.split(",")))


def _cells(text: str) -> list[list[str | int]]:
    header, *rows = (line.split(",") for line in text.splitlines())
    return [[*header], *([image, int(value)] for image, value in rows)]


DIALECTS: Mapping[str, Callable[[str], str | bytes]] = {
    "commas": str,
    "semicolons": lambda text: text.replace(",", ";"),
    "tabs": lambda text: text.replace(",", "\t"),
    "sep= of Excel": lambda text: "sep=;\r\n" + text.replace(",", ";"),
    "sep= with a bar": lambda text: '"sep=|"\n' + text.replace(",", "|"),
    "CR": lambda text: text.replace("\n", "\r"),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "mixed line ends": lambda text: text.replace("\n", "\r\n", 5),
    "BOM": lambda text: codecs.BOM_UTF8 + text.encode(),
    "BOM and quotes": lambda text: codecs.BOM_UTF8 + _quoted(text).encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 in big-endian order": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "quotes": _quoted,
    "blanks in the header": lambda text: _lines(text, lambda n, line: line if n else f" {line.replace(',', ' , ')} "),
    "blanks around values": lambda text: text.replace(",", " , "),
    "blanks before quotes": lambda text: _quoted(text).replace(",", ", "),
    "no-break spaces": lambda text: text.replace(",", "\xa0,\xa0"),
    "invisible characters": lambda text: text.replace(",", "\u200b,\u200b\u2060").replace("_", "\u00ad_"),
    "blank rows": lambda text: "\n" + text.replace("\n3_left", "\n\n,\n  ,\n3_left") + ",\n,\n\n",
    "blank columns": lambda text: _lines(text, lambda _, line: f"{line},,"),
    "a comma after each row but the header": lambda text: _lines(text, lambda n, line: f"{line}," if n else line),
    "a comma after the header alone": lambda text: _lines(text, lambda n, line: line if n else f"{line},"),
    "an index": lambda text: _lines(text, lambda n, line: f"{n - 1 if n else ''},{line}"),
    "a shuffled index": lambda text: _lines(text, lambda n, line: f"{n * 7 % 13 if n else ''},{line}"),
    "another column": lambda text: _lines(text, lambda n, line: f"{line},{'a;b' if n else 'a note'}"),
    "a comma within quotes": lambda text: _lines(text, lambda n, line: f'"{"a, b" if n else "note, or none"}",{line}'),
    "a line end within quotes": lambda text: _lines(text, lambda n, line: f'"one\nor {n}",{line}'),
    "capitals": lambda text: _lines(text, lambda n, line: line if n else line.upper()),
    "no line end at the end": lambda text: text.rstrip(),
    "grades as 2.0": lambda text: _lines(text, lambda n, line: f"{line}.0" if n else line),
    "grades as 2.": lambda text: _lines(text, lambda n, line: f"{line}." if n else line),
    "gz": gzipped,
    "zip": lambda text: zipped({"folder/table.csv": text}),
    "zip of macOS": lambda text: zipped({"t/": "", "t/l.csv": text, "__MACOSX/t/._l.csv": "\0\5", "t/.DS_Store": "x"}),
    "workbook": lambda text: xlsx(_cells(text)),
    "workbook without references of cells": lambda text: xlsx(_cells(text), references=False),
    "workbook with phonetic text": lambda text: xlsx(_cells(text), phonetic=True),
    "workbook in strict OOXML": lambda text: xlsx(_cells(text), strict=True),
    "workbook with an empty sheet": lambda text: xlsx([], _cells(text)),
    "OpenDocument": lambda text: ods(_cells(text)),
}
"""Conversions from comma-separated text, by name of the form."""

_ZIP = zipped({"a.csv": GRADES})
_GZ = gzipped(GRADES)
NO_TABLES: Mapping[str, tuple[str | bytes, str]] = {
    "an empty file": ("", "is empty"),
    "blanks alone": (" \n\n  \n", "a header and a row per image, but .* has no rows"),
    "a header alone": ("image,level,prediction\n", "a header and a row per image, but .* has no rows"),
    "commas alone": (",,,\n,,,\n", "has no rows: add them"),
    "a row cut off": (GRADES[:-4], "a value per column, but line 13 of .* has 1 and the header 2"),
    "a row too long": (f"{GRADES}7_left,1,2\n", "line 14 of .* has 3 and the header 2"),
    "a name twice": (LABELS.replace("image", "level"), "has 'level' twice: name it"),
    "values without a name": (LABELS.replace("level", ""), "none for column 2, which holds '0'"),
    "no header but probabilities": ("1_left,0,0,0,1,0\n2_left,0,0,0,1,0\n", "has '0' twice"),
    "an open quote": (GRADES.replace("1_left", '"1_left', 1), "not consistently separated by commas"),
    "text behind a quote": (GRADES.replace("1_left", '"1"_left', 1), "not consistently separated by commas"),
    "two separators": ("image,level;x\n1_left;0,1\n", "not consistently separated by commas or semicolons"),
    "bars": (GRADES.replace(",", "|"), "separated by bars: separate values by commas"),
    "blanks": (GRADES.replace(",", "  "), "separated by blanks: separate values by commas"),
    "Latin-1": ("image,prediction\nœil,1\n".encode("cp1252"), "in neither UTF-8 nor UTF-16.*save it again"),
    "UTF-16 without a byte order mark": (GRADES.encode("utf-16-le"), "UTF-16 without a byte order mark"),
    "UTF-16 cut in a letter": (codecs.BOM_UTF16_LE + GRADES.encode("utf-16-le")[:-1], "neither UTF-8 nor UTF-16"),
    "noise": (bytes(range(256)) * 4, "must be a table"),
    "JSON": ('{"1_left": 0}', "but is JSON: save its rows as csv"),
    "JSON of a list": ("[0, 1]", "but is JSON"),
    "a web page": ("<!doctype html><html></html>", "but is a web page or XML"),
    "a pointer of Git LFS": ("version https://git-lfs.github.com/spec/v1\noid x\n", "a pointer of Git LFS"),
    "MATLAB": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(100), "a file of MATLAB"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
    "Parquet": (b"PAR1" + bytes(100) + b"PAR1", "a Parquet file"),
    "Feather": (b"ARROW1" + bytes(100), "a Feather file"),
    "SQLite": (b"SQLite format 3\0" + bytes(100), "a database of SQLite"),
    "pickle": (b"\x80\x04\x95" + bytes(100), "a pickle of Python"),
    "PyTorch": (zipped({"archive/data.pkl": "x", "archive/version": "3"}), "a file of PyTorch"),
    "npz": (zipped({"a.npy": "x"}), r"an archive of arrays of NumPy \(.npz\): save one array"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "is a picture"),
    "a photograph": (b"\xff\xd8\xff\xe0" + bytes(100), "is a picture"),
    "a PDF": (b"%PDF-1.4\n", "is a PDF"),
    "bzip2": (b"BZh91AY&SY", "is packed by bzip2"),
    "xz": (b"\xfd7zXZ\x00", "is packed by xz"),
    "zstd": (b"\x28\xb5\x2f\xfd\x00", "is packed by zstd"),
    "RAR": (b"Rar!\x1a\x07\x01\x00", "is packed by RAR"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c", "is packed by 7-Zip"),
    "zip cut off": (_ZIP[:-30], "a readable archive, but is truncated, damaged or encrypted"),
    "zip damaged": (_ZIP[:45] + b"???" + _ZIP[48:], "a readable archive, but is truncated, damaged"),
    "zip with nothing": (zipped({}), "must hold one table, but .* holds none"),
    "zip of macOS' leftovers": (zipped({"__MACOSX/._a.csv": "x"}), "holds none"),
    "zip of two tables": (zipped({"a.csv": GRADES, "b.csv": GRADES}), "holds a.csv, b.csv: unpack the table"),
    "zip of an empty table": (zipped({"a.csv": ""}), "a header and a row per image, but .* has no rows"),
    "gz cut off": (_GZ[:-12], "a readable archive, but is truncated"),
    "gz damaged": (_GZ[:12] + b"\xff\xff\xff" + _GZ[15:], "a readable archive, but is truncated"),
    "gz of JSON": (gzipped("{}"), "but is JSON"),
    "workbook damaged": (b"PK\x03\x04xl/worksheets/sheet1.xml", "must be a whole Excel file"),
    "old workbook damaged": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "must be a whole Excel file"),
    "OpenDocument cut off": (ods(_cells(GRADES))[:-100], r"or OpenDocument spreadsheet \(ods\).*save its sheet as csv"),
    "workbook of two sheets": (xlsx([["a"]], [["b"]]), "one filled sheet, but .* has 2"),
    "workbook with a filter": (
        with_text(xlsx(_cells(GRADES)), "xl/worksheets/sheet1.xml", '<row r="3"', '<row r="3" hidden="1"'),
        "must show all of its rows, but .* hides 1: show or delete them",
    ),
    "OpenDocument with a filter": (
        with_text(ods(_cells(GRADES)), "content.xml", "<table:table-row", '<table:table-row table:visibility="filter"'),
        "must show all of its rows, but .* hides 13",
    ),
    "workbook without values": (xlsx([]), "one filled sheet, but .* has 0"),
    "workbook with a value in the last corner": (
        with_part(
            xlsx([["image"]]),
            "xl/worksheets/sheet1.xml",
            '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
            '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
            "</sheetData></worksheet>",
        ),
        "has a sheet of 1,048,576 rows and 16,384 columns: save the table alone as csv",
    ),
}
"""Content and a pattern of the error message, by kind of file."""
