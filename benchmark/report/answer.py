"""The report in a few sentences: main claims, rank of the paper's method, runs, and differences from the paper."""

from __future__ import annotations

import re
from math import isnan

from benchmark.common.units import percent
from benchmark.evaluation.architecture import PAPER_MODEL
from benchmark.report import PAGE
from benchmark.report.captions import PHANTOM, default_sentence, seeds_in_words
from benchmark.report.inputs import Inputs
from benchmark.report.table import with_interval
from benchmark.settings.params import PREDICTIONS
from benchmark.statistics.systems import UNLISTED
from benchmark.statistics.verdict_row import VerdictRow
from benchmark.statistics.verdict_rules import Verdict

Sentence = tuple[str, Verdict | None]
"""A sentence of the answer, with the verdict that it states if it is about a claim."""


def answer(inputs: Inputs) -> list[Sentence]:
    """Return the answer: a sentence per primary endpoint in their order, then rank, runs and differences."""
    primary = sorted((row for row in inputs.verdicts if row.primary), key=lambda row: row.primary)
    results = inputs.results
    elsewhere = (
        f"Ran: nothing was trained here; {len(results.arms())} rows are predictions from files, on "
        f"{results.size_of('test')} (labels of {results.data})."
    )
    setting = _setting(inputs) if inputs.params.trains else [elsewhere]
    rest = (_rank(inputs), *setting, default_sentence(inputs.differences))
    return [*(_claim(row, inputs) for row in primary), *((text, None) for text in rest if text)]


def answer_text(inputs: Inputs) -> str:
    """Return the answer as lines for a terminal, with the path of the page."""
    warning = [f"{PHANTOM.capitalize()}."] if inputs.results.synthetic else []
    return "\n".join([*warning, *(text for text, _ in answer(inputs)), f"The page: {PAGE.resolve()}"])


def in_our_pixels(text: str, inputs: Inputs) -> str:
    """Return a text about the paper's input sizes, such as 720x720, with the sizes that were measured here."""
    ours = {str(paper): f"{inputs.params.sizes.of(size)} px" for size, paper in inputs.paper_pixels.items()}
    return re.sub(r"\b(\d+)x\1\b", lambda found: ours.get(found[1], found[0]), text)


def measured(row: VerdictRow) -> str:
    """Return the estimate of a verdict with its interval; empty without one."""
    return "" if isnan(row.estimate) else with_interval(row, "" if row.kind == "number" else "+")


def _claim(row: VerdictRow, inputs: Inputs) -> Sentence:
    where, _, pair = in_our_pixels(row.part, inputs).rpartition(": ")
    at = "" if where.startswith(row.split) else f" at {where}"
    level = f"{row.confidence_level * 100:g} % interval; the paper prints {row.published}"
    values = f", kappa {measured(row)} ({level})" if measured(row) else ""
    return f"{pair.replace(' > ', ' above ')} on {row.split}{at}: {row.finding}{values}.", row.verdict


def _rank(inputs: Inputs) -> str:
    """Return the most probable rank of the paper's method on test among the rows of its comparison that ran."""
    rows = [row for row in inputs.estimates("system rank") if row.split == "test" and row.arm != PREDICTIONS]
    found = []
    for about in dict.fromkeys(row.about for row in rows if UNLISTED not in row.about):
        ranks = [row for row in rows if row.about == about and not isnan(row.estimate)]
        if ranks:
            best = max(ranks, key=lambda row: row.estimate)
            found.append(f"{best.rank} of {len(ranks)} with probability {percent(best.estimate)} ({about})")
    if not found:
        return ""
    method = inputs.printed["comparison"].rows[-1]
    printed = next((f"; the paper's: {row.published}" for row in inputs.verdicts if row.part == "rank"), "")
    return f"Most probable rank of {method} on test: {', '.join(found)}{printed}."


def _setting(inputs: Inputs) -> list[str]:
    """Return the runs, and the differences from the paper in data, backbone and input sizes."""
    params, results, paper, sizes = inputs.params, inputs.results, inputs.claims.paper, inputs.paper_pixels
    n_train, tested = int(results.runs["train"].iloc[0]), results.size_of("test")
    pairs = (
        ("data", paper.data if params.data.source == paper.data else results.data, paper.data),
        ("train images", f"{n_train:,}", f"{paper.images['train']:,}"),
        ("backbone", params.model.backbone.partition(".")[0], PAPER_MODEL.backbone),
        ("px", ", ".join(str(params.sizes.of(size)) for size in sizes), ", ".join(map(str, sizes.values()))),
    )
    differing = "; ".join(f"{name} {ours} (paper: {theirs})" for name, ours, theirs in pairs if ours != theirs)
    return [
        f"Ran: {len(results.runs)} runs of {len(results.arms())} arms with up to "
        f"{seeds_in_words(results.runs['seed'].nunique())}, trained on {n_train:,} images of {results.data}, tested on "
        f"{tested}.",
        f"Differs from the paper: {differing or 'not in data, backbone or input sizes'}. Decision rules and schedule "
        "are our choices, because it prints none.",
    ]
