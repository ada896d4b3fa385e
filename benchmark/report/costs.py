"""Training cost of an arm and of the arms that it starts from, in images and multiply-adds, and its learning curve.

Multiply-adds count forward passes over training images. They exclude backward passes, which take about twice as many,
and validation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

from benchmark.common.terms import Arm, Head, Size
from benchmark.report.results import Results
from benchmark.settings.params import Params
from models.losses.registry import LOSSES

FRACTIONS = (0.9, 0.95)
"""Fractions of the highest val kappa at a size, used as targets."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Training cost of one arm by itself, the same for every seed."""

    arm: Arm
    parent: Arm | None
    size: Size
    pixels: int
    n_cells: int
    head: Head
    """Main head: scores if there are scores, else prob."""
    parameters: int
    macs_per_image: int
    epochs: int
    images: int
    """Images seen, over all epochs."""

    @property
    def macs(self) -> int:
        """Multiply-adds spent."""
        return self.images * self.macs_per_image


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of an arm's learning curve."""

    epoch: int
    images: int
    """Images seen so far, including those of the arms before it."""
    macs: int
    """Multiply-adds so far, including those of the arms before it."""
    kappa: float
    """Kappa on val of the main head, mean over seeds."""
    sd: float = math.nan
    """Sample standard deviation over seeds; NaN for a single one."""


def arms_at(params: Params, size: Size) -> list[Arm]:
    """Return every declared arm at a size, in declared order."""
    return [Arm(method, name) for method, arms in params.arms.items() for name, arm in arms.items() if arm.size == size]


def spent(results: Results, arm: Arm) -> Spent | None:
    """Return the cost of an arm by itself; None if no seed ran."""
    rows = results.runs_of(*arm)
    if rows.empty:
        return None
    run = rows.iloc[0]
    return Spent(
        arm=arm,
        parent=Arm.parse(run["parent"]) if run["parent"] else None,
        size=cast("Size", run["size"]),
        pixels=int(run["pixels"]),
        n_cells=int(run["n_cells"]),
        head=cast("Head", next(iter(LOSSES[run["loss"]].heads))),
        parameters=int(run["parameters"]),
        macs_per_image=int(run["macs_per_image"]),
        epochs=int(run["epochs"]),
        images=int(run["epochs"]) * int(run["train"]),
    )


def chain(results: Results, arm: Arm) -> tuple[Spent, ...] | None:
    """Return the costs of an arm and of those that it starts from, in order of training; None if one did not run."""
    links: list[Spent] = []
    following: Arm | None = arm
    while following:
        link = spent(results, following)
        if link is None:
            return None
        links.insert(0, link)
        following = link.parent
    return tuple(links)


def curve(results: Results, links: tuple[Spent, ...]) -> list[CurvePoint]:
    """Return the learning curve of the last arm of a chain, one point per epoch, by the cost of the whole chain."""
    last = links[-1]
    images_before = sum(link.images for link in links[:-1])
    macs_before = sum(link.macs for link in links[:-1])
    kappas = results.curves_of(*last.arm).groupby("epoch")[f"val_kappa_{last.head}"]
    means, sds = kappas.mean(), kappas.std()
    images = {int(epoch): int(epoch) * (last.images // last.epochs) for epoch in means.index}
    return [
        CurvePoint(
            epoch=epoch,
            images=images_before + seen,
            macs=macs_before + seen * last.macs_per_image,
            kappa=float(means[epoch]),
            sd=float(sds[epoch]),
        )
        for epoch, seen in images.items()
    ]


def targets(results: Results) -> dict[Size, dict[float, float]]:
    """Return the target val kappas of each size by their fraction of the highest.

    The highest is that of any arm at that size after any epoch (main head, mean over seeds).
    """
    best: dict[Size, float] = {}
    for arm in results.methods():
        own = spent(results, arm)
        assert own is not None
        best[own.size] = max(best.get(own.size, -1.0), *(point.kappa for point in curve(results, (own,))))
    return {size: {fraction: fraction * kappa for fraction in FRACTIONS} for size, kappa in best.items()}


def first_reaching(points: list[CurvePoint], kappa: float) -> CurvePoint | None:
    """Return the first point of a learning curve with at least this kappa."""
    return next((point for point in points if point.kappa >= kappa), None)
