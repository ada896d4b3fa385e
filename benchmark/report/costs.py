"""Training cost of an arm and of the arms that it starts from, in images and multiply-adds, and its learning curve.

Multiply-adds count forward passes over training images. They exclude backward passes, which take about twice as many,
and validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from benchmark.common.terms import Arm, Size
from benchmark.report.results import Results
from benchmark.settings.params import Params
from models.losses.registry import LOSSES

FRACTIONS = (0.9, 0.95)
"""Fractions of the highest val kappa at a size, used as targets."""


class Spent(NamedTuple):
    """Training cost of one arm by itself, the same for every seed; images and multiply-adds are those of all epochs."""

    arm: Arm
    head: str
    """Main head: scores if there are scores, else prob."""
    size: Size
    pixels: int
    n_cells: int
    parameters: int
    macs_per_image: int
    epochs: int
    images: int
    macs: int


def arms_at(params: Params, size: Size) -> list[Arm]:
    """Return every declared arm at a size, in declared order."""
    return [Arm(method, name) for method, arms in params.arms.items() for name, arm in arms.items() if arm.size == size]


def chain(results: Results, arm: Arm) -> list[Spent]:
    """Return the costs of an arm and of those that it starts from, in order of training; none if one did not run."""
    runs = results.runs_of(*arm)
    if runs.empty:
        return []
    run = runs.to_dict("records")[0]
    images = run["epochs"] * run["train"]
    own = {name: run[name] for name in ("size", "pixels", "n_cells", "parameters", "macs_per_image", "epochs")}
    head = next(iter(LOSSES[run["loss"]].heads))
    last = Spent(Arm(*arm), head, **own, images=images, macs=images * run["macs_per_image"])
    before = chain(results, Arm.parse(run["parent"])) if run["parent"] else []
    return [*before, last] if before or not run["parent"] else []


def curve(results: Results, links: Sequence[Spent]) -> pd.DataFrame:
    """Return the learning curve of the last arm of a chain, a row per epoch, by the cost of the whole chain.

    Its columns are images, macs, and the mean and the standard deviation over seeds of the main head's val kappa.
    """
    *before, last = links
    kappas = results.curves_of(*last.arm).groupby("epoch")[f"val_kappa_{last.head}"]
    points = pd.DataFrame({"kappa": kappas.mean(), "sd": kappas.std()})
    seen = points.index * (last.images // last.epochs)
    points["images"] = seen + sum(link.images for link in before)
    points["macs"] = seen * last.macs_per_image + sum(link.macs for link in before)
    return points


def targets(results: Results) -> dict[Size, dict[float, float]]:
    """Return the target val kappas of each size by their fraction of the highest.

    The highest is that of any arm at that size after any epoch (main head, mean over seeds).
    """
    best: dict[Size, float] = {}
    for arm in results.methods():
        runs = results.runs_of(*arm).iloc[0]
        kappas = results.curves_of(*arm).groupby("epoch")[f"val_kappa_{next(iter(LOSSES[runs['loss']].heads))}"].mean()
        best[runs["size"]] = max(best.get(runs["size"], -1.0), float(kappas.max()))
    return {size: {fraction: fraction * kappa for fraction in FRACTIONS} for size, kappa in best.items()}
