"""Figures of the report, drawn from the evaluation alone. One figure object is reused, and files carry no date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.common.files import atomic
from benchmark.common.terms import Size
from benchmark.common.units import quantity
from benchmark.evaluation.evaluate import EVALUATED
from benchmark.report.captions import HEADS, PHANTOM
from benchmark.report.costs import Arm, Point, Spent, chain, curve, targets
from benchmark.report.figures.transfer import draw_transfer
from benchmark.report.results import Results
from benchmark.report.table import Kappa, Table
from benchmark.scoring.kappa import GRADES
from benchmark.statistics.transfer import TransferRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 110
PER_LINE = 6
"""Learning curves side by side."""
MARKERS = "osD^v<>P"
LARGE: Size = "large"


def draw_all(table: Table, results: Results, transfers: Sequence[TransferRow], folder: Path) -> dict[str, str]:
    """Draw every figure into ``folder``.

    Args:
        table: the ablation.
        results: the evaluation.
        transfers: kappas on other data sets; nothing is drawn of none.
        folder: where the files go; figures of arms that are gone are removed from it.

    Returns:
        Caption by file name, in reading order.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import seaborn as sns
    from matplotlib.figure import Figure

    figure = Figure(dpi=DPI)
    large = [links for links in (chain(results, arm) for arm in results.arms()) if links and links[-1].size == LARGE]
    confusions = {f"confusion_{stage}_{arm}.png": (stage, arm) for stage, arm in results.arms()}
    colours = sns.color_palette("colorblind").as_hex()
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        captions = {"ablation.png": _draw(figure, folder / "ablation.png", _ablation, table, results, colours)}
        if large:
            captions["cost.png"] = _draw(figure, folder / "cost.png", _cost, large, results, colours)
        if transfers:
            captions["transfer.png"] = _draw(figure, folder / "transfer.png", _transfer, transfers, results, colours)
        captions |= {"learning_curves.png": _draw(figure, folder / "learning_curves.png", _curves, results, colours)}
        for name, arm in confusions.items():
            captions[name] = _draw(figure, folder / name, _confusion, results, arm)
    for old in folder.glob("*.png"):
        if old.name not in captions:
            old.unlink()
    return captions


def _draw(figure: Figure, path: Path, plot: Callable[..., str], *arguments: Any) -> str:
    figure.clear()
    caption = plot(figure, *arguments)
    with atomic(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})
    return caption


def _title(figure: Figure, text: str, synthetic: bool) -> None:
    """Title, with the nature of the data in the figure itself."""
    height = figure.get_figheight()
    figure.text(0.5, 1 - 0.1 / height, text, ha="center", va="top", fontsize=11)
    if synthetic:
        figure.text(0.5, 1 - 0.33 / height, PHANTOM, ha="center", va="top", fontsize=9, color="#a03000")


def _ablation(figure: Figure, table: Table, results: Results, colours: list[str]) -> str:
    """Kappa by input size on the table's first split: a line per column, and hollow beside it what is published."""
    figure.set_size_inches(7.6, 4.4)
    figure.subplots_adjust(left=0.08, right=0.79, bottom=0.12, top=0.86)
    axes = figure.add_subplot()
    rows = table.groups()[0][1]
    columns = table.columns[1:]
    for index, column in enumerate(columns):
        cells = [cell for row in rows for cell in row.cells[index : index + 1] if isinstance(cell, Kappa)]
        place = np.arange(len(rows)) + 0.1 * (index - (len(columns) - 1) / 2)
        means = [cell.measured.mean if cell.measured else np.nan for cell in cells]
        sds = [np.nan if cell.measured is None or cell.measured.sd is None else cell.measured.sd for cell in cells]
        printed = [float(cell.published or "nan") for cell in cells]
        look = _look(index, colours) | {"markersize": 5}
        axes.errorbar(place, means, sds, **look, lw=1.2, capsize=2.5, label=column)
        axes.plot(place + 0.04, printed, **look, mfc="none", ls="")
    axes.set(xticks=range(len(rows)), xlabel="input size", ylabel="quadratic weighted kappa on val")
    axes.set_xticklabels([row.label for row in rows])
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
    _title(figure, f"{table.title}: on {results.data} (filled), published on EyePACS (hollow)", results.synthetic)
    return "Ablation on val: ours (filled; bars: one sample standard deviation over seeds) and published (hollow)."


def _look(index: int, colours: list[str]) -> dict[str, Any]:
    """Colour and marker of a line, by its place."""
    return {"color": colours[index % len(colours)], "marker": MARKERS[index % len(MARKERS)]}


def _cost(figure: Figure, chains: list[tuple[Spent, ...]], results: Results, colours: list[str]) -> str:
    """Val kappa by multiply-adds spent, a line per chain of arms: the last of them thick, those before it thin."""
    from matplotlib.ticker import LogLocator

    figure.set_size_inches(8.6, 4.8)
    figure.subplots_adjust(left=0.08, right=0.76, bottom=0.12, top=0.86)
    axes = figure.add_subplot()
    named: set[Arm] = set()
    for index, links in enumerate(chains):
        look = _look(index, colours) | {"markersize": 4, "label": "/".join(links[-1].arm)}
        segments = [_places(curve(results, links[:end])) for end in range(1, len(links) + 1)]
        _chain(axes, segments, look)
        for link, segment in zip(links[:-1], segments, strict=False):
            if link.arm not in named:
                named.add(link.arm)
                offset = (-4, 5 if index % 2 else -9)
                axes.annotate(f"{link.pixels} px", segment[0], offset, textcoords="offset points", fontsize=7)
    for fraction, kappa in targets(results).get(LARGE, {}).items():
        axes.axhline(kappa, color="#888888", lw=0.7, ls=":")
        axes.text(1.005, kappa, f"{fraction:.0%}", transform=axes.get_yaxis_transform(), va="center", fontsize=7)
    axes.set(
        xlabel="multiply-adds spent on training images (forward passes, chain included)",
        ylabel="highest val kappa so far",
    )
    axes.set_xscale("log", subs=[])
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: quantity(value))
    axes.grid(color="#eeeeee", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        loc="center left", bbox_to_anchor=(1.05, 0.5), frameon=False, fontsize=8, title="arms at the large size"
    )
    _title(figure, f"What kappa costs, on {results.data}", results.synthetic)
    return (
        "Highest val kappa so far (main head, mean over seeds) against multiply-adds spent, one point per epoch, one "
        "line per arm at the large size; thin: the arms that it starts from, at their own sizes; dotted across: the "
        "kappas of the cost table."
    )


def _transfer(figure: Figure, rows: Sequence[TransferRow], results: Results, colours: list[str]) -> str:
    caption = draw_transfer(figure, rows, colours)
    _title(figure, f"Trained on {results.data} (hollow: its own test split), tested on", results.synthetic)
    return caption


def _chain(axes: Axes, segments: list[npt.NDArray[np.float64]], look: dict[str, Any]) -> None:
    """Consecutive learning curves: the last thick, those before it thin, dots between."""
    thin = {"color": look["color"], "lw": 0.9}
    for segment in segments[:-1]:
        axes.plot(*segment.T, **thin)
    for before, after in pairwise(segments):
        axes.plot(*np.stack((before[-1], after[0])).T, **thin, ls=":")
    axes.plot(*segments[-1].T, **look, lw=1.6)


def _places(points: list[Point]) -> npt.NDArray[np.float64]:
    """Multiply-adds and the highest kappa so far, per epoch, shape (epochs, 2)."""
    kappas = np.maximum.accumulate([point.kappa for point in points])
    return np.column_stack(([point.macs for point in points], kappas)).astype(np.float64)


def _curves(figure: Figure, results: Results, colours: list[str]) -> str:
    """Per arm, val kappa above and training loss below; seeds thin, their mean thick."""
    arms = results.arms()
    lines = -(-len(arms) // PER_LINE)
    height = 3.5 * lines + 0.7
    figure.set_size_inches(11, height)
    grid = figure.add_gridspec(lines, 1, left=0.05, right=0.99, top=1 - 1 / height, bottom=0.45 / height, hspace=0.32)
    for index, (stage, arm) in enumerate(arms):
        place = grid[index // PER_LINE, 0].subgridspec(2, PER_LINE, hspace=0.12, wspace=0.3)
        upper, lower = (figure.add_subplot(place[half, index % PER_LINE]) for half in range(2))
        curves = results.curves[(results.curves["stage"] == stage) & (results.curves["arm"] == arm)]
        _panel(upper, lower, curves, colours)
        upper.set_title(f"{stage}/{arm}", fontsize=9)
        if index % PER_LINE == 0:
            upper.set_ylabel("val kappa")
            lower.set_ylabel("training loss")
    for index, title in enumerate(HEADS.values()):
        left, top = 0.02 + 0.08 * index, 1 - 0.15 / height
        figure.text(left, top, f"— {title}", color=colours[index], va="top", fontsize=10)
    _title(figure, f"Learning curves on {results.data}: thin, one seed; thick, mean over seeds", results.synthetic)
    return "Learning curves: val kappa (above) and training loss (below) by epoch; thin: one seed, thick: their mean."


def _panel(upper: Axes, lower: Axes, curves: pd.DataFrame, colours: list[str]) -> None:
    for head, colour in zip(HEADS, colours, strict=False):
        _by_seed(upper, curves, f"val_kappa_{head}", colour)
    _by_seed(lower, curves, "train_loss", "#444444")
    upper.set(ylim=(min(-0.1, upper.dataLim.y0), 1), xticklabels=[])
    lower.set(ylim=(0, None), xlabel="epoch")
    lower.locator_params(axis="x", integer=True, nbins=4)
    for axes in (upper, lower):
        axes.tick_params(labelsize=7, length=2)
        axes.spines[["top", "right"]].set_visible(False)


def _by_seed(axes: Axes, curves: pd.DataFrame, column: str, colour: str) -> None:
    table = curves.pivot(index="epoch", columns="seed", values=column).dropna(how="all")
    if table.empty:
        return
    axes.plot(table.index, table.to_numpy(), color=colour, lw=0.6, alpha=0.6)
    axes.plot(table.index, table.mean(axis=1), color=colour, lw=1.6)


def _confusion(figure: Figure, results: Results, arm: tuple[str, str]) -> str:
    """Counts summed over seeds, coloured by their share of the label's row; a row per head, val beside test."""
    chosen = results.confusion[(results.confusion["stage"] == arm[0]) & (results.confusion["arm"] == arm[1])]
    heads = [head for head in HEADS if (chosen["head"] == head).any()]
    height = 3.2 * len(heads) + 0.6
    figure.set_size_inches(6.6, height)
    figure.subplots_adjust(0.09, 0.5 / height, 0.98, 1 - 0.85 / height, wspace=0.22, hspace=0.38)
    for row, head in enumerate(heads):
        for column, split in enumerate(EVALUATED):
            part = chosen[(chosen["head"] == head) & (chosen["split"] == split)]
            axes = figure.add_subplot(len(heads), 2, 2 * row + column + 1)
            cells = part.groupby(["label", "predicted"])["count"].sum()
            _heat(axes, cells.to_numpy(np.int64).reshape(GRADES, GRADES))
            seeds = part["seed"].nunique()
            axes.set_title(
                f"{HEADS[head]}, {split}: n = {results.images(split)} × {seeds} seed{'s'[: seeds > 1]}", fontsize=9
            )
            axes.set_ylabel("label" if column == 0 else "")
            axes.set_xlabel("predicted grade")
    _title(figure, f"{'/'.join(arm)} on {results.data} (colour: share of the row)", results.synthetic)
    return (
        f"{'/'.join(arm)}: images by label and predicted grade, summed over seeds; colour: share of the label's images."
    )


def _heat(axes: Axes, counts: npt.NDArray[np.int64]) -> None:
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set(xticks=range(GRADES), yticks=range(GRADES))
    axes.tick_params(length=0)
    for label, predicted in np.ndindex(counts.shape):
        colour = "white" if share[label, predicted] > 0.55 else "#222222"
        text = str(counts[label, predicted])
        axes.text(predicted, label, text, ha="center", va="center", fontsize=8, color=colour)
