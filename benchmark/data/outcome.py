"""From what the checks find to what is done: stop, warn or drop, and a table that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from benchmark.common.csv_rows import write_rows
from benchmark.common.errors import InputError
from benchmark.data.checks.registry import CHECKS, Described, Finding, Found, load_check
from benchmark.settings.data import Checks, Policy

FINDINGS = Path("data/checks.csv")
SEPARATOR = " | "
"""Between the values of one field of a row."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A line of the table: one finding of a check; of a check without any, one line that says how much it looked at.

    Attributes:
        check: its name.
        policy: what is done with its findings.
        looked_at: how many things it looked at.
        unit: what they are.
        finding: number among the check's findings, from 1; 0 where it has none.
        message: what is wrong; without findings, why nothing could be looked at, or nothing.
        images: ids of the photographs concerned; the next three fields are theirs, in this order.
        files: their paths.
        splits: theirs.
        grades: their labels as written.
        dropped: ids of those that were left out.
    """

    check: str
    policy: str
    looked_at: int
    unit: str
    finding: int = 0
    message: str = ""
    images: str = ""
    files: str = ""
    splits: str = ""
    grades: str = ""
    dropped: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows from all findings.

    Attributes:
        rows: findings in the order of the checks.
        dropped: places of the photographs that go.
        stops: a sentence per check that stops.
    """

    rows: tuple[CheckRow, ...]
    dropped: frozenset[int]
    stops: tuple[str, ...]


def judge(described: Described, checks: Checks) -> Judgement:
    """Pass a data set through every check. Those that need files look at nothing where none was opened."""
    rows: list[CheckRow] = []
    dropped: set[int] = set()
    stops: list[str] = []
    for name, entry in CHECKS.items():
        skipped = entry.files and not described.looks
        found = Found(0, why_not="no file was opened") if skipped else load_check(name).find(described)
        policy = checks.of(name)
        rows += _rows(name, policy, found, described)
        if policy == "drop":
            dropped.update(*(finding.drop for finding in found.findings))
        if policy == "stop" and found.findings:
            stops.append(_stop(name, found))
    return Judgement(tuple(rows), frozenset(dropped), tuple(stops))


def write_findings(rows: Iterable[CheckRow], path: Path = FINDINGS) -> None:
    """Write the table as csv, atomically."""
    write_rows(path, CheckRow, rows)


def refuse(judgement: Judgement, listed: Path = FINDINGS) -> None:
    """Stop where a check says so.

    Raises:
        InputError: naming each such check, how much it found, the first findings and the mend; ``listed`` holds all.
    """
    if judgement.stops:
        msg = f"{'; and '.join(judgement.stops)} ({listed} lists all)"
        raise InputError(msg)


def summary(rows: Iterable[CheckRow], most: int = 3) -> str:
    """The table for a terminal: a line per check, with its first findings below."""
    lines = [f"{'check':<10}{'looked at':>20}{'findings':>10}  policy"]
    for found in by_check(rows):
        first, count = found[0], found[-1].finding
        why = f"  not checked: {first.message}" if not count and first.message else ""
        lines.append(f"{first.check:<10}{f'{first.looked_at} {first.unit}':>20}{count:>10}  {first.policy}{why}")
        lines += [f"    {row.message}{_gone(row)}" for row in found[:most] if row.finding]
        lines += [f"    and {count - most} more"] if count > most else []
    return "\n".join(lines)


def by_check(rows: Iterable[CheckRow]) -> list[list[CheckRow]]:
    """The rows of each check together."""
    checks: dict[str, list[CheckRow]] = {}
    for row in rows:
        checks.setdefault(row.check, []).append(row)
    return list(checks.values())


def _gone(row: CheckRow) -> str:
    return f"; leaves out {row.dropped.replace(SEPARATOR, ', ')}" if row.dropped else ""


def _rows(name: str, policy: Policy, found: Found, described: Described) -> list[CheckRow]:
    unit = CHECKS[name].unit
    if not found.findings:
        return [CheckRow(name, policy, found.looked_at, unit, message=found.why_not)]
    return [
        _row(CheckRow(name, policy, found.looked_at, unit, number), finding, described)
        for number, finding in enumerate(found.findings, 1)
    ]


def _row(start: CheckRow, finding: Finding, described: Described) -> CheckRow:
    members = [described.photographs[place] for place in finding.members]
    dropped = finding.drop if start.policy == "drop" else ()
    return CheckRow(
        start.check,
        start.policy,
        start.looked_at,
        start.unit,
        start.finding,
        finding.message,
        SEPARATOR.join(photograph.image_id for photograph in members),
        SEPARATOR.join(photograph.path.as_posix() for photograph in members),
        SEPARATOR.join(photograph.split for photograph in members),
        SEPARATOR.join(photograph.label for photograph in members),
        SEPARATOR.join(described.photographs[place].image_id for place in dropped),
    )


def _stop(name: str, found: Found) -> str:
    """The rule, what breaks it, and the mend."""
    first = "; ".join(finding.message for finding in found.findings[:3])
    more = f"; and {len(found.findings) - 3} more" if len(found.findings) > 3 else ""
    others = [policy for policy in get_args(Checks.model_fields[name].annotation) if policy != "stop"]
    return (
        f"the check {name} asks that {CHECKS[name].asks}, but finds {len(found.findings)} faults among "
        f"{found.looked_at} {CHECKS[name].unit} ({first}{more}): mend the data, or set checks.{name} to "
        f"{' or '.join(others)}"
    )
