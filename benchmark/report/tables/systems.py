"""Compared systems: effect of each step and control of a system, M2CNN against it, and ranks."""

from __future__ import annotations

from itertools import groupby
from math import isnan

from benchmark.common.terms import Arm
from benchmark.report.captions import caption
from benchmark.report.inputs import Inputs
from benchmark.report.table import Number, Row, Table, Text, difference_cell
from benchmark.report.tables import comparisons as pairs
from benchmark.report.tables.comparisons import ANALYSES_SENTENCE
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import PREDICTIONS

ABOUT = TableInfo(keys=("kind", "about", "method", "arm", "versus", "split", "rank"), order=3)


def make(inputs: Inputs) -> Table | None:
    """Make the table: a row per pair and split, and the ranks of the paper's method; None if no system ran."""
    rows, ranks = inputs.estimates("system comparison"), inputs.estimates("system rank")
    if not (rows or ranks):
        return None
    method = inputs.printed["comparison"].rows[-1]
    shown, titles, correlations = [], {}, pairs.rank_differences(inputs.results)
    for row in rows:
        (first, first_head), (second, second_head) = pairs.sides_of(row)
        seeds = Text(" | ".join(str(len(side.split())) for side in row.seeds.split("|")))
        n = Number(str(row.n_images), row.n_images)
        found = (difference_cell(row), Text(row.resampled), n, seeds, *pairs.analyses_cells(row, correlations))
        label = f"{first} {first_head} - {second} {second_head}, {row.split}"
        shown.append(Row(row.about, label, found, (first, second)))
    for (about, split, arm), same in groupby(ranks, lambda row: (row.about, row.split, Arm(row.method, row.arm))):
        probabilities = list(same)
        name = arm.method if arm.name == PREDICTIONS else method
        group = f"rank of {name} among {len(probabilities)}: {about}"
        titles[group] = ("rank", *(str(row.rank) for row in probabilities))
        cells = tuple(
            Text("-") if isnan(row.estimate) else Number(f"{row.estimate:.1%}", row.estimate) for row in probabilities
        )
        shown.append(Row(group, f"{split} (n = {probabilities[0].n_images})", cells))
    return Table(
        title="Compared systems, step by step",
        caption=caption(
            "Paired differences of the mean quadratic weighted kappa, first arm minus second, on the same images and "
            "seeds. Both sides have one decision rule: thresholds tuned on val where a system has tuned thresholds, "
            f"else rounding. {ANALYSES_SENTENCE} A whole system reads both eyes, with several networks and views, and "
            "M2CNN reads one eye once. Ranks: probability of each rank of the paper's method, over joint resamples of "
            "patients and seeds.",
            inputs.params,
            inputs.results,
        ),
        columns=("first - second", "difference of kappas", "interval over", "n", "seeds", *pairs.ANALYSES),
        rows=shown,
        records=[pairs.difference_record(row, correlations, "kind", "rank") for row in (*rows, *ranks)],
        titles=titles,
    )
