"""Across data sets: every arm's kappa on the test splits of other sets, beside that on its own."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import cast

from benchmark.common.terms import Arm, Head
from benchmark.common.units import ends, measure
from benchmark.report.captions import HEADS, PHANTOM, decoding_sentence
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.transfer import TransferRow

ABOUT = TableInfo(order=12)


def make(inputs: Inputs) -> Table | None:
    """Kappa by arm and output, a group of lines per other set; None without such a set."""
    rows, params, results = inputs.transfers, inputs.params, inputs.results
    if not rows:
        return None
    notes, first = Notes(), rows[0]
    return Table(
        name="transfer",
        title="Across data sets",
        caption=(
            f"Quadratic weighted kappa of the networks trained on {first.own_data}{_nature(first.own_synthetic)}, as "
            f"they are, on the test splits of other sets, beside that on {first.own_data}'s own test split "
            f"({_count(first.own_images, first.own_patients)}). Photographs of every set are cropped, scaled and "
            f"decoded alike; nothing is trained, tuned or recalibrated on another set. [{first.level:.0%} intervals "
            "over the patients of the sets and, with several seeds, over seeds]; the difference is this set minus own, "
            f"each run with itself. {decoding_sentence()} Sets differ in more than their patients: cameras, graders, "
            "and the shares of the grades, on which kappa depends by itself."
        ),
        columns=("arm", "input", "output", "own test", "this set", "difference", "seeds"),
        rows=tuple(_row(row, params, results, notes) for row in rows),
        notes=tuple(notes.texts),
        records=tuple({"table": "transfer"} | {key: plain(v) for key, v in asdict(row).items()} for row in rows),
    )


def set_title(row: TransferRow) -> str:
    """The other set by its name, nature and size."""
    return f"{row.name}: {row.data}{_nature(row.synthetic)}, test: {_count(row.images, row.patients)}"


def _row(row: TransferRow, params: Params, results: Results, notes: Notes) -> Row:
    head = cast("Head", row.head)
    own = notes.number(*run_texts(params, results, Arm(row.stage, row.arm), head))
    cells = (
        Text(f"{row.pixels} px"),
        Text(HEADS[head]),
        _interval(row.own_kappa, row.own_low, row.own_high, notes=own),
        _interval(row.kappa, row.low, row.high, notes=notes.number(_overlap(row))),
        _interval(row.difference, row.difference_low, row.difference_high, "+"),
        Text(str(len(row.seeds.split()))),
    )
    return Row(set_title(row), f"{row.stage}/{row.arm}", cells)


def _interval(value: float, low: float, high: float, sign: str = "", notes: tuple[int, ...] = ()) -> Number:
    if math.isnan(value):
        return Number("undefined", None, notes)
    shown = f"{measure(value, sign)} {ends(low, high, sign)}".rstrip()
    return Number(shown, value, notes, ends=None if math.isnan(low) else (low, high))


def _overlap(row: TransferRow) -> str:
    """What must be said of photographs that were trained on, or chosen by."""
    if not row.shared:
        return ""
    return (
        f"{row.shared} of the {row.images} test photographs of {row.data} are, byte for byte, train or val photographs "
        f"of {row.own_data}: no test on unseen images."
    )


def _nature(synthetic: bool) -> str:
    return f" ({PHANTOM})" if synthetic else ""


def _count(images: int, patients: str) -> str:
    known = f"of {patients} patients" if patients.isdigit() else f"(patients {patients})"
    return f"{images} images {known}"
