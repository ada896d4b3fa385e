"""Cost of each arm, and of reaching a given kappa: counts, the same in every rebuild."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmark.common.terms import Arm, Size
from benchmark.common.units import quantity
from benchmark.report.captions import data_sentence, size_title, start_sentence
from benchmark.report.costs import FRACTIONS, arms_at, chain, curve, first_reaching, targets
from benchmark.report.inputs import Inputs
from benchmark.report.named_arms import arms_of
from benchmark.report.results import Results
from benchmark.report.table import Number, Row, Table
from benchmark.report.tables.components import BASE, M2CNN, find_variant
from benchmark.report.tables.registry import TableInfo

ABOUT = TableInfo(keys=("row",), order=9, training=True)

_COLUMNS = {
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
"""Titles of the counts by their names in the csv file."""
FACTS = ("method", "arm", "size", "pixels", "n_cells", "head", "epochs", "chain")
REACHED = ("best_kappa", "best_kappa_sd", *(f"kappa_{fraction * 100:.0f}" for fraction in FRACTIONS))
"""Columns of the csv file before and after the counts."""

CostCounts = Mapping[str, float | None]
"""Counts by the names of :data:`_COLUMNS`; None for a missing value."""


@dataclass(frozen=True, slots=True)
class _Line:
    group: str
    label: str
    counts: CostCounts
    missing: str
    """Text of a count without a value."""
    facts: Mapping[str, Any]
    """Further fields of the csv file."""
    exceptions: Mapping[str, str] = field(default_factory=dict)
    """Text of single counts without a value."""

    def row(self) -> Row:
        """Return the row for readers."""
        return Row(self.group, self.label, tuple(map(self._cell, _COLUMNS)), arms_of(self.facts))

    def _cell(self, name: str) -> Number:
        value = self.counts.get(name)
        if value is None:
            return Number(self.exceptions.get(name, self.missing))
        return Number(f"{value:.2f}" if isinstance(value, float) else quantity(value), value)

    def record(self) -> dict[str, Any]:
        """Return the record of the csv file, with ratios as short as they are."""
        counts = {name: str(count) if isinstance(count, float) else count for name, count in self.counts.items()}
        columns = dict.fromkeys(("row", *FACTS, *_COLUMNS, *REACHED, "status", "data", "synthetic"))
        return columns | {"row": self.label} | counts | dict(self.facts)


def make(inputs: Inputs) -> Table:
    """Make the table: parameters, images and multiply-adds per arm, and those until a given val kappa was reached."""
    lines = [*_arms(inputs)]
    lines += [*_ratio(inputs, lines), *_paper(inputs)]
    sentences = (
        "Cost of each arm in parameters, training images and multiply-adds (MACs), and the cost until it reached a "
        "given val kappa. MACs are of one image's forward pass in convolutions and matrix products; a training step "
        "takes about three times as many, and validation is not counted.",
        data_sentence(inputs.results),
        start_sentence(inputs.results),
        "Images: those that one run sees, epochs by training images; chain: with the arms that it starts from.",
        f"To {' and '.join(f'{fraction:.0%}' for fraction in FRACTIONS)}: until val kappa (main head: scores if there "
        "are scores, else prob.; mean over seeds; measured after each epoch) first reaches that fraction of the "
        "highest val kappa of any arm at the same size after any epoch, chain included. Each arm has its own "
        "schedule, so an arm with fewer epochs also lowers its learning rate earlier.",
        'The paper says that M2CNN "accelerates the training procedure" and prints no number; the verdicts judge '
        "whether it does, with the uncertainty of the saving. The ratios here are of means.",
    )
    return Table(
        name="cost",
        title="What it costs",
        caption=" ".join(filter(None, sentences)),
        columns=("arm", *_COLUMNS.values()),
        rows=[line.row() for line in lines],
        notes=(),
        records=[line.record() for line in lines],
    )


def _arms(inputs: Inputs) -> Iterator[_Line]:
    """Yield a line per declared arm, by size."""
    wanted = targets(inputs.results)
    for size, pixels in inputs.paper_pixels.items():
        kappas = wanted.get(size, {})
        listed = ", ".join(f"{fraction:.0%} is kappa {kappa:.3f}" for fraction, kappa in kappas.items())
        group = "; ".join(filter(None, (size_title(size, inputs.params, pixels), listed)))
        for arm in arms_at(inputs.params, size):
            yield _arm(group, arm, size, kappas, inputs.results)


def _arm(group: str, arm: Arm, size: Size, kappas: Mapping[float, float], results: Results) -> _Line:
    facts: dict[str, Any] = {"method": arm[0], "arm": arm[1], "size": size, "status": "not run"}
    links = chain(results, arm)
    if links is None:
        return _Line(group, str(arm), {}, "not run", facts)
    own, points = links[-1], curve(results, links)
    counts: dict[str, float | None] = {name: getattr(own, name) for name in ("parameters", "macs_per_image", "images")}
    counts |= {f"{cost}_chain": sum(getattr(link, cost) for link in links) for cost in ("images", "macs")}
    for fraction, kappa in kappas.items():
        point = first_reaching(points, kappa)
        counts |= {f"{cost}_to_{fraction * 100:.0f}": getattr(point, cost, None) for cost in ("images", "macs")}
        facts[f"kappa_{fraction * 100:.0f}"] = kappa
    best = max(points, key=lambda point: point.kappa)
    facts |= {name: getattr(own, name) for name in ("pixels", "n_cells", "head", "epochs")}
    facts |= {"chain": " ".join(str(link.arm) for link in links), "status": "measured"}
    facts |= {"best_kappa": best.kappa, "best_kappa_sd": best.sd, "data": results.data, "synthetic": results.synthetic}
    return _Line(group, str(arm), counts, "not reached", facts)


def _ratio(inputs: Inputs, lines: Sequence[_Line]) -> Iterator[_Line]:
    """Yield M2CNN in multiples of BaseNet+MT at the large size, if both are declared."""
    counts = {line.label: line.counts for line in lines}
    names = [str(arm) for variant in (M2CNN, BASE) if (arm := find_variant(variant, "large", inputs.params))]
    if len(names) == 2:
        ours, base = (counts[name] for name in names)
        ratios = {name: _divide(ours.get(name), base.get(name)) for name in _COLUMNS}
        exceptions = {name: f"only {names[0]}" for name in _COLUMNS if ours.get(name) and not base.get(name)}
        exceptions |= {name: f"only {names[1]}" for name in _COLUMNS if base.get(name) and not ours.get(name)}
        group = "M2CNN in multiples of BaseNet+MT"
        yield _Line(group, " / ".join(names), ratios, "neither", {"chain": " ".join(names)}, exceptions)


def _divide(ours: float | None, base: float | None) -> float | None:
    return round(ours / base, 6) if ours is not None and base else None


def _paper(inputs: Inputs) -> Iterator[_Line]:
    """Yield the paper's networks at the sizes that it trains."""
    for network in inputs.networks:
        if network.of == "paper" and network.pixels in inputs.paper_pixels.values():
            cells = {0: "no cells", 1: "one cell", 2: "two cells"}[network.n_cells]
            counts = {"parameters": network.parameters, "macs_per_image": network.macs}
            group = f"{network.backbone} at the paper's sizes: counted, not trained"
            facts = {"pixels": network.pixels, "n_cells": network.n_cells, "status": "counted"}
            yield _Line(group, f"{network.pixels} px, {cells}", counts, "-", facts)
