"""Generalisation: every arm's kappa on the test splits of other data sets, beside that on its own."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import cast

from benchmark.common.terms import Arm, Head
from benchmark.common.units import ends, measure
from benchmark.report.captions import HEADS, PHANTOM, decoding_sentence
from benchmark.report.csv_fields import fields_of
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.table import Number, Row, Table, Text, ends_of
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.estimates import Estimate

ABOUT = TableInfo(order=12)

COLUMNS = ("kind", "about", "head", "rule", "tuned_on", "split", "quantity", "n_patients", "n_undefined", "n_shared")
"""Columns of the csv beside those of every estimate."""


def own_estimates(inputs: Inputs) -> dict[tuple[str, ...], Estimate]:
    """Return the kappas on the own test split, by :func:`key_of`."""
    return {key_of(row): row for row in inputs.estimates("rule") if row.split == "test"}


def key_of(row: Estimate) -> tuple[str, ...]:
    """Return what an arm's kappas on several data sets have in common."""
    return row.method, row.arm, row.head, row.rule, row.tuned_on


def make(inputs: Inputs) -> Table | None:
    """Kappa by arm and output, a group of lines per other set; None without such a set."""
    rows, changes = inputs.estimates("transfer"), inputs.estimates("transfer change")
    if not rows:
        return None
    own, notes = own_estimates(inputs), Notes()
    first, here = rows[0], own[key_of(rows[0])]
    lines = [_row(*pair, own, inputs, notes) for pair in zip(rows, changes, strict=True)]
    shown = dict.fromkeys(key_of(row) for row in rows)
    return Table(
        name="transfer",
        title="Across data sets",
        caption=(
            f"Quadratic weighted kappa of the networks trained on {here.data}{_nature(here.synthetic)}, unchanged, on "
            f"the test splits of other sets, beside that on {here.data}'s own test split "
            f"({_count(here.n_images, here.n_patients)}). Photographs of every set are cropped, scaled and decoded "
            "the same way; nothing is trained, tuned or recalibrated on another set. "
            f"[{first.confidence_level:.0%} intervals over the patients of the sets and, with several seeds, over "
            "seeds]; the difference is this set minus own, each run paired with itself. "
            f"{decoding_sentence()} Sets differ in more than their patients: in cameras, graders and grade "
            "frequencies, on which kappa depends by itself."
        ),
        columns=("arm", "input", "output", "own test", "this set", "difference", "seeds"),
        rows=tuple(lines),
        notes=tuple(notes.texts),
        records=tuple(
            {"table": "transfer"} | fields_of(row, *COLUMNS) for row in (*(own[key] for key in shown), *rows, *changes)
        ),
    )


def set_title(row: Estimate) -> str:
    """Return the other set's name, nature and size."""
    return f"{row.about}: {row.data}{_nature(row.synthetic)}, test: {_count(row.n_images, row.n_patients)}"


def _row(row: Estimate, change: Estimate, own: Mapping[tuple[str, ...], Estimate], inputs: Inputs, notes: Notes) -> Row:
    head, arm, here = cast("Head", row.head), Arm(row.method, row.arm), own[key_of(row)]
    marks = notes.number(*run_texts(inputs.params, inputs.results, arm, head))
    cells = (
        Text(f"{int(inputs.results.runs_of(*arm)['pixels'].iloc[0])} px"),
        Text(HEADS[head]),
        _interval(here, notes=marks),
        _interval(row, notes=notes.number(_overlap(row, here))),
        _interval(change, "+"),
        Text(str(len(row.seeds.split()))),
    )
    return Row(set_title(row), "/".join(arm), cells)


def _interval(row: Estimate, sign: str = "", notes: tuple[int, ...] = ()) -> Number:
    if isnan(row.estimate):
        return Number("undefined", None, notes)
    shown = f"{measure(row.estimate, sign)} {ends(row.low, row.high, sign)}".rstrip()
    return Number(shown, row.estimate, notes, ends=ends_of(row))


def _overlap(row: Estimate, own: Estimate) -> str:
    """Return a warning about photographs that were trained on, or used for validation."""
    if not row.n_shared:
        return ""
    return (
        f"{row.n_shared} of the {row.n_images} test photographs of {row.data} are, byte for byte, train or val "
        f"photographs of {own.data}: no test on unseen images."
    )


def _nature(synthetic: bool) -> str:
    return f" ({PHANTOM})" if synthetic else ""


def _count(images: int, patients: str) -> str:
    known = f"of {patients} patients" if patients.isdigit() else f"(patients {patients})"
    return f"{images} images {known}"
