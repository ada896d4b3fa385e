"""Components of M2CNN, which combines two changes, compared with arms that have one or neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

from benchmark.common.errors import InputError
from benchmark.common.terms import EVALUATED, Arm, Head, Size, Split
from benchmark.common.units import quantity
from benchmark.report.captions import HEAD_NAMES, caption, run_notes, size_title
from benchmark.report.costs import Spent, chain
from benchmark.report.inputs import Inputs
from benchmark.report.table import (
    Cell,
    Notes,
    Number,
    Row,
    Table,
    Text,
    difference_cell,
    estimate_cell,
    fields_of,
    status,
)
from benchmark.report.tables.comparisons import p_sentence, p_text
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.settings.params import Params
from benchmark.statistics.estimates import Estimate

ABOUT = TableInfo(order=4)

LOSS = "ce_mse"
"""The multi-task loss, which every arm of this table minimises."""
SIZES: tuple[Size, ...] = ("mid", "large")
"""Sizes with a Multi-Cell arm in the paper."""
_OUTPUTS: tuple[tuple[Split, Head], ...] = tuple(product(EVALUATED, HEAD_NAMES))


@dataclass(frozen=True, slots=True)
class TrainingVariant:
    """A combination of the two components, at any size."""

    label: str
    method: str
    staged: bool
    """True if smaller sizes are trained first."""
    cells: bool
    match: Literal["", "images", "macs"] = ""
    """Training cost that equals that of M2CNN's whole chain."""


M2CNN = TrainingVariant("M2CNN (both)", "m2cnn", staged=True, cells=True)
BASE = TrainingVariant("BaseNet+MT (neither)", "basenet_mt", staged=False, cells=False)
STAGED = TrainingVariant("smaller sizes first", "controls", staged=True, cells=False)
CELLS = TrainingVariant("extra cells", "controls", staged=False, cells=True)
VARIANTS = (BASE, STAGED, CELLS, M2CNN)
MATCHED = (
    TrainingVariant("BaseNet+MT, M2CNN's images", "controls", staged=False, cells=False, match="images"),
    TrainingVariant("BaseNet+MT, M2CNN's MACs", "controls", staged=False, cells=False, match="macs"),
)
"""Neither component, but as much training as M2CNN; only at the large size."""
COMPONENT_STEPS = (
    (STAGED, BASE),
    (CELLS, BASE),
    (M2CNN, STAGED),
    (M2CNN, CELLS),
    *((M2CNN, one) for one in (BASE, *MATCHED)),
)
"""Pairs whose difference is the effect of a component: each alone, then on top of the other, then both."""


def make(inputs: Inputs) -> Table:
    """Make the table: kappa and cost of M2CNN and its components at the two sizes with cells, and their differences.

    Raises:
        InputError: several declared arms fit one row.
    """
    params, notes, compared = inputs.params, Notes(), inputs.estimates("comparison")
    outputs = tuple(f"{split}, {HEAD_NAMES[head]}" for split, head in _OUTPUTS)
    lines = [
        _Line(variant, size, find_variant(variant, size, params), inputs)
        for size in SIZES
        for variant in VARIANTS + (MATCHED if size == "large" else ())
    ]
    differences = list(_difference_rows(lines, compared))
    return Table(
        name="components",
        title="What M2CNN changes at once",
        caption=caption(
            "Quadratic weighted kappa of M2CNN and of arms that have one or neither of its two components. Staged: "
            "smaller sizes are trained first. Extra cells: cells are added to the backbone (one Reduction Cell-B and "
            f"{params.model.cells.normal} Normal Cell-C per addition). All arms minimise the same loss.",
            params,
            inputs.results,
            "At each size, the first row has neither component, the next two have one, and the fourth has both. A "
            "staged arm has also seen more images; the last two rows train BaseNet+MT for as many images, or as many "
            "multiply-adds (MACs), as all stages of M2CNN together. Images and MACs are summed over the chain of arms "
            "that a row starts from, forward passes over training images only. Heads: M2CNN's are new at each size, "
            "because its cells widen the last feature map, and those of an arm that is only staged are carried over "
            "from the size before, so the difference between these two rows includes that. Differences are paired, "
            f"first minus second, with interval and p. {p_sentence(compared)}",
        ),
        columns=("arm", "staged", "extra cells", "heads", "images", "MACs", *outputs),
        rows=[*(line.row(notes) for line in lines), *differences],
        notes=notes.texts,
        records=[line.record(split, head) for line in lines for split, head in _OUTPUTS],
        titles={row.group: ("first - second", *outputs) for row in differences},
    )


def _difference_rows(lines: Sequence[_Line], compared: Sequence[Estimate]) -> Iterator[Row]:
    """Yield a row per pair of arms of one size that were compared."""
    by_variant = {(line.size, line.variant): line for line in lines if line.arm}
    found = {(f"{row.method}/{row.arm}", row.versus, row.split, row.head): row for row in compared}
    for size, (first, second) in product(SIZES, COMPONENT_STEPS):
        pair = [by_variant[size, variant] for variant in (first, second) if (size, variant) in by_variant]
        if len(pair) == 2:
            arms = [line.arm for line in pair if line.arm]
            cells = [
                _difference(found.get((str(arms[0]), f"{arms[1]} {head}", split, head))) for split, head in _OUTPUTS
            ]
            if any(cell.value is not None for cell in cells):
                group = f"{pair[0].group}: paired differences"
                yield Row(group, f"{first.label} - {second.label}", tuple(cells), tuple(arms))


def _difference(row: Estimate | None) -> Number:
    if row is None:
        return Number("not run")
    cell = difference_cell(row)
    return replace(cell, interval=", ".join(filter(None, (cell.interval, f"p {p_text(row.p_retrained_holm)}"))))


def find_variant(variant: TrainingVariant, size: Size, params: Params) -> Arm | None:
    """Return the declared arm that trains a size in a variant; None if none is declared.

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
            f"only one arm of {variant.method} may be {variant.label!r} at size {size}, but {' and '.join(names)} are: "
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
    inputs: Inputs

    @property
    def group(self) -> str:
        """Title of the size."""
        return size_title(self.size, self.inputs.params, self.inputs.paper_pixels[self.size])

    def row(self, notes: Notes) -> Row:
        """Return the row for readers."""
        kappas = [self._kappa(split, head, notes) for split, head in _OUTPUTS]
        pixels = ", ".join(str(link.pixels) for link in self._chain())
        staged = Text("yes" + f" ({pixels} px)" * bool(pixels) if self.variant.staged else "no")
        arms = (self.arm,) if self.arm else ()
        components = (staged, self._cells(), Text(self._heads()))
        return Row(self.group, self.variant.label, (*components, *self._costs(), *kappas), arms)

    def record(self, split: Split, head: Head) -> dict[str, Any]:
        """Return the record of one measurement."""
        measured = self.inputs.results.measured(self.arm, head, split) if self.arm else None
        images, macs = self._costs()
        return {
            **{"size": self.size, "pixels": self.inputs.params.sizes.of(self.size), "row": self.variant.label},
            **{"staged": self.variant.staged, "cells": self._cells().value, "heads": self._heads()},
            **{"match": self.variant.match, "images": images.value, "macs": macs.value},
            **{"split": split, "head": head, "rule": DEFAULT[head]},
            **fields_of(measured),
            "status": status(measured),
            **{"method": self.arm[0] if self.arm else "", "arm": self.arm[1] if self.arm else ""},
        }

    def _chain(self) -> tuple[Spent, ...]:
        return (chain(self.inputs.results, self.arm) or ()) if self.arm else ()

    def _cells(self) -> Number:
        if self.variant.cells and self.arm is None:
            return Number("-")
        params = self.inputs.params
        count = params.arm(*self.arm).n_cells * (1 + params.model.cells.normal) if self.arm else 0
        return Number(str(count), count)

    def _heads(self) -> str:
        """Return whether the heads start from the parent's weights, as they cannot if new cells widen their input."""
        if self.arm is None:
            return "-"
        own = self.inputs.params.arm(*self.arm)
        carried = own.parent and self.inputs.params.arm(*Arm.parse(own.parent)).n_cells == own.n_cells
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
        texts = run_notes(self.inputs.params, self.inputs.results, self.arm, head)
        return estimate_cell(self.inputs.results.measured(self.arm, head, split), notes.number(*texts))
