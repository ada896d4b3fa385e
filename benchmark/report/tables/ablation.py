"""The paper's ablation, with our measurements in its cells."""

from __future__ import annotations

from benchmark.common.terms import EVALUATED
from benchmark.report.captions import caption, inferred_sentence, other_data_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.printed import PrintedCells
from benchmark.report.table import Row, Table
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.published.tables import Printed

ABOUT = TableInfo(order=1)


def make(inputs: Inputs) -> Table:
    """The effect of each component: kappa by input size (rows) and loss and head (columns), val and then test."""
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
    return Table(
        name="ablation",
        title="Results of each module",
        caption=caption(
            "Quadratic weighted kappa by input size, training objective and output.",
            params,
            results,
            other_data_sentence(),
            inferred_sentence(printed),
        ),
        columns=("input", *printed.columns),
        rows=tuple(rows),
        notes=tuple(build.notes.texts),
        records=tuple(records),
    )


def _size(printed: Printed, params: Params) -> str:
    """Return an input size as ours and the paper's."""
    assert printed.measured_by is not None
    assert printed.measured_by.size is not None
    return f"{params.sizes.of(printed.measured_by.size)} px (paper: {printed.pixels})"
