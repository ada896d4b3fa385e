"""Components of M2CNN: it changes two things at once, and is compared with arms that change one of them, or neither."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from benchmark.common.errors import InputError
from benchmark.common.terms import EVALUATED, Arm, Head, Size, Split
from benchmark.common.units import quantity
from benchmark.report.captions import HEADS, caption, size_title
from benchmark.report.costs import Spent, chain
from benchmark.report.csv_fields import fields_of, status
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Cell, Number, Row, Table, Text, estimate_cell
from benchmark.report.tables.comparisons import difference_number, p_sentence, p_text
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.settings.params import Params
from benchmark.statistics.estimates import Estimate

ABOUT = TableInfo(order=4)

LOSS = "ce_mse"
"""The multi-task loss, which every arm of this table minimises."""
SIZES: tuple[Size, ...] = ("mid", "large")
"""Where the paper has a Multi-Cell arm."""
OUTPUTS: tuple[tuple[Split, Head], ...] = tuple((split, head) for split in EVALUATED for head in HEADS)


@dataclass(frozen=True, slots=True)
class TrainingVariant:
    """A combination of the two components, at any size."""

    label: str
    method: str
    staged: bool
    """Whether smaller sizes are trained first."""
    cells: bool
    match: Literal["", "images", "macs"] = ""
    """Training cost that it shares with M2CNN's whole chain."""


M2CNN = TrainingVariant("M2CNN (both)", "m2cnn", staged=True, cells=True)
BASE = TrainingVariant("BaseNet+MT (neither)", "basenet_mt", staged=False, cells=False)
STAGED = TrainingVariant("smaller sizes first", "controls", staged=True, cells=False)
CELLS = TrainingVariant("extra cells", "controls", staged=False, cells=True)
VARIANTS = (BASE, STAGED, CELLS, M2CNN)
MATCHED = (
    TrainingVariant("BaseNet+MT, M2CNN's images", "controls", staged=False, cells=False, match="images"),
    TrainingVariant("BaseNet+MT, M2CNN's MACs", "controls", staged=False, cells=False, match="macs"),
)
"""Neither change, but trained for as long as M2CNN; the table has them at the large size."""
STEPS = (
    (STAGED, BASE),
    (CELLS, BASE),
    (M2CNN, STAGED),
    (M2CNN, CELLS),
    (M2CNN, BASE),
    *((M2CNN, variant) for variant in MATCHED),
)
"""Whose difference tells what a change does: each change alone, then on top of the other, then both."""


def make(inputs: Inputs) -> Table:
    """Kappa and cost of M2CNN and of what it is made of, at the two sizes where it has cells, and how they differ.

    Raises:
        InputError: several declared arms fit one row.
    """
    params, results, notes = inputs.params, inputs.results, Notes()
    compared = inputs.estimates("comparison")
    outputs = tuple(f"{split}, {HEADS[head]}" for split, head in OUTPUTS)
    lines = [
        _Line(variant, size, find_variant(variant, size, params), params, results)
        for size in SIZES
        for variant in VARIANTS + (MATCHED if size == "large" else ())
    ]
    differences = list(_differences(lines, compared, inputs.paper_pixels, params))
    return Table(
        name="components",
        title="What M2CNN changes at once",
        caption=caption(
            "Quadratic weighted kappa of arms that minimise one loss and differ in two things: whether smaller sizes "
            "are trained first (staged), and whether cells are added to the backbone (extra cells: Reduction Cell-B "
            f"and {params.model.cells.normal} Normal Cell-C each).",
            params,
            results,
            "Read a size by its first four rows: from BaseNet+MT to the next two is the effect of each change alone, "
            "and from those two to M2CNN that of adding the other. A staged arm has also seen more images; the last "
            "two rows train BaseNet+MT for as many images, or as many multiply-adds (MACs), as all stages of M2CNN "
            "together. Images and MACs are summed over the chain of arms that a row starts from, forward passes over "
            "training images only. Heads: M2CNN's are new at each size, for its cells widen the last map, and those of "
            "an arm that is staged alone are carried over from the size before; what parts these two rows holds that, "
            "too. Whether two rows differ is not for their means to say, but for the paired differences below them: "
            f"first minus second, with interval and p. {p_sentence(compared)}",
        ),
        columns=("arm", "staged", "extra cells", "heads", "images", "MACs", *outputs),
        rows=(*(line.row(inputs.paper_pixels[line.size], notes) for line in lines), *differences),
        notes=tuple(notes.texts),
        records=tuple(line.record(split, head) for line in lines for split, head in OUTPUTS),
        titles={row.group: ("first - second", *outputs) for row in differences},
    )


def _differences(
    lines: Sequence[_Line], compared: Sequence[Estimate], paper_pixels: Mapping[Size, int], params: Params
) -> Iterator[Row]:
    """A row per step between two arms of one size that were compared."""
    arms = {(line.size, line.variant): line.arm for line in lines if line.arm}
    found = {(f"{row.method}/{row.arm}", row.versus, row.split, row.head): row for row in compared}
    for size in SIZES:
        group = f"{size_title(size, params, paper_pixels[size])}: paired differences"
        for first, second in STEPS:
            sides = tuple(arms[size, variant] for variant in (first, second) if (size, variant) in arms)
            a, b = ("/".join(arm) for arm in sides) if len(sides) == 2 else ("", "")
            cells = [_difference(found.get((a, f"{b} {head}", split, head))) for split, head in OUTPUTS]
            if any(cell.value is not None for cell in cells):
                yield Row(group, f"{first.label} - {second.label}", tuple(cells), sides)


def _difference(row: Estimate | None) -> Number:
    if row is None:
        return Number("not run")
    cell = difference_number(row)
    return replace(cell, interval=", ".join(filter(None, (cell.interval, f"p {p_text(row.p_retrained_holm)}"))))


def find_variant(variant: TrainingVariant, size: Size, params: Params) -> Arm | None:
    """Stage and name of the declared arm that trains a size in a variant; None where none is declared.

    Raises:
        InputError: several arms do.
    """
    matched = "/".join(find_variant(M2CNN, size, params) or ()) if variant.match else ""
    names = [
        name
        for name, arm in params.arms.get(variant.method, {}).items()
        if (arm.loss, arm.size, arm.match, arm.of) == (LOSS, size, variant.match, matched)
        and (bool(arm.parent), arm.n_cells > 0) == (variant.staged, variant.cells)
    ]
    if len(names) > 1:
        msg = (
            f"one arm of {variant.method} may be {variant.label!r} at size {size}, but {' and '.join(names)} do: "
            "move all but one of them to a method of their own"
        )
        raise InputError(msg)
    return Arm(variant.method, names[0]) if names else None


@dataclass(frozen=True, slots=True)
class _Line:
    """A variant at a size, and the arm that trains it."""

    variant: TrainingVariant
    size: Size
    arm: Arm | None
    params: Params
    results: Results

    def row(self, paper_pixels: int, notes: Notes) -> Row:
        """As the table shows it."""
        kappas = [self._kappa(split, head, notes) for split, head in OUTPUTS]
        group = size_title(self.size, self.params, paper_pixels)
        arms = (self.arm,) if self.arm else ()
        changes = (self._staged(), self._cells(), Text(self._heads()))
        return Row(group, self.variant.label, (*changes, *self._costs(), *kappas), arms)

    def record(self, split: Split, head: Head) -> dict[str, Any]:
        """One measurement, as the csv holds it."""
        measured = self.results.measured(self.arm, head, split) if self.arm else None
        images, macs = self._costs()
        return {
            "table": "components",
            "size": self.size,
            "pixels": self.params.sizes.of(self.size),
            "row": self.variant.label,
            "staged": str(self.variant.staged).lower(),
            "cells": self._cells().value,
            "heads": self._heads(),
            "match": self.variant.match,
            "images": images.value,
            "macs": macs.value,
            "split": split,
            "head": head,
            "rule": DEFAULT[head],
            **fields_of(measured),
            "status": status(measured),
            "method": self.arm[0] if self.arm else "",
            "arm": self.arm[1] if self.arm else "",
        }

    def _chain(self) -> tuple[Spent, ...]:
        return (chain(self.results, self.arm) or ()) if self.arm else ()

    def _staged(self) -> Text:
        pixels = ", ".join(str(link.pixels) for link in self._chain())
        return Text("yes" + f" ({pixels} px)" * bool(pixels) if self.variant.staged else "no")

    def _cells(self) -> Number:
        if self.variant.cells and self.arm is None:
            return Number("-")
        count = self.params.arm(*self.arm).n_cells * (1 + self.params.model.cells.normal) if self.arm else 0
        return Number(str(count), count)

    def _heads(self) -> str:
        """Whether the heads come from the arm before; what follows a new cell is wider, so it cannot."""
        if self.arm is None:
            return "-"
        own = self.params.arm(*self.arm)
        carried = own.parent and self.params.arm(*Arm.parse(own.parent)).n_cells == own.n_cells
        return "carried" if carried else "new"

    def _costs(self) -> tuple[Number, Number]:
        links = self._chain()
        if not links:
            return Number("not run"), Number("not run")
        images, macs = sum(link.images for link in links), sum(link.macs for link in links)
        return Number(quantity(images), images), Number(quantity(macs), macs)

    def _kappa(self, split: Split, head: Head, notes: Notes) -> Cell:
        if self.arm is None:
            return estimate_cell(None)
        texts = run_texts(self.params, self.results, self.arm, head)
        return estimate_cell(self.results.measured(self.arm, head, split), notes.number(*texts))
