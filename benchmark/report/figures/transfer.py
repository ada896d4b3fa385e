"""Across data sets, drawn: each arm's kappa on its own test split and on the others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmark.common.terms import Arm
from benchmark.report.figure_style import GREY, Plot, bare, colour, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.statistics.transfer import TransferRow

ABOUT = FigureInfo(order=7)


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plots(inputs: Inputs) -> dict[str, Plot]:
    """A figure of all other sets; none where none is declared."""
    rows = inputs.transfers
    return {"transfer": partial(_plot, rows=rows, results=inputs.results)} if rows else {}


def _plot(figure: Figure, rows: Sequence[TransferRow], results: Results) -> str:
    """A panel per other set: its kappa (filled) and the own test split's (hollow), a line per arm's main output."""
    sets = list(_main_outputs(rows).values())
    lines = len(sets[0])
    height = 0.24 * lines + 1.5
    figure.set_size_inches(2.4 + 3.2 * len(sets), height)
    figure.subplots_adjust(1.9 / figure.get_figwidth(), 0.6 / height, 0.98, 1 - 0.8 / height, wspace=0.08)
    grid = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for axes, group in zip(grid, sets, strict=True):
        _panel(axes, group)
    grid[0].set_yticks(range(lines), [f"{row.stage}/{row.arm}" for row in sets[0]], fontsize=8)
    grid[0].set_ylim(lines - 0.5, -0.5)
    set_title(figure, f"Trained on {results.data} (hollow: its own test split), tested on", results)
    first = rows[0]
    return (
        f"Test kappa of the arms trained on {first.own_data}, main output, mean over seeds: on other sets (filled) and "
        f"on its own test split (hollow, n = {first.own_images}); bars: {first.level:.0%} intervals over patients "
        "and, with several seeds, over seeds."
    )


def _main_outputs(rows: Sequence[TransferRow]) -> dict[str, list[TransferRow]]:
    """One row per arm, by set; of each arm and set, the first is of its main output."""
    found: dict[str, dict[Arm, TransferRow]] = {}
    for row in rows:
        found.setdefault(row.name, {}).setdefault(Arm(row.stage, row.arm), row)
    return {name: list(arms.values()) for name, arms in found.items()}


def _panel(axes: Axes, rows: Sequence[TransferRow]) -> None:
    places = np.arange(len(rows))
    own = np.array([(row.own_kappa, row.own_low, row.own_high) for row in rows])
    other = np.array([(row.kappa, row.low, row.high) for row in rows])
    for values, shift, shade, face in ((own, 0.15, colour(1), "none"), (other, -0.15, colour(0), colour(0))):
        axes.hlines(places + shift, values[:, 1], values[:, 2], color=shade, lw=1)
        axes.plot(values[:, 0], places + shift, "o", color=shade, mfc=face, ms=4)
    axes.axvline(0, color=GREY, lw=0.7, ls=":")
    first = rows[0]
    axes.set_title(f"{first.data}{', synthetic' * first.synthetic}, n = {first.images}", fontsize=9)
    axes.set_xlabel("test kappa")
    bare(axes, grid="x")
