"""A judgement as a row of ``statistics/verdicts.csv``, and several of them taken together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmark.statistics.verdict_rules import Magnitude, Verdict, judge_all

ALL = "all"
"""Part of the row that judges all other parts of a claim on a split together."""

Kind = Literal["ordering", "number", "saving", "consistency"]
Scope = Literal[
    "the paper's data",
    "the paper's data, other network or input size: evidence on the ordering only",
    "other data: evidence on the ordering only",
    "phantom: no claim about real eyes",
    "the paper's own numbers",
]
"""What a judgement can say of the paper."""
PAPER: Scope = "the paper's data"
SMALLER = "smaller than the margin"
"""What is found of a difference in the claimed direction that is surely there, but surely too small to count."""
_BETWEEN = " | "
"""Between two notes of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """One judgement. Text is empty, and a number NaN, where it has no meaning."""

    claim: str
    """Its id."""
    kind: Kind
    part: str
    """What of the claim; ``all`` in the row for all parts together."""
    split: str
    split_evidence: str
    verdict: Verdict = "not run"
    verdict_half: Verdict = "not run"
    """With half the tolerance."""
    verdict_double: Verdict = "not run"
    """With twice the tolerance."""
    finding: str = "not run"
    """The verdict in words that do not say more than the scope allows."""
    scope: Scope
    published: str = ""
    """The printed number; a difference of two carries its sign."""
    published_evidence: str = ""
    recomputed: str = ""
    """What a check of the paper's own numbers gives."""
    a: str = ""
    """stage/arm and head that is claimed to be higher, or cheaper, or whose kappa is printed."""
    b: str = ""
    biased_towards: Literal["", "a", "b"] = ""
    """Which side the choice of the kept epochs biased_towards: nothing is concluded in its favour."""
    estimate: float = math.nan
    """Kappa, difference of kappas (a minus b), or share of b's multiply-adds that a saves."""
    low: float = math.nan
    high: float = math.nan
    confidence_level: float = math.nan
    resampled: str = ""
    """What the interval is taken over."""
    tolerance: float = math.nan
    margin: float = math.nan
    """Of an ordering or a saving: what the interval must lie above."""
    magnitude: Magnitude = ""
    """How the measured value stands to the printed one; empty where they cannot be compared."""
    p_short: float = math.nan
    """Of an ordering: one-sided p-value of a difference as large as the margin; small where it is not reproduced."""
    p_short_half: float = math.nan
    """With half the tolerance."""
    p_short_double: float = math.nan
    """With twice the tolerance."""
    n_images: int = 0
    n_patients: str = ""
    seeds: str = ""
    data: str
    note: str = ""
    """What a reader of the verdict must know, note by note (:attr:`notes`)."""
    quote: str
    source: str
    interpretation: str
    rationale: str = ""
    """Why the tolerance is what it is."""
    evidence: str = ""
    """How we know that the paper claims it; :data:`benchmark.common.terms.OURS` where it does not."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What :meth:`noted` was given, note by note."""
        return tuple(filter(None, self.note.split(_BETWEEN)))

    def noted(self, *notes: str) -> VerdictRow:
        """The same with further notes; empty ones are left out."""
        return replace(self, note=_BETWEEN.join(filter(None, (self.note, *notes))))

    def said(self, verdict: Verdict) -> str:
        """A verdict in words that say neither more than the scope allows nor less than the interval does."""
        if verdict == "not reproduced" and self.kind in ("ordering", "saving") and self.low > 0:
            return SMALLER
        here: dict[Verdict, str] = {"reproduced": "holds here", "not reproduced": "does not hold here"}
        return verdict if self.scope == PAPER else here.get(verdict, verdict)

    def after(self, parts: Sequence[VerdictRow]) -> VerdictRow:
        """The row for all parts of a claim, found no worse than the worst of them on its split."""
        against = {row.finding for row in parts if (row.split, row.verdict) == (self.split, "not reproduced")}
        return replace(self, finding=SMALLER) if self.verdict == "not reproduced" and against == {SMALLER} else self

    def judged(self, judge: Callable[[float], Verdict]) -> VerdictRow:
        """The same with its verdicts.

        Args:
            judge: gives the verdict at a multiple of the declared tolerance: 1, 0.5 and 2 are asked for.
        """
        in_favour: dict[str, Verdict] = {"a": "reproduced", "b": "not reproduced"}
        verdict, half, double = (
            "inconclusive" if found == in_favour.get(self.biased_towards) else found
            for found in map(judge, (1.0, 0.5, 2.0))
        )
        return replace(self, verdict=verdict, verdict_half=half, verdict_double=double, finding=self.said(verdict))

    def tested(self, test: Callable[[float], float]) -> VerdictRow:
        """The same with the p-values that ``test`` gives at a multiple of the declared tolerance."""
        if (
            self.biased_towards == "b"
        ):  # What the choice of the weights favours is no evidence, of a part or of the whole.
            return self
        return replace(self, p_short=test(1.0), p_short_half=test(0.5), p_short_double=test(2.0))


def together(parts: Sequence[VerdictRow]) -> Iterator[VerdictRow]:
    """Per split that has several parts of one claim, the row for all of them.

    Args:
        parts: rows of one claim.
    """
    for split in dict.fromkeys(row.split for row in parts):
        rows = [row for row in parts if row.split == split]
        if len(rows) < 2:
            continue
        first = rows[0]
        counts = Counter(row.verdict for row in rows)
        whole = VerdictRow(
            claim=first.claim,
            kind=first.kind,
            part=ALL,
            split=split,
            split_evidence=first.split_evidence,
            # What is not all in the paper's setting says no more than its weakest part.
            scope=next((row.scope for row in rows if row.scope != PAPER), PAPER),
            tolerance=first.tolerance,
            n_images=max(row.n_images for row in rows),
            n_patients=_distinct(row.n_patients for row in rows),
            seeds=_distinct(row.seeds for row in rows),
            data=first.data,
            note=f"{len(rows)} parts: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}.",
            quote=first.quote,
            source=first.source,
            interpretation=first.interpretation,
            rationale=first.rationale,
            evidence=first.evidence,
        )
        verdicts = {
            1.0: judge_all([row.verdict for row in rows], [row.p_short for row in rows]),
            0.5: judge_all([row.verdict_half for row in rows], [row.p_short_half for row in rows]),
            2.0: judge_all([row.verdict_double for row in rows], [row.p_short_double for row in rows]),
        }
        yield whole.judged(verdicts.__getitem__)


def _distinct(values: Iterator[str]) -> str:
    return " | ".join(dict.fromkeys(filter(None, values)))
