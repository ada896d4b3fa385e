"""The paper's ablation with our measurements, and the arms that were added to ``params.yaml``."""

from __future__ import annotations

from benchmark.common.terms import EVALUATED, Arm
from benchmark.report.captions import HEAD_NAMES, OTHER_DATA, caption, inferred_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.printed import PrintedCells, kappa_record, size_label
from benchmark.report.table import Number, Row, Table
from benchmark.report.tables.components import MATCHED, SIZES, VARIANTS, find_variant
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.published.tables import find_arm
from models.losses.registry import LOSSES

ABOUT = TableInfo(keys=("row", "column", "split"), order=1, training=True)

_ADDED = "added arms"
"""Title of the arms that are neither in the paper's ablation nor components of M2CNN."""


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
            rows.append(Row(group, size_label(cells[0], params), ours))
            records += [build.record(cell, split) for cell in cells]
    for split in EVALUATED:
        for arm in added_arms(inputs):
            declared = params.arm(*arm)
            pixels, heads = params.sizes.of(declared.size), LOSSES[declared.loss].heads
            kappas = tuple(build.measured(arm, head, split) if head in heads else Number("-") for head in HEAD_NAMES)
            rows.append(Row(f"{split}, {_ADDED}", f"{arm}, {pixels} px", kappas, (arm,)))
            for head in (head for head in HEAD_NAMES if head in heads):
                measured = results.measured(arm, head, split)
                record = kappa_record(str(arm), HEAD_NAMES[head], split, arm, measured, head)
                records.append(record | {"pixels": pixels})
    return Table(
        title="Results of each module",
        caption=caption(
            "Quadratic weighted kappa by input size, loss and output.",
            params,
            results,
            OTHER_DATA,
            inferred_sentence(printed),
        ),
        columns=("input", *printed.columns),
        rows=rows,
        notes=build.notes.texts,
        records=records,
        titles={row.group: ("arm", *HEAD_NAMES.values()) for row in rows if row.group.endswith(_ADDED)},
    )


def added_arms(inputs: Inputs) -> list[Arm]:
    """Return the declared arms that neither the paper's ablation nor the table of components shows."""
    params = inputs.params
    shown = {find_arm(cell.measured_by, params) for cell in inputs.printed["ablation"].cells}
    shown |= {find_variant(variant, size, params) for variant in (*VARIANTS, *MATCHED) for size in SIZES}
    return [arm for method, arms in params.arms.items() for name in arms if (arm := Arm(method, name)) not in shown]
