"""Worst group: kappa of each arm by the side of the eye, the size of the photograph, and issues of the data checks."""

from __future__ import annotations

from math import isnan
from typing import cast

from benchmark.common.terms import Arm, Head
from benchmark.report.captions import caption, run_notes
from benchmark.report.inputs import Inputs
from benchmark.report.table import Notes, Row, Table, Text, difference_line, fields_of
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.estimates import Estimate
from benchmark.statistics.groups import MIN_IMAGES, QUALITY_CHECKS, SPLIT

ABOUT = TableInfo(keys=("about", "method", "arm", "head"), order=8)

_COLUMNS = ("about", "head", "split", "rule", "tuned_on", "quantity", "n_patients", "n_undefined")
"""Columns of the csv in addition to those of every estimate."""


def make(inputs: Inputs) -> Table | None:
    """Make the table: a row per arm, and a column per group and for the worst; None if no property has two groups."""
    rows = inputs.estimates("group")
    if not rows:
        return None
    notes, made, titles = Notes(), list[Row](), dict[str, tuple[str, ...]]()
    found: dict[tuple[str, Arm], list[Estimate]] = {}
    for row in sorted(rows, key=lambda row: row.about.partition(": ")[0]):
        found.setdefault((row.about.partition(": ")[0], Arm(row.method, row.arm)), []).append(row)
    for (name, arm), groups in found.items():
        titles[name] = ("arm", *(f"{_group(row)} (n = {row.n_images})" for row in groups), "worst")
        flags = notes.number(*run_notes(inputs.params, inputs.results, arm, cast("Head", groups[0].head)))
        known = [row for row in groups if not isnan(row.estimate)]
        worst = Text(_group(min(known, key=lambda row: row.estimate)) if known else "-")
        made.append(Row(name, str(arm), (*(difference_line(row, "", flags) for row in groups), worst)))
    return Table(
        name="groups",
        title="Groups of photographs",
        caption=caption(
            f"Quadratic weighted kappa of each arm's main output on {SPLIT}, by group of photographs: the side of the "
            f"eye, the most frequent sizes, and whether the checks {', '.join(QUALITY_CHECKS)} find an issue. Shown "
            f"are groups of at least {MIN_IMAGES} images. In brackets: intervals that cover all groups of a property "
            "together with 95 % (each of k groups at 1 - 5 % / k), as the worst is selected by its kappa. Kappa also "
            "depends on the frequencies of the grades, in which groups differ.",
            inputs.params,
            inputs.results,
        ),
        columns=next(iter(titles.values())),
        rows=made,
        notes=notes.texts,
        records=[fields_of(row, *_COLUMNS) for row in rows],
        titles=titles,
    )


def _group(row: Estimate) -> str:
    return row.about.partition(": ")[2]
