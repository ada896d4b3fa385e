"""First section of the page: each claim of the paper with its published and measured values, and the verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from markupsafe import Markup

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
}
"""Style of a verdict: colour and sign. A claim without a judgement has a style of its own."""


@dataclass(frozen=True, slots=True)
class JudgementView:
    """A judgement of the page."""

    part: str
    published: str
    measured: str
    interval: str
    strip: Markup
    finding: str
    look: str
    facts: tuple[str, ...]
    """Split, images, seeds, resampling of the interval, and the margin."""
    notes: tuple[int, ...]
    arms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A claim with its judgements.

    Attributes:
        interpretation: the claim as it is judged.
        quote, source: the paper's words and their source.
        whole: judgement of all parts on a split, if there are several.
        parts: judgement of each part.
        axis: ticks of the scale of its strips; empty if nothing is drawn.
    """

    interpretation: str
    quote: str
    source: str
    whole: tuple[JudgementView, ...]
    parts: tuple[JudgementView, ...]
    axis: list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Board:
    """Claims, the facts that most parts share, and notes numbered from 1.

    Attributes:
        claims: claims of the paper about kappas and costs, in the order of the claims file.
        asked: questions that the paper does not claim.
        checks: checks of the paper's own numbers.
        tally: style, text and count of each verdict on parts of the paper's claims, the most frequent first.
        common: facts of every part that does not list others.
    """

    claims: tuple[ClaimView, ...]
    asked: tuple[ClaimView, ...]
    checks: tuple[ClaimView, ...]
    tally: tuple[tuple[str, str, int], ...]
    common: tuple[str, ...]
    notes: tuple[str, ...]


def make_board(rows: Sequence[VerdictRow], ran: Collection[Arm]) -> Board:
    """Return the section with all judgements.

    Args:
        rows: verdicts in the order of the claims file.
        ran: arms with runs.
    """
    notes = Notes()
    judged = [row for row in rows if row.kind != "consistency"]
    found = _claims([row for row in judged if row.evidence != OURS], ran, notes)
    asked = _claims([row for row in judged if row.evidence == OURS], ran, notes)
    checks = _claims([row for row in rows if row.kind == "consistency"], ran, notes)
    parts = [part for claim in found for part in claim.parts]
    counts = Counter((part.look, part.finding) for part in parts)
    common = Counter(part.facts for part in parts).most_common(1)
    return Board(
        claims=tuple(found),
        asked=tuple(asked),
        checks=tuple(checks),
        tally=tuple((look, finding, count) for (look, finding), count in counts.most_common()),
        common=common[0][0] if common else (),
        notes=tuple(notes.texts),
    )


def _claims(rows: Sequence[VerdictRow], ran: Collection[Arm], notes: Notes) -> list[ClaimView]:
    groups: dict[str, list[VerdictRow]] = {}
    for row in rows:
        groups.setdefault(row.claim, []).append(row)
    return [_claim(group, ran, notes) for group in groups.values()]


def _claim(rows: Sequence[VerdictRow], ran: Collection[Arm], notes: Notes) -> ClaimView:
    drawn = [row for row in rows if not math.isnan(row.estimate)]
    values = [value for row in drawn for value in (row.estimate, row.low, row.high, row.margin, _printed(row))]
    scale = Scale.of([*values, *([0.0] if any(row.kind != "number" for row in drawn) else [])])
    first = rows[0]
    judged = [(row, _judged(row, scale, ran, notes)) for row in rows]
    return ClaimView(
        interpretation=first.interpretation[:1].upper() + first.interpretation[1:],
        quote=first.quote,
        source=first.source,
        whole=tuple(shown for row, shown in judged if row.part == ALL_PARTS),
        parts=tuple(shown for row, shown in judged if row.part != ALL_PARTS),
        axis=scale.ticks if scale else [],
    )


def _judged(row: VerdictRow, scale: Scale | None, ran: Collection[Arm], notes: Notes) -> JudgementView:
    sign, known = "" if row.kind == "number" else "+", not math.isnan(row.estimate)
    margin = None if math.isnan(row.margin) else row.margin
    return JudgementView(
        part=row.part,
        published=row.published or "-",
        measured=format_measure(row.estimate, sign) if known else row.recomputed or "-",
        interval=ends(row.low, row.high, sign) if known else "",
        strip=strip(scale, row.estimate, ends_of(row), _printed(row), margin) if known and scale else Markup(""),
        finding=row.finding,
        look=VERDICT_STYLES.get(row.verdict, "other"),
        facts=_facts(row),
        notes=notes.number(*row.notes) if row.part != ALL_PARTS else (),
        arms=tuple(str(arm) for arm in arms_of(asdict(row)) if arm in ran),
    )


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
        f"tolerance {row.tolerance:g}" if math.isnan(row.margin) and not math.isnan(row.tolerance) else "",
    )
    return tuple(filter(None, facts))
