"""Style of the report's figures, and the parts that several figures share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmark.common.files import atomic
from benchmark.common.terms import EVALUATED, Head
from benchmark.evaluation.saliency_files import MapRow
from benchmark.report.captions import PHANTOM
from benchmark.report.results import Results
from benchmark.statistics.estimates import Estimate

MARKERS = "osD^v<>P"
HEAD_MARKERS: dict[Head, str] = {"score": "o", "prob": "s"}
DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""Line styles by index, so that lines of one method differ."""
METHOD_COLOURS = {
    **{"basenet": "C0", "basenet_mt": "C2", "m2cnn": "C3", "controls": "C4"},
    **{"min_pooling": "C7", "o_o": "C9", "reformed_gamblers": "C1", "zoom_in_net": "C6", "huang": "C5"},
}
_OTHER_COLOURS = ("C8", "C1", "C9", "C5", "C7")
"""Colours of seaborn's palette that the other methods take, the same for a name in every figure."""
GREY, DARK, PALE, WARNING = "#888888", "#222222", "#dddddd", "#a03000"
DPI = 150
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fundusbench",
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 9),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 8),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 3),
}
"""Additions to seaborn's style. Text stays text in a vector file, which is then small, searchable and reproducible."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of the report."""
    import seaborn as sns

    with (
        sns.axes_style("ticks"),
        sns.plotting_context("paper"),
        sns.color_palette("colorblind"),
        mpl.rc_context(_STYLE),
    ):
        yield


def colour(method: str) -> str:
    """Return the colour of a method, the same in every figure and safe for colour-blind readers."""
    return METHOD_COLOURS.get(method) or _OTHER_COLOURS[crc32(method.encode()) % len(_OTHER_COLOURS)]


def bare(axes: Axes, grid: str = "") -> None:
    """Remove the upper and right spines, and draw a pale grid for axis ``x``, ``y`` or ``both``."""
    axes.spines[["top", "right"]].set_visible(False)
    if grid:
        axes.grid(axis=grid, color=PALE, lw=0.6)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Look:
    """Marker, fill and vertical shift of the marks of a forest; the method gives their colour."""

    marker: str
    filled: bool = True
    shift: float = 0.0


Forest = Mapping[tuple[str, str], Sequence[tuple[str, Estimate]]]
"""Lines from the top by group and name: differences on any split, each with the name of its look."""


def draw_forest(figure: Figure, forest: Forest, looks: Mapping[str, Look], results: Results, title: str) -> None:
    """Draw differences with their intervals, a panel per split; sets the figure's size."""
    height = 0.26 * len(forest) + 1.65
    figure.set_size_inches(10.4, height)
    figure.subplots_adjust(0.4, 0.5 / height, 0.985, 1 - 1.15 / height, wspace=0.06)
    panels = figure.subplots(1, len(EVALUATED), sharex=True, sharey=True)
    for axes, split in zip(panels, EVALUATED, strict=True):
        axes.axvline(0, color=DARK, lw=0.8)
        axes.set(title=f"{split}, n = {results.images(split)}", xlabel="difference of kappas, first - second")
        axes.xaxis.set_major_locator(MaxNLocator(6))
        bare(axes, grid="x")
        axes.tick_params(axis="y", length=0)
        for place, ((before, _), (after, _)) in enumerate(pairwise(forest)):
            if before != after:
                axes.axhline(place + 0.5, color=PALE, lw=0.7)
        for place, differences in enumerate(forest.values()):
            for name, row in differences:
                if row.split != split:
                    continue
                if missing := _missing(row):
                    at: Any = {"va": "center", "ha": "left", "fontsize": 6.5, "color": GREY}
                    axes.text(0, place + looks[name].shift, f"  {missing}", **at)
                else:
                    draw_interval(axes, place, row, looks[name])
    panels[0].set_yticks(range(len(forest)), [name for _, name in forest])
    panels[0].set_ylim(len(forest) - 0.5, -0.5)
    draw_looks(figure, looks)
    set_title(figure, title, results.synthetic)


def draw_looks(figure: Figure, looks: Mapping[str, Look]) -> None:
    """Draw the legend of the looks in a line below the figure's title."""
    marks = [
        Line2D([], [], ls="", marker=own.marker, color=DARK, mfc=DARK if own.filled else "none", ms=4.5)
        for own in looks.values()
    ]
    draw_legend(figure, marks, list(looks))


def draw_legend(figure: Figure, handles: Sequence[Artist], names: Sequence[str]) -> None:
    """Draw a legend in a line below the figure's title."""
    place: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, 1 - 0.52 / figure.get_figheight())}
    figure.legend(handles, names, ncols=len(names), fontsize=8, frameon=False, **place)


def _missing(row: Estimate) -> str:
    """Return the reason why a difference is not drawn: a kappa is undefined, or every training of a side failed."""
    if np.isnan(row.estimate):
        return "undefined"
    failed = bool(row.failed or row.failed_versus) and np.isnan(row.min_detectable_difference)
    return "no training clear of chance" if failed else ""


def draw_interval(axes: Axes, place: float, row: Estimate, own: Look) -> None:
    """Draw an estimate and its interval at a height of the axes, in the colour of its method."""
    shade = colour(row.method)
    if not np.isnan(row.low):
        axes.hlines(place + own.shift, row.low, row.high, color=shade, lw=1.2)
    axes.plot(row.estimate, place + own.shift, own.marker, color=shade, mfc=shade if own.filled else "white", ms=4.5)


def legend(axes: Axes, left: float, title: str | None = None) -> None:
    """Draw a legend to the right of the axes, beginning at ``left`` in widths of the axes."""
    axes.legend(loc="center left", bbox_to_anchor=(left, 0.5), frameon=False, fontsize=8, title=title)


def set_title(figure: Figure, text: str, synthetic: bool) -> None:
    """Draw the title of a figure in a size that fits and, for synthetic data, the warning below it."""
    width, height = figure.get_size_inches()
    size = min(11.0, 72 * width / (0.6 * len(text)))
    figure.text(0.5, 1 - 0.1 / height, text, ha="center", va="top", fontsize=size)
    if synthetic:
        figure.text(0.5, 1 - 0.33 / height, PHANTOM, ha="center", va="top", fontsize=9, color=WARNING)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG file, or an SVG file without background, atomically; equal figures give equal bytes."""
    kinds: dict[str, dict[str, Any]] = {
        # Level 4 takes half the time of the highest level; files are a few per cent larger.
        ".png": {"dpi": DPI, "metadata": {"Software": None}, "pil_kwargs": {"compress_level": 4}},
        ".svg": {"metadata": {"Date": None, "Creator": None}, "transparent": True},
    }
    with atomic(path) as partial_path:
        figure.savefig(partial_path, format=path.suffix[1:], **kinds[path.suffix])


def draw_heatmap(
    axes: Axes, shares: npt.NDArray[np.float64], texts: npt.NDArray[np.str_], fontsize: float, gap: float = 0
) -> None:
    """Colour a matrix of proportions with a text in each cell and a gap between cells; the first row is on top."""
    import seaborn as sns

    style = {"cmap": "Blues", "vmin": 0, "vmax": 1, "cbar": False, "linewidths": gap}
    sns.heatmap(shares, ax=axes, annot=texts, fmt="", annot_kws={"fontsize": fontsize}, **style)


def panels(
    figure: Figure, titles: Sequence[str], ends: tuple[float, float], ticks: Sequence[float], labels: tuple[str, str]
) -> list[Axes]:
    """Return square axes, five a line, below the figure's title; sets the figure's size.

    Each has a title of its own. Both axes of each have the same ends and ticks; the labels are those of x and y.
    """
    lines, columns = -(-len(titles) // 5), min(len(titles), 5)
    width, height = max(1.9 * columns, 5.4), 2.0 * lines + 0.75
    figure.set_size_inches(width, height)
    figure.subplots_adjust(0.55 / width, 0.45 / height, 1 - 0.1 / width, 1 - 0.8 / height, hspace=0.3)
    figure.supxlabel(labels[0], fontsize=9, y=0.08 / height)
    figure.supylabel(labels[1], fontsize=9, x=0.08 / width)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in grid[len(titles) :]:
        axes.remove()
    for axes, title in zip(grid, titles, strict=False):
        axes.set(xlim=ends, ylim=ends, xticks=ticks, yticks=ticks, box_aspect=1)
        axes.set_title(title, loc="left", fontsize=8)
        axes.tick_params(labelsize=7, length=2)
    return list(grid[: len(titles)])


def draw_photographs(figure: Figure, images: Sequence[Sequence[Any]], words: Sequence[str], per_line: int) -> None:
    """Draw one or several pictures side by side per position, with words below; sets the figure's size."""
    columns = len(images[0])
    lines = -(-len(images) // per_line)
    side = 1.5 / (1 + 0.25 * (columns > 1))
    width, step = columns * side, side + 0.38
    height = lines * step + 0.65
    figure.set_size_inches(per_line * (width + 0.08) + 0.08, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    font = FontProperties(size=7)
    for place, (row, text) in enumerate(zip(images, words, strict=True)):
        left = 0.08 + (place % per_line) * (width + 0.08)
        top = height - 0.6 - (place // per_line) * step
        for column, image in enumerate(row):
            extent = (left + column * side, left + (column + 1) * side, top - side, top)
            axes.imshow(image, extent=extent, interpolation="antialiased")
        axes.text(left, top - side - 0.03, text, va="top", fontproperties=font)
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(0, height), aspect="auto")


def draw_by_grade(
    figure: Figure, rows: Sequence[MapRow], pairs: Sequence[Sequence[Any]], words: Sequence[str]
) -> tuple[str, int]:
    """Draw each photograph next to its map, a line per grade; return the run and the largest number of pairs."""
    most = max(sum(row.grade == grade for row in rows) for grade in {row.grade for row in rows})
    draw_photographs(figure, pairs, words, per_line=most)
    return f"{rows[0].method}/{rows[0].arm}, seed {rows[0].seed}", most
