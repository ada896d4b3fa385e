"""The verdicts: each claim of the paper beside what was measured, its interval, and what may be concluded."""

from __future__ import annotations

import math
from dataclasses import asdict

from benchmark.report.captions import data_sentence
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.run_columns import arms_of
from benchmark.report.table import Cell, Row, Table, Text
from benchmark.statistics.verdict_row import PAPER, VerdictRow

OWN_NUMBERS = "the paper's own numbers"
"""Scope of a check that needs no data."""
COLUMNS = (
    "claim",
    "split",
    "published",
    "measured [95 % interval]",
    "n",
    "seeds",
    "verdict",
    "tolerance halved",
    "tolerance doubled",
)


def make(inputs: Inputs) -> Table:
    """One line per judgement, grouped by claim, in the order of the claims file."""
    rows = inputs.verdicts
    scopes = "; ".join(dict.fromkeys(row.scope for row in rows))
    return Table(
        name="verdicts",
        title="What holds of the paper's claims",
        caption=(
            "Each claim was written down beforehand with its tolerance and a reason for it "
            "(experiments/published/claims.yaml). An ordering is reproduced where the whole interval of the difference "
            "lies above the margin, not reproduced where it lies below, else inconclusive; on other data than the "
            "paper's that reads: holds here, does not hold here. The interval covers seeds and patients together. "
            "Measured is a difference of quadratic weighted kappas, or the share of multiply-adds saved. "
            f"{data_sentence(inputs.results)} Scope: {scopes}."
        ),
        columns=COLUMNS,
        rows=tuple(Row(_group(row), row.part, _cells(row), arms_of(asdict(row))) for row in rows),
        notes=(),
        records=tuple({"table": "verdicts"} | {key: plain(v) for key, v in asdict(row).items()} for row in rows),
    )


def _group(row: VerdictRow) -> str:
    return row.claim.replace("-", " ")


def _cells(row: VerdictRow) -> tuple[Cell, ...]:
    words = (
        row.split or "-",
        row.published or "-",
        _interval(row),
        str(row.images) if row.images else "-",
        str(len(row.seeds.split())) if row.seeds else "-",
        *(_said(verdict, row) for verdict in (row.verdict, row.verdict_half, row.verdict_double)),
    )
    return tuple(Text(word) for word in words)


def _said(verdict: str, row: VerdictRow) -> str:
    """The verdict; on other data than the paper's it says no more than that an ordering holds there."""
    elsewhere = {"reproduced": "holds here", "not reproduced": "does not hold here"}
    return verdict if row.scope in (PAPER, OWN_NUMBERS) else elsewhere.get(verdict, verdict)


def _interval(row: VerdictRow) -> str:
    if math.isnan(row.measured):
        return row.recomputed or "-"
    return f"{row.measured:+.3f}" + ("" if math.isnan(row.low) else f" [{row.low:+.3f}, {row.high:+.3f}]")
