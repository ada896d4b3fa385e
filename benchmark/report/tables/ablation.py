"""The paper's ablation with our measurements, and the arms that were added to ``params.yaml``."""

from __future__ import annotations

from benchmark.common.terms import EVALUATED, Arm, Head, Split
from benchmark.report.captions import HEADS, caption, inferred_sentence, other_data_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.notes import run_texts
from benchmark.report.printed import PrintedCells, kappa_record
from benchmark.report.table import Number, Row, Table, estimate_cell
from benchmark.report.tables.components import MATCHED, SIZES, VARIANTS, find_variant
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.published.tables import Printed, find_arm
from models.losses.registry import LOSSES

ABOUT = TableInfo(order=1)

ADDED = "added arms"
"""Title of the arms that are neither in the paper's ablation nor controls of M2CNN."""


def make(inputs: Inputs) -> Table:
    """Make the table: kappa by input size (rows) and loss and head (columns), for val and test, then the added arms."""
    printed, params, results = inputs.printed["ablation"], inputs.params, inputs.results
    build = PrintedCells(inputs)
    rows, records = [], []
    for split in EVALUATED:
        for name in printed.rows:
            cells = [printed.cell(name, column) for column in printed.columns]
            ours = tuple(build.ours(cell, split) for cell in cells)
            group = split if any(cell.published for cell in ours) else f"{split} (not in the paper's table)"
            rows.append(Row(group, _size(cells[0], params), ours))
            records += [build.record("ablation", cell, split) for cell in cells]
    added = added_arms(inputs)
    for split in EVALUATED:
        for arm in added:
            pixels = params.sizes.of(params.arm(*arm).size)
            measured = {head: results.measured(arm, head, split) for head in HEADS if head in _heads(arm, params)}
            shown = tuple(_cell(build, arm, head, split) for head in HEADS)
            rows.append(Row(f"{split}, {ADDED}", f"{arm}, {pixels} px", shown, (arm,)))
            records += [
                kappa_record("ablation", str(arm), HEADS[head], split, arm, estimate, head) | {"pixels": pixels}
                for head, estimate in measured.items()
            ]
    return Table(
        name="ablation",
        title="Results of each module",
        caption=caption(
            "Quadratic weighted kappa by input size, training loss and output.",
            params,
            results,
            other_data_sentence(),
            inferred_sentence(printed),
        ),
        columns=("input", *printed.columns),
        rows=tuple(rows),
        notes=tuple(build.notes.texts),
        records=tuple(records),
        titles={row.group: ("arm", *HEADS.values()) for row in rows if row.group.endswith(ADDED)},
    )


def added_arms(inputs: Inputs) -> list[Arm]:
    """Return the declared arms that neither the paper's ablation nor the table of components shows."""
    params = inputs.params
    shown = {find_arm(cell.measured_by, params) for cell in inputs.printed["ablation"].cells}
    shown |= {find_variant(variant, size, params) for variant in (*VARIANTS, *MATCHED) for size in SIZES}
    return [arm for stage, arms in params.arms.items() for name in arms if (arm := Arm(stage, name)) not in shown]


def _heads(arm: Arm, params: Params) -> tuple[str, ...]:
    return tuple(LOSSES[params.arm(*arm).loss].heads)


def _cell(build: PrintedCells, arm: Arm, head: Head, split: Split) -> Number:
    """Return the kappa of an added arm by one of its heads; a dash if its loss trains no such head."""
    params, results = build.inputs.params, build.inputs.results
    if head not in _heads(arm, params):
        return Number("-")
    notes = build.notes.number(*run_texts(params, results, arm, head))
    return estimate_cell(results.measured(arm, head, split), notes, scale="kappa")


def _size(printed: Printed, params: Params) -> str:
    """Return an input size as ours and the paper's."""
    assert printed.measured_by is not None
    assert printed.measured_by.size is not None
    return f"{params.sizes.of(printed.measured_by.size)} px (paper: {printed.pixels})"
