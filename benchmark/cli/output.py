"""Output of commands: text and tables, drawn on a terminal and plain in a pipe, or JSON alone."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class OutputTable:
    """A table to print, with formatted cells.

    Attributes:
        texts: number of leading columns that hold text; the others hold numbers.
        total: last row, which holds sums; empty if there is none.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1
    total: Sequence[str] = ()
    title: str = ""


Part = str | OutputTable


def format_plain(*parts: Part) -> str:
    """Format texts and tables as plain lines, separated by empty lines."""
    return "\n\n".join(part if isinstance(part, str) else _plain(part) for part in parts)


def show(*parts: Part) -> None:
    """Print texts and tables."""
    if not sys.stdout.isatty():
        print(format_plain(*parts))
        return
    from rich.console import Console

    console = Console()
    for part in parts:
        if isinstance(part, str):
            console.print(part, markup=False, highlight=False, soft_wrap=True)
        else:
            console.print(_drawn(part))


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare the argument ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Declare the argument ``--columns`` of commands that read files of predictions."""
    from benchmark.runs.files.columns import SCORE_ROLES

    parser.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="ROLE=NAME",
        help=f"name of the column for a role; roles: {', '.join(SCORE_ROLES)}",
    )


def show_json(value: Any) -> None:
    """Print dataclasses, mappings, sequences and plain values as JSON, with null for NaN."""
    print(json.dumps(_values(value), indent=2, allow_nan=False))


def _values(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _values(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_values(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _plain(table: OutputTable) -> str:
    """Align text to the left and numbers to the right, with rules around the rows if there is a total."""
    rows = [table.header, *table.rows, *([table.total] if table.total else [])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if column < table.texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    if table.total:
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        lines = [lines[0], rule, *lines[1:-1], rule, lines[-1]]
    return "\n".join([*([table.title] if table.title else []), *lines])


def _drawn(table: OutputTable) -> Any:
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    title = table.title or None
    drawn = Drawn(box=box.SIMPLE_HEAD, title=title, title_justify="left", show_footer=bool(table.total), pad_edge=False)
    for column, name in enumerate(table.header):
        footer = Text(table.total[column]) if table.total else ""
        drawn.add_column(Text(name), footer, justify="left" if column < table.texts else "right", overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    return drawn
