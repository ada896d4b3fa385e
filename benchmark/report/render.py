"""Rendering of tables as Markdown, csv and LaTeX by pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from benchmark.common.errors import printable
from benchmark.report.table import Cell, Table, Text, format_plain_value, lines_of

WIDE = 40
"""Number of characters above which LaTeX breaks words into lines."""
FULL = 100
"""Number of characters of a line above which LaTeX uses the next smaller font."""
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|\]\(|\{(?=[\w:+-]+\}`)|\$")
"""Start of an HTML tag, the middle of a link, the start of a role of MyST, and the sign of a formula."""


def to_markdown(table: Table) -> str:
    """Write GitHub's Markdown: one pipe table per group, then notes and caption."""
    blocks = [f"## {table.title}"]
    for group, rows in table.groups():
        columns = table.columns_of(group)
        lines = [columns, ("---",) * len(columns)]
        for row in rows:
            cells = ((*lines_of(cell), *(f"[{note}]" for note in cell.notes)) for cell in row.cells)
            lines.append((row.label, *(" ".join(filter(None, parts)) for parts in cells)))
        escaped = ((_plain_markdown(cell).replace("|", r"\|") for cell in line) for line in lines)
        blocks += [f"**{_plain_markdown(group)}**"] if group else []
        blocks.append("\n".join(f"| {' | '.join(line)} |" for line in escaped))
    notes = [f"[{number}] {_plain_markdown(note)}  " for number, note in enumerate(table.notes, 1)]
    blocks += ["\n".join(notes)] if notes else []
    return "\n\n".join([*blocks, _plain_markdown(table.caption)]) + "\n"


def _plain_markdown(text: str) -> str:
    """Escape what would be HTML, a link, a role of MyST or a formula in names that others have chosen."""
    return _MARKUP.sub(lambda found: f"\\{found[0]}", printable(text))


def table_to_csv(table: Table) -> str:
    """Write the table's records, a line each, in the form of :func:`.plain`."""
    records = [{name: format_plain_value(value) for name, value in record.items()} for record in table.records]
    return pd.DataFrame(records, dtype=object).to_csv(index=False, lineterminator="\n")


def to_tex(table: Table) -> str:
    r"""Write a LaTeX ``table`` to ``\input``, or several; the preamble needs ``\usepackage{booktabs}`` and no more."""
    return "\n".join([r"% Needs \usepackage{booktabs}.", *map(_tex_table, table.parts())])


def _tex_table(table: Table) -> str:
    shown = [(row.label, *(max(lines_of(cell), key=len) for cell in row.cells)) for row in table.rows]
    width = sum(min(WIDE, max(map(len, column))) for column in zip(table.columns, *shown, strict=True))
    texts = ((len(cell.text) if isinstance(cell, Text) else 0 for cell in row.cells) for row in table.rows)
    alignment = "".join(r"p{0.34\linewidth}" if max(one) > WIDE else "c" for one in zip(*texts, strict=True))
    lines = [
        r"\begin{table}",
        rf"\centering\{'scriptsize' if width > FULL else 'small'}\setlength{{\tabcolsep}}{{4pt}}",
        rf"\caption{{{_escape(f'{table.title}. {table.caption}')}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{l{alignment}}}",
        r"\toprule",
        " & ".join(map(_escape, table.columns)) + r" \\",
    ]
    for group, rows in table.groups():
        lines.append(r"\midrule")
        lines += [rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\emph{{{_escape(group)}}}}} \\"] if group else []
        lines += [" & ".join((_escape(row.label), *map(_tex_cell, row.cells))) + r" \\" for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        notes = (rf"\textsuperscript{{{number}}} {_escape(note)}" for number, note in enumerate(table.notes, 1))
        lines += [r"\par\smallskip\begin{minipage}{\linewidth}\footnotesize", "\\\\\n".join(notes), r"\end{minipage}"]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _tex_cell(cell: Cell) -> str:
    own, *below = (_escape(part) for part in lines_of(cell))
    marks = rf"\textsuperscript{{{','.join(map(str, cell.notes))}}}" if cell.notes else ""
    lines = r" \\ ".join((own + marks, *(rf"\footnotesize {part}" for part in below)))
    return rf"\shortstack{{{lines}}}" if below else lines


_ESCAPES = str.maketrans(
    {c: rf"\{c}" for c in "%&_#${}"}
    | {"±": r"$\pm$", "×": r"$\times$", "~": r"\textasciitilde{}"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"}
)


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


FORMATS: dict[str, Callable[[Table], str]] = {"md": to_markdown, "csv": table_to_csv, "tex": to_tex}
"""Renderer by ending of the file."""
