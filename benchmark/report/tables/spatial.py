"""Sizes of the feature maps: the paper's, and those measured in its network and in ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.evaluation.architecture import Architecture, format_side
from benchmark.report.inputs import Inputs
from benchmark.report.table import Cell, Notes, Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.published.tables import Printed, PrintedTable

ABOUT = TableInfo(keys=("sizes_of", "backbone", "pixels", "n_cells"), order=11, training=True)


def make(inputs: Inputs) -> Table:
    """Make the table: feature map before and after the Multi-Cell part, by input size, printed and measured.

    If a size occurs with several numbers of cells, the network with the most is shown.
    """
    printed, networks, notes = inputs.printed["spatial"], inputs.networks, Notes()
    deepest = {(network.of, network.pixels): network for network in sorted(networks, key=lambda n: n.n_cells)}
    shown = [(network, _published(printed, network)) for network in networks if network in deepest.values()]
    return Table(
        name="spatial",
        title="Spatial resolution of the feature maps",
        caption=(
            "Height and width of the feature map before and after the Multi-Cell part, measured by running each "
            "network without weights. Cells: the number of Reduction Cell-B. The paper's table has no 299x299, "
            f"and no cells for its 256x256. Source of the published sizes: {printed.cells[0].source}."
        ),
        columns=("input", "cells", "before, paper", "before, measured", "after, paper", "after, measured", "agree"),
        rows=[_row(network, published, notes) for network, published in shown],
        notes=notes.texts,
        records=[_record(network, published) for network, published in shown],
    )


def _published(printed: PrintedTable, network: Architecture) -> list[Printed]:
    """Return the printed sides before and after the cells; empty if the paper has no such network of this size."""
    columns = [column for column in printed.columns if printed.cell(printed.rows[0], column).pixels == network.pixels]
    return [printed.cell(row, columns[0]) for row in printed.rows] if network.of == "paper" and columns else []


def _agree(network: Architecture, published: Sequence[Printed]) -> bool | None:
    """Return whether the printed sides equal the measured ones; None without printed sides."""
    sides = [format_side(side) for side in (network.before, network.after)]
    return [cell.value for cell in published] == sides if published else None


def _row(network: Architecture, published: Sequence[Printed], notes: Notes) -> Row:
    end = f", truncated after {network.truncate_after}" if network.truncate_after else ""
    whose = {"paper": "the paper's sizes", "params": "this profile's sizes"}[network.of]
    cells: list[Cell] = [Number(str(network.n_cells), network.n_cells)]
    for place, side in enumerate((network.before, network.after)):
        there = Text(published[place].value, notes.number(published[place].note)) if published else Number("-")
        cells += [there, Number(format_side(side), side)]
    agree = Text({True: "yes", False: "no", None: "-"}[_agree(network, published)])
    group = f"{network.backbone} (stride {network.stride}{end}) at {whose}"
    return Row(group, f"{network.pixels} px", (*cells, agree))


def _record(network: Architecture, published: Sequence[Printed]) -> dict[str, Any]:
    before, after = (cell.value for cell in published) if published else ("", "")
    return {
        "sizes_of": network.of,
        **{name: getattr(network, name) for name in ("backbone", "stride", "truncate_after", "pixels", "n_cells")},
        **{"before_published": before, "before": format_side(network.before)},
        **{"after_published": after, "after": format_side(network.after)},
        **{"published_evidence": published[0].evidence if published else "", "agree": _agree(network, published)},
    }
