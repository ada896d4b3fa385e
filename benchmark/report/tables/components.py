"""Components of M2CNN, which combines two changes, compared with arms that have one or neither."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from benchmark.common.terms import EVALUATED, Arm, Head, Size, Split
from benchmark.common.units import quantity
from benchmark.report.captions import HEAD_NAMES, caption, run_notes, size_title
from benchmark.report.costs import chain
from benchmark.report.inputs import Inputs
from benchmark.report.table import Notes, Number, Row, Table, Text, difference_cell, estimate_cell, fields_of, status
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.settings.params import Params
from benchmark.statistics.published.tables import plainest

ABOUT = TableInfo(keys=("size", "row", "split", "head"), order=4, training=True)

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
COMPONENT_STEPS = ((STAGED, BASE), (CELLS, BASE), *((M2CNN, one) for one in (STAGED, CELLS, BASE, *MATCHED)))
"""Pairs whose difference is the effect of a component: each alone, then on top of the other, then both."""


def make(inputs: Inputs) -> Table:
    """Make the table: kappa and cost of M2CNN and its components at the two sizes with cells, and their differences."""
    params, notes = inputs.params, Notes()
    outputs = tuple(f"{split}, {HEAD_NAMES[head]}" for split, head in _OUTPUTS)
    arms = {
        (size, variant): find_variant(variant, size, params)
        for size in SIZES
        for variant in VARIANTS + (MATCHED if size == "large" else ())
    }
    lines = [_line(variant, size, arm, inputs, notes) for (size, variant), arm in arms.items()]
    differences = list(_difference_rows(arms, inputs))
    return Table(
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
            "first minus second, with an interval that is not adjusted for their number.",
        ),
        columns=("arm", "staged", "extra cells", "heads", "images", "MACs", *outputs),
        rows=[*(row for row, _ in lines), *differences],
        notes=notes.texts,
        records=[record for _, records in lines for record in records],
        titles={row.group: ("first - second", *outputs) for row in differences},
    )


def _difference_rows(arms: Mapping[tuple[Size, TrainingVariant], Arm | None], inputs: Inputs) -> Iterator[Row]:
    """Yield a row per pair of arms of one size that were compared."""
    compared = inputs.estimates("comparison")
    found = {(f"{row.method}/{row.arm}", row.versus, row.split, row.head): row for row in compared}
    for size, (first, second) in product(SIZES, COMPONENT_STEPS):
        one, other = arms.get((size, first)), arms.get((size, second))
        if one and other:
            rows = [found.get((str(one), f"{other} {head}", split, head)) for split, head in _OUTPUTS]
            cells = [difference_cell(row) if row else Number("not run") for row in rows]
            if any(cell.value is not None for cell in cells):
                group = f"{size_title(size, inputs.params, inputs.paper_pixels[size])}: paired differences"
                yield Row(group, f"{first.label} - {second.label}", tuple(cells), (one, other))


def find_variant(variant: TrainingVariant, size: Size, params: Params) -> Arm | None:
    """Return the declared arm that trains a size in a variant; None if none is declared."""
    matched = "/".join(find_variant(M2CNN, size, params) or ()) if variant.match else ""
    names = [
        name
        for name, arm in params.arms.get(variant.method, {}).items()
        if (arm.loss, arm.size, arm.match, arm.of) == (LOSS, size, variant.match, matched)
        and (bool(arm.parent), arm.n_cells > 0) == (variant.staged, variant.cells)
    ]
    return plainest(params, [Arm(variant.method, name) for name in names])


def _line(
    variant: TrainingVariant, size: Size, arm: Arm | None, inputs: Inputs, notes: Notes
) -> tuple[Row, list[dict[str, Any]]]:
    """Return the row of a variant at a size, and the records of its measurements."""
    params, results = inputs.params, inputs.results
    links = chain(results, arm) if arm else []
    pixels = ", ".join(str(link.pixels) for link in links)
    staged = "yes" + f" ({pixels} px)" * bool(pixels) if variant.staged else "no"
    cells = Number("-") if variant.cells else Number("0", 0)
    heads, costs = "-", [Number("not run"), Number("not run")]
    if arm:
        own = params.arm(*arm)
        count = own.n_cells * (1 + params.of(arm).model.cells.normal)
        cells = Number(str(count), count)
        # The heads start from the parent's weights, unless new cells widen their input.
        heads = "carried" if own.parent and params.arm(*Arm.parse(own.parent)).n_cells == own.n_cells else "new"
    if links:
        sums = [sum(getattr(link, name) for link in links) for name in ("images", "macs")]
        costs = [Number(quantity(count), count) for count in sums]
    facts = {
        **{"size": size, "pixels": params.sizes.of(size), "row": variant.label, "staged": variant.staged},
        **{"cells": cells.value, "heads": heads, "match": variant.match},
        **{"images": costs[0].value, "macs": costs[1].value},
    }
    arm_columns: dict[str, Any] = {"method": arm.method, "arm": arm.name} if arm else {"method": "", "arm": ""}
    kappas, records = [], []
    for split, head in _OUTPUTS:
        measured = results.measured(arm, head, split) if arm else None
        kappas.append(estimate_cell(measured, notes.number(*run_notes(params, results, arm, head)) if arm else ()))
        described = {"split": split, "head": head, "rule": DEFAULT[head]} | fields_of(measured)
        records.append(facts | described | {"status": status(measured)} | arm_columns)
    group = size_title(size, params, inputs.paper_pixels[size])
    row = Row(group, variant.label, (Text(staged), cells, Text(heads), *costs, *kappas), (arm,) if arm else ())
    return row, records
