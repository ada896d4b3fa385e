"""The report's figures, one file each.

A figure is a module with ``plots(inputs) -> {file name: plot}``: what to draw for this data set, which may be nothing
or, as for the confusion matrices, a file per arm. A plot draws onto an empty figure and returns its caption. Adding a
figure is adding its file and its name in :data:`FIGURES`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from benchmark.report.figures.style import DPI, Plot, save, styled
from benchmark.report.inputs import Inputs

FIGURES = ("ablation", "cost", "transfer", "learning_curves", "confusion")
"""Names of the figures' files, in reading order."""


def draw_all(inputs: Inputs, folder: Path) -> dict[str, str]:
    """Draw every figure; figures of arms that are gone are removed.

    Args:
        inputs: what they show.
        folder: where the files go.

    Returns:
        Caption by file name, in reading order.
    """
    plots: dict[str, Plot] = {}
    for name in FIGURES:
        plots |= import_module(f"{__package__}.{name}").plots(inputs)
    with styled():
        captions = {name: _draw(plot, folder / name) for name, plot in plots.items()}
    for old in folder.glob("*.png"):
        if old.name not in captions:
            old.unlink()
    return captions


def _draw(plot: Plot, path: Path) -> str:
    from matplotlib.figure import Figure

    figure = Figure(dpi=DPI)
    caption = plot(figure)
    save(figure, path)
    return caption
