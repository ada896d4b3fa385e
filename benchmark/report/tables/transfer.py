"""Generalisation: every arm's kappa on the test splits of other data sets, next to that on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from benchmark.common.terms import Arm, Head
from benchmark.report.captions import HEAD_NAMES, nature, rules_sentence, run_notes
from benchmark.report.inputs import Inputs
from benchmark.report.table import Notes, Row, Table, Text, difference_line, fields_of
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.estimates import Estimate

ABOUT = TableInfo(keys=("kind", "about", "method", "arm", "head"), order=12)

_COLUMNS = ("kind", "about", "head", "rule", "tuned_on", "split", "quantity", "n_patients", "n_undefined", "n_shared")
"""Columns of the csv in addition to those of every estimate."""


def own_estimates(inputs: Inputs) -> dict[tuple[str, ...], Estimate]:
    """Return the kappas on the own test split, by :func:`transfer_key`."""
    return {transfer_key(row): row for row in inputs.estimates("rule") if row.split == "test"}


def transfer_key(row: Estimate) -> tuple[str, ...]:
    """Return the fields that an arm's kappas on several data sets share."""
    return row.method, row.arm, row.head, row.rule, row.tuned_on


def make(inputs: Inputs) -> Table | None:
    """Make the table: kappa by arm and output, a group of rows per other set; None without such a set."""
    rows, changes = inputs.estimates("transfer"), inputs.estimates("transfer change")
    if not rows:
        return None
    own, notes = own_estimates(inputs), Notes()
    here_rows = [own[key] for key in dict.fromkeys(map(transfer_key, rows))]
    first, here = rows[0], here_rows[0]
    return Table(
        name="transfer",
        title="Across data sets",
        caption=(
            f"Quadratic weighted kappa on the test splits of other data sets, of the networks trained on {here.data}"
            f"{nature(here.synthetic)}, next to that on {here.data}'s own test split "
            f"({_count(here.n_images, here.n_patients)}). All photographs are cropped, scaled and decoded in the same "
            "way; nothing is trained, tuned or recalibrated on another set. In brackets: "
            f"{first.confidence_level:.0%} intervals over the patients of the sets and, with several seeds, over "
            "seeds; the difference is this set minus own, each run paired with itself. "
            f"{rules_sentence()} Sets also differ in cameras, graders and grade frequencies, on which kappa depends "
            "by itself."
        ),
        columns=("arm", "input", "output", "own test", "this set", "difference", "seeds"),
        rows=[_row(*pair, own, inputs, notes) for pair in zip(rows, changes, strict=True)],
        notes=notes.texts,
        records=[fields_of(row, *_COLUMNS) for row in (*here_rows, *rows, *changes)],
    )


def _row(row: Estimate, change: Estimate, own: Mapping[tuple[str, ...], Estimate], inputs: Inputs, notes: Notes) -> Row:
    head, arm, here = cast("Head", row.head), Arm(row.method, row.arm), own[transfer_key(row)]
    own_notes = notes.number(*run_notes(inputs.params, inputs.results, arm, head))
    cells = (
        Text(f"{int(inputs.results.runs_of(*arm)['pixels'].iloc[0])} px"),
        Text(HEAD_NAMES[head]),
        difference_line(here, "", own_notes),
        difference_line(row, "", notes.number(_overlap(row, here))),
        difference_line(change),
        Text(str(len(row.seeds.split()))),
    )
    group = f"{row.about}: {row.data}{nature(row.synthetic)}, test: {_count(row.n_images, row.n_patients)}"
    return Row(group, str(arm), cells)


def _overlap(row: Estimate, own: Estimate) -> str:
    """Return a warning about photographs that were used in training or validation."""
    if not row.n_shared:
        return ""
    return (
        f"{row.n_shared} of the {row.n_images} test photographs of {row.data} are, byte for byte, train or val "
        f"photographs of {own.data}: no test on unseen images."
    )


def _count(images: int, patients: str) -> str:
    known = f"of {patients} patients" if patients.isdigit() else f"(patients {patients})"
    return f"{images} images {known}"
