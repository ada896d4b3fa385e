"""Published claims held against the runs: a row per comparison, number, saving and check, and one per claim in all.

The rules of judgement are those of :mod:`.verdict_rules`. An interval is over seeds and patients where an arm has
two runs or more, else over patients alone, and the row says which. Every verdict is repeated with half and with twice
its tolerance. Heads are decoded by their default rules, so nothing is tuned; a claim is judged on the split that the
paper prints it for, and where the paper prints the same for test, that is a row of its own. Where val chose the weights
by the head of one side, and not by the other's, the two are compared on test alone, and nothing is concluded in favour
of the one side (:func:`fair_split`).

The data decide what a verdict says of the paper (``scope``). In the paper's setting (its data set and official split
less a few images, its trunk, its input sizes) it is about the paper's numbers. Elsewhere numbers are not compared, an
ordering is judged without the printed difference, and ``finding`` says that it holds, or does not hold, *here*; on
generated photographs that is no claim about real eyes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple, cast

import pandas as pd

from benchmark.common.csv_rows import write_rows
from benchmark.common.terms import Arm, Head, Split
from benchmark.evaluation.architecture import NETWORKS, Architecture, read_networks
from benchmark.runs.predictions import patients_in_words
from benchmark.runs.run import DataSummary
from benchmark.settings.params import Params
from benchmark.statistics.bootstrap import N_RESAMPLES, kappa_interval
from benchmark.statistics.confidence import CONFIDENCE_LEVEL, Interval
from benchmark.statistics.graded_runs import STATISTICS, GradedRuns, on_every_core
from benchmark.statistics.learning_cost import Curve, learning_curve, read_curves, share_saved
from benchmark.statistics.planned import compared
from benchmark.statistics.published.claims import (
    Claims,
    Consistency,
    Judged,
    Number,
    Ordering,
    Pair,
    Saving,
    Setting,
    Step,
    load_claims,
)
from benchmark.statistics.published.consistency import check
from benchmark.statistics.published.tables import Printed, PrintedTable, find_arm, load_published
from benchmark.statistics.verdict_row import PAPER, Kind, Scope, VerdictRow, together
from benchmark.statistics.verdict_rules import Verdict, judge_magnitude, judge_number, judge_ordering, margin

VERDICTS = STATISTICS / "verdicts.csv"

_OTHER_SIZE: Scope = "the paper's data, other network or input size: evidence on the ordering only"


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that claims are judged by.

    Attributes:
        params: declares the arms.
        runs: finished runs of these arms.
        printed: the paper's tables, by name.
        curves: what :func:`benchmark.statistics.learning_cost.read_curves` gives.
        networks: the paper's, as measured.
    """

    params: Params
    runs: GradedRuns
    printed: Mapping[str, PrintedTable]
    curves: pd.DataFrame
    networks: Sequence[Architecture]


class _Side(NamedTuple):
    """An arm and the head that is read."""

    arm: Arm
    head: Head

    def __str__(self) -> str:
        return f"{'/'.join(self.arm)} {self.head}"


def run(params: Params, runs: GradedRuns) -> None:
    """Write ``statistics/verdicts.csv``.

    Raises:
        InputError: there is no evaluation or no measured network, or the claims break a rule.
    """
    printed = load_published()
    case = Case(params, runs, printed, read_curves(), read_networks())
    write_rows(VERDICTS, VerdictRow, verdicts(load_claims(published=printed), case))


def verdicts(claims: Claims, case: Case) -> list[VerdictRow]:
    """Judge every claim, in the file's order; an ordering's parts are followed by the row for all of them."""
    rows: list[VerdictRow] = []
    for ordering in claims.orderings:
        parts = on_every_core(partial(_ordering, ordering, paper=claims.paper, case=case), ordering.pairs)
        rows += [*parts, *(whole.after(parts) for whole in together(parts))]
    for number in claims.numbers:
        rows += [_number(number, cell, claims.paper, case) for cell in number.cells]
    rows += [_step(step, claims.paper, case) for step in claims.steps]
    rows += [_saving(saving, claims.paper, case) for saving in claims.savings]
    rows += [_consistency(claim, case) for claim in claims.consistency]
    return rows


def scope_of(cells: Sequence[Printed], paper: Setting, case: Case) -> Scope:
    """What the arms that measure these cells can say of the paper."""
    data = case.runs.data
    if data.synthetic:
        return "phantom: no claim about real eyes"
    if _left_out(data, paper) is None:
        return "other data: evidence on the ordering only"
    roles = [cell.measured_by.size for cell in cells if cell.measured_by]
    sizes = [case.params.sizes.of(role) if role else None for role in roles]
    trunk = case.params.model.trunk.partition(".")[0]
    # A system of others is never its source's to the last number, so it has no size of the paper's.
    if trunk != paper.trunk or None in sizes or sizes != [cell.pixels for cell in cells]:
        return _OTHER_SIZE
    return PAPER


def fair_split(split: Split, kept_by: Sequence[Head | None], heads: Sequence[Head]) -> Split:
    """Where two sides can be compared that were kept at the epoch with the best val kappa of some head.

    The best of many epochs is the best partly by luck of the val images. Where both sides were chosen by the head that
    is read, or both by another, both have that luck or neither has; else val favours the one side. Test has no part in
    the choice. What an epoch's weights truly are is the same on both splits, though: an epoch that suits one head more
    than others do suits it on test, too. So what is then found in that head's favour is no evidence.

    Args:
        split: where the comparison is asked for.
        kept_by: per side, the head whose val kappa chose the weights; None where the last epoch's are kept.
        heads: per side, the head that is read.
    """
    return "test" if favoured(kept_by, heads) else split


def favoured(kept_by: Sequence[Head | None], heads: Sequence[Head]) -> Literal["", "a", "b"]:
    """Which of two sides was chosen by the head that is read, where the other was not; as in :func:`fair_split`."""
    if None in kept_by:
        return ""
    a, b = (chosen == head for chosen, head in zip(kept_by, heads, strict=True))
    return "" if a == b else "a" if a else "b"


def _left_out(data: DataSummary, paper: Setting) -> dict[Split, int] | None:
    """How many images each split lacks of the official one; None where the data are another set or lack too many."""
    if paper.data not in (data.name, data.source):
        return None
    lack = {split: images - int(getattr(data, split)) for split, images in paper.images.items()}
    return lack if all(0 <= lack[split] <= paper.may_lack * images for split, images in paper.images.items()) else None


def _ordering(claim: Ordering, pair: Pair, paper: Setting, case: Case) -> VerdictRow:
    cells = (pair.better, pair.worse)
    row = _start(claim, "ordering", pair.title, cells, paper, case)
    row = replace(row, published=f"{pair.effect:+}", published_evidence="computed")
    row = row.noted("The printed numbers say the opposite." if pair.effect < 0 else "", pair.doubt)
    sides = _sides(cells, case)
    if not sides:
        return row.noted(_absent(cells, case))
    row = _moved(row, sides, case)
    # Only in the paper's setting, and if it can be trusted, has the printed difference a bearing on ours.
    printed = float(pair.effect) if row.scope == PAPER and row.published and not pair.doubt else None
    return _weighed(row, sides, claim.tolerance, printed, case)


def _step(claim: Step, paper: Setting, case: Case) -> VerdictRow:
    """A claim on arms of whose kappas no source prints both: it is an ordering without a published difference."""
    selectors = (claim.better, claim.worse)
    found = [find_arm(one, case.params) for one in selectors]
    row = _opened(claim, "ordering", claim.title, claim.split, _scope_of_step(paper, case), case)
    missing = [str(one) for one, arm in zip(selectors, found, strict=True) if arm not in case.runs.runs]
    if missing:
        return row.noted(f"No finished run of {' and '.join(missing)}.")
    sides = [_Side(arm, one.head) for one, arm in zip(selectors, found, strict=True) if arm]
    return _weighed(_moved(row, sides, case), sides, claim.tolerance, None, case)


def _weighed(
    row: VerdictRow, sides: Sequence[_Side], tolerance: float, printed: float | None, case: Case
) -> VerdictRow:
    """The row with the difference between its sides, and what that says of their order."""
    found = compared(case.runs, sides[0], sides[1], _split(row))
    row = replace(_measured(row, sides, case, found.difference, printed), margin=margin(tolerance, printed))
    row = row.tested(lambda factor: found.p_at_least(margin(factor * tolerance, printed)))
    ends = found.difference.evidence
    return row.judged(lambda factor: judge_ordering(ends, factor * tolerance, printed))


def _scope_of_step(paper: Setting, case: Case) -> Scope:
    data = case.runs.data
    if data.synthetic:
        return "phantom: no claim about real eyes"
    return _OTHER_SIZE if _left_out(data, paper) is not None else "other data: evidence on the ordering only"


def _moved(row: VerdictRow, sides: Sequence[_Side], case: Case) -> VerdictRow:
    """The row on the split where its sides can be compared; what the paper prints for another has no bearing there."""
    kept_by, heads = [_kept_by(side, case) for side in sides], [side.head for side in sides]
    biased_towards = favoured(kept_by, heads)
    if not biased_towards:
        return row
    chosen = sides["ab".index(biased_towards)]
    row = replace(row, biased_towards=biased_towards).noted(
        f"The weights were chosen by val kappa, which favours {chosen}: nothing is concluded in its favour; "
        "train.keep=last would favour neither."
    )
    split = fair_split(_split(row), kept_by, heads)
    if split == row.split:
        return row
    return replace(row, split=split, split_evidence="", published="", published_evidence="").noted(
        f"Judged on {split}; the paper prints {row.published} for {row.split}."
    )


def _kept_by(side: _Side, case: Case) -> Head | None:
    """The head whose val kappa chose the epoch of a side's weights; None where the last epoch's are kept."""
    run = case.runs.runs[side.arm][0]
    return run.selecting_head


def _number(claim: Number, cell: Printed, paper: Setting, case: Case) -> VerdictRow:
    row = _start(claim, "number", f"{cell.row}, {cell.column}", (cell,), paper, case)
    row = replace(row, published=cell.value, published_evidence=cell.evidence)
    sides = _sides((cell,), case)
    if not sides:
        return row.noted(_absent((cell,), case))
    found = kappa_interval(case.runs.grades[*sides[0], _split(row)], n_resamples=N_RESAMPLES)
    if row.scope != PAPER:
        other: Verdict = "not comparable: other data"
        if row.scope == _OTHER_SIZE:
            other = "not comparable: other network or input size"
        return _measured(row, sides, case, found, None).judged(lambda _: other)
    printed = float(cell.value)
    row = _measured(row, sides, case, found, printed)
    return row.judged(lambda factor: judge_number(found.evidence, factor * claim.tolerance, printed))


def _saving(claim: Saving, paper: Setting, case: Case) -> VerdictRow:
    cells = (claim.cheaper, claim.dearer)
    row = _start(claim, "saving", claim.title, cells, paper, case)
    sides = _sides(cells, case)
    if not sides:
        return row.noted(_absent(cells, case))
    cheaper, dearer = (_curves(side, case) for side in sides)
    seeds = [seed for seed in cheaper if seed in dearer]
    if not seeds:
        return row.noted("There is no seed that both arms, and all that they descend from, were run with.")
    found = share_saved([cheaper[seed] for seed in seeds], [dearer[seed] for seed in seeds], CONFIDENCE_LEVEL)
    row = replace(
        _of_runs(row, sides, case),
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        confidence_level=CONFIDENCE_LEVEL,
        resampled="seeds alone",
        margin=claim.tolerance,
        seeds=" ".join(map(str, seeds)),
    )
    return row.judged(lambda factor: judge_ordering((row.low, row.high), factor * claim.tolerance, None))


def _consistency(claim: Consistency, case: Case) -> VerdictRow:
    says, found = check(claim, case.printed, case.networks)
    row = VerdictRow(
        claim=claim.id,
        kind="consistency",
        part=claim.check,
        split=claim.cells[0].split.value if claim.cells[0].split else "",
        split_evidence=claim.cells[0].split.evidence if claim.cells[0].split else "",
        scope="the paper's own numbers",
        published=says,
        published_evidence=claim.evidence,
        recomputed=found,
        data="the paper's printed tables",
        note=claim.caveat,
        quote=claim.quote,
        source=claim.source,
        interpretation=claim.interpretation,
        evidence=claim.evidence,
    )
    row = row.noted(
        f"Recomputed ({claim.value.evidence}): {claim.value.note}." if claim.value else "",
        f"Recomputed (computed): {NETWORKS}." if claim.check == "network" else "",
    )
    return row.judged(lambda _: "consistent" if says == found else "inconsistent")


def _start(claim: Judged, kind: Kind, part: str, cells: Sequence[Printed], paper: Setting, case: Case) -> VerdictRow:
    """The row of a claim before anything is measured."""
    split = cells[0].split
    assert split
    scope = scope_of(cells, paper, case)
    lack = (_left_out(case.runs.data, paper) or {}) if scope == PAPER else {}
    listed = ", ".join(f"{count} of {paper.images[name]:,} {name}" for name, count in lack.items() if count)
    row = replace(_opened(claim, kind, part, split.value, scope, case), split_evidence=split.evidence)
    return row.noted(f"Left out of the official split: {listed} images." if listed else "")


def _opened(claim: Judged | Step, kind: Kind, part: str, split: str, scope: Scope, case: Case) -> VerdictRow:
    """What a row of a claim says of it before its numbers are known."""
    return VerdictRow(
        claim=claim.id,
        kind=kind,
        part=part,
        split=split,
        split_evidence="",
        scope=scope,
        tolerance=claim.tolerance,
        data=case.runs.data.name,
        note=claim.caveat,
        quote=claim.quote,
        source=claim.source,
        interpretation=claim.interpretation,
        rationale=claim.rationale,
        evidence=claim.evidence,
    )


def _sides(cells: Sequence[Printed], case: Case) -> list[_Side]:
    """The arms and heads that measure these cells; empty as soon as one is not declared or has not run."""
    sides = []
    for cell in cells:
        arm = find_arm(cell.measured_by, case.params)
        assert cell.measured_by
        if arm is None or arm not in case.runs.runs:
            return []
        sides.append(_Side(arm, cell.measured_by.head))
    return sides


def _absent(cells: Sequence[Printed], case: Case) -> str:
    """Which of the cells' arms have no run, in words."""
    selectors = dict.fromkeys(cell.measured_by for cell in cells if cell.measured_by and not _sides([cell], case))
    missing = " and ".join(map(str, selectors))
    return f"No finished run of {missing}."


def _measured(
    row: VerdictRow, sides: Sequence[_Side], case: Case, found: Interval, printed: float | None
) -> VerdictRow:
    """The row with what was measured, and how it stands to the printed value where that is comparable."""
    known = printed is not None and not math.isnan(found.evidence[0])
    return replace(
        _of_runs(row, sides, case),
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        confidence_level=found.confidence_level,
        resampled=case.runs.resampled(*(side.arm for side in sides)),
        magnitude=judge_magnitude(found.evidence, row.tolerance, cast("float", printed)) if known else "",
    )


def _of_runs(row: VerdictRow, sides: Sequence[_Side], case: Case) -> VerdictRow:
    """The row with the runs and images behind it, and what a reader must know of them."""
    grades = case.runs.grades[*sides[0], _split(row)]
    runs = [(side.head, run) for side in sides for run in case.runs.runs[side.arm]]
    flags = dict.fromkeys(
        f"{run.title} {what} ({about or 'whole run'})."
        for head, run in runs
        for what, _, about in (flag.partition(":") for flag in run.flags)
        if about in ("", head)
    )
    alone = [side.arm for side in sides if len(case.runs.runs[side.arm]) == 1]
    chosen = row.split == "val" and any(_kept_by(side, case) for side in sides)
    row = replace(
        row,
        a=str(sides[0]),
        b=str(sides[1]) if len(sides) > 1 else "",
        n_images=len(grades.grade),
        n_patients=patients_in_words(grades.patient),
        seeds=case.runs.seeds(*(side.arm for side in sides)),
    )
    return row.noted(
        *(f"One run of {'/'.join(arm)}: what training anew would change is not known." for arm in dict.fromkeys(alone)),
        "The weights were chosen by val kappa." if chosen else "",
        *flags,
    )


def _curves(side: _Side, case: Case) -> dict[int, Curve]:
    """Learning curves of an arm's runs by seed; those without their ancestors are left out."""
    curves = {run.seed: learning_curve(run, side.head, case.runs.runs, case.curves) for run in case.runs.runs[side.arm]}
    return {seed: curve for seed, curve in curves.items() if curve}


def _split(row: VerdictRow) -> Split:
    return cast("Split", row.split)
