"""Generalisation: each arm's kappa on its own test split and on those of other data sets."""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmark.common.terms import Arm
from benchmark.report.figure_style import GREY, Look, bare, draw_interval, draw_looks, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.tables.transfer import own_estimates, transfer_key
from benchmark.statistics.estimates import Estimate

ABOUT = FigureInfo(order=7, section="transfer")

_OTHER, _OWN = Look("o", shift=-0.15), Look("o", filled=False, shift=0.15)


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw a panel per other set, with a line per arm's main output; nothing if no other set is declared."""
    rows, own, results = inputs.estimates("transfer"), own_estimates(inputs), inputs.results
    if not rows:
        return ""
    sets: dict[str, dict[Arm, Estimate]] = {}
    for row in rows:
        # The first of an arm is of its main output.
        sets.setdefault(row.about, {}).setdefault(Arm(row.method, row.arm), row)
    arms = list(map(str, sets[rows[0].about]))
    height = 0.24 * len(arms) + 1.7
    figure.set_size_inches(2.4 + 3.2 * len(sets), height)
    figure.subplots_adjust(1.9 / figure.get_figwidth(), 0.6 / height, 0.98, 1 - 1.1 / height, wspace=0.08)
    grid = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for axes, measured in zip(grid, sets.values(), strict=True):
        for place, row in enumerate(measured.values()):
            draw_interval(axes, place, own[transfer_key(row)], _OWN)
            draw_interval(axes, place, row, _OTHER)
        axes.axvline(0, color=GREY, lw=0.7, ls=":")
        axes.set_title(f"{row.data}{', synthetic' * row.synthetic}, n = {row.n_images}", fontsize=9)
        axes.set_xlabel("test kappa")
        bare(axes, grid="x")
    grid[0].set_yticks(range(len(arms)), arms, fontsize=8)
    grid[0].set_ylim(len(arms) - 0.5, -0.5)
    draw_looks(figure, {"on another set": _OTHER, "on its own test split": _OWN})
    set_title(figure, f"Test kappa of arms trained on {results.data}", results.synthetic)
    here = own[transfer_key(rows[0])]
    return (
        f"Test kappa of the arms trained on {here.data} (main output, mean over seeds), on other sets (filled) and on "
        f"its own test split (hollow, n = {here.n_images}). Bars: {rows[0].confidence_level:.0%} intervals over "
        "patients and, with several seeds, over seeds."
    )
