"""How every figure of the report looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats
from benchmark.common.files import atomic
from benchmark.evaluation.salient import Maps, Row
from benchmark.report.captions import PHANTOM
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Plot = Callable[["Figure"], str]
"""Draws onto an empty figure and returns its caption."""

Photographs = npt.NDArray[np.uint8]
"""RGB, shape (n, s, s, 3)."""

MARKERS = "osD^v<>P"
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
"""Of lines by their place, so that they can be told apart without colour."""
GREY, DARK, WARNING = "#888888", "#222222", "#a03000"
DPI = 150
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fundusbench",
    "path.simplify": True,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
}
"""On top of seaborn's: text stays text in a vector file, which is then small, searchable and the same each time."""


@contextmanager
def styled() -> Iterator[None]:
    """The style that all figures are drawn in, without a display."""
    import matplotlib as mpl
    import seaborn as sns

    mpl.use("Agg")
    with (
        sns.axes_style("ticks"),
        sns.plotting_context("paper"),
        sns.color_palette("colorblind"),
        mpl.rc_context(_STYLE),
    ):
        yield


def colour(index: int) -> str:
    """Colour of a line by its place, safe for colour-blind readers; the palette's colours repeat."""
    return f"C{index}"


def look(index: int) -> dict[str, Any]:
    """Colour, marker and dashes of a line by its place: any of them tells it apart."""
    return {
        "color": colour(index),
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": DASHES[index % len(DASHES)],
    }


def bare(axes: Axes, grid: str = "") -> None:
    """Leave out the upper and right edge, and show pale lines across: of axis ``x``, ``y`` or ``both``."""
    axes.spines[["top", "right"]].set_visible(False)
    if grid:
        axes.grid(axis=grid, color="#dddddd", lw=0.6)  # type: ignore[arg-type]


def forest(panels: Sequence[Axes], titles: Sequence[str], groups: Sequence[str], names: Sequence[str]) -> None:
    """Dress axes as forests of intervals of differences, line by line from the top.

    Args:
        panels: side by side, with shared axes.
        titles: of the panels.
        groups: of each line, whose group it is in; a pale line parts groups that follow one another.
        names: of the lines.
    """
    for axes, title in zip(panels, titles, strict=True):
        axes.axvline(0, color=DARK, lw=0.8)
        axes.set(title=title, xlabel="difference of kappas, first - second")
        bare(axes, grid="x")
        axes.tick_params(axis="y", length=0)
        for place, (before, after) in enumerate(pairwise(groups)):
            if before != after:
                axes.axhline(place + 0.5, color="#dddddd", lw=0.7)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)


class Interval(Protocol):
    """A difference and the ends of its interval, which are NaN where there is none."""

    @property
    def estimate(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def interval(axes: Axes, place: float, row: Interval, marker: str, shade: str, face: str) -> None:
    """A difference as a mark on a bar, at a height ``place``; its filling, ``face``, may differ from its colour."""
    if not np.isnan(row.low):
        axes.hlines(place, row.low, row.high, color=shade, lw=1.2)
    axes.plot(row.estimate, place, marker, color=shade, mfc=face, ms=4.5)


def legend(axes: Axes, place: float, title: str | None = None) -> None:
    """A legend beside the axes, to their right.

    Args:
        axes: whose lines are named.
        place: where it begins, in widths of the axes.
        title: of the legend.
    """
    axes.legend(loc="center left", bbox_to_anchor=(place, 0.5), frameon=False, fontsize=8, title=title)


def set_title(figure: Figure, text: str, results: Results) -> None:
    """Title, with the nature of the data in the figure itself."""
    height = figure.get_figheight()
    figure.text(0.5, 1 - 0.1 / height, text, ha="center", va="top", fontsize=11)
    if results.synthetic:
        figure.text(0.5, 1 - 0.33 / height, PHANTOM, ha="center", va="top", fontsize=9, color=WARNING)


def save(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure atomically; equal figures give equal bytes, for the file carries no date.

    Args:
        figure: what is drawn.
        path: the file; its ending says whether it is PNG or SVG, which has no background.
        options: as for :meth:`matplotlib.figure.Figure.savefig`.
    """
    kinds: dict[str, dict[str, Any]] = {
        # Half the time of the highest compression, for a few bytes in a hundred.
        ".png": {"dpi": DPI, "metadata": {"Software": None}, "pil_kwargs": {"compress_level": 4}},
        ".svg": {"metadata": {"Date": None, "Creator": None}, "transparent": True},
    }
    with atomic(path) as partial:
        figure.savefig(partial, format=path.suffix[1:], **kinds[path.suffix], **options)


def shade(share: float) -> str:
    """A grey-readable colour for a share 0-1: white to dark blue."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return to_hex(colormaps["Blues"](share))


@dataclass(frozen=True, slots=True)
class Panel:
    """A small coordinate system in shared axes: axes and their ticks cost more than all that is drawn in them.

    Attributes:
        axes: shared by all panels.
        x, y: where its lower left corner lies, in the units of the axes.
        side: its width and height there.
        low, high: what its corners stand for, on both sides.
    """

    axes: Axes
    x: float
    y: float
    low: float
    high: float
    side: float = 1.0

    def across(self, values: Any) -> Floats:
        """Places of values on the horizontal side."""
        return self.x + self.side * (np.asarray(values, np.float64) - self.low) / (self.high - self.low)

    def up(self, values: Any) -> Floats:
        """Places of values on the vertical side."""
        return self.y + self.side * (np.asarray(values, np.float64) - self.low) / (self.high - self.low)

    def frame(self, title: str, ticks: Sequence[float] = (), *, labels: bool = True) -> None:
        """A pale frame, the title above, ticks below and, with ``labels``, to the left."""
        from matplotlib.patches import Rectangle

        self.axes.add_patch(Rectangle((self.x, self.y), self.side, self.side, fill=False, ec="#999999", lw=0.6))
        self.axes.text(self.x, self.y + 1.03 * self.side, title, ha="left", va="bottom", fontsize=8)
        for tick in ticks:
            at, text = {"fontsize": 7, "color": DARK}, f"{tick:g}"
            self.axes.text(float(self.across(tick)), self.y - 0.03 * self.side, text, ha="center", va="top", **at)  # type: ignore[arg-type]
            if labels:
                self.axes.text(self.x - 0.03 * self.side, float(self.up(tick)), text, ha="right", va="center", **at)  # type: ignore[arg-type]


def panels(figure: Figure, count: int, low: float, high: float, per_line: int = 5) -> list[Panel]:
    """Square panels in reading order that fill a figure below its title; sets the figure's size."""
    lines, columns = -(-count // per_line), min(count, per_line)
    inches, across, down, margin, head = 1.6, 1.18, 1.36, 0.22, 0.55
    wide, high_up = max(across * columns + margin, 3.4), down * lines + 0.02
    figure.set_size_inches(inches * wide, inches * high_up + head)
    axes = figure.add_axes((0, 0, 1, inches * high_up / (inches * high_up + head)))
    axes.set(xlim=(-margin, wide - margin), ylim=(0, high_up))
    axes.axis("off")
    top = high_up - 1.16
    return [
        Panel(axes, across * (place % per_line), top - down * (place // per_line), low, high) for place in range(count)
    ]


def photographs(figure: Figure, images: Sequence[Sequence[Any]], words: Sequence[str], per_line: int) -> None:
    """Pictures in reading order with words below each; sets the figure's size.

    Args:
        figure: to draw onto.
        images: of each place, one or several side by side, RGB or RGBA, equally large.
        words: of each place.
        per_line: places side by side.
    """
    from matplotlib.font_manager import FontProperties

    beside = len(images[0])
    lines = -(-len(images) // per_line)
    width, step = beside * 1.5 / (1 + 0.25 * (beside > 1)), 1.5 / (1 + 0.25 * (beside > 1)) + 0.38
    height = lines * step + 0.65
    figure.set_size_inches(per_line * (width + 0.08) + 0.08, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    font = FontProperties(size=7)
    for place, (row, text) in enumerate(zip(images, words, strict=True)):
        left = 0.08 + (place % per_line) * (width + 0.08)
        top = height - 0.6 - (place // per_line) * step
        side = width / beside
        for column, image in enumerate(row):
            extent = (left + column * side, left + (column + 1) * side, top - side, top)
            axes.imshow(image, extent=extent, interpolation="antialiased")
        axes.text(left, top - side - 0.03, text, va="top", fontproperties=font)
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(0, height), aspect="auto")


def mapped(name: str, inputs: Inputs, read: tuple[list[Row], Maps], plot: Callable[..., str]) -> dict[str, Plot]:
    """The figure of some maps; none where they, or their photographs, do not lie here."""
    rows, maps = read
    images = inputs.photographs([row.image_id for row in rows], rows[0].size if rows else "large")
    if not len(images):
        return {}
    return {name: partial(plot, rows=rows, images=images, maps=maps, results=inputs.results)}


def by_grade(
    figure: Figure, rows: Sequence[Row], pairs: Sequence[Sequence[Any]], words: Sequence[str]
) -> tuple[str, int]:
    """Draw each photograph beside its map, a line per grade; the run that is shown, and the most pairs in a line."""
    most = max(sum(row.grade == grade for row in rows) for grade in {row.grade for row in rows})
    photographs(figure, pairs, words, per_line=most)
    return f"{rows[0].method}/{rows[0].arm}, seed {rows[0].seed}", most
