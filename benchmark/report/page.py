"""The report as one page: no script, style or font from elsewhere; figures lie beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape
from typing import TYPE_CHECKING

from benchmark.report.captions import PHANTOM
from benchmark.report.render import notes_of
from benchmark.report.results import Results
from benchmark.report.run_columns import origin
from benchmark.report.table import Cell, Kappa, Number, Row, Table, words
from benchmark.statistics.decoded import Arm

if TYPE_CHECKING:
    import pandas as pd

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
td small, tbody th small { display: block; color: var(--soft); font-weight: 400; }
td.number > a, tbody th > a { color: inherit; text-decoration: underline dotted #9aa7b4; text-underline-offset: 3px; }
td.hashes { font: .8rem/1.6 ui-monospace, monospace; white-space: nowrap; } tr:target { background: #fff3cd; }
 .missing { color: var(--soft); font-style: italic; }
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
    sections = [(table.name, table.title) for table in tables]
    sections += [("curves", "Figures"), ("confusion", "Confusion matrices"), ("data", "Data"), ("runs", "Runs")]
    links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in sections)
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
<nav>{links}</nav>
{"".join(to_html(table, results) for table in tables)}
<h2 id="curves">Figures</h2>
{"".join(_figure(name, figures[name]) for name in wide)}
<h2 id="confusion">Confusion matrices</h2>
<div class="grid">{"".join(_figure(name, figures[name]) for name in matrices)}</div>
<h2 id="data">Data</h2>
{_grades(results)}
<h2 id="runs">Runs</h2>
{to_runs(results)}
<script>{SCRIPT}</script>
</body>
</html>
"""


def to_html(table: Table, results: Results) -> str:
    """A section with the table's groups, notes, caption and links to its other formats and to the arms that ran."""
    files = " ".join(f'<a href="tables/{table.name}.{kind}">{kind}</a>' for kind in ("md", "csv", "tex"))
    notes = "".join(f"<div>[{number}] {escape(note)}</div>" for number, note in enumerate(table.notes, 1))
    ran = set(results.arms())
    blocks = "".join(
        (f"<h3>{escape(group)}</h3>" if group else "")
        + _grid(table.columns_of(group), "".join(_row(row, ran) for row in rows))
        for group, rows in table.groups()
    )
    return (
        f'<section id="{table.name}"><h2>{escape(table.title)}</h2>{blocks}<div class="notes">{notes}</div>'
        f'<p class="caption">{escape(table.caption)} Files: {files}</p></section>\n'
    )


def _grid(columns: tuple[str, ...], body: str) -> str:
    heads = "".join(f'<th scope="col"><button type="button">{escape(column)}</button></th>' for column in columns)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: Row, ran: Collection[Arm]) -> str:
    cells = "".join(_cell(cell, ran) for cell in row.cells)
    links = {"/".join(arm): _link(arm, "/".join(arm)) for arm in row.arms if arm in ran}
    if row.label in links:
        return f'<tr><th scope="row">{links[row.label]}</th>{cells}</tr>\n'
    runs = f"<small>{', '.join(links.values())}</small>" if links else ""
    return f'<tr><th scope="row">{escape(row.label)}{runs}</th>{cells}</tr>\n'


def _cell(cell: Cell, ran: Collection[Arm]) -> str:
    own, *below = map(escape, words(cell))
    marks = "".join(f"<sup>[{note}]</sup>" for note in notes_of(cell))
    small = "".join(f"<small>{line}</small>" for line in below)
    if not isinstance(cell, Kappa | Number):
        return f"<td>{own}{marks}</td>"
    value = cell.value
    if value is None:
        return f'<td class="number" data-sort=""><span class="missing">{own}</span>{marks}{small}</td>'
    shown = _link(cell.arm, own) if cell.arm in ran else own
    return f'<td class="number" data-sort="{value:.9g}">{shown}{marks}{small}</td>'


def _link(arm: Arm | None, html: str) -> str:
    """A link to an arm's line in the section on runs."""
    assert arm
    name = escape("/".join(arm))
    return f'<a href="#runs/{name}" title="runs of {name}">{html}</a>'


def to_runs(results: Results) -> str:
    """A line per arm that ran: what the hashes and keys of its runs are, and where the rest of their story is."""
    lines = (_runs(arm, results.runs_of(*arm)) for arm in results.arms())
    columns = ("arm", "seeds", "runs", "parameters", "data", "key of each run")
    return (
        f'{_grid(columns, "".join(lines))}<p class="caption">Hashes are cut to 16 digits. A run lies in '
        'runs/stage/arm/seed/; equal keys give equal bits on one machine. <a href="provenance.json">'
        "provenance.json</a> tells of each run, by arm and seed, its resolved parameters and what differs between "
        "executions: MLflow run id, git commit, host, processor, graphics card, driver, packages and times. "
        "`fundusbench track` renews it; `fundusbench verify` recomputes the tables from the runs' predictions.</p>"
    )


def _runs(arm: Arm, runs: pd.DataFrame) -> str:
    name = escape("/".join(arm))
    keys = "<br>".join(f"{seed}: {escape(key[:16])}" for seed, key in zip(runs["seed"], runs["key"], strict=True))
    facts = origin(runs)
    return (
        f'<tr id="runs/{name}"><th scope="row">{name}</th><td>{facts["seeds"]}</td>'
        + "".join(f'<td class="hashes">{facts[name]}</td>' for name in ("runs", "parameter_hash", "data_hash"))
        + f'<td class="hashes">{keys}</td></tr>\n'
    )


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
