"""Sides of the feature maps: the paper's, beside those that its network and ours really give."""

from __future__ import annotations

from typing import Any

from benchmark.evaluation.architecture import Architecture, square
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes
from benchmark.report.table import Cell, Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.published.tables import Printed, PrintedTable

ABOUT = TableInfo(order=11)


def make(inputs: Inputs) -> Table:
    """The feature map before and after the Multi-Cell part, by input size: printed and measured.

    Of several networks at one size the one with the most cells is shown.
    """
    printed, architectures, notes = inputs.printed["spatial"], inputs.networks, Notes()
    deepest = {(network.of, network.pixels): network for network in sorted(architectures, key=lambda n: n.n_cells)}
    shown = [network for network in architectures if network in deepest.values()]
    found = [(network, _printed(printed, network)) for network in shown]
    return Table(
        name="spatial",
        title="Spatial resolution of the feature maps",
        caption=(
            "Sides of the feature map before and after the Multi-Cell part, measured by running each network without "
            "weights; cells: the number of Reduction Cell-B. The paper's table has no 299x299, and no cells "
            "for its 256x256. "
            f"Source of the published sides: {printed.cells[0].source}."
        ),
        columns=("input", "cells", "before, paper", "before, measured", "after, paper", "after, measured", "agree"),
        rows=tuple(_row(network, *cells, notes) for network, cells in found),
        notes=tuple(notes.texts),
        records=tuple(_record(network, *cells) for network, cells in found),
    )


def _printed(printed: PrintedTable, network: Architecture) -> tuple[Printed | None, Printed | None]:
    """The published cells before and after, where the paper has this network at this size."""
    columns = [column for column in printed.columns if printed.cell(printed.rows[0], column).pixels == network.pixels]
    if network.of != "paper" or not columns:
        return None, None
    before, after = (printed.cell(row, columns[0]) for row in printed.rows)
    return before, after


def _row(network: Architecture, before: Printed | None, after: Printed | None, notes: Notes) -> Row:
    where = f"stride {network.stride}" + f", truncated after {network.truncate_after}" * bool(network.truncate_after)
    whose = {"paper": "the paper's sizes", "params": "this profile's sizes"}[network.of]
    cells: list[Cell] = [Number(str(network.n_cells), network.n_cells)]
    for cell, side in ((before, network.before), (after, network.after)):
        cells += [Text(cell.value, notes.number(cell.note)) if cell else Number("-"), Number(square(side), side)]
    agree = {True: "yes", False: "no", None: "-"}[_agree(network, before, after)]
    return Row(f"{network.backbone} ({where}) at {whose}", f"{network.pixels} px", (*cells, Text(agree)))


def _record(network: Architecture, before: Printed | None, after: Printed | None) -> dict[str, Any]:
    agree = _agree(network, before, after)
    return {
        "table": "spatial",
        "sizes_of": network.of,
        "backbone": network.backbone,
        "stride": network.stride,
        "truncate_after": network.truncate_after,
        "pixels": network.pixels,
        "n_cells": network.n_cells,
        "before_published": before.value if before else "",
        "before": square(network.before),
        "after_published": after.value if after else "",
        "after": square(network.after),
        "published_evidence": before.evidence if before else "",
        "agree": "" if agree is None else str(agree).lower(),
    }


def _agree(network: Architecture, before: Printed | None, after: Printed | None) -> bool | None:
    """Whether what is printed is what was measured; None where nothing is printed."""
    if before is None or after is None:
        return None
    return (before.value, after.value) == (square(network.before), square(network.after))
