"""Generalisation: each arm's kappa on its own test split and on those of other data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.common.terms import Arm
from benchmark.report.figure_style import GREY, Look, Plot, bare, draw_interval, draw_looks, plot_if_any, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.tables.transfer import own_estimates, transfer_key
from benchmark.statistics.estimates import Estimate

ABOUT = FigureInfo(order=7)

_OTHER, _OWN = Look("o", shift=-0.15), Look("o", filled=False, shift=0.15)


def plots(inputs: Inputs) -> dict[str, Plot]:
    """Return one figure of all other sets; none if none is declared."""
    return plot_if_any("transfer", _plot, inputs.estimates("transfer"), inputs, own=own_estimates(inputs))


def _plot(figure: Figure, items: Sequence[Estimate], own: Mapping[tuple[str, ...], Estimate], results: Results) -> str:
    """Draw a panel per other set, with a line per arm's main output."""
    sets = list(_main_outputs(items).values())
    lines = len(sets[0])
    height = 0.24 * lines + 1.7
    figure.set_size_inches(2.4 + 3.2 * len(sets), height)
    figure.subplots_adjust(1.9 / figure.get_figwidth(), 0.6 / height, 0.98, 1 - 1.1 / height, wspace=0.08)
    grid = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for axes, group in zip(grid, sets, strict=True):
        _panel(axes, group, [own[transfer_key(row)] for row in group])
    grid[0].set_yticks(range(lines), [f"{row.method}/{row.arm}" for row in sets[0]], fontsize=8)
    grid[0].set_ylim(lines - 0.5, -0.5)
    draw_looks(figure, {"on another set": _OTHER, "on its own test split": _OWN})
    set_title(figure, f"Test kappa of arms trained on {results.data}", results.synthetic)
    first, here = items[0], own[transfer_key(items[0])]
    return (
        f"Test kappa of the arms trained on {here.data} (main output, mean over seeds), on other sets (filled) and on "
        f"its own test split (hollow, n = {here.n_images}). Bars: {first.confidence_level:.0%} intervals over "
        "patients and, with several seeds, over seeds."
    )


def _main_outputs(rows: Sequence[Estimate]) -> dict[str, list[Estimate]]:
    """Return one row per arm and set: the first, which is of the main output."""
    found: dict[str, dict[Arm, Estimate]] = {}
    for row in rows:
        found.setdefault(row.about, {}).setdefault(Arm(row.method, row.arm), row)
    return {name: list(arms.values()) for name, arms in found.items()}


def _panel(axes: Axes, rows: Sequence[Estimate], own_rows: Sequence[Estimate]) -> None:
    for place, (own, other) in enumerate(zip(own_rows, rows, strict=True)):
        draw_interval(axes, place, own, _OWN)
        draw_interval(axes, place, other, _OTHER)
    axes.axvline(0, color=GREY, lw=0.7, ls=":")
    first = rows[0]
    axes.set_title(f"{first.data}{', synthetic' * first.synthetic}, n = {first.n_images}", fontsize=9)
    axes.set_xlabel("test kappa")
    bare(axes, grid="x")
