"""Our measurements next to printed numbers: cells, records of the csv file, and notes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from benchmark.common.terms import Arm, Head, Split
from benchmark.report.captions import run_notes
from benchmark.report.inputs import Inputs
from benchmark.report.table import Notes, Number, Text, estimate_cell, fields_of, status
from benchmark.runs.labels import settings_text
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.settings.params import Params
from benchmark.statistics.estimates import Estimate
from benchmark.statistics.published.tables import Printed, find_arm


@dataclass(frozen=True, slots=True)
class PrintedCells:
    """Builder of cells, which numbers their notes in reading order."""

    inputs: Inputs
    notes: Notes = field(default_factory=Notes)

    def ours(self, printed: Printed, split: Split, *, with_published: bool = True) -> Number:
        """Return the cell of our measurement, by default together with the published number."""
        texts = [printed.note] if with_published and printed.split and printed.split.value == split else []
        arm = self.arm(printed)
        if arm and printed.measured_by:
            texts += run_notes(self.inputs.params, self.inputs.results, arm, printed.measured_by.head)
            if settings := settings_text(self.inputs.params.own_settings(arm)):
                texts.append(f"{arm}: {settings}.")
        notes = self.notes.number(*texts)
        cell = estimate_cell(self.estimate(printed, split), notes, self._status(printed, split))
        return replace(cell, published=published_for(printed, split) if with_published else "", arm=arm)

    def paper(self, printed: Printed, *notes: str) -> Text:
        """Return the cell of the published number alone, with its note and further ones."""
        return Text(printed.value, self.notes.number(printed.note, *notes))

    def arm(self, printed: Printed) -> Arm | None:
        """Return the declared arm that measures a printed number."""
        return find_arm(printed.measured_by, self.inputs.params)

    def measured(self, arm: Arm, head: Head, split: Split) -> Number:
        """Return the cell of an arm's head without a printed number."""
        notes = self.notes.number(*run_notes(self.inputs.params, self.inputs.results, arm, head))
        return estimate_cell(self.inputs.results.measured(arm, head, split), notes)

    def record(self, printed: Printed, split: Split) -> dict[str, Any]:
        """Return a measurement and its printed number as a record of the csv file."""
        published, selector = published_for(printed, split), printed.measured_by
        arm, measured = self.arm(printed), self.estimate(printed, split)
        return kappa_record(printed.row, printed.column, split, arm, measured) | {
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

    def estimate(self, printed: Printed, split: Split) -> Estimate | None:
        """Return our measurement; None if it did not run."""
        arm, selector = self.arm(printed), printed.measured_by
        return self.inputs.results.measured(arm, selector.head, split) if arm and selector else None

    def _status(self, printed: Printed, split: Split) -> str:
        """Return the status of a measurement; ``-`` if neither the paper nor params.yaml has it."""
        expected = self.arm(printed) or (printed.measured_by and printed.value != "-")
        return status(self.estimate(printed, split)) if expected else "-"


def size_label(printed: Printed, params: Params) -> str:
    """Return the input size of a measured cell as ours and the paper's."""
    assert printed.measured_by
    assert printed.measured_by.size
    return f"{params.sizes.of(printed.measured_by.size)} px (paper: {printed.pixels})"


def published_for(printed: Printed, split: Split) -> str:
    """Return the paper's number as printed; empty if it prints none for this split."""
    fits = printed.split is not None and printed.split.value == split
    return printed.value if fits and printed.value != "-" else ""


def kappa_record(
    row: str, column: str, split: Split, arm: Arm | None, measured: Estimate | None, head: Head | str = ""
) -> dict[str, Any]:
    """Return the columns of every record of the paper's two tables, without those of a printed number."""
    return {
        **{"row": row, "column": column, "split": split, "head": head, "rule": measured.rule if measured else ""},
        **dict.fromkeys(("pixels", "paper_px", "published", "published_evidence", "split_evidence"), ""),
        **fields_of(measured),
        "status": status(measured),
        **{"method": arm[0] if arm else "", "arm": arm[1] if arm else "", "inputs": ""},
    }
