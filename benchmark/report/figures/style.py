"""How every figure of the report looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.common.files import atomic
from benchmark.report.captions import PHANTOM
from benchmark.report.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Plot = Callable[["Figure"], str]
"""Draws onto an empty figure and returns its caption."""

MARKERS = "osD^v<>P"
GREY, DARK, WARNING = "#888888", "#222222", "#a03000"
DPI = 110


@contextmanager
def styled() -> Iterator[None]:
    """The style that all figures are drawn in, without a display."""
    import matplotlib as mpl
    import seaborn as sns

    mpl.use("Agg")
    with sns.axes_style("ticks"), sns.plotting_context("paper"), sns.color_palette("colorblind"):
        yield


def colour(index: int) -> str:
    """Colour of a line by its place, safe for colour-blind readers; the palette's colours repeat."""
    return f"C{index}"


def look(index: int) -> dict[str, Any]:
    """Colour and marker of a line by its place."""
    return {"color": colour(index), "marker": MARKERS[index % len(MARKERS)]}


def bare(axes: Axes, grid: str = "") -> None:
    """Leave out the upper and right edge, and show pale lines across: of axis ``x``, ``y`` or ``both``."""
    axes.spines[["top", "right"]].set_visible(False)
    if grid:
        axes.grid(axis=grid, color="#dddddd", lw=0.6)  # type: ignore[arg-type]


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
    """Write a figure as PNG, atomically; equal figures give equal bytes, for the file carries no date.

    Args:
        figure: what is drawn.
        path: the file.
        options: as for :meth:`matplotlib.figure.Figure.savefig`.
    """
    with atomic(path) as partial:
        figure.savefig(partial, format="png", dpi=DPI, metadata={"Software": None}, **options)
