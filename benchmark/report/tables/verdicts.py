"""Verdicts: each claim of the paper, the measured value with its interval, and the conclusion."""

from __future__ import annotations

import math
from dataclasses import asdict

from benchmark.common.terms import OURS
from benchmark.common.units import ends, format_measure
from benchmark.report.captions import data_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.named_arms import arms_of
from benchmark.report.results import Results
from benchmark.report.table import Cell, Notes, Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.verdict_row import CONTRADICTED, EQUAL, OPPOSITE, RULE_DEPENDENT, SMALLER, VerdictRow

ABOUT = TableInfo(keys=("claim", "part", "split"), order=13)

VERDICT_COLUMNS = (
    *("claim", "split", "published", "measured", "interval over", "n", "seeds", "tolerance", "margin", "verdict"),
    *("holds under", "over rules", "rank correlation", "failed", "p"),
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
        title="What holds of the paper's claims",
        caption=(
            "Verdicts on the paper's claims, whose tolerances and primary endpoints are declared in "
            "experiments/published/claims.yaml. Measured is a difference of quadratic weighted kappas, a kappa if "
            f"one is published, or the proportion of multiply-adds saved; [ ] is its {levels} interval, resampled over "
            "what the row says. Both sides of a difference have one decision rule. An ordering or a saving is "
            "reproduced if the whole interval is above the margin: the tolerance, or half of the published difference "
            "if that is less and of the same setting. It is not reproduced if the interval is below the margin: "
            f"{SMALLER} if it is above 0, {EQUAL} if it is within the margin around 0, and {OPPOSITE} if it is below "
            f"the negative margin; otherwise it is inconclusive. It {RULE_DEPENDENT} if "
            "the rules that treat both sides alike find differences on both sides of the margin. Holds under: in how "
            "many analyses the difference is above the margin; they are these rules x the outputs that both sides have "
            "x each seed left out. Over rules: smallest and largest difference under these rules. Rank correlation: "
            "difference of Spearman's correlation with the labels, which needs no rule, and its interval. Failed: "
            "trainings of each side whose kappa is not clear of 0. A number is reproduced if the prediction interval "
            f"of one further run is within the tolerance around it; a pair {CONTRADICTED} has printed numbers that say "
            "the opposite of the claim, and is left out of it. On other data than the paper's an ordering holds here, "
            "or does not hold here. p: one-sided, of the primary endpoints, tested in their order at 2.5 % until one "
            "is not reproduced; every other row describes, and its interval is not adjusted for the number of rows. "
            f"Seeds: of each side, if the two differ. {data_sentence(results)} Scope: {scopes}."
        ),
        columns=VERDICT_COLUMNS,
        rows=[_row(row, notes) for row in rows],
        notes=notes.texts,
        records=[asdict(row) for row in rows],
    )


def seeds_of(row: VerdictRow) -> str:
    """Return the number of seeds of a verdict: of each side in turn, if they differ."""
    sides = dict.fromkeys(side.strip() for side in row.seeds.split("|") if side.strip())
    return " and ".join(str(len(side.split())) for side in sides)


def p_text(row: VerdictRow) -> str:
    """Return the p-value of a primary endpoint to three digits; the reason if it was not tested."""
    if math.isnan(row.p):
        return f"not tested ({row.untested})"
    return "<0.001" if row.p < 0.001 else f"{row.p:.3f}"


def _row(row: VerdictRow, notes: Notes) -> Row:
    tolerances = ("" if math.isnan(value) else f"{value:g}" for value in (row.tolerance, row.margin))
    words = (row.resampled, str(row.n_images or ""), seeds_of(row), *tolerances)
    size = f"; size {row.magnitude}" * (row.kind == "ordering" and bool(row.magnitude))
    measured: Cell = Text(row.recomputed or "-")
    if not math.isnan(row.estimate):
        sign = "" if row.kind == "number" else "+"
        value, low, high = (f"{end:{sign}.3f}" for end in (row.estimate, row.low, row.high))
        interval = "" if math.isnan(row.low) else f"[{low}, {high}]"
        measured = Number(value, row.estimate, interval=interval)
    analyses = (
        f"{row.n_hold} of {row.n_analyses}",
        " to ".join(format_measure(end, "+") for end in (row.rules_low, row.rules_high)),
        f"{format_measure(row.rank_difference, '+')} {ends(row.rank_low, row.rank_high, '+')}",
        f"{row.failed_a} and {row.failed_b}",
    )
    cells = (
        *(Text(word or "-") for word in (row.split, row.published)),
        measured,
        *(Text(word or "-") for word in words),
        Text(f"{row.finding}{size}", notes.number(*row.notes)),
        *(Text(text if row.n_analyses else "-") for text in analyses),
        Number(f"primary {row.primary}: {p_text(row)}", row.p) if row.primary else Text("-"),
    )
    asked = " (asked here; the paper does not claim it)" * (row.evidence == OURS)
    return Row(row.interpretation + asked, row.part, cells, arms_of(asdict(row)))
