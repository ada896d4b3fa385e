"""Names that other people have chosen are shown as text: in Markdown, in a terminal and in a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmark.data.checks.registry import InspectedDataset
from benchmark.data.outcome import format_checks, run_checks, write_check_rows
from benchmark.report.render import to_markdown
from benchmark.report.tables.checks import check_table
from benchmark.settings.checks import default_policies
from benchmark.sources.registry import Photograph

NAMES = (
    "<img src=x onerror=alert(1)>",
    "</td><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](https://example.org/x.png)",
    "{download}`../../secret`",
    "=HYPERLINK(A1)",
    "+1|2",
    "@SUM(1)",
    "-1+2",
    "\x1b]0;owned\x07\x1b[2J",
    "a\n```{include} /etc/passwd\n```",
    "../../../../etc/passwd",
    "\u202egnp.exe\u202c\u2066",
    "a\r\n# b\n<svg onload=alert(1)>",
    "<a href='javascript:alert(1)'>" * 130,
    "$\\href{javascript:alert(1)}{x}$",
    "&lt;img src=x onerror=alert(1)&gt;",
    "<!-- end --><iframe srcdoc='<script>alert(1)</script>'>",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_text(name, tmp_path):
    twice = [Photograph(name, Path(f"{name}.jpg"), 1, "train", written="=1") for _ in range(2)]
    rows = run_checks(InspectedDataset(tuple(twice), expected={}), default_policies()).rows
    assert any(row.issue for row in rows)
    text = to_markdown(check_table(list(rows), "eyes", False))
    for markup in ("<img", "<script", "</td>", "](javascript:", "](https:", " {download}`", "\x1b", "\n```"):
        assert markup not in text.replace(f"\\{markup.strip()}", "")
    assert text.isprintable() or set(filter(lambda sign: not sign.isprintable(), text)) == {"\n"}
    assert all(line.isprintable() for line in format_checks(rows).splitlines())
    write_check_rows(rows, tmp_path / "checks.csv")
    with (tmp_path / "checks.csv").open(encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.DictReader(stream) for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
