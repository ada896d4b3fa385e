"""Other systems step by step: what each part of one adds, how M2CNN stands to it, and how sure a rank is.

All arms are compared on the same images and patients, each decoded by its own rule. The p-values are adjusted for all
tests here together, apart from those of the paper's own arms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmark.common.csv_rows import write_rows
from benchmark.common.terms import EVALUATED, Arm, Split
from benchmark.runs.predictions import patients_in_words
from benchmark.settings.params import Params
from benchmark.statistics.bootstrap import REPLICATES
from benchmark.statistics.decoded import STATISTICS, Decoded, on_every_core
from benchmark.statistics.intervals import Side, adjusted, compared_numbers
from benchmark.statistics.published.tables import PrintedTable, find_arm, load_published
from benchmark.statistics.ranks import rank_probabilities
from models.blends.registry import BLENDS
from models.systems.registry import SYSTEMS

RIVALS, PLACES = STATISTICS / "rivals.csv", STATISTICS / "places.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalRow:
    """Two arms on the same images, each read through a head; numbers as in :class:`.comparison.Comparison`."""

    about: str
    a: str
    """``stage/arm head``."""
    b: str
    split: Split
    kappa_a: float
    kappa_b: float
    difference: float
    low: float
    high: float
    level: float
    over: str
    p: float
    p_holm: float
    """Adjusted for all rows of the table."""
    p_retrained: float
    p_retrained_holm: float
    resolvable: float
    images: int
    patients: str
    seeds: str
    replicates: int
    undefined: int
    data: str
    synthetic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """How often an arm has a rank among others on resampled patients, with the runs' errors."""

    among: str
    """Which arms are ranked."""
    entrants: int
    split: Split
    stage: str
    arm: str
    head: str
    title: str
    kappa: float
    rank: int
    """1 is the highest kappa; of equals each has the better rank."""
    share: float
    """Of the resamples."""
    images: int
    patients: str
    seeds: str
    replicates: int
    data: str
    synthetic: bool


def run(params: Params, decoded: Decoded) -> None:
    """Write ``statistics/rivals.csv`` and ``statistics/places.csv``."""
    published = load_published()
    printed = published["comparison"]
    write_rows(RIVALS, RivalRow, rivals(params, decoded, printed))
    write_rows(PLACES, PlaceRow, places(params, decoded, printed, published["added"]))


def rivals(params: Params, decoded: Decoded, printed: PrintedTable) -> list[RivalRow]:
    """One row per comparison and split, of arms that ran."""
    asked = [
        (about, a, b, split)
        for about, a, b in _pairs(params, printed)
        for split in EVALUATED
        if all((*side, split) in decoded.grades for side in (a, b))
    ]
    return adjusted(on_every_core(lambda each: _row(decoded, *each), asked))


def ladder(system: str) -> list[Side]:
    """The rows of a system's ladder, each more than the one before it, the whole system last."""
    return [side for side, control in _sides(system) if not control]


def controls(system: str) -> list[Side]:
    """The rows that are held against the whole system, and are no part of it."""
    return [side for side, control in _sides(system) if control]


def _sides(system: str) -> list[tuple[Side, bool]]:
    rows = SYSTEMS[system].rows
    return [((Arm(system, name), BLENDS[row.blend].head), row.control) for name, row in rows.items()]


def paper_side(params: Params, printed: PrintedTable) -> Side | None:
    """The paper's method as its comparison lists it, last."""
    return _side(params, printed, printed.rows[-1])


def _side(params: Params, printed: PrintedTable, row: str) -> Side | None:
    """The arm that measures a row of the comparison; None where none is declared."""
    selector = printed.cell(row, printed.columns[-1]).measured_by
    arm = find_arm(selector, params)
    return (arm, selector.head) if arm and selector else None


def _pairs(params: Params, printed: PrintedTable) -> Iterator[tuple[str, Side, Side]]:
    ours, method = paper_side(params, printed), printed.rows[-1]
    for system in params.systems:
        title, rows, steps = SYSTEMS[system].title, SYSTEMS[system].rows, ladder(system)
        for before, after in pairwise(steps):
            yield f"{title}: {rows[after[0].name].title}", after, before
        for control in controls(system):
            yield f"{title}, whole, against: {rows[control[0].name].title}", steps[-1], control
        if ours:
            yield f"{method} against {title}, whole", ours, steps[-1]
            yield f"{method} against {title}, {rows[steps[0][0].name].title}", ours, steps[0]
            # A row of the comparison may be less than the whole system, and more than its first step.
            printed_sides = {row: _side(params, printed, row) for row in printed.rows}
            yield from (
                (f"{method} against {row}", ours, side) for row, side in printed_sides.items() if side in steps[1:-1]
            )


def _row(decoded: Decoded, about: str, a: Side, b: Side, split: Split) -> RivalRow:
    numbers = compared_numbers(decoded, a, b, split)
    return RivalRow(about=about, a=f"{a[0]} {a[1]}", b=f"{b[0]} {b[1]}", split=split, **numbers)


def places(params: Params, decoded: Decoded, printed: PrintedTable, added: PrintedTable) -> list[PlaceRow]:
    """How often the paper's method has each rank.

    Args:
        params: declares the arms.
        decoded: their runs.
        printed: the paper's comparison, whose rows that ran are ranked, and then those of one eye in one pass.
        added: rows that the paper does not list; with them both are ranked once more, under a title that says so.
    """
    ours = paper_side(params, printed)
    found: list[PlaceRow] = []
    for among, sides in _fields(params, decoded, printed, added).items():
        if ours is None or ours not in sides.values() or len(sides) < 2:
            continue
        place, title = list(sides.values()).index(ours), printed.rows[-1]
        for split in EVALUATED:
            grades = [decoded.grades[*side, split] for side in sides.values()]
            arms = [arm for arm, _ in sides.values()]
            seeds = [[run.seed for run in decoded.runs[arm]] for arm in arms]
            share = rank_probabilities(grades, seeds, REPLICATES)[place]
            found += [
                PlaceRow(
                    among=among,
                    entrants=len(sides),
                    split=split,
                    stage=ours[0].stage,
                    arm=ours[0].name,
                    head=ours[1],
                    title=title,
                    kappa=float(np.mean(grades[place].kappas)),
                    rank=rank,
                    share=float(value),
                    images=len(grades[place].grade),
                    patients=patients_in_words(grades[place].patient),
                    seeds=decoded.seeds(*arms),
                    replicates=REPLICATES,
                    data=decoded.data.name,
                    synthetic=decoded.data.synthetic,
                )
                for rank, value in enumerate(share, 1)
            ]
    return found


def _reads_one_eye_once(arm: Arm) -> bool:
    """Whether an arm answers of an eye by that eye alone, by one network in one pass."""
    if arm.stage not in SYSTEMS:
        return True
    row = SYSTEMS[arm.stage].rows[arm.name]
    return row.eyes == "one" and not row.passes and row.nets != "all"


def _fields(params: Params, decoded: Decoded, printed: PrintedTable, added: PrintedTable) -> dict[str, dict[str, Side]]:
    """The arms that are ranked together, by their titles: those of the paper's rows, and these with added ones."""
    listed, more = (_entrants(params, decoded, table) for table in (printed, added))
    fields = _titled(listed, decoded)
    if more:
        told = f", with {', '.join(more)}, which the paper does not list"
        fields |= {title + told: sides for title, sides in _titled(listed | more, decoded).items()}
    return fields


def _entrants(params: Params, decoded: Decoded, printed: PrintedTable) -> dict[str, Side]:
    """The arms that measure the rows of a table, where they ran."""
    sides = {row: _side(params, printed, row) for row in printed.rows}
    return {row: side for row, side in sides.items() if side and side[0] in decoded.runs}


def _titled(whole: Mapping[str, Side], decoded: Decoded) -> dict[str, dict[str, Side]]:
    """Rows as they are and, where that is another thing, by their first steps; by what is ranked."""
    steps = {row: side if _reads_one_eye_once(side[0]) else ladder(side[0].stage)[0] for row, side in whole.items()}
    single = {row: side for row, side in steps.items() if side[0] in decoded.runs}
    both = [row for row, side in whole.items() if side != single.get(row)]
    fields = {"one eye, one network, one pass": single}
    return {f"whole systems, of which {', '.join(both)} read both eyes": dict(whole)} | fields if both else fields
