"""Cost of each arm, and of reaching a given kappa: counts, the same in every rebuild."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmark.common.terms import Arm, Size
from benchmark.common.units import quantity
from benchmark.report.captions import data_sentence, size_title, start_sentence
from benchmark.report.costs import FRACTIONS, arms_at, chain, curve, targets
from benchmark.report.inputs import Inputs
from benchmark.report.named_arms import arms_of
from benchmark.report.results import Results
from benchmark.report.table import Number, Row, Table
from benchmark.report.tables.components import BASE, M2CNN, find_variant
from benchmark.report.tables.registry import TableInfo

ABOUT = TableInfo(keys=("row",), order=9, training=True)

_COLUMNS = {
    **{"parameters": "parameters", "macs_per_image": "MACs per image", "images": "images"},
    **{"images_chain": "images, chain", "macs_chain": "MACs, chain"},
    **{
        f"{cost}_to_{fraction * 100:.0f}": f"{title} to {fraction:.0%}"
        for fraction in FRACTIONS
        for cost, title in (("images", "images"), ("macs", "MACs"))
    },
}
"""Titles of the counts by their names in the csv file."""
FACTS = ("method", "arm", "size", "pixels", "n_cells", "head", "epochs", "chain")
REACHED = ("best_kappa", "best_kappa_sd", *(f"kappa_{fraction * 100:.0f}" for fraction in FRACTIONS))
"""Columns of the csv file before and after the counts."""

_Line = tuple[Row, dict[str, Any]]
"""Row for readers, and record of the csv file."""


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
        title="What it costs",
        caption=" ".join(filter(None, sentences)),
        columns=("arm", *_COLUMNS.values()),
        rows=[row for row, _ in lines],
        records=[record for _, record in lines],
    )


def _line(
    group: str,
    label: str,
    counts: Mapping[str, float | None],
    missing: str,
    facts: Mapping[str, Any],
    exceptions: Mapping[str, str] | None = None,
) -> _Line:
    """Return the row of some counts, and the record with further ``facts``; ``exceptions`` to the ``missing`` text."""
    cells = []
    for name in _COLUMNS:
        if (value := counts.get(name)) is None:
            cells.append(Number((exceptions or {}).get(name, missing)))
        else:
            cells.append(Number(f"{value:.2f}" if isinstance(value, float) else quantity(value), value))
    # Ratios are as short as they are.
    texts = {name: str(count) if isinstance(count, float) else count for name, count in counts.items()}
    columns = dict.fromkeys(("row", *FACTS, *_COLUMNS, *REACHED, "status", "data", "synthetic"))
    return Row(group, label, tuple(cells), arms_of(facts)), columns | {"row": label} | texts | dict(facts)


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
    if not links:
        return _line(group, str(arm), {}, "not run", facts)
    own, points = links[-1], curve(results, links)
    counts: dict[str, float | None] = {name: getattr(own, name) for name in ("parameters", "macs_per_image", "images")}
    counts |= {f"{cost}_chain": sum(getattr(link, cost) for link in links) for cost in ("images", "macs")}
    for fraction, kappa in kappas.items():
        first = points[points["kappa"] >= kappa].head(1)
        counts |= {f"{cost}_to_{fraction * 100:.0f}": next(iter(first[cost]), None) for cost in ("images", "macs")}
        facts[f"kappa_{fraction * 100:.0f}"] = kappa
    best = points[points["kappa"] == points["kappa"].max()].iloc[0]
    facts |= {name: getattr(own, name) for name in ("pixels", "n_cells", "head", "epochs")}
    facts |= {"chain": " ".join(str(link.arm) for link in links), "status": "measured"}
    facts |= {"best_kappa": best["kappa"], "best_kappa_sd": best["sd"]}
    facts |= {"data": results.data, "synthetic": results.synthetic}
    return _line(group, str(arm), counts, "not reached", facts)


def _ratio(inputs: Inputs, lines: Sequence[_Line]) -> Iterator[_Line]:
    """Yield M2CNN in multiples of BaseNet+MT at the large size, if both are declared."""
    records = {record["row"]: record for _, record in lines}
    names = [str(arm) for variant in (M2CNN, BASE) if (arm := find_variant(variant, "large", inputs.params))]
    if len(names) == 2:
        counts: dict[str, float | None] = {}
        exceptions = {}
        for name in _COLUMNS:
            ours, base = (records[arm][name] for arm in names)
            if ours and base:
                counts[name] = round(ours / base, 6)
            elif ours or base:
                exceptions[name] = f"only {names[0] if ours else names[1]}"
        group = "M2CNN in multiples of BaseNet+MT"
        yield _line(group, " / ".join(names), counts, "neither", {"chain": " ".join(names)}, exceptions)


def _paper(inputs: Inputs) -> Iterator[_Line]:
    """Yield the paper's networks at the sizes that it trains."""
    for network in inputs.networks:
        if network.of == "paper" and network.pixels in inputs.paper_pixels.values():
            cells = {0: "no cells", 1: "one cell", 2: "two cells"}[network.n_cells]
            counts = {"parameters": network.parameters, "macs_per_image": network.macs}
            group = f"{network.backbone} at the paper's sizes: counted, not trained"
            facts = {"pixels": network.pixels, "n_cells": network.n_cells, "status": "counted"}
            yield _line(group, f"{network.pixels} px, {cells}", counts, "-", facts)
