"""The report as one page: no script, style or font from elsewhere; figures lie beside it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from benchmark.report.captions import PHANTOM
from benchmark.report.render import notes_of
from benchmark.report.results import Results
from benchmark.report.tables import Cell, Kappa, Number, Row, Table, words

STYLE = """
:root { --ink: #1d2733; --soft: #5b6876; --line: #d8dee5; --band: #f4f6f8; --warn: #a03000; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 76rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
nav a { margin-right: 1rem; } a { color: #0b5cad; }
.warning { border-left: 4px solid var(--warn); color: var(--warn); padding: .3rem .8rem; font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1rem; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid var(--ink); vertical-align: bottom; }
thead button { all: unset; cursor: pointer; font-weight: 600; }
thead button:focus-visible { outline: 2px solid #0b5cad; }
thead [aria-sort=ascending] button::after { content: " ▲"; }
thead [aria-sort=descending] button::after { content: " ▼"; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; } tbody tr:hover { background: var(--band); }
sup { line-height: 0; font-size: .7em; color: var(--soft); }
td small { display: block; color: var(--soft); } .missing { color: var(--soft); font-style: italic; }
p.caption, .notes, figcaption { color: var(--soft); max-width: 62rem; font-size: .9rem; }
h3 { font-size: 1rem; margin: .8rem 0 0; } figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(34rem, 1fr)); gap: 1rem; }
"""

SCRIPT = """
for (const button of document.querySelectorAll("thead button")) button.addEventListener("click", () => {
  const head = button.parentElement, body = head.closest("table").tBodies[0], place = head.cellIndex;
  const down = head.ariaSort === "ascending" ? -1 : 1;
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.ariaSort = down > 0 ? "ascending" : "descending";
  const key = row => row.cells[place].dataset.sort ?? row.cells[place].textContent;
  const compare = (a, b) => a === "" || b === "" ? (a === "") - (b === "")
    : down * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
});
"""


def to_page(tables: list[Table], figures: Mapping[str, str], results: Results) -> str:
    """The whole page.

    Args:
        tables: in reading order.
        figures: caption by file name; the files lie in ``figures/`` beside the page.
        results: the evaluation, for the data set's own section.
    """
    banner = f'<p class="warning">{escape(PHANTOM.capitalize())}.</p>' if results.synthetic else ""
    links = "".join(f'<a href="#{table.name}">{escape(table.title)}</a>' for table in tables)
    wide = [name for name in figures if not name.startswith("confusion_")]
    matrices = [name for name in figures if name.startswith("confusion_")]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fundusbench: {escape(results.data)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>M2CNN, rebuilt on {escape(results.data)}</h1>
{banner}
<nav>{links}<a href="#curves">Figures</a><a href="#confusion">Confusion matrices</a><a href="#data">Data</a></nav>
{"".join(map(to_html, tables))}
<h2 id="curves">Figures</h2>
{"".join(_figure(name, figures[name]) for name in wide)}
<h2 id="confusion">Confusion matrices</h2>
<div class="grid">{"".join(_figure(name, figures[name]) for name in matrices)}</div>
<h2 id="data">Data</h2>
{_grades(results)}
<script>{SCRIPT}</script>
</body>
</html>
"""


def to_html(table: Table) -> str:
    """A section with the table's groups, notes, caption and links to its other formats."""
    files = " ".join(f'<a href="tables/{table.name}.{kind}">{kind}</a>' for kind in ("md", "csv", "tex"))
    notes = "".join(f"<div>[{number}] {escape(note)}</div>" for number, note in enumerate(table.notes, 1))
    blocks = "".join(
        (f"<h3>{escape(group)}</h3>" if group else "") + _grid(table.columns_of(group), "".join(map(_row, rows)))
        for group, rows in table.groups()
    )
    return (
        f'<section id="{table.name}"><h2>{escape(table.title)}</h2>{blocks}<div class="notes">{notes}</div>'
        f'<p class="caption">{escape(table.caption)} Files: {files}</p></section>\n'
    )


def _grid(columns: tuple[str, ...], body: str) -> str:
    heads = "".join(f'<th scope="col"><button type="button">{escape(column)}</button></th>' for column in columns)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: Row) -> str:
    return f'<tr><th scope="row">{escape(row.label)}</th>{"".join(map(_cell, row.cells))}</tr>\n'


def _cell(cell: Cell) -> str:
    own, beside = map(escape, words(cell))
    marks = "".join(f"<sup>[{note}]</sup>" for note in notes_of(cell))
    small = f"<small>{beside}</small>" if beside else ""
    if not isinstance(cell, Kappa | Number):
        return f"<td>{own}{marks}</td>"
    value = cell.value
    if value is None:
        return f'<td class="number" data-sort=""><span class="missing">{own}</span>{marks}{small}</td>'
    return f'<td class="number" data-sort="{value:.9g}">{own}{marks}{small}</td>'


def _figure(name: str, caption: str) -> str:
    text = escape(caption)
    return f'<figure><img src="figures/{name}" alt="{text}" loading="lazy"><figcaption>{text}</figcaption></figure>\n'


def _grades(results: Results) -> str:
    """Images per split and grade."""
    table = results.grades.pivot(index="split", columns="grade", values="images").loc[["val", "test"]]
    body = "".join(
        f'<tr><th scope="row">{split}</th>{"".join(f"<td>{count}</td>" for count in counts)}</tr>'
        for split, counts in zip(table.index, table.to_numpy().tolist(), strict=True)
    )
    sizes = "; ".join(f"{split}: {results.size_of(split)}" for split in ("val", "test"))
    columns = ("split", *(name if name == "all" else f"grade {name}" for name in table.columns))
    return f'{_grid(columns, body)}<p class="caption">{escape(sizes)}.</p>'
