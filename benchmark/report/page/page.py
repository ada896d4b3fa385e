"""The report as one page: no script, style or font from elsewhere; figures lie beside it.

What stands where, and how it looks, is told by the files beside this one: ``page.html.j2`` and the tables in
``tables.html.j2`` (Jinja2, which escapes every text), ``page.css`` and ``page.js``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.common.terms import Arm
from benchmark.report.captions import PHANTOM
from benchmark.report.render import FORMATS, notes_of
from benchmark.report.results import Results
from benchmark.report.run_columns import columns_of_runs
from benchmark.report.table import Cell, Kappa, Number, Row, Table, words

HERE = Path(__file__).parent
CONFUSION = "confusion_"
"""How the names of those figures begin that have a section of their own."""


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A cell as the page shows it.

    Attributes:
        text: its own.
        below: what stands under it: the interval, the published number.
        notes: numbers of the notes that concern it.
        sort: what a quantity is sorted by, empty where there is none; None for words.
        arm: stage/arm whose runs it leads to; empty where it leads to none.
    """

    text: str
    below: tuple[str, ...]
    notes: tuple[int, ...]
    sort: str | None
    arm: str


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A line as the page shows it: its label, the arms that it leads to, and its cells."""

    label: str
    arms: tuple[str, ...]
    cells: tuple[ShownCell, ...]


@dataclass(frozen=True, slots=True)
class ShownRuns:
    """The runs of an arm as the page shows them: hashes of all of them together, and the key of each by its seed."""

    arm: str
    seeds: str
    hashes: tuple[str, ...]
    keys: Mapping[str, str]


def to_page(tables: Sequence[Table], captions: Mapping[str, str], results: Results) -> str:
    """The whole page.

    Args:
        tables: in reading order.
        captions: caption by name of each figure; the files lie in ``figures/`` beside the page.
        results: the evaluation, for the sections on the data and on the runs.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    ran = set(results.arms())
    templates.filters["shown"] = lambda row: _row(row, ran)
    return templates.get_template("page.html.j2").render(
        data=results.data,
        warning=f"{PHANTOM.capitalize()}." if results.synthetic else "",
        tables=tables,
        formats=tuple(FORMATS),
        wide={name: text for name, text in captions.items() if not name.startswith(CONFUSION)},
        matrices={name: text for name, text in captions.items() if name.startswith(CONFUSION)},
        grades=_grades(results),
        sizes="; ".join(f"{split}: {results.size_of(split)}" for split in ("val", "test")),
        runs=[_runs(arm, results) for arm in results.arms()],
    )


def _row(row: Row, ran: Collection[Arm]) -> ShownRow:
    arms = tuple("/".join(arm) for arm in row.arms if arm in ran)
    return ShownRow(row.label, arms, tuple(_cell(cell, ran) for cell in row.cells))


def _cell(cell: Cell, ran: Collection[Arm]) -> ShownCell:
    own, *below = words(cell)
    if not isinstance(cell, Kappa | Number):
        return ShownCell(own, tuple(below), notes_of(cell), None, "")
    sort = "" if cell.value is None else f"{cell.value:.9g}"
    arm = "/".join(cell.arm) if cell.arm and cell.arm in ran and sort else ""
    return ShownCell(own, tuple(below), notes_of(cell), sort, arm)


def _grades(results: Results) -> dict[str, dict[str, int]]:
    """Images per split and title of a grade."""
    counts: dict[str, dict[str, int]] = {"val": {}, "test": {}}
    for split, grade, images in results.grades[["split", "grade", "images"]].itertuples(index=False, name=None):
        counts[split][grade if grade == "all" else f"grade {grade}"] = images
    return counts


def _runs(arm: Arm, results: Results) -> ShownRuns:
    runs = results.runs_of(*arm)
    facts = columns_of_runs(runs)
    hashes = tuple(facts[name] for name in ("runs", "parameter_hash", "data_hash"))
    keys = {str(seed): key[:16] for seed, key in zip(runs["seed"], runs["key"], strict=True)}
    return ShownRuns("/".join(arm), facts["seeds"], hashes, keys)
