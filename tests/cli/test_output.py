"""Tables as they are printed: drawn on a terminal, plain in a pipe, or JSON."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmark.cli.output import OutputTable, format_plain, show, show_json

TABLE = OutputTable(
    ("arm", "runs"), [("basenet/mse_small", "5"), ("[bold]", "12")], total=("in all", "17"), title="Plan"
)


def test_a_pipe_gets_columns_of_equal_width_and_nothing_else(capsys):
    show(TABLE, "a note")
    assert capsys.readouterr().out == (
        "Plan\n"
        "arm                runs\n"
        "-----------------------\n"
        "basenet/mse_small     5\n"
        "[bold]               12\n"
        "-----------------------\n"
        "in all               17\n"
        "\n"
        "a note\n"
    )


def test_a_terminal_gets_the_same_cells(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    show(TABLE, "a [note]")
    output = capsys.readouterr().out
    cells = [cell for row in (TABLE.header, *TABLE.rows, TABLE.total) for cell in row]
    assert all(cell in output for cell in (*cells, "Plan", "a [note]"))
    assert "---" not in output


def test_a_table_without_rows_is_its_header():
    assert format_plain(OutputTable(("a", "b"), [])) == "a  b"


@dataclass(frozen=True)
class Inner:
    value: float
    where: Path


def test_json_holds_dataclasses_and_no_nan(capsys):
    show_json({"rows": (Inner(math.nan, Path("a/b")), Inner(1.5, Path("c"))), 3: None})
    output = json.loads(capsys.readouterr().out)
    assert output == {"rows": [{"value": None, "where": "a/b"}, {"value": 1.5, "where": "c"}], "3": None}
