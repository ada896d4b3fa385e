"""Generalisation: every arm's kappa on the test splits of other data sets, next to that on its own."""

from __future__ import annotations

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
    rows, changes, results = inputs.estimates("transfer"), inputs.estimates("transfer change"), inputs.results
    if not rows:
        return None
    own, notes, shown = own_estimates(inputs), Notes(), []
    here_rows = [own[key] for key in dict.fromkeys(map(transfer_key, rows))]
    first, here = rows[0], here_rows[0]
    for row, change in zip(rows, changes, strict=True):
        head, arm = cast("Head", row.head), Arm(row.method, row.arm)
        flags = notes.number(*run_notes(inputs.params, results, arm, head))
        overlap = (
            f"{row.n_shared} of the {row.n_images} test photographs of {row.data} are, byte for byte, train or val "
            f"photographs of {here.data}: no test on unseen images."
        )
        cells = (
            Text(f"{int(results.runs_of(*arm)['pixels'].iloc[0])} px"),
            Text(HEAD_NAMES[head]),
            difference_line(own[transfer_key(row)], "", flags),
            difference_line(row, "", notes.number(overlap if row.n_shared else "")),
            difference_line(change),
            Text(str(len(row.seeds.split()))),
        )
        shown.append(Row(f"{row.about}: {row.data}{nature(row.synthetic)}, test: {_count(row)}", str(arm), cells))
    return Table(
        title="Across data sets",
        caption=(
            f"Quadratic weighted kappa on the test splits of other data sets, of the networks trained on {here.data}"
            f"{nature(here.synthetic)}, next to that on {here.data}'s own test split ({_count(here)}). All photographs "
            "are cropped, scaled and decoded in the same way; nothing is trained, tuned or recalibrated on another "
            f"set. In brackets: {first.confidence_level:.0%} intervals over the patients of the sets and, with several "
            "seeds, over seeds; the difference is this set minus own, each run paired with itself. "
            f"{rules_sentence()} Sets also differ in cameras, graders and grade frequencies, on which kappa depends "
            "by itself."
        ),
        columns=("arm", "input", "output", "own test", "this set", "difference", "seeds"),
        rows=shown,
        notes=notes.texts,
        records=[fields_of(row, *_COLUMNS) for row in (*here_rows, *rows, *changes)],
    )


def _count(row: Estimate) -> str:
    known = f"of {row.n_patients} patients" if row.n_patients.isdigit() else f"(patients {row.n_patients})"
    return f"{row.n_images} images {known}"
