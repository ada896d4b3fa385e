"""The paper's comparison with other systems, row by row."""

from __future__ import annotations

from benchmark.report.captions import caption, inferred_sentence, other_data_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.table import Row, Table, Text
from benchmark.report.tables.ablation import _Builder, _records


def make(inputs: Inputs) -> Table:
    """The paper's comparison with other systems, row by row, and what each number was computed from."""
    printed, params, results = inputs.printed["comparison"], inputs.params, inputs.results
    build = _Builder(params, results)
    rows = []
    for name in printed.rows:
        val, test = (printed.cell(name, column) for column in printed.columns)
        ours = (build.kappa(val, "val", beside=False), build.kappa(test, "test", beside=False))
        cells = (build.paper(val), ours[0], build.paper(test), ours[1], Text(str(val.inputs or "")))
        rows.append(Row("", name, cells))
    return Table(
        name="comparison",
        title="Comparison with other algorithms",
        caption=caption(
            "Quadratic weighted kappa of the paper's comparison, and ours for the rows that are trained here.",
            params,
            results,
            other_data_sentence(),
            "Ours grade one image by one net, once; rows with other inputs (both eyes, several nets, test-time "
            "augmentation) solve another task. Marks: stated, printed in a source; inferred, our reading.",
            inferred_sentence(printed),
        ),
        columns=("algorithm", "val, paper", "val, ours", "test, paper", "test, ours", "inputs of the published number"),
        rows=tuple(rows),
        notes=tuple(build.notes.texts),
        records=_records("comparison", rows, results),
    )
