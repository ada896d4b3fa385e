"""What each arm costs, and what it costs to reach a given kappa: counts, the same in every rebuild."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmark.common.terms import Arm, Size
from benchmark.common.units import quantity
from benchmark.evaluation.architecture import Architecture
from benchmark.report.captions import data_sentence, size_title, start_sentence
from benchmark.report.costs import FRACTIONS, arms_at, chain, curve, first_reaching, targets
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.run_columns import arms_of
from benchmark.report.table import Number, Row, Table
from benchmark.report.tables.components import M2CNN, VARIANTS, find_variant
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params

ABOUT = TableInfo(order=9)

COLUMNS = {
    "parameters": "parameters",
    "macs_per_image": "MACs per image",
    "images": "images",
    "images_chain": "images, chain",
    "macs_chain": "MACs, chain",
} | {
    f"{cost}_to_{fraction * 100:.0f}": f"{title} to {fraction:.0%}"
    for fraction in FRACTIONS
    for cost, title in (("images", "images"), ("macs", "MACs"))
}
"""Title by name of each count."""

Counts = Mapping[str, float | None]
"""By the names of :data:`COLUMNS`; None where there is none."""


@dataclass(frozen=True, slots=True)
class _Line:
    group: str
    label: str
    counts: Counts
    lacking: str
    """What stands where there is no count."""
    facts: Mapping[str, Any]
    """What else the csv says of it."""
    gaps: Mapping[str, str] = field(default_factory=dict)
    """What stands for single counts instead."""

    def row(self) -> Row:
        """As the table shows it."""
        return Row(self.group, self.label, tuple(map(self._cell, COLUMNS)), arms_of(self.facts))

    def _cell(self, name: str) -> Number:
        value = self.counts.get(name)
        if value is None:
            return Number(self.gaps.get(name, self.lacking))
        return Number(f"{value:.2f}" if isinstance(value, float) else quantity(value), value)

    def record(self) -> dict[str, Any]:
        """As the csv holds it."""
        named = dict.fromkeys(("method", "arm", "size", "pixels", "n_cells", "head", "epochs", "chain"), "")
        counts = {name: self.counts.get(name) for name in COLUMNS}
        reached = dict.fromkeys(
            ("best_kappa", "best_kappa_sd", *(f"kappa_{fraction * 100:.0f}" for fraction in FRACTIONS)), ""
        )
        facts = named | counts | reached | {"status": "", "data": "", "synthetic": ""} | dict(self.facts)
        return {"table": "cost", "row": self.label, **facts}


def make(inputs: Inputs) -> Table:
    """Parameters, images and multiply-adds per arm, and how much of them it took to reach a given val kappa."""
    lines = [*_arms(inputs.paper_pixels, inputs.params, inputs.results)]
    lines += [*_ratio(inputs.params, lines), *_paper(set(inputs.paper_pixels.values()), inputs.networks)]
    return Table(
        name="cost",
        title="What it costs",
        caption=" ".join(
            sentence
            for sentence in (
                "Parameters, and multiply-adds (MACs) of one image's forward pass in convolutions and matrix products; "
                "a training step takes about three times as many, and validation is not counted.",
                data_sentence(inputs.results),
                start_sentence(inputs.results),
                "Images: those that one run sees, epochs by training images; chain: with the arms that it starts from.",
                f"To {' and '.join(f'{fraction:.0%}' for fraction in FRACTIONS)}: until val kappa (main head: scores "
                "where there are scores, else prob.; mean over seeds; measured after each epoch) first reaches that "
                "share of the highest val kappa of any arm at the same size after any epoch, chain included. Each arm "
                "runs on its own schedule, so one that stops earlier also lowers its learning rate earlier.",
                'The paper says that M2CNN "accelerates the training procedure" and prints no figure; whether it does, '
                "with the uncertainty of the saving, is judged among the verdicts. The ratios here are of means.",
            )
            if sentence
        ),
        columns=("arm", *COLUMNS.values()),
        rows=tuple(line.row() for line in lines),
        notes=(),
        records=tuple(line.record() for line in lines),
    )


def _arms(paper_pixels: Mapping[Size, int], params: Params, results: Results) -> Iterator[_Line]:
    """A line per declared arm, by size."""
    wanted = targets(results)
    for size, pixels in paper_pixels.items():
        group = size_title(size, params, pixels)
        listed = ", ".join(f"{fraction:.0%} is kappa {kappa:.3f}" for fraction, kappa in wanted.get(size, {}).items())
        for arm in arms_at(params, size):
            yield _arm(f"{group}; {listed}" if listed else group, arm, size, wanted.get(size, {}), results)


def _arm(group: str, arm: Arm, size: Size, wanted: Mapping[float, float], results: Results) -> _Line:
    label = "/".join(arm)
    facts: dict[str, Any] = {"method": arm[0], "arm": arm[1], "size": size, "status": "not run"}
    links = chain(results, arm)
    if links is None:
        return _Line(group, label, {}, "not run", facts)
    own, points = links[-1], curve(results, links)
    counts: dict[str, float | None] = {
        "parameters": own.parameters,
        "macs_per_image": own.macs_per_image,
        "images": own.images,
        "images_chain": sum(link.images for link in links),
        "macs_chain": sum(link.macs for link in links),
    }
    for fraction, kappa in wanted.items():
        point = first_reaching(points, kappa)
        counts |= {f"{cost}_to_{fraction * 100:.0f}": getattr(point, cost, None) for cost in ("images", "macs")}
        facts[f"kappa_{fraction * 100:.0f}"] = plain(kappa)
    facts |= {name: getattr(own, name) for name in ("pixels", "n_cells", "head", "epochs")}
    facts |= {"chain": " ".join("/".join(link.arm) for link in links), "status": "measured"}
    best = max(points, key=lambda point: point.kappa)
    facts |= {"best_kappa": plain(best.kappa), "best_kappa_sd": plain(best.sd)}
    facts |= {"data": results.data, "synthetic": plain(results.synthetic)}
    return _Line(group, label, counts, "not reached", facts)


def _ratio(params: Params, lines: list[_Line]) -> Iterator[_Line]:
    """M2CNN in multiples of BaseNet+MT at the large size, where both are declared."""
    counts = {line.label: line.counts for line in lines}
    arms = [find_variant(variant, "large", params) for variant in (M2CNN, VARIANTS[0])]
    names = ["/".join(arm) for arm in arms if arm]
    if len(names) == 2:
        ours, base = (counts[name] for name in names)
        ratios = {name: _divide(ours.get(name), base.get(name)) for name in COLUMNS}
        # Where one of the two never gets there, which one does is the answer.
        gaps = {name: f"only {names[0]}" for name in COLUMNS if ours.get(name) and not base.get(name)}
        gaps |= {name: f"only {names[1]}" for name in COLUMNS if base.get(name) and not ours.get(name)}
        group = "M2CNN in multiples of BaseNet+MT"
        yield _Line(group, " / ".join(names), ratios, "neither", {"chain": " ".join(names)}, gaps)


def _divide(ours: float | None, base: float | None) -> float | None:
    return round(ours / base, 6) if ours is not None and base else None


def _paper(sizes: set[int], architectures: list[Architecture]) -> Iterator[_Line]:
    """The paper's networks at the sizes that it trains."""
    for network in architectures:
        if network.of == "paper" and network.pixels in sizes:
            cells = {0: "no cells", 1: "one cell", 2: "two cells"}[network.n_cells]
            counts = {"parameters": network.parameters, "macs_per_image": network.macs}
            group = f"{network.backbone} at the paper's sizes: counted, not trained"
            facts = {"pixels": network.pixels, "n_cells": network.n_cells, "status": "counted"}
            yield _Line(group, f"{network.pixels} px, {cells}", counts, "-", facts)
