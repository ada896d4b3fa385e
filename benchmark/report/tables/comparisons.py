"""Planned comparisons: difference of every declared pair of arms on the same images, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from benchmark.common.terms import Arm, Head, Split
from benchmark.common.units import format_measure
from benchmark.report.captions import HEAD_NAMES, caption, run_notes
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.table import Cell, Notes, Number, Row, Table, Text, difference_cell, difference_line, fields_of
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.estimates import Estimate, select
from benchmark.statistics.verdicts import fair_split
from models.losses.registry import LOSSES

ABOUT = TableInfo(keys=("about", "method", "arm", "versus", "split", "head"), order=5)

ANALYSES = ("over rules", "above 0", "rank correlation", "failed", "detectable", "beats")
"""Titles of the columns of :func:`analyses_cells`."""
_COLUMNS = ("first - second", "difference of kappas", "interval over", "n", *ANALYSES)
_COMPARED = (
    *("about", "head", "versus", "split", "rule", "tuned_on", "rules_low", "rules_high", "n_analyses", "n_above"),
    *("failed", "failed_versus", "min_detectable_difference", "p_beats", "n_patients", "n_undefined"),
)
"""Columns of a comparison in addition to those of every estimate."""


def make(inputs: Inputs) -> Table | None:
    """Make the table: a row per pair of arms, head and split, grouped by question; None if no pair was run."""
    rows = inputs.estimates("comparison")
    return comparisons_table(rows, inputs.params, inputs.results) if rows else None


def comparisons_table(rows: Sequence[Estimate], params: Params, results: Results) -> Table:
    """Make the table of some comparisons."""
    notes, ranks = Notes(), rank_differences(results)
    return Table(
        title="Whether two arms differ",
        caption=caption(
            "Paired differences of the mean quadratic weighted kappa, first arm minus second, on the same images and "
            f"seeds. {ANALYSES_SENTENCE}",
            params,
            results,
        ),
        columns=_COLUMNS,
        rows=[_row(row, ranks, params, results, notes) for row in rows],
        notes=notes.texts,
        records=[difference_record(row, ranks) for row in rows],
    )


ANALYSES_SENTENCE = (
    "The differences describe and are not tested: their intervals are not adjusted for their number. Over rules: "
    "smallest and largest difference under the decision rules that treat both sides alike. Above 0: in how many of "
    "the analyses the difference is above 0; they are these rules x the outputs that both arms have x each seed left "
    "out. Rank correlation: difference of Spearman's correlation with the labels, which needs no rule, and its "
    "interval. Failed: trainings of each side whose kappa is not clear of 0, left out of the difference. Detectable: "
    "the smallest true difference that this number of patients and runs would detect in four of five cases. Beats: the "
    "probability that one further run of the first arm has a higher kappa than one of the second on as many new "
    "patients; from 75 % on, a difference is usually called meaningful."
)
"""Meaning of the columns of :func:`analyses_cells`."""

Ranks = Mapping[tuple[str, ...], Estimate]


def _key(row: Estimate) -> tuple[str, ...]:
    return row.method, row.arm, row.head, row.versus, row.split


def rank_differences(results: Results) -> Ranks:
    """Return the difference of rank correlations of each comparison."""
    return {_key(row): row for row in select(results.estimates, kind="rank correlation")}


def difference_record(row: Estimate, ranks: Ranks, *further: str) -> dict[str, Any]:
    """Return the csv row of a comparison, with ``further`` columns before the others."""
    found = ranks.get(_key(row))
    ends = {"rank_difference": "estimate", "rank_low": "low", "rank_high": "high"}
    return fields_of(row, *further, *_COMPARED) | {name: getattr(found, own, None) for name, own in ends.items()}


def analyses_cells(row: Estimate, ranks: Ranks) -> tuple[Cell, ...]:
    """Return the cells of a difference under other analyses, of failed trainings and of further experiments."""
    detectable, found = row.min_detectable_difference, ranks.get(_key(row))
    rules = " to ".join(format_measure(end, "+") for end in (row.rules_low, row.rules_high))
    return (
        Text("-" if math.isnan(row.rules_low) else rules),
        Text(f"{row.n_above} of {row.n_analyses}"),
        difference_line(found) if found else Text("-"),
        Text(f"{row.failed} and {row.failed_versus}"),
        Text("-") if math.isnan(detectable) else Number(f"{detectable:.3f}", detectable),
        Text("-") if math.isnan(row.p_beats) else Number(f"{row.p_beats:.0%}", row.p_beats),
    )


def sides_of(row: Estimate) -> tuple[tuple[Arm, str], tuple[Arm, str]]:
    """Return the two arms of a comparison, each with the name of its head."""
    path, _, head = row.versus.partition(" ")
    sides = ((Arm(row.method, row.arm), row.head), (Arm.parse(path), head))
    first, second = ((arm, HEAD_NAMES[cast("Head", head)]) for arm, head in sides)
    return first, second


def _row(row: Estimate, ranks: Ranks, params: Params, results: Results, notes: Notes) -> Row:
    (first, head), (second, other) = sides_of(row)
    flags = [text for arm in (first, second) for text in run_notes(params, results, arm, cast("Head", row.head))]
    cells = (
        difference_cell(row, notes.number(*flags, _epoch_note(row, (first, second), params, results))),
        Text(row.resampled),
        Number(str(row.n_images), row.n_images),
        *analyses_cells(row, ranks),
    )
    pair = f"{first} - {second}: {head}" if head == other else f"{first} {head} - {second} {other}"
    return Row(row.about, f"{pair}, {row.split}", cells, (first, second))


def _epoch_note(row: Estimate, arms: Sequence[Arm], params: Params, results: Results) -> str:
    """Return a note if selecting the epoch on val favours one arm; of compared systems, this is not known here."""
    if not {arm.method for arm in arms} <= params.arms.keys():
        return ""
    heads = [cast("Head", next(iter(LOSSES[params.arm(*arm).loss].heads))) for arm in arms]
    best = [params.of(arm).train.select_epoch == "best" for arm in arms]
    main = [head if by_val else None for head, by_val in zip(heads, best, strict=True)]
    epochs = [max(map(int, results.runs_of(*arm)["epochs"]), default=0) for arm in arms]
    head, split = cast("Head", row.head), cast("Split", row.split)
    if fair_split(split, main, [head] * len(arms), epochs) == split:
        return ""
    chosen = zip(arms, main, epochs, strict=True)
    listed = " and ".join(
        f"{arm} by {HEAD_NAMES[own]} among {count}" if own else f"not {arm}" for arm, own, count in chosen
    )
    return (
        f"The epoch was selected by val kappa (epochs: {listed}): val favours the arm that was selected by "
        f"{HEAD_NAMES[head]}, or among more epochs."
    )
