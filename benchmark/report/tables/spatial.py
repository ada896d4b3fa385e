"""Sizes of the feature maps: the paper's, and those measured in its network and in ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmark.evaluation.architecture import Architecture, format_side
from benchmark.report.inputs import Inputs
from benchmark.report.table import Cell, Notes, Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.published.tables import Printed, PrintedTable

ABOUT = TableInfo(order=11)


def make(inputs: Inputs) -> Table:
    """Make the table: feature map before and after the Multi-Cell part, by input size, printed and measured.

    If a size occurs with several numbers of cells, the network with the most is shown.
    """
    printed, networks, notes = inputs.printed["spatial"], inputs.networks, Notes()
    deepest = {(network.of, network.pixels): network for network in sorted(networks, key=lambda n: n.n_cells)}
    lines = [_line(printed, network) for network in networks if network in deepest.values()]
    return Table(
        name="spatial",
        title="Spatial resolution of the feature maps",
        caption=(
            "Height and width of the feature map before and after the Multi-Cell part, measured by running each "
            "network without weights. Cells: the number of Reduction Cell-B. The paper's table has no 299x299, "
            f"and no cells for its 256x256. Source of the published sizes: {printed.cells[0].source}."
        ),
        columns=("input", "cells", "before, paper", "before, measured", "after, paper", "after, measured", "agree"),
        rows=[line.row(notes) for line in lines],
        notes=notes.texts,
        records=[line.record() for line in lines],
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """A network and the sizes that the paper prints for it."""

    network: Architecture
    before: Printed | None
    after: Printed | None

    @property
    def agree(self) -> bool | None:
        """True if the printed sizes equal the measured ones; None without printed sizes."""
        if self.before is None or self.after is None:
            return None
        return (self.before.value, self.after.value) == (
            format_side(self.network.before),
            format_side(self.network.after),
        )

    def row(self, notes: Notes) -> Row:
        """Return the row for readers."""
        network = self.network
        end = f", truncated after {network.truncate_after}" if network.truncate_after else ""
        whose = {"paper": "the paper's sizes", "params": "this profile's sizes"}[network.of]
        cells: list[Cell] = [Number(str(network.n_cells), network.n_cells)]
        for cell, side in ((self.before, network.before), (self.after, network.after)):
            cells += [
                Text(cell.value, notes.number(cell.note)) if cell else Number("-"),
                Number(format_side(side), side),
            ]
        agree = {True: "yes", False: "no", None: "-"}[self.agree]
        return Row(
            f"{network.backbone} (stride {network.stride}{end}) at {whose}",
            f"{network.pixels} px",
            (*cells, Text(agree)),
        )

    def record(self) -> dict[str, Any]:
        """Return the record of the csv file."""
        network, before, after = self.network, self.before, self.after
        return {
            **{
                "sizes_of": network.of,
                "backbone": network.backbone,
                "stride": network.stride,
                "truncate_after": network.truncate_after,
            },
            **{"pixels": network.pixels, "n_cells": network.n_cells},
            **{"before_published": before.value if before else "", "before": format_side(network.before)},
            **{"after_published": after.value if after else "", "after": format_side(network.after)},
            **{"published_evidence": before.evidence if before else "", "agree": self.agree},
        }


def _line(printed: PrintedTable, network: Architecture) -> _Line:
    """Return a network with its published cells, if the paper has this network at this size."""
    columns = [column for column in printed.columns if printed.cell(printed.rows[0], column).pixels == network.pixels]
    if network.of != "paper" or not columns:
        return _Line(network, None, None)
    return _Line(network, *(printed.cell(row, columns[0]) for row in printed.rows))
