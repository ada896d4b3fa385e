"""Figures in prose that cannot drift: Markdown tables made from csv files, and sentences that say nothing else.

A Markdown file holds blocks: a comment that says in YAML which lines of a csv are shown, and how, and the table that is
made of it. The comment is what people edit; ``fundusbench cite`` writes the table::

    <!-- cite
    csv: ablation.csv                             # beside the Markdown file
    where: {split: val, column: [MSE scores]}     # which lines; a list allows several values
    columns: {input: "{pixels} px"}               # title: how a line's fields are written
    across: "{column}"                            # optional: a further column per value of this,
    cell: "{mean:.3f} ± {sd:.3f}"                 # which holds this
    -->
    | input | MSE scores |
    | --- | --- |
    | 40 px | 0.625 ± 0.015 |
    <!-- end -->

``count: TITLE`` in place of ``across`` merges equal lines and counts them. Outside the blocks, a figure with decimals
or a word of a verdict must be one that a block of the file shows, or stand among the file's facts, which no csv holds:
versions, licences, sizes of downloads, ``<!-- facts: 3.11 4.0 -->``.
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
from benchmark.statistics.verdict_row import SMALLER
from benchmark.statistics.verdict_rules import Verdict

MISSING = "-"
"""Of a line whose fields are empty, and of a place that has no line."""

_BLOCK = re.compile(r"(<!-- cite\n(.*?)-->\n)(.*?)(<!-- end -->)", re.DOTALL)
_FACTS = re.compile(r"<!-- facts:(.*?)-->", re.DOTALL)
_ASIDE = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|<!--.*?-->", re.DOTALL)
"""What is no prose: code, the targets of links, comments."""
_WORDS = (*get_args(Verdict), "holds here", "does not hold here", SMALLER)
"""What a judgement may be called."""
_WORD = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(_WORDS, key=len, reverse=True)))})\b")
_FIELD = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")
"""A column's name, which may hold dots, and how its values are formatted."""
_FIGURE = re.compile(r"(?<![\w.])\d+\.\d+(?!\.?\w)")


@dataclass(frozen=True, slots=True)
class Block:
    """What a block's comment says."""

    csv: str
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

    def takes(self, line: Mapping[str, str]) -> bool:
        """Whether a line of the csv is shown."""
        allowed = {name: value if isinstance(value, list) else [value] for name, value in self.where.items()}
        return all(line[name] in map(str, values) for name, values in allowed.items())


def renewed(text: str, folder: Path) -> str:
    """A Markdown text with the table of every block made anew.

    Args:
        text: of the file.
        folder: where it lies.

    Raises:
        InputError: a block breaks a rule, or its csv is missing or has no such line or column.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}{_table(_block(found[2]), folder)}{found[4]}", text)


def unsupported(text: str) -> list[str]:
    """Figures with decimals and words of verdicts in a text's prose that none of its blocks shows, in reading order."""
    shown = " ".join(found[3] for found in _BLOCK.finditer(text))
    facts = {fact for found in _FACTS.finditer(text) for fact in found[1].split()}
    prose = re.sub(r"\s+", " ", _ASIDE.sub(" ", _BLOCK.sub(" ", text)))
    figures = [figure for figure in _FIGURE.findall(prose) if figure not in {*_FIGURE.findall(shown), *facts}]
    said = [word for word in _WORD.findall(prose) if word not in _WORD.findall(shown)]
    return list(dict.fromkeys((*figures, *said)))


def _block(text: str) -> Block:
    origin = f"a cited block that begins {text.strip()[:40]!r}"
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        msg = f"{origin} must be valid YAML: {' '.join(str(error).split())}"
        raise InputError(msg) from error
    return validated(TypeAdapter(Block), raw, origin)


def _table(block: Block, folder: Path) -> str:
    """The block's table in Markdown."""
    path = folder / block.csv
    if not path.exists():
        msg = f"a cited block shows {path}, which does not exist: correct its `csv`, or put the table there"
        raise InputError(msg)
    with path.open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    try:
        lines = [line for line in records if block.takes(line)]
        rows = list(_rows(block, lines))
    except KeyError as error:
        msg = f"a cited block may name columns of {path} alone, but {error} is none: correct it"
        raise InputError(msg) from error
    if not lines:
        msg = f"a cited block must show a line of {path}, but none has {block.where}: correct it"
        raise InputError(msg)
    head = [*block.columns, *_across(block, lines), *filter(None, [block.count])]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def _rows(block: Block, lines: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, ...]]:
    """The table's rows below its head."""
    keys = [tuple(_written(form, line) for form in block.columns.values()) for line in lines]
    if block.count:
        yield from ((*key, str(times)) for key, times in Counter(keys).items())
    elif block.across:
        places = [(key, _written(block.across, line)) for key, line in zip(keys, lines, strict=True)]
        if len(set(places)) < len(places):
            msg = f"each cell of a cited block must show one line of {block.csv}, but some have several: narrow `where`"
            raise InputError(msg)
        cells = {place: _written(block.cell, line) for place, line in zip(places, lines, strict=True)}
        for key in dict.fromkeys(keys):
            yield (*key, *(cells.get((key, place), MISSING) for place in _across(block, lines)))
    else:
        yield from keys


def _across(block: Block, lines: Sequence[Mapping[str, str]]) -> list[str]:
    """Titles of the columns that are made of the lines."""
    return list(dict.fromkeys(_written(block.across, line) for line in lines)) if block.across else []


def _written(form: str, line: Mapping[str, str]) -> str:
    """A line's fields in the form that the block gives; a dash where a number is empty."""
    try:
        text = _FIELD.sub(lambda found: _formatted(line[found[1]], found[2]), form)
    except ValueError:
        return MISSING
    return text.replace("|", r"\|") or MISSING


def _formatted(value: str, form: str | None) -> str:
    """A field as it is or, with a format such as ``.3f``, as a number, which is never a negative zero."""
    text = format(float(value), form) if form else value
    return text.removeprefix("-") if form and not text.strip("-0.") else text
