"""Apply the policies stop, warn and drop to the issues that the checks find, and write them as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from benchmark.common.csv_rows import no_formula, write_rows
from benchmark.common.errors import InputError, printable
from benchmark.data.checks.registry import CHECKS, CheckResult, InspectedDataset, Issue, load_check
from benchmark.settings.checks import Policy

CHECKS_CSV = Path("data/checks.csv")
SEPARATOR = " | "
"""Separator of several values in one field."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """Row of the table: one issue of a check, or one row for a check without issues."""

    check: str
    policy: str
    n_checked: int
    """Number of things that were checked."""
    unit: str
    """Kind of things that were checked."""
    issue: int = 0
    """Number of the issue within its check, from 1; 0 if there is none."""
    message: str = ""
    """Description of the issue, or the reason why the check was skipped."""
    images: str = ""
    """Ids of the photographs concerned; the next three fields have the same order."""
    files: str = ""
    splits: str = ""
    grades: str = ""
    """Labels as written."""
    droppable: str = ""
    """Ids of the photographs that the policy ``drop`` leaves out."""

    @property
    def dropped(self) -> str:
        """Ids of the photographs that were dropped."""
        return self.droppable if self.policy == "drop" else ""


@dataclass(frozen=True, slots=True)
class InspectionOutcome:
    """Consequences of all issues."""

    rows: tuple[CheckRow, ...]
    """Issues in the order of the checks."""
    dropped: frozenset[int]
    """Photographs to leave out, by their index."""
    stops: tuple[str, ...]
    """One sentence per check that stops."""


def run_checks(dataset: InspectedDataset, policies: Mapping[str, Policy]) -> InspectionOutcome:
    """Run every check on a data set. Checks that read files are skipped if no file was opened."""
    rows: list[CheckRow] = []
    dropped: set[int] = set()
    stops: list[str] = []
    for name, info in CHECKS.items():
        skipped = info.reads_files and not dataset.infos
        result = CheckResult(0, skip_reason="no file was opened") if skipped else load_check(name).check(dataset)
        rows += _rows(name, policies[name], result, dataset)
        if policies[name] == "drop":
            dropped.update(*(issue.drop for issue in result.issues))
        if policies[name] == "stop" and result.issues:
            stops.append(_explain_stop(name, result))
    return InspectionOutcome(tuple(rows), frozenset(dropped), tuple(stops))


def write_check_rows(rows: Iterable[CheckRow], path: Path = CHECKS_CSV) -> None:
    """Write the table as csv, atomically."""
    foreign = ("message", "images", "files", "splits", "grades", "droppable")

    def plain(row: CheckRow) -> CheckRow:
        texts: dict[str, Any] = {name: no_formula(getattr(row, name)) for name in foreign}
        return replace(row, **texts)

    write_rows(path, CheckRow, map(plain, rows))


def raise_if_stopped(outcome: InspectionOutcome, listed: Path = CHECKS_CSV) -> None:
    """Raise if a check with the policy stop found issues.

    Args:
        outcome: result of :func:`run_checks`.
        listed: file with all issues, which the message mentions.

    Raises:
        InputError: a check stops; the sentence names each, its first issues and how to continue.
    """
    if outcome.stops:
        msg = f"{'; and '.join(outcome.stops)} ({listed} lists all)"
        raise InputError(msg)


def format_checks(rows: Iterable[CheckRow], most: int = 3) -> str:
    """Format the table for a terminal: a line per check, followed by its first issues."""
    lines = [f"{'check':<15}{'checked':>20}{'issues':>10}  policy"]
    for found in group_by_check(rows):
        first, count = found[0], found[-1].issue
        skipped = f"  not checked: {first.message}" if not count and first.message else ""
        lines.append(f"{first.check:<15}{f'{first.n_checked} {first.unit}':>20}{count:>10}  {first.policy}{skipped}")
        lines += [f"    {printable(row.message + _dropped(row))}" for row in found[:most] if row.issue]
        lines += [f"    and {count - most} more"] if count > most else []
        lines += [f"    {advice}"] if (advice := drop_advice(found)) else []
    return "\n".join(lines)


def drop_advice(rows: Iterable[CheckRow]) -> str:
    """Return how many photographs of a check's rows the policy ``drop`` would leave out; empty if none."""
    kept = [row for row in rows if row.policy != "drop" and "drop" in CHECKS[row.check].policies]
    names = {name for row in kept for name in row.droppable.split(SEPARATOR) if name}
    return f"checks.{kept[0].check}: drop would leave out {len(names)} of them" if names else ""


def group_by_check(rows: Iterable[CheckRow]) -> list[list[CheckRow]]:
    """Group the rows by check; those of one are consecutive."""
    return [list(found) for _, found in groupby(rows, key=attrgetter("check"))]


def _dropped(row: CheckRow) -> str:
    return f"; dropped: {row.dropped.replace(SEPARATOR, ', ')}" if row.dropped else ""


def _rows(name: str, policy: Policy, result: CheckResult, dataset: InspectedDataset) -> list[CheckRow]:
    row = CheckRow(name, policy, result.n_checked, CHECKS[name].unit, message=result.skip_reason)
    return [_issue_row(row, number, issue, dataset) for number, issue in enumerate(result.issues, 1)] or [row]


def _issue_row(row: CheckRow, number: int, issue: Issue, dataset: InspectedDataset) -> CheckRow:
    photographs = [dataset.photographs[index] for index in issue.images]
    return replace(
        row,
        issue=number,
        message=issue.message,
        images=SEPARATOR.join(photograph.image_id for photograph in photographs),
        files=SEPARATOR.join(photograph.path.as_posix() for photograph in photographs),
        splits=SEPARATOR.join(photograph.split for photograph in photographs),
        grades=SEPARATOR.join(photograph.label for photograph in photographs),
        droppable=SEPARATOR.join(dataset.photographs[index].image_id for index in issue.drop),
    )


def _explain_stop(name: str, result: CheckResult) -> str:
    """Name the requirement, the issues and the ways to continue."""
    first = "; ".join(issue.message for issue in result.issues[:3])
    more = f"; and {len(result.issues) - 3} more" if len(result.issues) > 3 else ""
    info = CHECKS[name]
    others = " or ".join(policy for policy in info.policies if policy != "stop")
    return (
        f"the check {name} requires that {info.requirement}, but finds {len(result.issues)} issues among "
        f"{result.n_checked} {info.unit} ({first}{more}): correct the data, or set checks.{name} to {others}"
    )
