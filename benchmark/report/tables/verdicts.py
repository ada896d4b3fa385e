"""Verdicts: each claim of the paper, the measured value with its interval, and the conclusion."""

from __future__ import annotations

import math
from dataclasses import asdict

from benchmark.common.terms import OURS
from benchmark.report.captions import data_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.run_columns import arms_of
from benchmark.report.table import Cell, Notes, Number, Row, Table, Text, ends_of
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.verdict_row import SMALLER, VerdictRow

ABOUT = TableInfo(order=13)

VERDICT_COLUMNS = (
    *("claim", "split", "published", "measured", "interval over", "n", "seeds", "tolerance", "margin", "verdict"),
    *("tolerance halved", "tolerance doubled"),
)


def make(inputs: Inputs) -> Table:
    """Make the table: a row per verdict, grouped by claim in the order of the claims file, with notes on limits."""
    return verdict_table(inputs.verdicts, inputs.results)


def verdict_table(rows: list[VerdictRow], results: Results) -> Table:
    """Make the table of some verdicts."""
    scopes = "; ".join(dict.fromkeys(row.scope for row in rows))
    levels = " or ".join(
        dict.fromkeys(f"{row.confidence_level * 100:g} %" for row in rows if not math.isnan(row.confidence_level))
    )
    notes = Notes()
    return Table(
        name="verdicts",
        title="What holds of the paper's claims",
        caption=(
            "Verdicts on the paper's claims. Each claim was declared beforehand with its tolerance and a rationale "
            "(experiments/published/claims.yaml). Measured is a difference of quadratic weighted kappas, a kappa if "
            f"one is published, or the proportion of multiply-adds saved; [ ] is its {levels} interval, resampled over "
            "what the row says. An ordering or a saving is reproduced if the whole interval is above the margin: the "
            "tolerance, or half of the published difference if that is less and of the same setting. It is not "
            f"reproduced if the interval is below the margin, and {SMALLER} if it is below the margin but above 0; "
            "otherwise it is inconclusive. A number is reproduced if the interval is within the tolerance around it. "
            "On other data than the paper's an ordering holds here, or does not hold here. Seeds: of each side, if the "
            f"two differ. {data_sentence(results)} Scope: {scopes}."
        ),
        columns=VERDICT_COLUMNS,
        rows=[Row(_group(row), row.part, _cells(row, notes), arms_of(asdict(row))) for row in rows],
        notes=notes.texts,
        records=[asdict(row) for row in rows],
    )


def seeds_of(row: VerdictRow) -> str:
    """Return the number of seeds of a verdict: of each side in turn, if they differ."""
    sides = dict.fromkeys(side.strip() for side in row.seeds.split("|") if side.strip())
    return " and ".join(str(len(side.split())) for side in sides)


def _group(row: VerdictRow) -> str:
    """Return the words of the claim's id, and a remark if the paper does not claim it."""
    return row.claim.replace("-", " ") + " (asked here; the paper does not claim it)" * (row.evidence == OURS)


def _cells(row: VerdictRow, notes: Notes) -> tuple[Cell, ...]:
    tolerances = ("" if math.isnan(value) else f"{value:g}" for value in (row.tolerance, row.margin))
    words = (row.resampled, str(row.n_images or ""), seeds_of(row), *tolerances)
    size = f"; size {row.magnitude}" * (row.kind == "ordering" and bool(row.magnitude))
    return (
        *(Text(word or "-") for word in (row.split, row.published)),
        _measured(row),
        *(Text(word or "-") for word in words),
        Text(f"{row.finding}{size}", notes.number(*row.notes)),
        *(Text(row.finding_of(verdict)) for verdict in (row.verdict_half, row.verdict_double)),
    )


def _measured(row: VerdictRow) -> Cell:
    if math.isnan(row.estimate):
        return Text(row.recomputed or "-")
    sign = "" if row.kind == "number" else "+"
    value, low, high = (f"{end:{sign}.3f}" for end in (row.estimate, row.low, row.high))
    interval = "" if math.isnan(row.low) else f"[{low}, {high}]"
    return Number(value, row.estimate, interval=interval, ends=ends_of(row))
