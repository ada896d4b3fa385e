"""Verdicts on published claims: one row per comparison, number, saving and check, and one per claim with several parts.

The rules are in :mod:`.verdict_rules`, and docs/explanation/verdicts.md explains them. Both sides of a difference have
one decision rule, and the row counts the analyses under which the claim holds (:mod:`.multiverse`). A claim is judged
on the split that the paper prints it for, or on test where val favours a side (:func:`fair_split`). Data and settings
determine the conclusions that a verdict allows about the paper (:mod:`.scope`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

import pandas as pd

from benchmark.common.code import code_sha256
from benchmark.common.csv_rows import write_rows
from benchmark.common.files import sha256_json
from benchmark.common.terms import Head, Split
from benchmark.common.units import some
from benchmark.evaluation.architecture import NETWORKS, Architecture, read_networks
from benchmark.evaluation.tables import read_evaluation_table
from benchmark.runs.labels import selection
from benchmark.runs.predictions import patients_in_words
from benchmark.runs.run import SHOWN_DIGITS
from benchmark.runs.spec import PredictionsRun
from benchmark.settings.params import Params
from benchmark.statistics.bootstrap import N_RESAMPLES, kappa_interval
from benchmark.statistics.comparison import Comparison
from benchmark.statistics.confidence import CONFIDENCE_LEVEL, NOT_LEARNED, Interval
from benchmark.statistics.estimates import Side, side_text
from benchmark.statistics.graded_runs import STATISTICS, GradedRuns, on_every_core
from benchmark.statistics.learning_cost import LearningCurve, learning_curve, share_saved
from benchmark.statistics.multiverse import compare_arms
from benchmark.statistics.planned import compared_runs
from benchmark.statistics.published.claims import (
    CLAIMS,
    OWN_CLAIMS,
    Claim,
    Claims,
    Consistency,
    InferredOrdering,
    JudgedClaim,
    NumberClaim,
    Ordering,
    PrintedPair,
    Saving,
    Setting,
    load_claims,
)
from benchmark.statistics.published.consistency import check
from benchmark.statistics.published.tables import PUBLISHED, Printed, PrintedTable, Selector, find_arm, load_published
from benchmark.statistics.scope import (
    OTHER_SETTINGS,
    declared_profile,
    differing,
    left_out,
    scope_of,
    scope_of_data,
)
from benchmark.statistics.verdict_row import (
    CONTRADICTED,
    JUDGED_BY,
    PAPER_SCOPE,
    RULE_DEPENDENT,
    VerdictKind,
    VerdictRow,
    gatekept,
    judge_parts,
)
from benchmark.statistics.verdict_rules import Verdict, judge_magnitude, judge_number, judge_ordering, margin

VERDICTS = STATISTICS / "verdicts.csv"


_TUNED = "Both sides are graded by thresholds tuned on val, because one of them is a system with tuned thresholds."


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs that claims are judged with.

    Attributes:
        params: declares the arms.
        runs: finished runs of these arms.
        printed: the paper's tables, by name.
        curves: table of the learning curves of all runs.
        networks: measurements of the paper's networks.
        profile: parameters of the paper's setting; None for other data.
    """

    params: Params
    runs: GradedRuns
    printed: Mapping[str, PrintedTable]
    curves: pd.DataFrame
    networks: Sequence[Architecture]
    profile: Params | None = None


def run(params: Params, runs: GradedRuns) -> None:
    """Write ``statistics/verdicts.csv``.

    Raises InputError if the runs were not evaluated, the networks were not measured, or the claims are invalid.
    """
    printed = load_published()
    claims = load_claims(published=printed)
    profile = declared_profile(claims.paper, runs.data)
    case = Case(params, runs, printed, read_evaluation_table("curves"), read_networks(), profile)
    judges: dict[str, Any] = {**judged_by()}
    write_rows(VERDICTS, VerdictRow, [replace(row, **judges) for row in verdicts(claims, case)])


def judged_by() -> dict[str, str]:
    """Return hashes of the claims with their printed numbers, and of the code of the verdict rules."""
    files = [CLAIMS, PUBLISHED, *sorted(OWN_CLAIMS.glob("*.yaml"))]
    claims, rules = [path.read_text("utf-8") for path in files], code_sha256("benchmark/statistics/verdicts.py")
    return {name: value[:SHOWN_DIGITS] for name, value in zip(JUDGED_BY, (sha256_json(claims), rules), strict=True)}


def verdicts(claims: Claims, case: Case) -> list[VerdictRow]:
    """Judge every claim in the order of the file; the parts of an ordering are followed by the row for all of them."""
    rows: list[VerdictRow] = []
    for ordering in claims.orderings:
        parts = on_every_core(partial(_ordering, ordering, paper=claims.paper, case=case), ordering.pairs)
        rows += [*parts, *judge_parts(parts)]
    for number in claims.numbers:
        rows += [_number(number, cell, claims.paper, case) for cell in number.cells]
    rows += [_step(step, case) for step in claims.steps]
    rows += [_saving(saving, claims.paper, case) for saving in claims.savings]
    # Without measured networks, nothing is said of the printed ones.
    checked = [claim for claim in claims.consistency if case.networks or claim.check != "network"]
    rows += [_consistency(claim, case) for claim in checked]
    return gatekept(rows)


def fair_split(
    split: Split, selected_by: Sequence[Head | None], heads: Sequence[Head], epochs: Sequence[int] = (0, 0)
) -> Split:
    """Return the split on which two sides can be compared whose epochs may be selected by the val kappa of a head.

    The best of many epochs is best partly by luck with the val images. Both sides have that luck if both were selected
    by the head that is read, among equally many epochs; neither has it if both keep the last epoch or were selected by
    another head. Otherwise val favours one side, whereas test has no part in the selection.

    Args:
        split: requested split.
        selected_by: per side, the head whose val kappa selected the epoch; None for the last epoch.
        heads: per side, the head that is read.
        epochs: per side, the number of epochs to select from.
    """
    a, b = (chosen == head for chosen, head in zip(selected_by, heads, strict=True))
    return "test" if a != b or (a and epochs[0] != epochs[1]) else split


def favoured(selected_by: Sequence[Head | None], heads: Sequence[Head]) -> Literal["", "a", "b"]:
    """Return the side that was selected by the head that is read, if the other was selected by another head.

    An epoch that suits one head better than others also suits it on test, so evidence in favour of that head is
    disregarded there, too.
    """
    if None in selected_by:
        return ""
    a, b = (chosen == head for chosen, head in zip(selected_by, heads, strict=True))
    return "" if a == b else "a" if a else "b"


def _ordering(claim: Ordering, pair: PrintedPair, paper: Setting, case: Case) -> VerdictRow:
    cells, contradicted = (pair.better, pair.worse), pair.effect < 0
    row = _start(claim, "ordering", pair.title, cells, paper, case)
    row = replace(row, published=f"{pair.effect:+}", published_evidence="computed", primary=pair.primary)
    row = row.with_notes("The printed numbers say the opposite." if contradicted else "", pair.doubt)
    sides = _sides(cells, case)
    if not sides:
        return row.with_notes(_missing_runs(cells, case))
    row = _on_fair_split(row, sides, case)
    # The printed difference counts only in the paper's setting and without doubts about it.
    printed = float(pair.effect) if row.scope == PAPER_SCOPE and row.published and not pair.doubt else None
    row = _judge_difference(row, sides, claim.tolerance, printed, case)
    return replace(row, verdict=CONTRADICTED, finding=CONTRADICTED) if contradicted else row


def _step(claim: InferredOrdering, case: Case) -> VerdictRow:
    """Judge a claim on arms that no source prints both kappas of: an ordering without a published difference."""
    selectors = (claim.better, claim.worse)
    found = [_side(one, case) for one in selectors]
    texts = {"split": claim.split, "split_evidence": "", "data": case.runs.data.name}
    row = _text_row(
        claim, kind="ordering", part=claim.title, scope=scope_of_data(case.runs.data, case.profile), **texts
    )
    sides = [side for side in found if side]
    if len(sides) < len(found):
        missing = (f"{one} with a {one.head}" for one, side in zip(selectors, found, strict=True) if not side)
        return row.with_notes(f"No finished run of {' and '.join(missing)}.")
    return _judge_difference(_on_fair_split(row, sides, case), sides, claim.tolerance, None, case)


def _judge_difference(
    row: VerdictRow, sides: Sequence[Side], tolerance: float, printed: float | None, case: Case
) -> VerdictRow:
    """Add the difference between the sides and the verdict on their order."""
    found, threshold = compare_arms(case.runs, sides[0], sides[1], _split(row)), margin(tolerance, printed)
    compared, turns = found.compared, found.turns_at(threshold)
    row = replace(
        _with_interval(row, sides, case, compared.difference, printed),
        **compared_runs(compared),
        margin=threshold,
        rule=found.rule,
        rules_low=min(found.by_rule.values()),
        rules_high=max(found.by_rule.values()),
        n_analyses=len(found.analyses),
        n_hold=found.above(threshold),
        rank_difference=found.ranks.estimate,
        rank_low=found.ranks.low,
        rank_high=found.ranks.high,
        failed_a=compared.failed[0],
        failed_b=compared.failed[1],
    ).with_notes(_TUNED if found.rule == "tuned" else "", _failures(sides, compared))
    if not turns and "b" not in row.withheld:  # A result in favour of b counts neither for a part nor for the whole.
        row = replace(row, p_short=compared.p_at_least(threshold))
    if not turns and "a" not in row.withheld and row.primary:
        row = replace(row, p=compared.p_at_most(threshold))
    verdict = judge_ordering(compared.difference.evidence, tolerance, printed)
    return row.judged(RULE_DEPENDENT if turns and verdict != "inconclusive" else verdict)


def _failures(sides: Sequence[Side], compared: Comparison) -> str:
    """Return a note on trainings that did not learn; empty without any."""
    if compared.difference.inconclusive_reason == NOT_LEARNED:
        return "An arm whose kappa is not clear of 0, agreement by chance, judges nothing."
    listed = [f"{count} of {arm}" for (arm, _), count in zip(sides, compared.failed, strict=True) if count]
    if not listed:
        return ""
    return (
        f"Failed trainings, whose kappa is not clear of 0: {' and '.join(listed)}. They are left out of the "
        "difference, and nothing is concluded in favour of an arm that has some."
    )


def _on_fair_split(row: VerdictRow, sides: Sequence[Side], case: Case) -> VerdictRow:
    """Move the row to the split where its sides can be compared; numbers printed for the other split are dropped."""
    selected_by, heads = [_selected_by(side, case) for side in sides], [head for _, head in sides]
    biased_towards = favoured(selected_by, heads)
    if biased_towards:
        chosen = side_text(sides["ab".index(biased_towards)])
        row = replace(row, biased_towards=biased_towards).with_notes(
            f"The weights were chosen by val kappa, which favours {chosen}: nothing is concluded in its favour; "
            "train.select_epoch=last would favour neither."
        )
    epochs = [selection(case.runs.runs[arm][0])[1] for arm, _ in sides]
    split = fair_split(_split(row), selected_by, heads, epochs)
    if split == row.split:
        return row
    printed = f"; the paper prints {row.published} for {row.split}" if row.published else ""
    reason = "" if biased_towards else " The best of more epochs, or of any, is better on val by luck."
    return replace(row, split=split, split_evidence="", published="", published_evidence="").with_notes(
        f"Judged on {split}{printed}.{reason}"
    )


def _selected_by(side: Side, case: Case) -> Head | None:
    """Return the head whose val kappa selected the epoch; None for the last epoch."""
    return selection(case.runs.runs[side[0]][0])[0]


def _number(claim: NumberClaim, cell: Printed, paper: Setting, case: Case) -> VerdictRow:
    row = _start(claim, "number", f"{cell.row}, {cell.column}", (cell,), paper, case)
    row = replace(row, published=cell.value, published_evidence=cell.evidence)
    sides = _sides((cell,), case)
    if not sides:
        return row.with_notes(_missing_runs((cell,), case))
    found = kappa_interval(case.runs.grades[*sides[0], _split(row)], n_resamples=N_RESAMPLES)
    if row.scope != PAPER_SCOPE:
        other: Verdict = "not comparable: other data"
        if row.scope == OTHER_SETTINGS:
            other = "not comparable: other settings"
        return _with_interval(row, sides, case, found, None).judged(other)
    printed = float(cell.value)
    row = _with_interval(row, sides, case, found, printed)
    return row.judged(judge_number((row.run_low, row.run_high), claim.tolerance, printed))


def _saving(claim: Saving, paper: Setting, case: Case) -> VerdictRow:
    cells = (claim.cheaper, claim.dearer)
    row = _start(claim, "saving", claim.title, cells, paper, case)
    sides = _sides(cells, case)
    if not sides:
        return row.with_notes(_missing_runs(cells, case))
    cheaper, dearer = (_curves(side, case) for side in sides)
    seeds = [seed for seed in cheaper if seed in dearer]
    if not seeds:
        return row.with_notes("No seed has finished runs of both arms and of all their ancestors.")
    found = share_saved([cheaper[seed] for seed in seeds], [dearer[seed] for seed in seeds], CONFIDENCE_LEVEL)
    row = replace(
        _with_runs(row, sides, case),
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        confidence_level=CONFIDENCE_LEVEL,
        resampled="seeds alone",
        margin=claim.tolerance,
        seeds=" ".join(map(str, seeds)),
    )
    return row.judged(judge_ordering((row.low, row.high), claim.tolerance, None))


def _consistency(claim: Consistency, case: Case) -> VerdictRow:
    says, found = check(claim, case.printed, case.networks)
    split = claim.cells[0].split
    row = _text_row(
        claim,
        kind="consistency",
        part=claim.check,
        split=split.value if split else "",
        split_evidence=split.evidence if split else "",
        scope="the paper's own numbers",
        published=says,
        published_evidence=claim.evidence,
        recomputed=found,
        data="the paper's printed tables",
    )
    row = row.with_notes(
        f"Recomputed ({claim.value.evidence}): {claim.value.note}." if claim.value else "",
        f"Recomputed (computed): {NETWORKS}." if claim.check == "network" else "",
    )
    return row.judged("consistent" if says == found else "inconsistent")


def _start(
    claim: JudgedClaim, kind: VerdictKind, part: str, cells: Sequence[Printed], paper: Setting, case: Case
) -> VerdictRow:
    """Return the row of a claim on printed cells before anything is measured."""
    split = cells[0].split
    assert split
    data = case.runs.data
    scope = scope_of(cells, case.params, data, case.profile)
    missing = left_out(paper, data) if scope == PAPER_SCOPE else {}
    listed = ", ".join(f"{count} of {paper.images[name]:,} {name}" for name, count in missing.items() if count)
    texts = {"split": split.value, "split_evidence": split.evidence, "data": data.name}
    row = _text_row(claim, kind=kind, part=part, scope=scope, **texts)
    others = differing(cells, case.params, case.profile) if case.profile and scope == OTHER_SETTINGS else []
    return row.with_notes(
        f"Left out of the official split: {listed} images." if listed else "",
        f"Not the paper's setting: {some(others)}." if others else "",
    )


def _text_row(claim: Claim, **columns: Any) -> VerdictRow:
    """Return the row of a claim with its texts and some columns."""
    names = ["quote", "source", "interpretation", "evidence"]
    names += ["tolerance", "rationale"] if isinstance(claim, JudgedClaim) else []
    texts: dict[str, Any] = {name: getattr(claim, name) for name in names}
    return VerdictRow(claim=claim.id, note=claim.caveat, **texts, **columns)


def _sides(cells: Sequence[Printed], case: Case) -> list[Side]:
    """Return the arms and heads that measure these cells; empty if one of them has none."""
    sides = [side for cell in cells if (side := _side(cell.measured_by, case))]
    return sides if len(sides) == len(cells) else []


def _side(selector: Selector | None, case: Case) -> Side | None:
    """Return the arm and head that a selector names; None if the arm is not declared, has no run, or lacks the head."""
    arm = find_arm(selector, case.params)
    return (arm, selector.head) if arm and selector and (arm, selector.head, "val") in case.runs.grades else None


def _missing_runs(cells: Sequence[Printed], case: Case) -> str:
    """Return a note on the arms of these cells that have no run."""
    selectors = dict.fromkeys(cell.measured_by for cell in cells if cell.measured_by and not _sides([cell], case))
    return f"No finished run of {' and '.join(map(str, selectors))}."


def _with_interval(
    row: VerdictRow, sides: Sequence[Side], case: Case, found: Interval, printed: float | None
) -> VerdictRow:
    """Add the measured value and, where comparable, its magnitude relative to the printed one."""
    run_ends = (math.nan, math.nan) if found.inconclusive_reason else found.one_run
    known = printed is not None and not math.isnan(run_ends[0])
    return replace(
        _with_runs(row, sides, case),
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        confidence_level=found.confidence_level,
        resampled=case.runs.resampled(*(arm for arm, _ in sides)),
        run_low=run_ends[0],
        run_high=run_ends[1],
        magnitude=judge_magnitude(run_ends, row.tolerance, cast("float", printed)) if known else "",
    )


def _with_runs(row: VerdictRow, sides: Sequence[Side], case: Case) -> VerdictRow:
    """Add the runs and images that were measured, and notes on them."""
    grades = case.runs.grades[*sides[0], _split(row)]
    runs = [(head, run) for arm, head in sides for run in case.runs.runs[arm]]
    flags = dict.fromkeys(
        f"{run.title} {flag} ({about or 'whole run'})."
        for head, run in runs
        for flag, _, about in (text.partition(":") for text in run.flags)
        if about in ("", head)
    )
    alone = [arm for arm, _ in sides if len(case.runs.runs[arm]) == 1]
    chosen = row.split == "val" and any(_selected_by(side, case) for side in sides)
    given = [arm for arm, _ in sides if isinstance(case.runs.runs[arm][0], PredictionsRun)]
    row = replace(
        row,
        a=side_text(sides[0]),
        b=side_text(sides[1]) if len(sides) > 1 else "",
        n_images=len(grades.grade),
        n_patients=patients_in_words(grades.patient),
        seeds=case.runs.seeds(*(arm for arm, _ in sides)),
    )
    return row.with_notes(
        *(f"One run of {arm}: a single seed gives no estimate of seed variance." for arm in dict.fromkeys(alone)),
        "The weights were chosen by val kappa." if chosen else "",
        *(f"Whether val had a part in the choice of {arm} is not known." for arm in given if row.split == "val"),
        *flags,
    )


def _curves(side: Side, case: Case) -> dict[int, LearningCurve]:
    """Return the learning curves of an arm's runs by seed, without runs that lack an ancestor."""
    arm, head = side
    curves = {run.seed: learning_curve(run, head, case.runs.runs, case.curves) for run in case.runs.runs[arm]}
    return {seed: curve for seed, curve in curves.items() if curve}


def _split(row: VerdictRow) -> Split:
    return cast("Split", row.split)
