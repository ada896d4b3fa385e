"""Compared systems: gain from each step of a system, difference from M2CNN, and the rank of M2CNN among systems.

All arms are compared on the same images and patients, both sides by one decision rule (:mod:`.multiverse`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from benchmark.common.terms import EVALUATED, Arm
from benchmark.runs.spec import PredictionsRun
from benchmark.settings.params import PREDICTIONS, Params
from benchmark.statistics.bootstrap import N_RESAMPLES
from benchmark.statistics.estimates import Estimate, Side
from benchmark.statistics.graded_runs import GradedRuns
from benchmark.statistics.planned import compare_all
from benchmark.statistics.published.tables import PrintedTable, find_arm
from benchmark.statistics.ranks import ranked
from models.blends.registry import BLENDS
from models.systems.registry import SYSTEMS

UNLISTED = "which the paper does not list"
"""End of the title of a ranking with added rows."""


def system_comparisons(params: Params, runs: GradedRuns, printed: PrintedTable) -> list[Estimate]:
    """Compare the steps of each system that ran, its controls and the paper's method, on each split."""
    asked = [
        (about, (a, b), split)
        for about, a, b in (*_pairs(params, printed), *_given_pairs(params, runs, printed))
        for split in EVALUATED
        if all((*side, split) in runs.grades for side in (a, b))
    ]
    return compare_all(runs, "system comparison", asked)


def steps(system: str) -> list[Side]:
    """Return the steps of a system, each adding to the one before it; the last is the whole system."""
    return [side for side, control in _sides(system) if not control]


def controls(system: str) -> list[Side]:
    """Return the controls that the whole system is compared with; they are not part of it."""
    return [side for side, control in _sides(system) if control]


def _sides(system: str) -> list[tuple[Side, bool]]:
    rows = SYSTEMS[system].steps
    return [((Arm(system, name), BLENDS[row.blend].head), row.control) for name, row in rows.items()]


def paper_side(params: Params, printed: PrintedTable) -> Side | None:
    """Return the paper's method, the last row of its comparison."""
    return _side(params, printed, printed.rows[-1])


def _side(params: Params, printed: PrintedTable, row: str) -> Side | None:
    """Return the arm and head that measure a row of the comparison; None where no arm is declared."""
    selector = printed.cell(row, printed.columns[-1]).measured_by
    arm = find_arm(selector, params)
    return (arm, selector.head) if arm and selector else None


def _pairs(params: Params, printed: PrintedTable) -> Iterator[tuple[str, Side, Side]]:
    ours, method = paper_side(params, printed), printed.rows[-1]
    for system in params.systems:
        title, own_steps, own = SYSTEMS[system].title, SYSTEMS[system].steps, steps(system)
        for before, after in pairwise(own):
            yield f"{title}: {own_steps[after[0].name].title}", after, before
        for control in controls(system):
            yield f"{title}, whole, against: {own_steps[control[0].name].title}", own[-1], control
        if ours:
            yield f"{method} against {title}, whole", ours, own[-1]
            yield f"{method} against {title}, {own_steps[own[0][0].name].title}", ours, own[0]
            # A row of the comparison may be less than the whole system, and more than its first step.
            printed_sides = {row: _side(params, printed, row) for row in printed.rows}
            yield from (
                (f"{method} against {row}", ours, side) for row, side in printed_sides.items() if side in own[1:-1]
            )


def given_sides(params: Params, runs: GradedRuns) -> dict[str, Side]:
    """Return the main output of each system that was measured elsewhere, by name."""
    arms = {name: Arm(name, PREDICTIONS) for name in params.predicted}
    return {name: (arm, runs.runs[arm][0].heads[0]) for name, arm in arms.items() if arm in runs.runs}


def _given_pairs(params: Params, runs: GradedRuns, printed: PrintedTable) -> Iterator[tuple[str, Side, Side]]:
    """Compare systems that were measured elsewhere with the paper's method or, without it, with the first of them."""
    ours, given = paper_side(params, printed), given_sides(params, runs)
    if ours and ours[0] in runs.runs:
        yield from ((f"{printed.rows[-1]} against {name}", ours, side) for name, side in given.items())
    elif given:
        first, *others = given
        yield from ((f"{first} against {name}", given[first], given[name]) for name in others)


def system_ranks(params: Params, runs: GradedRuns, printed: PrintedTable, added: PrintedTable) -> Iterator[Estimate]:
    """Estimate the rank probabilities of the paper's method among systems, and of systems that were measured elsewhere.

    The rows of the paper's comparison that ran are ranked as whole systems and as single networks that read one eye in
    one view. Then the ``added`` rows, which the paper does not list, are ranked with them under a separate title, and
    so are the systems that were measured elsewhere.
    """
    ours, given = paper_side(params, printed), given_sides(params, runs)
    for about, sides in _fields(params, runs, printed, added).items():
        shown = [side for side in sides.values() if side == ours or side in given.values()]
        if shown and len(sides) > 1:
            for split in EVALUATED:
                yield from ranked(runs, "system rank", about, list(sides.values()), split, N_RESAMPLES, shown)


def _reads_one_eye_once(arm: Arm, runs: GradedRuns) -> bool:
    """Return True if an arm grades an eye from that eye alone, by one network in one view."""
    first = runs.runs[arm][0]
    if isinstance(first, PredictionsRun):
        return (first.eyes, first.nets, first.tta_views) == ("one", 1, 1)
    if arm.method not in SYSTEMS:
        return True
    row = SYSTEMS[arm.method].steps[arm.name]
    return row.eyes == "one" and not row.tta and row.nets != "all"


def _fields(params: Params, runs: GradedRuns, printed: PrintedTable, added: PrintedTable) -> dict[str, dict[str, Side]]:
    """Return the arms that are ranked together, by title: those of the paper's rows, and these with added ones."""
    listed, more = (_entrants(params, runs, table) for table in (printed, added))
    fields = _titled(listed, runs)
    if more:
        suffix = f", with {', '.join(more)}, {UNLISTED}"
        fields |= {title + suffix: sides for title, sides in _titled(listed | more, runs).items()}
    if given := given_sides(params, runs):
        suffix = f", with {', '.join(given)}, measured elsewhere"
        fields |= {title + suffix: sides for title, sides in _titled(listed | more | given, runs).items()}
    return fields


def _entrants(params: Params, runs: GradedRuns, printed: PrintedTable) -> dict[str, Side]:
    """Return the arms that measure the rows of a table, where they ran."""
    sides = {row: _side(params, printed, row) for row in printed.rows}
    return {row: side for row, side in sides.items() if side and side[0] in runs.runs}


def _reads_both_eyes(arm: Arm, runs: GradedRuns) -> bool:
    """Return False for a system that was measured elsewhere from one eye alone."""
    first = runs.runs[arm][0]
    return not isinstance(first, PredictionsRun) or first.eyes == "both"


def _first_step(side: Side, runs: GradedRuns) -> Side | None:
    """Return the part of a system that reads one eye, once; None if it was measured elsewhere as a whole."""
    if _reads_one_eye_once(side[0], runs):
        return side
    return steps(side[0].method)[0] if side[0].method in SYSTEMS else None


def _titled(whole: Mapping[str, Side], runs: GradedRuns) -> dict[str, dict[str, Side]]:
    """Return, by title, the whole systems and, if different, their first steps."""
    first = {row: _first_step(side, runs) for row, side in whole.items()}
    single = {row: side for row, side in first.items() if side and side[0] in runs.runs}
    both = [row for row, side in whole.items() if side != single.get(row) and _reads_both_eyes(side[0], runs)]
    fields = {"one eye, one network, one view": single}
    of_which = f", of which {', '.join(both)} read both eyes" if both else ""
    return {f"whole systems{of_which}": dict(whole)} | fields if whole != single else fields
