"""First section of the page: each claim of the paper with its published and measured values, and the verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from benchmark.common.terms import OURS, Arm
from benchmark.common.units import ends, format_measure
from benchmark.report.page.strips import Scale, strip
from benchmark.report.run_columns import arms_of
from benchmark.report.table import Notes, ends_of
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


def make_board(rows: Sequence[VerdictRow], ran: Collection[Arm]) -> dict[str, Any]:
    """Return what the template shows of the verdicts, which are in the order of the claims file.

    These are the paper's claims about kappas and costs, the questions that it does not claim, checks of its own
    numbers, a count of each verdict on the parts of its claims, the facts that most parts share, and numbered notes.
    """
    notes = Notes()
    judged = [row for row in rows if row.kind != "consistency"]
    claims = _claims([row for row in judged if row.evidence != OURS], ran, notes)
    parts = [part for claim in claims for part in claim["parts"]]
    common = Counter(part["facts"] for part in parts).most_common(1)
    return {
        "claims": claims,
        "asked": _claims([row for row in judged if row.evidence == OURS], ran, notes),
        "checks": _claims([row for row in rows if row.kind == "consistency"], ran, notes),
        "tally": Counter((part["look"], part["finding"]) for part in parts).most_common(),
        "common": common[0][0] if common else (),
        "notes": notes.texts,
    }


def _claims(rows: Sequence[VerdictRow], ran: Collection[Arm], notes: Notes) -> list[dict[str, Any]]:
    groups: dict[str, list[VerdictRow]] = {}
    for row in rows:
        groups.setdefault(row.claim, []).append(row)
    return [_claim(group, ran, notes) for group in groups.values()]


def _claim(rows: Sequence[VerdictRow], ran: Collection[Arm], notes: Notes) -> dict[str, Any]:
    """Return a claim with the judgement of all its parts together, if there are several, and that of each part."""
    drawn = [row for row in rows if not math.isnan(row.estimate)]
    values = [value for row in drawn for value in (row.estimate, row.low, row.high, row.margin, _printed(row))]
    scale = Scale.of([*values, *([0.0] if any(row.kind != "number" for row in drawn) else [])])
    judged = [_judged(row, scale, ran, notes) for row in rows]
    return {
        "interpretation": rows[0].interpretation[:1].upper() + rows[0].interpretation[1:],
        "quote": rows[0].quote,
        "source": rows[0].source,
        "whole": [shown for shown in judged if shown["part"] == ALL_PARTS],
        "parts": [shown for shown in judged if shown["part"] != ALL_PARTS],
        "axis": scale.ticks if scale else [],
    }


def _judged(row: VerdictRow, scale: Scale | None, ran: Collection[Arm], notes: Notes) -> dict[str, Any]:
    sign, known = "" if row.kind == "number" else "+", not math.isnan(row.estimate)
    margin = None if math.isnan(row.margin) else row.margin
    return {
        "part": row.part,
        "published": row.published or "-",
        "measured": format_measure(row.estimate, sign) if known else row.recomputed or "-",
        "interval": ends(row.low, row.high, sign) if known else "",
        "strip": strip(scale, row.estimate, ends_of(row), _printed(row), margin) if known and scale else "",
        "finding": row.finding,
        "look": VERDICT_STYLES.get(row.verdict, "other"),
        "facts": _facts(row),
        "notes": notes.number(*row.notes) if row.part != ALL_PARTS else (),
        "arms": [str(arm) for arm in arms_of(asdict(row)) if arm in ran],
    }


def _printed(row: VerdictRow) -> float | None:
    """Return the published number; None if it is not a number."""
    try:
        return float(row.published)
    except ValueError:
        return None


def _facts(row: VerdictRow) -> tuple[str, ...]:
    seeds = " and ".join(dict.fromkeys(str(len(side.split())) for side in row.seeds.split("|") if side.strip()))
    facts = (
        row.split,
        f"n = {row.n_images}" if row.n_images else "",
        f"{seeds} seeds" if seeds else "",
        f"interval over {row.resampled}" if row.resampled else "",
        f"margin {row.margin:g}" if not math.isnan(row.margin) else "",
        f"holds under {row.n_hold} of {row.n_analyses} analyses" if row.n_analyses else "",
        f"failed trainings: {row.failed_a} and {row.failed_b}" if row.failed_a or row.failed_b else "",
        f"tolerance {row.tolerance:g}" if math.isnan(row.margin) and not math.isnan(row.tolerance) else "",
    )
    return tuple(filter(None, facts))
