"""Planned comparisons: difference of every declared pair of arms on the same images, with interval and p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from benchmark.common.terms import Arm, Head, Split
from benchmark.report.captions import HEAD_NAMES, caption, run_notes
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.table import Cell, Notes, Number, Row, Table, Text, difference_cell, fields_of
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.estimates import Estimate
from benchmark.statistics.verdicts import fair_split
from models.losses.registry import LOSSES

ABOUT = TableInfo(order=5)

_COLUMNS = (
    *("first - second", "difference of kappas", "interval over", "n"),
    *("p, new networks", "p, these networks", "detectable"),
)
COMPARED = (
    *("about", "head", "versus", "split", "p", "p_holm", "p_retrained", "p_retrained_holm"),
    *("min_detectable_difference", "n_patients", "n_undefined"),
)
"""Columns of a comparison in addition to those of every estimate."""


def make(inputs: Inputs) -> Table | None:
    """Make the table: a row per pair of arms, head and split, grouped by question; None if no pair was run."""
    rows = inputs.estimates("comparison")
    return comparisons_table(rows, inputs.params, inputs.results) if rows else None


def comparisons_table(rows: Sequence[Estimate], params: Params, results: Results) -> Table:
    """Make the table of some comparisons."""
    notes = Notes()
    return Table(
        name="comparisons",
        title="Whether two arms differ",
        caption=caption(
            "Paired differences of the mean quadratic weighted kappa, first arm minus second, on the same images. "
            f"{p_sentence(rows)} p, these networks: of no difference between these very networks on other patients; it "
            "ignores the spread between seeds. Detectable: the smallest true difference that this number of patients "
            "and runs would detect in four of five cases.",
            params,
            results,
        ),
        columns=_COLUMNS,
        rows=[_row(row, params, results, notes) for row in rows],
        notes=notes.texts,
        records=[fields_of(row, *COMPARED) for row in rows],
    )


def p_sentence(rows: Sequence[Estimate], table: str = "`comparisons`") -> str:
    """Return the meaning of the p-value of a difference, and the number of tests that it is adjusted for."""
    tests = sum(not math.isnan(row.p_retrained_holm) for row in rows)
    return (
        "p, new networks: two-sided p-value of no difference between networks trained with other seeds and tested on "
        f"other patients, adjusted by Holm's method for the {tests} such tests of {table}; there is none if a single "
        "seed ran."
    )


def p_text(p: float) -> str:
    """Return a p-value to three digits; a dash if no test was made."""
    if math.isnan(p):
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def p_cell(p: float) -> Cell:
    """Return the cell of a p-value."""
    return Text("-") if math.isnan(p) else Number(p_text(p), p)


def detectable_cell(row: Estimate) -> Cell:
    """Return the cell of the smallest detectable difference."""
    value = row.min_detectable_difference
    return Text("-") if math.isnan(value) else Number(f"{value:.3f}", value)


def sides_of(row: Estimate) -> tuple[tuple[Arm, str], tuple[Arm, str]]:
    """Return the two arms of a comparison, each with the name of its head."""
    path, _, head = row.versus.partition(" ")
    return (Arm(row.method, row.arm), HEAD_NAMES[cast("Head", row.head)]), (
        Arm.parse(path),
        HEAD_NAMES[cast("Head", head)],
    )


def _row(row: Estimate, params: Params, results: Results, notes: Notes) -> Row:
    (first, head), (second, _) = sides_of(row)
    flags = [text for arm in (first, second) for text in run_notes(params, results, arm, cast("Head", row.head))]
    cells = (
        difference_cell(row, notes.number(*flags, _epoch_note(row, (first, second), params))),
        Text(row.resampled),
        Number(str(row.n_images), row.n_images),
        p_cell(row.p_retrained_holm),
        p_cell(row.p_holm),
        detectable_cell(row),
    )
    return Row(row.about, f"{first} - {second}: {head}, {row.split}", cells, (first, second))


def _epoch_note(row: Estimate, arms: Sequence[Arm], params: Params) -> str:
    """Return a note if selecting the epoch on val favours one arm's head."""
    if params.train.select_epoch != "best":
        return ""
    main = [cast("Head", next(iter(LOSSES[params.arm(*arm).loss].heads))) for arm in arms]
    head, split = cast("Head", row.head), cast("Split", row.split)
    if fair_split(split, main, [head] * len(arms)) == split:
        return ""
    listed = " and ".join(f"{arm} by {HEAD_NAMES[own]}" for arm, own in zip(arms, main, strict=True))
    by = HEAD_NAMES[head]
    return f"The epoch was selected by val kappa, of {listed}: val favours the arm that was selected by {by}."
