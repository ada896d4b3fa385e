"""Row of ``statistics/verdicts.csv``: one judgement, or one for all parts of a claim."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmark.statistics.verdict_rules import Magnitude, Verdict, judge_all

ALL_PARTS = "all"
"""Part of the row that judges all parts of a claim on a split together."""

VerdictKind = Literal["ordering", "number", "saving", "consistency"]
Scope = Literal[
    "the paper's data",
    "the paper's data, other network or input size: evidence on the ordering only",
    "other data: evidence on the ordering only",
    "phantom: no claim about real eyes",
    "the paper's own numbers",
]
"""Conclusions about the paper that a judgement allows."""
PAPER_SCOPE: Scope = "the paper's data"
SMALLER = "smaller than the margin"
"""Finding for a difference in the claimed direction that is above 0 but below the margin."""
_BETWEEN = " | "
"""Separator of the notes of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """One judgement. Text is empty, and a number NaN, where a column does not apply."""

    claim: str
    """Id of the claim."""
    kind: VerdictKind
    part: str
    """Part of the claim; ``all`` in the row for all parts together."""
    split: str
    split_evidence: str
    verdict: Verdict = "not run"
    verdict_half: Verdict = "not run"
    """Verdict with half the tolerance."""
    verdict_double: Verdict = "not run"
    """Verdict with twice the tolerance."""
    finding: str = "not run"
    """Verdict in words that claim no more than the scope allows."""
    scope: Scope
    published: str = ""
    """Printed number; a difference of two carries its sign."""
    published_evidence: str = ""
    recomputed: str = ""
    """Result of a check of the paper's own numbers."""
    a: str = ""
    """Arm (method/arm) and head that is claimed to be higher or cheaper, or whose kappa is printed."""
    b: str = ""
    biased_towards: Literal["", "a", "b"] = ""
    """Side favoured by the choice of epochs; no conclusion is drawn in its favour."""
    estimate: float = math.nan
    """Kappa, difference of kappas (a minus b), or share of b's multiply-adds that a saves."""
    low: float = math.nan
    high: float = math.nan
    confidence_level: float = math.nan
    resampled: str = ""
    """Units that the interval is taken over."""
    tolerance: float = math.nan
    margin: float = math.nan
    """Lower bound that the interval of an ordering or a saving must exceed."""
    magnitude: Magnitude = ""
    """Measured value relative to the printed one; empty where they cannot be compared."""
    p_short: float = math.nan
    """One-sided p-value of a difference as large as the margin, for an ordering; small where it is not reproduced."""
    p_short_half: float = math.nan
    """The same with half the tolerance."""
    p_short_double: float = math.nan
    """The same with twice the tolerance."""
    n_images: int = 0
    n_patients: str = ""
    seeds: str = ""
    data: str
    note: str = ""
    """Caveats for the reader, joined; :attr:`notes` splits them."""
    quote: str
    source: str
    interpretation: str
    rationale: str = ""
    """Reason for the tolerance."""
    evidence: str = ""
    """Evidence that the paper makes the claim; :data:`benchmark.common.terms.OURS` where it does not."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes added by :meth:`with_notes`, one by one."""
        return tuple(filter(None, self.note.split(_BETWEEN)))

    def with_notes(self, *notes: str) -> VerdictRow:
        """Return the row with further notes; empty ones are left out."""
        return replace(self, note=_BETWEEN.join(filter(None, (self.note, *notes))))

    def finding_of(self, verdict: Verdict) -> str:
        """Return a verdict in words that claim neither more than the scope allows nor less than the interval shows."""
        if verdict == "not reproduced" and self.kind in ("ordering", "saving") and self.low > 0:
            return SMALLER
        here: dict[Verdict, str] = {"reproduced": "holds here", "not reproduced": "does not hold here"}
        return verdict if self.scope == PAPER_SCOPE else here.get(verdict, verdict)

    def judged(self, judge: Callable[[float], Verdict]) -> VerdictRow:
        """Return the row with its verdicts.

        Args:
            judge: returns the verdict at a multiple (1, 0.5 or 2) of the declared tolerance.
        """
        in_favour: dict[str, Verdict] = {"a": "reproduced", "b": "not reproduced"}
        verdict, half, double = (
            "inconclusive" if found == in_favour.get(self.biased_towards) else found
            for found in map(judge, (1.0, 0.5, 2.0))
        )
        finding = self.finding_of(verdict)
        return replace(self, verdict=verdict, verdict_half=half, verdict_double=double, finding=finding)

    def tested(self, test: Callable[[float], float]) -> VerdictRow:
        """Return the row with the p-values of ``test`` at each multiple of the declared tolerance."""
        if self.biased_towards == "b":  # A result in favour of b counts neither for a part nor for the whole.
            return self
        return replace(self, p_short=test(1.0), p_short_half=test(0.5), p_short_double=test(2.0))


def judge_parts(parts: Sequence[VerdictRow]) -> Iterator[VerdictRow]:
    """Judge all parts of a claim together, on each split that has several.

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
            part=ALL_PARTS,
            split=split,
            split_evidence=first.split_evidence,
            # One part outside the paper's setting limits the whole.
            scope=next((row.scope for row in rows if row.scope != PAPER_SCOPE), PAPER_SCOPE),
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
        whole = whole.judged(verdicts.__getitem__)
        against = {row.finding for row in rows if row.verdict == "not reproduced"}
        smaller = whole.verdict == "not reproduced" and against == {SMALLER}
        # The whole is found no worse than the worst of its parts.
        yield replace(whole, finding=SMALLER) if smaller else whole


def _distinct(values: Iterator[str]) -> str:
    return " | ".join(dict.fromkeys(filter(None, values)))
