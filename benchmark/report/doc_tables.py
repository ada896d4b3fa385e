"""Tables in Markdown files that are generated from csv files, so that the documentation cannot drift from the results.

A block is an HTML comment with a YAML description of a table, and the table itself. People edit the comment;
``fundusbench render-docs`` writes the table::

    <!-- table
    csv: ablation.csv                             # path relative to the Markdown file; a list shows rows of several
    where: {split: val, column: [MSE scores]}     # rows to show; a list allows several values
    columns: {input: "{pixels} px"}               # title: template of the cell
    across: "{column}"                            # optional: one further column per value of this template,
    cell: "{mean:.3f} ± {sd:.3f}"                 # with this template in its cells
    -->
    | input | MSE scores |
    | --- | --- |
    | 40 px | 0.625 ± 0.015 |
    <!-- end -->

``count: TITLE`` instead of ``across`` merges equal rows and counts them. Outside the blocks, each decimal number and
each word of a verdict must occur in a block of the same file, or be declared as a fact that is in no csv file, such as
a version or a download size: ``<!-- facts: 3.11 4.0 -->``.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, get_args

import yaml
from pydantic import ConfigDict, TypeAdapter

from benchmark.common.errors import InputError
from benchmark.common.section import validated
from benchmark.statistics.verdict_row import EQUAL, OPPOSITE, SMALLER
from benchmark.statistics.verdict_rules import Verdict

_MISSING = "-"
"""Cell without a value, or without a row of the csv file."""

_BLOCK = re.compile(r"(<!-- table\n(.*?)-->\n)(.*?)(<!-- end -->)", re.DOTALL)
_FACTS = re.compile(r"<!-- facts:(.*?)-->", re.DOTALL)
_NOT_PROSE = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|<!--.*?-->", re.DOTALL)
"""Code, link targets and comments."""
_VERDICTS = sorted(
    (*get_args(Verdict), "holds here", "does not hold here", SMALLER, EQUAL, OPPOSITE), key=len, reverse=True
)
_VERDICT = re.compile(rf"\b(?:{'|'.join(map(re.escape, _VERDICTS))})\b")
_FIELD = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")
"""A column's name, which may contain dots, and an optional number format."""
_DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?!\.?\w)")


@dataclass(frozen=True, slots=True)
class DocTable:
    """Description of a table, as in the comment of its block."""

    csv: str | list[str]
    columns: dict[str, str]
    where: dict[str, str | int | list[str | int]] = field(default_factory=dict)
    across: str = ""
    cell: str = ""
    count: str = ""
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if bool(self.across) != bool(self.cell) or (self.across and self.count):
            msg = "`across` needs `cell` and no `count`"
            raise ValueError(msg)

    def selects(self, row: Mapping[str, str]) -> bool:
        """Return whether a row of the csv file is shown."""
        allowed = {name: value if isinstance(value, list) else [value] for name, value in self.where.items()}
        return all(row[name] in map(str, values) for name, values in allowed.items())


def render_tables(text: str, folder: Path) -> str:
    """Return a Markdown text of a file in a folder with the table of every block rendered again.

    Raises InputError if a block breaks a rule, or its csv file is missing or has no such row or column.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}{_render(_parse(block[2]), folder)}{block[4]}", text)


def unsupported(text: str) -> list[str]:
    """Return the decimal numbers and verdicts in a text's prose that none of its blocks shows."""
    tables = " ".join(block[3] for block in _BLOCK.finditer(text))
    facts = {fact for facts in _FACTS.finditer(text) for fact in facts[1].split()}
    prose = re.sub(r"\s+", " ", _NOT_PROSE.sub(" ", _BLOCK.sub(" ", text)))
    numbers = [number for number in _DECIMAL.findall(prose) if number not in {*_DECIMAL.findall(tables), *facts}]
    verdicts = [verdict for verdict in _VERDICT.findall(prose) if verdict not in _VERDICT.findall(tables)]
    return list(dict.fromkeys((*numbers, *verdicts)))


def _parse(text: str) -> DocTable:
    origin = f"the table block that begins {text.strip()[:40]!r}"
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        msg = f"{origin} must be valid YAML: {' '.join(str(error).split())}"
        raise InputError(msg) from error
    return validated(TypeAdapter(DocTable), raw, origin)


def _render(table: DocTable, folder: Path) -> str:
    paths = [folder / path for path in ([table.csv] if isinstance(table.csv, str) else table.csv)]
    try:
        rows = [row for path in paths for row in _selected(table, path)]
        lines = list(_lines(table, rows))
    except KeyError as error:
        msg = f"a table block may only name columns of {table.csv}, but {error} is not one: correct the name"
        raise InputError(msg) from error
    head = [*table.columns, *_across(table, rows), *filter(None, [table.count])]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *lines))


def _selected(table: DocTable, path: Path) -> list[dict[str, str]]:
    """Return the rows of a csv file that a table shows."""
    if not path.exists():
        msg = f"the csv file of a table block must exist, but {path} does not: correct `csv` or add the file"
        raise InputError(msg)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if table.selects(row)]
    if not rows:
        conditions = ", ".join(f"{column}={value}" for column, value in table.where.items())
        msg = f"a table block must select a row of {path}, but no row has {conditions}: correct `where`"
        raise InputError(msg)
    return rows


def _lines(table: DocTable, rows: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each line below the head."""
    keys = [tuple(_fill(template, row) for template in table.columns.values()) for row in rows]
    if table.count:
        yield from ((*key, str(count)) for key, count in Counter(keys).items())
    elif table.across:
        places = [(key, _fill(table.across, row)) for key, row in zip(keys, rows, strict=True)]
        if len(set(places)) < len(places):
            msg = f"each cell of a table block must show one row of {table.csv}, but some have several: narrow `where`"
            raise InputError(msg)
        cells = {place: _fill(table.cell, row) for place, row in zip(places, rows, strict=True)}
        for key in dict.fromkeys(keys):
            yield (*key, *(cells.get((key, title), _MISSING) for title in _across(table, rows)))
    else:
        yield from keys


def _across(table: DocTable, rows: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(_fill(table.across, row) for row in rows)) if table.across else []


def _fill(template: str, row: Mapping[str, str]) -> str:
    """Return a template with the fields of a row filled in; a dash if a number is missing.

    A field with a format such as ``.3f`` is a number without a negative zero.
    """

    def field_text(match: re.Match[str]) -> str:
        if not match[2]:
            return row[match[1]]
        text = format(float(row[match[1]]), match[2])
        return text if text.strip("-0.") else text.removeprefix("-")

    try:
        return _FIELD.sub(field_text, template).replace("|", r"\|") or _MISSING
    except ValueError:
        return _MISSING
