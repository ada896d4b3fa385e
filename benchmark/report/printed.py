"""Our measurements beside printed numbers: their cells, their records for the csv, and their notes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from benchmark.common.terms import Arm, Head, Split
from benchmark.report.csv_fields import fields_of, status
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.table import Number, Text, estimate_cell
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.statistics.estimates import Estimate
from benchmark.statistics.published.tables import Printed, find_arm


@dataclass(frozen=True, slots=True)
class PrintedCells:
    """Makes cells and numbers their notes in reading order."""

    inputs: Inputs
    notes: Notes = field(default_factory=Notes)

    def ours(self, printed: Printed, split: Split, *, beside: bool = True) -> Number:
        """Return the cell of our measurement; ``beside``: with the published number."""
        published = published_for(printed, split) if beside else ""
        texts = [printed.note] if beside and printed.split and printed.split.value == split else []
        arm, head = self.arm(printed), printed.measured_by.head if printed.measured_by else None
        if arm and head:
            texts += run_texts(self.inputs.params, self.inputs.results, arm, head)
        notes = self.notes.number(*texts)
        cell = estimate_cell(self._measured(printed, split), notes, self._status(printed, split), scale="kappa")
        return replace(cell, published=published, arm=arm)

    def paper(self, printed: Printed) -> Text:
        """Return the cell of the published number alone."""
        return Text(printed.value, self.notes.number(printed.note))

    def arm(self, printed: Printed) -> Arm | None:
        """Return the declared arm that measures a printed number."""
        return find_arm(printed.measured_by, self.inputs.params)

    def record(self, table: str, printed: Printed, split: Split) -> dict[str, Any]:
        """Return a measurement with everything that it stands for, as the csv holds it."""
        published, selector = published_for(printed, split), printed.measured_by
        arm, measured = self.arm(printed), self._measured(printed, split)
        facts = kappa_record(table, printed.row, printed.column, split, arm, measured)
        own = {
            "head": selector.head if selector else "",
            "rule": measured.rule if measured else DEFAULT[selector.head] if selector else "",
            "pixels": self.inputs.params.sizes.of(selector.size) if arm and selector and selector.size else "",
            "paper_px": printed.pixels or "",
            "published": published,
            "published_evidence": printed.evidence if published else "",
            "split_evidence": printed.split.evidence if published and printed.split else "",
            "status": self._status(printed, split),
            "inputs": str(printed.inputs or ""),
        }
        return facts | own

    def _measured(self, printed: Printed, split: Split) -> Estimate | None:
        arm, selector = self.arm(printed), printed.measured_by
        return self.inputs.results.measured(arm, selector.head, split) if arm and selector else None

    def _status(self, printed: Printed, split: Split) -> str:
        """Return the status of a measurement; ``-`` where neither the paper nor params.yaml has it."""
        asked = self.arm(printed) or (printed.measured_by and printed.value != "-")
        return status(self._measured(printed, split)) if asked else "-"


def published_for(printed: Printed, split: Split) -> str:
    """Return the paper's number as printed; empty where it prints none for this split."""
    fits = printed.split is not None and printed.split.value == split
    return printed.value if fits and printed.value != "-" else ""


def kappa_record(
    table: str, row: str, column: str, split: Split, arm: Arm | None, measured: Estimate | None, head: Head | str = ""
) -> dict[str, Any]:
    """Return the columns that every line of the paper's two tables has; those of a printed number are empty."""
    return {
        "table": table,
        "row": row,
        "column": column,
        "split": split,
        "head": head,
        "rule": measured.rule if measured else "",
        "pixels": "",
        **dict.fromkeys(("paper_px", "published", "published_evidence", "split_evidence"), ""),
        **fields_of(measured),
        "status": status(measured),
        "method": arm[0] if arm else "",
        "arm": arm[1] if arm else "",
        "inputs": "",
    }
