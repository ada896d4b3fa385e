"""The report as one HTML page without external scripts, styles or fonts; figures are separate files.

Layout and style are in this folder: ``page.html.j2`` and the templates that it includes (Jinja2, which escapes every
text), ``page.css`` and ``page.js``. The page also works without its script: the browser unfolds sections, and a number
links to its runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from benchmark.common.terms import SPLITS, Arm
from benchmark.report.captions import PHANTOM, cautions, numerics_sentence, shortcut_kappas
from benchmark.report.inputs import Inputs
from benchmark.report.page.board import make_board
from benchmark.report.page.strips import Scale, strip
from benchmark.report.render import FORMATS
from benchmark.report.results import Results
from benchmark.report.run_columns import columns_of_runs
from benchmark.report.table import Number, Row, Table, lines_of
from benchmark.runs.run import Record

HERE = Path(__file__).parent
FIRST = ("verdicts", "ablation", "comparison")
"""Tables whose sections come first, in this order, and are open."""
SECTIONS = {
    "published": "ablation",
    "ablation": "ablation",
    "comparisons": "comparisons",
    "ranks": "comparisons",
    "parts": "systems",
    "learning_curves": "cost",
    "transfer": "transfer",
    "scores": "metrics",
    "calibration": "metrics",
    "worst_errors": "photographs",
    "saliency": "photographs",
    "attention": "photographs",
}
"""Section of each figure; other figures have a section of their own."""
CONFUSION = "confusion_"
"""Prefix of the figures that are drawn once per arm."""
FILTERED = 8
"""Minimum number of rows of a table with a filter."""


def to_page(tables: Sequence[Table], captions: Mapping[str, str], inputs: Inputs) -> str:
    """Render the page of tables in reading order, and of figures whose captions are given by name."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    results = inputs.results
    ran = set(results.arms())
    named = {table.name: table for table in tables}
    return templates.get_template("page.html.j2").render(
        data=results.data,
        warnings=[f"{PHANTOM.capitalize()}."] * results.synthetic + cautions(results),
        facts=facts(inputs),
        board=make_board(inputs.verdicts, ran),
        first=[named[name] for name in FIRST if name in named],
        rest=[table for table in tables if table.name not in FIRST],
        ran=ran,
        blocks=blocks,
        strips_of=_strips,
        lines_of=lines_of,
        commit=_commit,
        formats=tuple(FORMATS),
        filtered=FILTERED,
        figures=_by_section(captions, named),
        matrices={name: text for name, text in captions.items() if name.startswith(CONFUSION)},
        grades=_grades(results),
        runs=[_runs(arm, inputs) for arm in results.arms()],
    )


def facts(inputs: Inputs) -> list[tuple[str, str]]:
    """Return the data, networks and code of the report as short texts with titles."""
    results, params = inputs.results, inputs.params
    runs = results.runs
    seeds = sorted({int(seed) for seed in runs["seed"]})
    pixels = [f"{params.sizes.of(size)} (paper: {paper})" for size, paper in inputs.paper_pixels.items()]
    kappas = shortcut_kappas(results)
    shortcut = f"frame {kappas['frame']}; with colours {kappas['colour']}" if kappas else "not measured"
    commits = sorted({_commit(record) for record in inputs.records.values()})
    found = [
        ("Data", results.data),
        ("Train", f"{int(runs['train'].iloc[0])} images"),
        ("Val", results.size_of("val")),
        ("Test", results.size_of("test")),
        ("Kappa on test without the retina", shortcut),
        ("Networks", f"{len(runs)} runs of {len(results.arms())} arms, seeds {', '.join(map(str, seeds))}"),
        ("Backbone", f"{params.model.backbone}, input sizes in px: {', '.join(pixels)}"),
        ("Numbers", numerics_sentence(results)),
        ("Commit", ", ".join(commits) or "not recorded"),
    ]
    return [(term, text) for term, text in found if text]


Group = tuple[str, list[Row]]
"""Rows with their title."""


def blocks(table: Table) -> list[tuple[tuple[str, ...], list[Group]]]:
    """Return the groups of a table in blocks with the same column titles."""
    together = groupby(table.groups(), lambda group: table.columns_of(group[0]))
    return [(columns, list(groups)) for columns, groups in together]


def _strips(table: Table) -> Callable[[tuple[str, ...], str, Number], Markup]:
    """Return a function that draws the interval of a cell, given the titles of its block and of its column.

    Intervals of a column share a scale; the kappas of a printed table share one.
    """
    values: dict[tuple[str, ...], list[float | None]] = {}
    for row in table.rows:
        titles = table.columns_of(row.group)
        for title, cell in zip(titles[1:], row.cells, strict=True):
            if isinstance(cell, Number) and cell.ends and cell.value is not None:
                values.setdefault(_column(titles, title, cell), []).extend((cell.value, *cell.ends, _printed(cell)))
    scales = {column: Scale.of(found) for column, found in values.items()}

    def draw(titles: tuple[str, ...], title: str, cell: Number) -> Markup:
        scale = scales.get(_column(titles, title, cell)) if cell.ends else None
        return strip(scale, cell.value, cell.ends, _printed(cell)) if scale else Markup("")

    return draw


def _column(titles: tuple[str, ...], title: str, cell: Number) -> tuple[str, ...]:
    return (cell.scale,) if cell.scale else (*titles, title)


def _printed(cell: Number) -> float | None:
    return float(cell.published) if cell.published else None


def _by_section(captions: Mapping[str, str], named: Mapping[str, Table]) -> dict[str, dict[str, str]]:
    """Return the captions of the figures by section; figures of a missing table are in ``figures``."""
    found: dict[str, dict[str, str]] = {}
    for name, text in captions.items():
        section = SECTIONS.get(name, "figures")
        if not name.startswith(CONFUSION):
            found.setdefault(section if section in {*named, "photographs"} else "figures", {})[name] = text
    return found


def _grades(results: Results) -> dict[str, dict[str, int]]:
    """Return the number of images by split and title of the grade."""
    counts: dict[str, dict[str, int]] = {split: {} for split in SPLITS[1:]}
    for split, grade, images in results.grades[["split", "grade", "images"]].itertuples(index=False, name=None):
        counts[split][grade if grade == "all" else f"grade {grade}"] = images
    return counts


def _runs(arm: Arm, inputs: Inputs) -> dict[str, Any]:
    """Return the shared facts of an arm's runs, the runs by seed, and their parameters."""
    rows = inputs.results.runs_of(*arm)
    first, hashes, parameters = rows.iloc[0], columns_of_runs(rows), inputs.parameters(arm)
    if given := inputs.params.predicted.get(arm.method):
        made = {
            "measured": "elsewhere, from files of predictions",
            "source": given.source or "not given",
            "input": f"eyes: {given.eyes}, {given.nets} network(s), {given.views} view(s)",
        }
    else:
        made = {
            "loss": first["loss"],
            "input": f"{first['size']}, {first['pixels']} px, {first['n_cells']} cell(s)",
            "starts from": first["parent"] or "its own initialisation",
            "epochs": first["epochs"],
            "weights": f"{first['parameters']:,}",
        }
    return {
        "arm": arm,
        "facts": made | {"runs": hashes["runs"], "parameters": hashes["parameter_hash"], "data": hashes["data_hash"]},
        "runs": [(row, inputs.records.get((*arm, row["seed"]))) for row in rows.to_dict("records")],
        "parameters": yaml.safe_dump(parameters, sort_keys=False, allow_unicode=True) if parameters else "",
    }


def _commit(record: Record) -> str:
    return record.git_commit[:12] + " with changes" * bool(record.git_dirty)
