"""Verdicts: each claim of the paper, what was measured, its interval, and the conclusion."""

from __future__ import annotations

import math
from dataclasses import asdict

from benchmark.common.terms import OURS
from benchmark.report.captions import data_sentence
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes
from benchmark.report.results import Results
from benchmark.report.run_columns import arms_of
from benchmark.report.table import Cell, Number, Row, Table, Text, ends_of
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.verdict_row import SMALLER, VerdictRow

ABOUT = TableInfo(order=13)

COLUMNS = (
    "claim",
    "split",
    "published",
    "measured",
    "interval over",
    "n",
    "seeds",
    "tolerance",
    "margin",
    "verdict",
    "tolerance halved",
    "tolerance doubled",
)


def make(inputs: Inputs) -> Table:
    """One line per verdict, grouped by claim, in the order of the claims file; notes give the limits of a verdict."""
    return verdict_table(inputs.verdicts, inputs.results)


def verdict_table(rows: list[VerdictRow], results: Results) -> Table:
    """Return the table of some verdicts."""
    scopes = "; ".join(dict.fromkeys(row.scope for row in rows))
    levels = " or ".join(
        dict.fromkeys(f"{row.confidence_level * 100:g} %" for row in rows if not math.isnan(row.confidence_level))
    )
    notes = Notes()
    lines = tuple(Row(_group(row), row.part, _cells(row, notes), arms_of(asdict(row))) for row in rows)
    return Table(
        name="verdicts",
        title="What holds of the paper's claims",
        caption=(
            "Each claim was declared beforehand with its tolerance and a rationale "
            "(experiments/published/claims.yaml). Measured is a difference of quadratic weighted kappas, a kappa where "
            f"one is published, or the share of multiply-adds saved; [ ] is its {levels} interval, over what the line "
            "says. An ordering or a saving is reproduced where the whole interval lies above the margin: the "
            "tolerance, or half of the published difference where that is less and of the same setting. It is not "
            f"reproduced where the interval lies below, and {SMALLER} where it lies below but above 0; else it is "
            "inconclusive. A number is reproduced where the interval lies within the tolerance around it. On other "
            "data than the paper's an ordering holds here, or does not hold here. Seeds: of each side, where the two "
            f"differ. {data_sentence(results)} Scope: {scopes}."
        ),
        columns=COLUMNS,
        rows=lines,
        notes=tuple(notes.texts),
        records=tuple({"table": "verdicts"} | {key: plain(v) for key, v in asdict(row).items()} for row in rows),
    )


def _group(row: VerdictRow) -> str:
    """Return the claim in the words of its id, and a remark where the paper does not claim it."""
    return row.claim.replace("-", " ") + " (asked here; the paper does not claim it)" * (row.evidence == OURS)


def _cells(row: VerdictRow, notes: Notes) -> tuple[Cell, ...]:
    words = (
        row.resampled,
        str(row.n_images or ""),
        _seeds(row.seeds),
        _tolerance(row.tolerance),
        _tolerance(row.margin),
    )
    return (
        *(Text(word or "-") for word in (row.split, row.published)),
        _measured(row),
        *(Text(word or "-") for word in words),
        Text(_finding(row), notes.number(*row.notes)),
        *(Text(row.finding_of(verdict)) for verdict in (row.verdict_half, row.verdict_double)),
    )


def _measured(row: VerdictRow) -> Cell:
    if math.isnan(row.estimate):
        return Text(row.recomputed or "-")
    sign = "" if row.kind == "number" else "+"
    value, low, high = (f"{end:{sign}.3f}" for end in (row.estimate, row.low, row.high))
    interval = "" if math.isnan(row.low) else f"[{low}, {high}]"
    return Number(value, row.estimate, interval=interval, ends=ends_of(row))


def _finding(row: VerdictRow) -> str:
    """Return the finding and, where the paper prints a difference, how the size compares with it."""
    return f"{row.finding}; size {row.magnitude}" if row.kind == "ordering" and row.magnitude else row.finding


def _seeds(listed: str) -> str:
    """Return the number of seeds: of each side in turn, where they differ."""
    sides = dict.fromkeys(side.strip() for side in listed.split("|") if side.strip())
    return " and ".join(str(len(side.split())) for side in sides)


def _tolerance(value: float) -> str:
    return "" if math.isnan(value) else f"{value:g}"
