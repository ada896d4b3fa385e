"""Claims on the page: each claim of the paper with its published and measured values, and the verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmark.common.terms import OURS
from benchmark.common.units import format_measure
from benchmark.report.answer import in_our_pixels, measured
from benchmark.report.inputs import Inputs
from benchmark.report.named_arms import arms_of
from benchmark.report.table import Notes
from benchmark.report.tables.verdicts import p_text, seeds_of
from benchmark.statistics.verdict_row import ALL_PARTS, VerdictRow
from benchmark.statistics.verdict_rules import Verdict

VERDICT_STYLES: dict[Verdict, str] = {
    "reproduced": "yes",
    "consistent": "yes",
    "not reproduced": "no",
    "inconsistent": "no",
    "inconclusive": "open",
    "depends on the decision rule": "open",
}
"""Style of a verdict: colour and sign. A claim without a judgement has a style of its own."""
TICKS = 4
"""Approximate number of ticks of an axis."""
MARGIN = 0.04
"""Fraction of a scale that stays free at either end."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Linear scale from values to positions in per cent."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Scale | None:
        """Return a scale of all finite values; None without such a value."""
        known = list(filter(math.isfinite, values))
        if not known:
            return None
        low, high = min(known), max(known)
        free = MARGIN * (high - low) or 0.5
        return cls(low - free, high + free)

    def at(self, value: float) -> float:
        """Return the position of a value."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and texts of round numbers."""
        raw = (self.high - self.low) / TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(self.at(place * step), f"{place * step + 0.0:.{digits}f}") for place in range(first, last + 1)]


def make_board(inputs: Inputs) -> dict[str, Any]:
    """Return the values of the template that shows the verdicts, in the order of the claims file.

    These are the paper's claims about kappas and costs, the questions that it does not claim, checks of its own
    numbers, a count of each finding on the parts of its claims, the facts that most parts share, and numbered notes.
    """
    notes = Notes()
    groups: dict[str, list[dict[str, Any]]] = {"claims": [], "asked": [], "checks": []}
    rows: dict[str, list[VerdictRow]] = {}
    for row in inputs.verdicts:
        rows.setdefault(row.claim, []).append(row)
    for claim in rows.values():
        kind = "checks" if claim[0].kind == "consistency" else "asked" if claim[0].evidence == OURS else "claims"
        groups[kind].append(_claim(claim, inputs, notes))
    parts = [part for claim in groups["claims"] for part in claim["parts"]]
    facts = Counter(fact for part in parts for fact in part["facts"])
    return {
        **groups,
        "tally": Counter(part["finding"] for part in parts).most_common(),
        "common": [fact for fact, count in facts.items() if 2 * count > len(parts)],
        "notes": notes.texts,
    }


def style_of(verdict: Verdict | None) -> str:
    """Return the style of a verdict; that of a claim without a judgement for any other."""
    return VERDICT_STYLES.get(verdict, "other") if verdict else ""


def _claim(rows: Sequence[VerdictRow], inputs: Inputs, notes: Notes) -> dict[str, Any]:
    """Return a claim with the judgement of all its parts together, if there are several, and that of each part."""
    drawn = [row for row in rows if not math.isnan(row.estimate)]
    values = [value for row in drawn for value in (row.estimate, row.low, row.high, row.margin, _printed(row))]
    scale = Scale.of([*values, *([0.0] if any(row.kind != "number" for row in drawn) else [])])
    whole = [row for row in rows if row.part == ALL_PARTS]
    parts = [row for row in rows if row.part != ALL_PARTS]
    judged = [*whole, *(row for row in parts if row.split not in {one.split for one in whole})]
    words = in_our_pixels(rows[0].interpretation, inputs)
    return {
        "interpretation": words[:1].upper() + words[1:],
        "quote": rows[0].quote,
        "source": rows[0].source,
        "findings": list(dict.fromkeys((style_of(row.verdict), row.finding) for row in judged)),
        "primary": any(row.primary for row in rows),
        "parts": [_judged(row, scale, inputs, notes) for row in parts],
        "axis": scale.ticks if scale else [],
    }


def _judged(row: VerdictRow, scale: Scale | None, inputs: Inputs, notes: Notes) -> dict[str, Any]:
    value, _, interval = measured(row).partition(" ")
    printed, ordering, ran = _printed(row), row.kind == "ordering", inputs.results.arms()
    return {
        # A question that no source prints is about one pair, which its interpretation names.
        "part": in_our_pixels(row.part, inputs) if row.published or not ordering else f"on {row.split}",
        "published": row.published or "-" if math.isnan(printed) or not ordering else format_measure(printed, "+"),
        "measured": value or row.recomputed or "-",
        "interval": interval,
        "strip": _strip(row, scale) if scale and not math.isnan(row.estimate) else [],
        "finding": row.finding,
        "look": style_of(row.verdict),
        "facts": _facts(row),
        "notes": notes.number(*row.notes),
        "arms": [str(arm) for arm in arms_of(asdict(row)) if arm in ran],
    }


def _strip(row: VerdictRow, scale: Scale) -> list[tuple[str, str]]:
    """Return the class and path of each line of a drawing 100 wide: 0, margin, interval, published value, estimate.

    It is stretched to its cell, but lines and dots keep their width: a dot is a line of length zero with round ends.
    """
    zero, margin, low, high, printed, value = (
        f"{scale.at(one):g}" if math.isfinite(one) else ""
        for one in (0.0, row.margin, row.low, row.high, _printed(row), row.estimate)
    )
    lines = [("zero", f"M{zero} 0V12")] if scale.low < 0 < scale.high else []
    lines += [("margin", f"M{margin} 0V12")] if margin else []
    lines += [("interval", f"M{low} 6H{high}")] if low and high else []
    lines += [("printed", f"M{printed} 1V11")] if printed else []
    return [*lines, ("dot", f"M{value} 6h0")]


def _printed(row: VerdictRow) -> float:
    """Return the published number; NaN if it is not a number."""
    try:
        return float(row.published)
    except ValueError:
        return math.nan


def _facts(row: VerdictRow) -> tuple[str, ...]:
    seeds = seeds_of(row)
    facts = (
        row.split,
        f"n = {row.n_images}" if row.n_images else "",
        f"{seeds} seeds" if seeds else "",
        f"interval over {row.resampled}" if row.resampled else "",
        f"margin {row.margin:g}" if not math.isnan(row.margin) else "",
        f"holds under {row.n_hold} of {row.n_analyses} analyses" if row.n_analyses else "",
        f"failed trainings: {row.failed_a} and {row.failed_b}" if row.failed_a or row.failed_b else "",
        f"tolerance {row.tolerance:g}" if math.isnan(row.margin) and not math.isnan(row.tolerance) else "",
        f"primary endpoint {row.primary}: p {p_text(row)}" if row.primary else "",
    )
    return tuple(filter(None, facts))
