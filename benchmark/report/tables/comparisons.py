"""Planned comparisons: difference of every declared pair of arms on the same images, with interval and p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from benchmark.common.terms import Arm, Head, Split
from benchmark.report.captions import HEADS, caption
from benchmark.report.csv_fields import fields_of
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Cell, Number, Row, Table, Text, ends_of
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.estimates import Estimate
from benchmark.statistics.verdicts import fair_split
from models.losses.registry import LOSSES

ABOUT = TableInfo(order=5)

COLUMNS = (
    "first - second",
    "difference of kappas",
    "interval over",
    "n",
    "p, new networks",
    "p, these networks",
    "detectable",
)
COMPARED = (
    *(
        "about",
        "head",
        "versus",
        "split",
        "p",
        "p_holm",
        "p_retrained",
        "p_retrained_holm",
        "min_detectable_difference",
    ),
    *("n_patients", "n_undefined"),
)
"""Columns of a comparison beside those of every estimate."""


def make(inputs: Inputs) -> Table | None:
    """One line per pair of arms, head and split, grouped by question; None where no pair was run."""
    rows = inputs.estimates("comparison")
    return comparisons_table(rows, inputs.params, inputs.results) if rows else None


def comparisons_table(rows: Sequence[Estimate], params: Params, results: Results) -> Table:
    """Return the table of some comparisons."""
    notes = Notes()
    return Table(
        name="comparisons",
        title="Whether two arms differ",
        caption=caption(
            "Paired differences of the mean quadratic weighted kappa, first arm minus second, on the same images. "
            f"{p_sentence(rows)} p, these networks: of no difference between these very networks on other patients; it "
            "ignores the spread between seeds. Detectable: the smallest true difference that this many patients and "
            "runs would find in four of five cases.",
            params,
            results,
        ),
        columns=COLUMNS,
        rows=tuple(_row(row, params, results, notes) for row in rows),
        notes=tuple(notes.texts),
        records=tuple({"table": "comparisons"} | fields_of(row, *COMPARED) for row in rows),
    )


def p_sentence(rows: Sequence[Estimate]) -> str:
    """Explain the p-value of a difference, and for how many tests it is adjusted."""
    tests = sum(not math.isnan(row.p_retrained_holm) for row in rows)
    return (
        "p, new networks: two-sided p-value of no difference between networks trained with other seeds and tested on "
        f"other patients, adjusted by Holm's method for the {tests} such tests of `comparisons`; there is none where a "
        "single seed ran."
    )


def difference_number(row: Estimate, notes: tuple[int, ...] = ()) -> Number:
    """Return a difference with its sign and its interval."""
    if math.isnan(row.estimate):
        return Number("undefined", None, notes)
    interval = "" if math.isnan(row.low) else f"[{row.low:+.3f}, {row.high:+.3f}]"
    return Number(f"{row.estimate:+.3f}", row.estimate, notes, interval, ends_of(row))


def p_text(p: float) -> str:
    """Return a p-value to three digits; a dash where no test was made."""
    if math.isnan(p):
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _row(row: Estimate, params: Params, results: Results, notes: Notes) -> Row:
    arms = (Arm(row.method, row.arm), Arm.parse(row.versus.partition(" ")[0]))
    flags = [text for arm in arms for text in run_texts(params, results, arm, cast("Head", row.head))]
    marks = notes.number(*flags, _choice(row, arms, params))
    cells: tuple[Cell, ...] = (
        difference_number(row, marks),
        Text(row.resampled),
        Number(str(row.n_images), row.n_images),
        *(_p(p) for p in (row.p_retrained_holm, row.p_holm)),
        Text("-")
        if math.isnan(row.min_detectable_difference)
        else Number(f"{row.min_detectable_difference:.3f}", row.min_detectable_difference),
    )
    return Row(
        row.about,
        f"{'/'.join(arms[0])} - {'/'.join(arms[1])}: {HEADS[cast('Head', row.head)]}, {row.split}",
        cells,
        arms,
    )


def _choice(row: Estimate, arms: Sequence[Arm], params: Params) -> str:
    """Return a note where the choice of the epoch on val favours one arm's head."""
    if params.train.select_epoch != "best":
        return ""
    main = [cast("Head", next(iter(LOSSES[params.arm(*arm).loss].heads))) for arm in arms]
    head, split = cast("Head", row.head), cast("Split", row.split)
    if fair_split(split, main, [head] * len(arms)) == split:
        return ""
    listed = " and ".join(f"{'/'.join(arm)} by {HEADS[own]}" for arm, own in zip(arms, main, strict=True))
    return f"The weights were chosen by val kappa, of {listed}: val favours the arm that was chosen by {HEADS[head]}."


def _p(p: float) -> Cell:
    return Text("-") if math.isnan(p) else Number(p_text(p), p)
