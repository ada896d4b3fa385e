"""The paper's two result tables, with our measurements in their cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmark.common.terms import EVALUATED, Split
from benchmark.report.captions import caption, inferred_sentence, other_data_sentence
from benchmark.report.csv_fields import data_fields, measured_fields
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Kappa, Paper, Row, Table
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.published.tables import Printed, find_arm

ABOUT = TableInfo(order=1)


@dataclass(frozen=True, slots=True)
class _Builder:
    """Fills cells and numbers their notes in reading order."""

    params: Params
    results: Results
    notes: Notes = field(default_factory=Notes)

    def kappa(self, printed: Printed, split: Split, *, beside: bool = True) -> Kappa:
        """Our cell for a printed one."""
        shown = beside and printed.split is not None and printed.split.value == split
        texts = [printed.note] if shown else []
        arm = find_arm(printed.measured_by, self.params)
        if arm is None or printed.measured_by is None:
            return Kappa(printed, split, None, None, None, self.notes.number(*texts), beside)
        head = printed.measured_by.head
        measured = self.results.measured(*arm, head, split)
        size = printed.measured_by.size
        pixels = self.params.sizes.of(size) if size else None
        texts += run_texts(self.params, self.results, arm, head)
        return Kappa(printed, split, arm, pixels, measured, self.notes.number(*texts), beside)

    def paper(self, printed: Printed) -> Paper:
        """A cell for the published number alone."""
        return Paper(printed, self.notes.number(printed.note))


def make(inputs: Inputs) -> Table:
    """The effect of each module: kappa by input size (rows) and objective and head (columns), val and then test."""
    printed, params, results = inputs.printed["ablation"], inputs.params, inputs.results
    build = _Builder(params, results)
    rows = []
    for split in EVALUATED:
        for name in printed.rows:
            cells = [printed.cell(name, column) for column in printed.columns]
            ours = tuple(build.kappa(cell, split) for cell in cells)
            group = split if any(cell.published for cell in ours) else f"{split} (not in the paper's table)"
            rows.append(Row(group, _size(cells[0], params), ours))
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
        records=_records("ablation", rows, results),
    )


def _size(printed: Printed, params: Params) -> str:
    """An input size as ours and the paper's."""
    assert printed.measured_by is not None
    assert printed.measured_by.size is not None
    return f"{params.sizes.of(printed.measured_by.size)} px (paper: {printed.pixels})"


def _records(table: str, rows: list[Row], results: Results) -> tuple[dict[str, Any], ...]:
    """One record per measured or published kappa, with all that it stands for."""
    return tuple(_record(table, cell, results) for row in rows for cell in row.cells if isinstance(cell, Kappa))


def _record(table: str, cell: Kappa, results: Results) -> dict[str, Any]:
    printed = cell.printed
    stage, arm = cell.arm or ("", "")
    return {
        "table": table,
        "row": printed.row,
        "column": printed.column,
        "split": cell.split,
        "head": cell.head,
        "decoder": cell.decoder,
        "pixels": cell.pixels,
        "paper_px": printed.pixels,
        "published": cell.published,
        "published_mark": printed.mark if cell.published else "",
        "split_mark": printed.split.mark if cell.published and printed.split else "",
        **measured_fields(cell.measured),
        "status": cell.status,
        **data_fields(results, cell.measured),
        "stage": stage,
        "arm": arm,
        "runs": cell.measured.runs if cell.measured else "",
        "inputs": printed.inputs or "",
    }
