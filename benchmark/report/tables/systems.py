"""Compared systems: effect of each step and control of a system, M2CNN against it, and ranks."""

from __future__ import annotations

from itertools import groupby

from benchmark.report.captions import caption
from benchmark.report.inputs import Inputs
from benchmark.report.table import Number, Row, Table, Text, difference_cell, fields_of
from benchmark.report.tables.comparisons import COMPARED, detectable_cell, p_sentence, p_text, sides_of
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.estimates import Estimate

ABOUT = TableInfo(order=3)

_COLUMNS = ("first - second", "difference of kappas", "interval over", "n", "seeds", "p, new networks", "detectable")


def make(inputs: Inputs) -> Table | None:
    """Make the table: a row per pair and split, and the ranks of the paper's method; None if no system ran."""
    rows, ranks = inputs.estimates("system comparison"), inputs.estimates("system rank")
    if not rows:
        return None
    method = inputs.printed["comparison"].rows[-1]
    rank_rows, titles = [], {}
    for (about, split), same in groupby(ranks, lambda row: (row.about, row.split)):
        probabilities = list(same)
        group = f"rank of {method} among {len(probabilities)}: {about}"
        titles[group] = ("rank", *(str(row.rank) for row in probabilities))
        cells = tuple(Number(f"{row.estimate:.1%}", row.estimate) for row in probabilities)
        rank_rows.append(Row(group, f"{split} (n = {probabilities[0].n_images})", cells))
    return Table(
        name="systems",
        title="Compared systems, step by step",
        caption=caption(
            "Paired differences of the mean quadratic weighted kappa, first arm minus second, on the same images, each "
            f"arm by its own decision rule. {p_sentence(rows, 'this table')} Detectable: the smallest true difference "
            "that this number of patients and runs would detect in four of five cases. A whole system reads both eyes, "
            "with several networks and views, and M2CNN reads one eye once. Ranks: probability of each rank of the "
            "paper's method, over joint resamples of patients and seeds.",
            inputs.params,
            inputs.results,
        ),
        columns=_COLUMNS,
        rows=[*map(_row, rows), *rank_rows],
        notes=(),
        records=[fields_of(row, "kind", "rank", *COMPARED) for row in (*rows, *ranks)],
        titles=titles,
    )


def _row(row: Estimate) -> Row:
    (first, first_head), (second, second_head) = sides_of(row)
    cells = (
        difference_cell(row),
        Text(row.resampled),
        Number(str(row.n_images), row.n_images),
        Text(" | ".join(str(len(side.split())) for side in row.seeds.split("|"))),
        Text(p_text(row.p_retrained_holm)),
        detectable_cell(row),
    )
    return Row(row.about, f"{first} {first_head} - {second} {second_head}, {row.split}", cells, (first, second))
