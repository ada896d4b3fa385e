"""The report as one HTML page without external scripts, styles or fonts; figures are separate files.

Layout and style are in this folder: ``page.html.j2`` and the templates that it includes (Jinja2, which escapes every
text), ``page.css`` and ``page.js``. The page also works without its script: the browser unfolds sections, and a number
links to its runs. A section with a figure folds its table, so that nothing is shown twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmark.common.terms import Arm
from benchmark.report.answer import answer
from benchmark.report.captions import PHANTOM, cautions, numerics_sentence, shortcut_kappas
from benchmark.report.figures.registry import FIGURES
from benchmark.report.inputs import Inputs
from benchmark.report.named_arms import columns_of_runs
from benchmark.report.page.board import make_board, style_of
from benchmark.report.render import FORMATS
from benchmark.report.results import Results
from benchmark.report.table import Row, Table, lines_of
from benchmark.runs.run import Record

HERE = Path(__file__).parent
FIRST = ("ablation", "comparison")
"""Tables whose sections come first, in this order, and are open."""
ON_THE_BOARD = "verdicts"
"""Table that the claims replace on the page."""
FILTERED = 8
"""Minimum number of rows of a table with a filter."""
FOLDED = 4
"""Minimum number of rows of a group that is folded, unless it is the first of its table."""


def to_page(tables: Sequence[Table], captions: Mapping[str, str], inputs: Inputs) -> str:
    """Render the page of tables in reading order, and of figures whose captions are given by name."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    results = inputs.results
    named = {table.name: table for table in tables}
    sections: dict[str, dict[str, str]] = {}
    for name, text in captions.items():
        if info := FIGURES.get(name):
            section = "photographs" if info.photographs else info.section if info.section in named else "figures"
            sections.setdefault(section, {})[name] = text
    return templates.get_template("page.html.j2").render(
        data=results.data,
        warnings=[f"{PHANTOM.capitalize()}."] * results.synthetic + cautions(results),
        answer=[(style_of(verdict), text) for text, verdict in answer(inputs)],
        facts=facts(inputs),
        board=make_board(inputs),
        judgements=named.get(ON_THE_BOARD),
        first=[named[name] for name in FIRST if name in named],
        rest=[table for table in tables if table.name not in (*FIRST, ON_THE_BOARD)],
        ran=set(results.arms()),
        blocks=blocks,
        split_caption=split_caption,
        lines_of=lines_of,
        commit=_commit,
        formats=tuple(FORMATS),
        filtered=FILTERED,
        figures=sections,
        matrices={name: text for name, text in captions.items() if name not in FIGURES},
        grades=_grades(results),
        runs=[_runs(arm, inputs) for arm in results.arms()],
    )


def facts(inputs: Inputs) -> list[tuple[str, str]]:
    """Return facts on data, training and code that the answer leaves out, as short texts with titles."""
    results = inputs.results
    seeds = sorted({int(seed) for seed in results.runs["seed"]})
    kappas = shortcut_kappas(results)
    shortcut = f"frame {kappas['frame']}; with colours {kappas['colour']}" if kappas else "not measured"
    commits = sorted({_commit(record) for record in inputs.records.values()})
    found = [
        ("Val", results.size_of("val")),
        ("Kappa on test without the retina", shortcut),
        ("Seeds", ", ".join(map(str, seeds))),
        ("Numbers", numerics_sentence(results)),
        ("Differs from the default", "; ".join(inputs.differences)),
        ("Commit", ", ".join(commits) or "not recorded"),
    ]
    return [(term, text) for term, text in found if text]


def split_caption(text: str) -> tuple[str, str]:
    """Split a caption into its first sentence, which is shown, and the others, which are folded."""
    first, *rest = re.split(r"(?<=\.)\s+(?=[A-Z\[±])", text, maxsplit=1)
    return first, "".join(rest)


Block = tuple[str, tuple[str, ...], list[tuple[str, list[Row]]]]
"""Title of a folded block, or an empty one; titles of its columns; its groups with their titles."""


def blocks(table: Table) -> list[Block]:
    """Return the groups of a table in blocks: a long group is folded, and others with the same columns are together."""
    found: list[Block] = []
    for group, rows in table.groups():
        columns = table.columns_of(group)
        if found and len(rows) >= FOLDED:
            found.append((group, columns, [("", rows)]))
        elif found and found[-1][:2] == ("", columns):
            found[-1][2].append((group, rows))
        else:
            found.append(("", columns, [(group, rows)]))
    return found


def _grades(results: Results) -> dict[str, dict[str, int | str]]:
    """Return the number of images by split and title of the grade; of train only the total is in the evaluation."""
    counts: dict[str, dict[str, int | str]] = {}
    for split, grade, images in results.grades[["split", "grade", "images"]].itertuples(index=False, name=None):
        counts.setdefault(split, {})[grade if grade == "all" else f"grade {grade}"] = images
    train = dict.fromkeys(next(iter(counts.values())), "-") | {"all": int(results.runs["train"].iloc[0])}
    return {"train": train} | counts


def _runs(arm: Arm, inputs: Inputs) -> dict[str, Any]:
    """Return the shared facts of an arm's runs, the runs by seed, and their parameters."""
    rows = inputs.results.runs_of(*arm)
    first, hashes, parameters = rows.iloc[0], columns_of_runs(rows), inputs.parameters(arm)
    blend = bool(first["blend_rows"])
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
            "starts from": f"the outputs of {first['nets']} network(s)"
            if blend
            else first["parent"] or "its own initialisation",
            "epochs": "-" if blend else first["epochs"],
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
