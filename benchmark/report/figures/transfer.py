"""Across data sets, drawn: each arm's kappa on its own test split and on the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmark.statistics.transfer import TransferRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_transfer(figure: Figure, rows: Sequence[TransferRow], colours: Sequence[str]) -> str:
    """A panel per other set: its kappa (filled) and the own test split's (hollow), a line per arm's main output.

    Args:
        figure: empty.
        rows: of ``statistics/transfer.csv``, at least one; of each arm and set, the first is of its main output.
        colours: the first is the other set's, the second the own one's.

    Returns:
        The caption.
    """
    sets = list(_main_outputs(rows).values())
    lines = len(sets[0])
    height = 0.24 * lines + 1.5
    figure.set_size_inches(2.4 + 3.2 * len(sets), height)
    figure.subplots_adjust(1.9 / figure.get_figwidth(), 0.6 / height, 0.98, 1 - 0.8 / height, wspace=0.08)
    grid = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for axes, group in zip(grid, sets, strict=True):
        _panel(axes, group, colours)
    first = rows[0]
    grid[0].set_yticks(range(lines), [f"{row.stage}/{row.arm}" for row in sets[0]], fontsize=8)
    grid[0].set_ylim(lines - 0.5, -0.5)
    return (
        f"Test kappa of the arms trained on {first.own_data}, main output, mean over seeds: on other sets (filled) and "
        f"on its own test split (hollow, {first.own_images} images); bars: {first.level:.0%} intervals over patients "
        "and, with several seeds, over seeds."
    )


def _main_outputs(rows: Sequence[TransferRow]) -> dict[str, list[TransferRow]]:
    """One row per arm, by set."""
    found: dict[str, dict[tuple[str, str], TransferRow]] = {}
    for row in rows:
        found.setdefault(row.name, {}).setdefault((row.stage, row.arm), row)
    return {name: list(arms.values()) for name, arms in found.items()}


def _panel(axes: Axes, rows: Sequence[TransferRow], colours: Sequence[str]) -> None:
    places = np.arange(len(rows))
    own = np.array([(row.own_kappa, row.own_low, row.own_high) for row in rows])
    other = np.array([(row.kappa, row.low, row.high) for row in rows])
    for values, shift, colour, face in ((own, 0.15, colours[1], "none"), (other, -0.15, colours[0], colours[0])):
        axes.hlines(places + shift, values[:, 1], values[:, 2], color=colour, lw=1)
        axes.plot(values[:, 0], places + shift, "o", color=colour, mfc=face, ms=4)
    axes.axvline(0, color="#888888", lw=0.7, ls=":")
    first = rows[0]
    axes.set_title(f"{first.data}{', synthetic' * first.synthetic}, n = {first.images}", fontsize=9)
    axes.set_xlabel("test kappa")
    axes.grid(axis="x", color="#eeeeee", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
