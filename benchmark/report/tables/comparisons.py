"""Do two arms differ? Every declared pair on the same images: the difference, its interval, and Holm's p."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

from benchmark.common.terms import Arm, Head
from benchmark.report.captions import HEADS, caption
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.run_columns import arms_of
from benchmark.report.table import Cell, Number, Row, Table, Text, ends_of
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.intervals import ArmComparison
from benchmark.statistics.rivals import RivalRow
from benchmark.statistics.verdicts import fair_split
from models.losses.registry import LOSSES

ABOUT = TableInfo(order=5)

COLUMNS = (
    "first - second",
    "difference of kappas",
    "interval over",
    "n",
    "p, trained anew",
    "p, these networks",
    "resolvable",
)


def make(inputs: Inputs) -> Table | None:
    """One line per pair of arms, head and split, grouped by what the pair is to show; None where no pair was run."""
    return comparisons_table(inputs.compared, inputs.params, inputs.results) if inputs.compared else None


def comparisons_table(rows: Sequence[ArmComparison], params: Params, results: Results) -> Table:
    """The table of some comparisons of an evaluation's arms."""
    notes = Notes()
    return Table(
        name="comparisons",
        title="Whether two arms differ",
        caption=caption(
            "Paired differences of the mean quadratic weighted kappa, first arm minus second, on the same images. "
            f"{p_sentence(rows)} p, these networks: whether the trained networks at hand would differ on other "
            "patients; it does not hold the spread between seeds. Resolvable: the true difference that this many "
            "patients and runs would tell from 0 four times in five.",
            params,
            results,
        ),
        columns=COLUMNS,
        rows=tuple(_row(row, params, results, notes) for row in rows),
        notes=tuple(notes.texts),
        records=tuple({"table": "comparisons"} | {key: plain(v) for key, v in asdict(row).items()} for row in rows),
    )


def p_sentence(rows: Sequence[ArmComparison]) -> str:
    """What the p of a difference is, and for how many tests it is adjusted."""
    tests = sum(not math.isnan(row.p_retrained_holm) for row in rows)
    return (
        "p, trained anew: two-sided, of no difference between networks trained anew with other seeds and tested on "
        f"other patients, adjusted by Holm's rule for the {tests} such tests of `comparisons`; there is none where a "
        "single seed ran."
    )


def difference_number(row: ArmComparison | RivalRow, notes: tuple[int, ...] = ()) -> Number:
    """A difference with its sign and its interval."""
    if math.isnan(row.difference):
        return Number("undefined", None, notes)
    interval = "" if math.isnan(row.low) else f"[{row.low:+.3f}, {row.high:+.3f}]"
    return Number(f"{row.difference:+.3f}", row.difference, notes, interval, ends_of(row))


def p_text(p: float) -> str:
    """A p-value to three digits; a dash where no test was made."""
    if math.isnan(p):
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _row(row: ArmComparison, params: Params, results: Results, notes: Notes) -> Row:
    arms = arms_of(asdict(row))
    flags = [text for arm in arms for text in run_texts(params, results, arm, row.head)]
    marks = notes.number(*flags, _choice(row, arms, params))
    cells: tuple[Cell, ...] = (
        difference_number(row, marks),
        Text(row.over),
        Number(str(row.images), row.images),
        *(_p(p) for p in (row.p_retrained_holm, row.p_holm)),
        Text("-") if math.isnan(row.resolvable) else Number(f"{row.resolvable:.3f}", row.resolvable),
    )
    return Row(row.about, f"{row.a} - {row.b}: {HEADS[row.head]}, {row.split}", cells, arms)


def _choice(row: ArmComparison, arms: Sequence[Arm], params: Params) -> str:
    """What must be said where the choice of the epoch, on val, favours one arm's head."""
    if params.train.keep != "best":
        return ""
    main = [cast("Head", next(iter(LOSSES[params.arm(*arm).objective].heads))) for arm in arms]
    if fair_split(row.split, main, [row.head] * len(arms)) == row.split:
        return ""
    listed = " and ".join(f"{'/'.join(arm)} by {HEADS[head]}" for arm, head in zip(arms, main, strict=True))
    return (
        f"The weights were chosen by val kappa, of {listed}: val favours the arm that was chosen by {HEADS[row.head]}."
    )


def _p(p: float) -> Cell:
    return Text("-") if math.isnan(p) else Number(p_text(p), p)
