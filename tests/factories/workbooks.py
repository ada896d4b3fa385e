"""Workbooks as programs write them: Excel files in several valid variants, and OpenDocument spreadsheets."""

from __future__ import annotations

import io
import zipfile
from typing import Any

Rows = list[list[Any]]

_TRANSITIONAL = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
)
_STRICT = (
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def xlsx(*sheets: Rows, references: bool = True, phonetic: bool = False, strict: bool = False) -> bytes:
    """Return an Excel file with text in the shared table and numbers in the cells.

    Args:
        sheets: values of each sheet.
        references: name each cell and row, as Excel does and some exporters do not.
        phonetic: give each text its reading in kana, as Japanese editions of Excel do.
        strict: use the namespaces of strict OOXML.
    """
    space, relations = _STRICT if strict else _TRANSITIONAL
    texts = sorted({cell for rows in sheets for row in rows for cell in row if isinstance(cell, str)})
    reading = '<rPh sb="0" eb="1"><t>ヒダリ</t></rPh><phoneticPr fontId="1"/>' if phonetic else ""
    items = "".join(f"<si><t>{text}</t>{reading}</si>" for text in texts)
    numbers = range(1, len(sheets) + 1)
    parts = {f"worksheets/sheet{n}.xml": _sheet(rows, texts, space, references) for n, rows in enumerate(sheets, 1)}
    parts |= {
        "sharedStrings.xml": f'<sst xmlns="{space}">{items}</sst>',
        "workbook.xml": f'<workbook xmlns="{space}" xmlns:r="{relations}"><sheets>'
        + "".join(f'<sheet name="sheet {n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
        + "</sheets></workbook>",
        "_rels/workbook.xml.rels": _relationships(
            {f"r{n}": (f"{relations}/worksheet", f"worksheets/sheet{n}.xml") for n in numbers}
            | {"texts": (f"{relations}/sharedStrings", "sharedStrings.xml")}
        ),
    }
    whole = {f"xl/{name}": content for name, content in parts.items()}
    whole["_rels/.rels"] = _relationships({"r1": (f"{relations}/officeDocument", "xl/workbook.xml")})
    whole["[Content_Types].xml"] = f'<Types xmlns="{_PACKAGE}/content-types"/>'
    return _zip(whole)


def with_part(data: bytes, name: str, content: str | bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a workbook with another content of one part."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(stream, "w", compression) as changed:
        for part in archive.namelist():
            stored = zipfile.ZIP_STORED if part == "mimetype" else zipfile.ZIP_DEFLATED
            changed.writestr(part, content if part == name else archive.read(part), stored)
    return stream.getvalue()


def with_text(data: bytes, name: str, old: str, new: str) -> bytes:
    """Return a workbook with a text in one part replaced."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return with_part(data, name, archive.read(name).decode().replace(old, new))


def ods(rows: Rows) -> bytes:
    """Return an OpenDocument spreadsheet of one sheet."""
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    name = "urn:oasis:names:tc:opendocument:xmlns:"
    spaces = "".join(f' xmlns:{space}="{name}{space}:1.0"' for space in ("office", "table", "text", "manifest"))
    lines = ""
    for row in rows:
        cells = ""
        for cell in row:
            value = 'string"' if isinstance(cell, str) else f'float" office:value="{cell}"'
            cells += f'<table:table-cell office:value-type="{value}><text:p>{cell}</text:p></table:table-cell>'
        lines += f"<table:table-row>{cells}</table:table-row>"
    body = f'<office:spreadsheet><table:table table:name="labels">{lines}</table:table></office:spreadsheet>'
    document = f"<office:document-content{spaces}><office:body>{body}</office:body></office:document-content>"
    return _zip(
        {
            "mimetype": kind,
            "META-INF/manifest.xml": f'<manifest:manifest{spaces}><manifest:file-entry manifest:full-path="/" '
            f'manifest:media-type="{kind}"/></manifest:manifest>',
            "content.xml": document,
        }
    )


def _sheet(rows: Rows, texts: list[str], space: str, references: bool) -> str:
    lines = ""
    for y, row in enumerate(rows, start=1):
        cells = ""
        for x, cell in enumerate(row):
            kind, value = (' t="s"', texts.index(cell)) if isinstance(cell, str) else ("", cell)
            reference = f' r="{chr(ord("A") + x)}{y}"' if references else ""
            cells += f"<c{reference}{kind}><v>{value}</v></c>"
        number = f' r="{y}"' if references else ""
        lines += f"<row{number}>{cells}</row>"
    return f'<worksheet xmlns="{space}"><sheetData>{lines}</sheetData></worksheet>'


def _relationships(targets: dict[str, tuple[str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="{name}" Type="{kind}" Target="{target}"/>' for name, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{lines}</Relationships>'


def _zip(parts: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()
