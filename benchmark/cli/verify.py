"""``fundusbench verify``: check that the report's tables follow from the predictions.

Alone, the command checks the hashes of all files in ``runs/`` and of all images in the packs, recomputes every table
from ``runs/`` in a temporary folder and compares it with ``reports/tables/`` byte for byte. With ``--against``, it
compares the csv tables cell by cell with those of another clone, or of a commit whose tables DVC holds;
:mod:`benchmark.report.verification.seed_noise` defines when two numbers differ. It writes nothing to the project.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from benchmark.cli.output import add_json, show_json
from benchmark.common.errors import InputError
from benchmark.common.progress import progress_bar
from benchmark.data.packs import PACKS, open_pack
from benchmark.report import TABLES
from benchmark.runs.results import require_intact
from benchmark.runs.run import RUNS
from benchmark.settings.loading import load_params
from benchmark.settings.params import Params

if TYPE_CHECKING:
    from benchmark.report.verification.seed_noise import Compared
    from benchmark.report.verification.table_diff import Difference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--against",
        metavar="WHERE",
        help="another clone's folder, else a git revision or DVC experiment whose tables DVC holds: report each "
        "cell as identical, different, or impossible to tell, given the spread over seeds",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Verify the tables, or compare them with others; return 1 if a cell differs or exists on one side only, else 0."""
    if args.against is not None:
        return _compare(args.against, as_json=args.json)
    return _verify(load_params(), as_json=args.json)


def _verify(params: Params, *, as_json: bool) -> int:
    from benchmark.report.verification import rebuild
    from benchmark.report.verification.table_diff import read_lines
    from benchmark.tracking import provenance

    stored = _read_files(TABLES, "*.*")
    with progress_bar(sorted(RUNS.glob("*/*/*/run.json")), desc="check files", unit=" runs") as results:
        for result in results:
            require_intact(result.parent)
    for pack in sorted(PACKS.rglob("*.arrow")):
        open_pack(pack).require_intact()
    with rebuild.elsewhere(Path()) as folder:
        rebuild.tables(params)
        recomputed = _read_files(folder / TABLES, "*.*")
    found = differences(stored, recomputed)
    tables = [name for name in recomputed if name.endswith(".csv")]
    cells = sum(len(line) for name in tables for line in read_lines(recomputed[name]))
    if notice := provenance.outdated(Path(), params):
        print(notice, file=sys.stderr)
    if as_json:
        show_json({"tables": len(tables), "cells": cells, "files": len(recomputed), "differences": found})
        return int(bool(found))
    print(f"recomputed {len(tables)} tables of {cells:,} cells ({len(recomputed)} files) from the predictions in runs/")
    if not found:
        print(f"all files in {TABLES}/ are identical to them")
        return 0
    print(f"{len(found)} files differ from {TABLES}/, first {found[0]}")
    return 1


def differences(stored: dict[str, str], recomputed: dict[str, str]) -> list[Difference]:
    """Return the first difference of each file, csv tables first; a file on one side only differs as a whole."""
    from benchmark.report.verification.table_diff import WHOLE, Difference, first_difference, first_line

    found: list[Difference | None] = []
    for name in sorted({*stored, *recomputed}, key=lambda name: (not name.endswith(".csv"), name)):
        ours, theirs = stored.get(name), recomputed.get(name)
        if ours is None or theirs is None:
            states = ("absent" if side is None else "present" for side in (ours, theirs))
            found.append(Difference(name, WHOLE, "", *states))
        else:
            search = first_difference if name.endswith(".csv") else first_line
            found.append(search(name, ours, theirs))
    return [difference for difference in found if difference]


def _compare(where: str, *, as_json: bool) -> int:
    from benchmark.report.tables.cost_time import NAME as TIMINGS
    from benchmark.report.verification.revision import read_revision
    from benchmark.report.verification.seed_noise import FAULTS, compare_tables
    from benchmark.report.verification.table_diff import read_lines

    ours = _read_files(TABLES, "*.csv")
    if where and Path(where).is_dir():
        theirs = _read_files(Path(where) / TABLES, "*.csv")
    else:
        theirs = read_revision(Path(), where, "--against")
    # No two executions take the same time.
    here, there = (
        {name[:-4]: read_lines(text) for name, text in files.items() if name.endswith(".csv") and name[:-4] != TIMINGS}
        for files in (ours, theirs)
    )
    compared = compare_tables(here, there)
    if as_json:
        show_json({"against": where, "cells": compared, "notes": _other_conditions(here, there)})
    else:
        print("\n".join([*describe(compared, where), *_other_conditions(here, there)]))
    return int(any(cell.status in FAULTS for cell in compared))


def describe(cells: Sequence[Compared], where: str) -> list[str]:
    """Describe a comparison: the cells that are not identical, the counts by status, and the definition of a status."""
    from benchmark.report.verification.seed_noise import ALPHA, CellStatus, test_of

    counts = Counter(cell.status for cell in cells)
    tests = {test_of(cell): cell.gap.p for cell in cells if cell.gap}
    low = sum(p < ALPHA for p in tests.values())
    lines = [_describe_cell(cell) for status in get_args(CellStatus)[:0:-1] for cell in cells if cell.status == status]
    lines.append(f"{len(cells):,} cells of {len({cell.table for cell in cells})} tables against {where}:")
    lines += [f"  {counts[status]:6,} {status}" for status in get_args(CellStatus) if counts[status]]
    tested = (
        f"Different: the p of Welch's t-test over seeds, or of the intervals over seeds, adjusted by the rule of "
        f"Benjamini and Hochberg, is below {ALPHA}; before adjustment, {low} of {len(tests)} distinct tests have "
        f"p < {ALPHA}; chance alone would give {ALPHA * len(tests):.1f}."
    )
    inconclusive = "Cannot tell: smaller differences than the stated one are not detectable, so agreement is not shown."
    unknown = (
        "Noise unknown: a side has a single seed, an arm's kappa is not clear of 0, or the tables lack the spread over "
        "seeds. Timings are not compared."
    )
    return [*lines, f"{tested} {inconclusive} {unknown}"]


def _describe_cell(cell: Compared) -> str:
    below = f", below {cell.below:.3f}" if cell.status == "cannot tell" else ""
    values = f": {cell.ours or '-'} here, {cell.theirs or '-'} there" if cell.ours or cell.theirs else ""
    tested = f", p = {cell.gap.p:.2g}, adjusted {cell.p_adjusted:.2g}" if cell.gap else ""
    return f"{cell.status}{below}: {cell.table}, row {cell.row}, column {cell.column}{values}{tested}"


def _other_conditions(*sides: dict[str, list[dict[str, str]]]) -> list[str]:
    """Return a warning if the two sides have different data, claims or rules."""
    found = []
    for name, column in (("data", "data_hash"), ("claims", "claims_sha256"), ("rules of verdicts", "rules_sha256")):
        hashes = [{line.get(column, "") for lines in side.values() for line in lines} - {""} for side in sides]
        here, there = (" ".join(sorted(side)) for side in hashes)
        if all(hashes) and here != there:
            found.append(f"The {name} differ (hash {here} here, {there} there): the seeds alone explain no difference.")
    return found


def _read_files(folder: Path, pattern: str) -> dict[str, str]:
    try:
        # Reading as text would hide different line ends.
        files = {path.name: path.read_bytes().decode() for path in sorted(folder.glob(pattern))}
    except (OSError, UnicodeDecodeError) as error:
        msg = f"tables must be readable text in UTF-8, but one in {folder}/ is not ({error}): run `dvc repro` there"
        raise InputError(msg) from error
    if not files:
        msg = f"{folder}/ must contain tables, but has none: run `dvc repro` there first"
        raise InputError(msg)
    return files
