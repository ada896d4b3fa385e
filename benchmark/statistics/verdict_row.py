"""Row of ``statistics/verdicts.csv``: one judgement, or one for all parts of a claim."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmark.statistics.verdict_rules import Magnitude, Verdict, judge_all

ALL_PARTS = "all"
"""Part of the row that judges all parts of a claim on a split together."""

VerdictKind = Literal["ordering", "number", "saving", "consistency"]
Scope = Literal[
    "the paper's data",
    "the paper's data, other settings: evidence on the ordering only",
    "other data: evidence on the ordering only",
    "phantom: no claim about real eyes",
    "labels alone: rows made elsewhere, none by the paper's method",
    "the paper's own numbers",
]
"""Conclusions about the paper that a judgement allows."""
PAPER_SCOPE: Scope = "the paper's data"
RULE_DEPENDENT: Verdict = "depends on the decision rule"
CONTRADICTED: Verdict = "contradicted in print"
SMALLER = "smaller than the margin"
"""Finding for a difference in the claimed direction that is above 0 but below the margin."""
EQUAL = "practically equal"
"""Finding for a difference whose whole interval is within the margin around 0."""
OPPOSITE = "the opposite holds here"
"""Finding for a difference whose whole interval is below the negative margin."""
JUDGED_BY = ("claims_sha256", "rules_sha256")
"""Columns on the claims and the rules of a row."""
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
    run_low: float = math.nan
    """Prediction interval of one further run, or pair of runs, on the same images; a printed number is that of one."""
    run_high: float = math.nan
    magnitude: Magnitude = ""
    """Position of that interval relative to the printed number; empty where they cannot be compared."""
    rule: str = ""
    """Decision rule of both sides, a key of :data:`benchmark.statistics.readings.COMMON_RULES`."""
    rules_low: float = math.nan
    """Smallest difference over the rules that are common to both sides."""
    rules_high: float = math.nan
    n_analyses: int = 0
    """Analyses of the difference: common rules x common outputs x seeds left out."""
    n_hold: int = 0
    """Those whose difference is above the margin."""
    rank_difference: float = math.nan
    """Difference of Spearman's rank correlations with the labels, which needs no rule."""
    rank_low: float = math.nan
    rank_high: float = math.nan
    failed_a: int = 0
    """Trainings of a whose kappa is not clear of 0; they are left out, and no conclusion is drawn in a's favour."""
    failed_b: int = 0
    primary: int = 0
    """Place among the primary endpoints, which are tested in this order; 0 for a row that describes."""
    p: float = math.nan
    """One-sided p-value of a primary endpoint: of a difference of at most the margin. NaN where it was not tested."""
    untested: str = ""
    """Reason why a primary endpoint was not tested."""
    p_short: float = math.nan
    """One-sided p-value of a difference as large as the margin, for an ordering; small where it is not reproduced."""
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
    claims_sha256: str = ""
    """Hash of the claims and printed numbers that the row was judged by; a claim of another date has another one."""
    rules_sha256: str = ""
    """Hash of the code of the verdict rules."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes added by :meth:`with_notes`, one by one."""
        return tuple(filter(None, self.note.split(_BETWEEN)))

    def with_notes(self, *notes: str) -> VerdictRow:
        """Return the row with further notes; empty ones are left out."""
        return replace(self, note=_BETWEEN.join(filter(None, (self.note, *notes))))

    def finding_of(self, verdict: Verdict) -> str:
        """Return a verdict in words that claim neither more than the scope allows nor less than the interval shows."""
        if verdict == "not reproduced" and self.kind in ("ordering", "saving"):
            if self.low > 0:
                return SMALLER
            if self.low > -self.margin:
                return EQUAL
            if self.high < -self.margin:
                return OPPOSITE
        here: dict[Verdict, str] = {"reproduced": "holds here", "not reproduced": "does not hold here"}
        return verdict if self.scope == PAPER_SCOPE else here.get(verdict, verdict)

    @property
    def withheld(self) -> set[str]:
        """Sides in whose favour no conclusion is drawn: the choice of epochs favours them, or trainings failed."""
        failed = {side for side, count in (("a", self.failed_a), ("b", self.failed_b)) if count}
        return {self.biased_towards, *failed} - {""}

    def judged(self, verdict: Verdict) -> VerdictRow:
        """Return the row with a verdict, unless it is withheld."""
        in_favour: dict[Verdict, str] = {"reproduced": "a", "not reproduced": "b"}
        if in_favour.get(verdict) in self.withheld:
            verdict = "inconclusive"
        return replace(self, verdict=verdict, finding=self.finding_of(verdict))


def judge_parts(parts: Sequence[VerdictRow]) -> Iterator[VerdictRow]:
    """Judge all parts of a claim together, on each split that has several, without those contradicted in print.

    Args:
        parts: rows of one claim.
    """
    for split in dict.fromkeys(row.split for row in parts):
        every = [row for row in parts if row.split == split]
        rows = [row for row in every if row.verdict != CONTRADICTED]
        if len(rows) < 2:
            continue
        first = rows[0]
        counts = Counter(row.finding for row in rows)
        left_out = f" Left out: {len(every) - len(rows)} {CONTRADICTED}." * (len(every) > len(rows))
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
            note=f"{len(rows)} parts: {', '.join(f'{n} {finding}' for finding, n in counts.items())}.{left_out}",
            quote=first.quote,
            source=first.source,
            interpretation=first.interpretation,
            rationale=first.rationale,
            evidence=first.evidence,
        )
        whole = whole.judged(judge_all([row.verdict for row in rows], [row.p_short for row in rows]))
        against = {row.finding for row in rows if row.verdict == "not reproduced"}
        smaller = whole.verdict == "not reproduced" and against == {SMALLER}
        # The whole is found no worse than the worst of its parts.
        yield replace(whole, finding=SMALLER) if smaller else whole


def gatekept(rows: Sequence[VerdictRow]) -> list[VerdictRow]:
    """Test the primary endpoints in their order: after the first that is not reproduced, none is tested.

    A fixed sequence of tests, each at the level of one, has that level for any false conclusion among them.
    """
    found, closed = list(rows), False
    for place in sorted((one for one, row in enumerate(rows) if row.primary), key=lambda one: rows[one].primary):
        row = replace(rows[place], p=math.nan) if closed else rows[place]
        found[place] = replace(row, untested=_untested(row, closed) if math.isnan(row.p) else "")
        closed = closed or row.verdict != "reproduced"
    return found


def _untested(row: VerdictRow, closed: bool) -> str:
    """Return the reason why a primary endpoint has no p-value."""
    if closed:
        return "an earlier primary endpoint was not reproduced"
    if row.verdict == "not run":
        return "not run"
    if row.rules_low <= row.margin < row.rules_high:
        return "the decision rules disagree about the margin"
    return "nothing is concluded in favour of its first side" if "a" in row.withheld else "no interval over seeds"


def _distinct(values: Iterator[str]) -> str:
    return " | ".join(dict.fromkeys(filter(None, values)))
