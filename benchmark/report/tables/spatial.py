"""Sizes of the feature maps: the paper's, and those measured in its network and in ours."""

from __future__ import annotations

from benchmark.evaluation.architecture import format_side
from benchmark.report.inputs import Inputs
from benchmark.report.table import Cell, Notes, Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo

ABOUT = TableInfo(keys=("sizes_of", "backbone", "pixels", "n_cells"), order=11, training=True)


def make(inputs: Inputs) -> Table:
    """Make the table: feature map before and after the Multi-Cell part, by input size, printed and measured.

    If a size occurs with several numbers of cells, the network with the most is shown.
    """
    printed, networks, notes = inputs.printed["spatial"], inputs.networks, Notes()
    deepest = {(network.of, network.pixels): network for network in sorted(networks, key=lambda n: n.n_cells)}
    of_pixels = {cell.pixels: cell.column for cell in printed.cells}
    rows, records = [], []
    for network in (network for network in networks if network in deepest.values()):
        sides, column = (network.before, network.after), of_pixels.get(network.pixels)
        published = [printed.cell(row, column) for row in printed.rows] if network.of == "paper" and column else []
        texts = [cell.value for cell in published] or ["", ""]
        agree = texts == list(map(format_side, sides)) if published else None
        cells: list[Cell] = [Number(str(network.n_cells), network.n_cells)]
        for place, side in enumerate(sides):
            there = Text(texts[place], notes.number(published[place].note)) if published else Number("-")
            cells += [there, Number(format_side(side), side)]
        end = f", truncated after {network.truncate_after}" if network.truncate_after else ""
        whose = {"paper": "the paper's sizes", "params": "this profile's sizes"}[network.of]
        group = f"{network.backbone} (stride {network.stride}{end}) at {whose}"
        rows.append(Row(group, f"{network.pixels} px", (*cells, Text({True: "yes", False: "no", None: "-"}[agree]))))
        records.append(
            {
                "sizes_of": network.of,
                **{name: getattr(network, name) for name in ("backbone", "stride", "truncate_after", "pixels")},
                **{"n_cells": network.n_cells, "before_published": texts[0], "before": format_side(network.before)},
                **{"after_published": texts[1], "after": format_side(network.after)},
                **{"published_evidence": published[0].evidence if published else "", "agree": agree},
            }
        )
    return Table(
        title="Spatial resolution of the feature maps",
        caption=(
            "Height and width of the feature map before and after the Multi-Cell part, measured by running each "
            "network without weights. Cells: the number of Reduction Cell-B. The paper's table has no 299x299, "
            f"and no cells for its 256x256. Source of the published sizes: {printed.cells[0].source}."
        ),
        columns=("input", "cells", "before, paper", "before, measured", "after, paper", "after, measured", "agree"),
        rows=rows,
        notes=notes.texts,
        records=records,
    )
