"""``fundusbench compare``: kappa of each arm in two experiments side by side, with their difference and its interval.

A side is a folder (a clone, or one that `keep` wrote), a git revision, or a DVC experiment whose tables DVC holds. The
interval of a difference is computed from the intervals of both sides as if they were independent (MOVER, Zou and Donner
2008, Statistics in Medicine 27:1693). If they share patients or seeds, it is too wide rather than too narrow.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.cli.output import OutputTable, add_json, show, show_json
from benchmark.common.errors import InputError
from benchmark.common.terms import EVALUATED
from benchmark.settings.differences import differing, value_text

_METRICS = "metrics.csv"

Arm = tuple[str, str, str]
"""Method, arm and head."""


@dataclass(frozen=True, slots=True)
class Side:
    """An experiment: its parameters, its measured kappas by arm, and its data in words and as hashes."""

    params: Mapping[str, Any]
    kappas: Mapping[Arm, Kappa]
    data: str
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Kappa:
    """Mean kappa with its interval, and the seeds of its runs."""

    estimate: float
    low: float
    high: float
    seeds: str


@dataclass(frozen=True, slots=True)
class Row:
    """An arm in both experiments; None where one has no such arm. ``difference`` is the second minus the first."""

    method: str
    arm: str
    head: str
    first: Kappa | None
    second: Kappa | None
    difference: tuple[float, float, float] | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    what = "a folder (another clone, or one that `keep` wrote), a git revision, or a DVC experiment"
    parser.add_argument("a", metavar="A", help=what)
    parser.add_argument("b", metavar="B", nargs="?", default=".", help="the same (default: this folder)")
    parser.add_argument("--split", choices=EVALUATED, default="test", help="split of the kappas (default: test)")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print which parameters differ, and one line per arm; raises InputError if a side has no tables."""
    first, second = (_read(name, args.split) for name in (args.a, args.b))
    changed = differing(first.params, second.params)
    rows = list(compared(first.kappas, second.kappas))
    if args.json:
        show_json(
            {
                "a": args.a,
                "b": args.b,
                "data": [first.data, second.data],
                "split": args.split,
                "parameters": changed,
                "arms": rows,
            }
        )
        return
    names = OutputTable(
        ("parameter", f"A: {args.a}", f"B: {args.b}"),
        [(name, value_text(a), value_text(b)) for name, (a, b) in changed.items()],
        texts=3,
    )
    title = f"kappa on {args.split}, with 95 % intervals"
    header = ("arm", "head", "A", "B", "B - A", "interval", "seeds of A", "seeds of B")
    arms = OutputTable(header, [_cells(row) for row in rows], texts=2, title=title)
    notes = f"A: {first.data}. B: {second.data}. "
    if first.hashes == second.hashes:
        notes += (
            "The intervals of the differences treat A and B as independent, so they are too wide for the same patients."
        )
    else:
        notes += "The data differ, so a difference is not one of the methods alone."
    show(names if changed else "no parameter differs", arms, notes)


def compared(first: Mapping[Arm, Kappa], second: Mapping[Arm, Kappa]) -> Iterator[Row]:
    """Pair the arms of two experiments; an arm of one alone has no difference."""
    for arm in dict.fromkeys((*first, *second)):
        a, b = first.get(arm), second.get(arm)
        yield Row(*arm, a, b, _difference(a, b) if a and b else None)


def _difference(a: Kappa, b: Kappa) -> tuple[float, float, float]:
    estimate = b.estimate - a.estimate
    below = math.hypot(b.estimate - b.low, a.high - a.estimate)
    above = math.hypot(b.high - b.estimate, a.estimate - a.low)
    return estimate, estimate - below, estimate + above


def _read(where: str, split: str) -> Side:
    from benchmark.report import TABLES
    from benchmark.report.verification.revision import read_revision
    from benchmark.settings.loading import PARAMS

    folder = Path(where)
    if where and folder.is_dir():
        tables = folder / TABLES if (folder / TABLES).is_dir() else folder
        paths = {_METRICS: tables / _METRICS, PARAMS.name: folder / PARAMS}
        for path in paths.values():
            if not path.is_file():
                msg = f"an experiment's folder must hold {path.relative_to(folder)}, but {folder} does not: "
                raise InputError(f"{msg}run `dvc repro` there")
        texts = {name: path.read_text("utf-8") for name, path in paths.items()}
    else:
        texts = read_revision(Path(), where, "compare")
    return _side(texts, split)


def _side(texts: Mapping[str, str], split: str) -> Side:
    import yaml

    from benchmark.report.verification.table_diff import read_lines
    from benchmark.settings.loading import PARAMS

    lines = [line for line in read_lines(texts[_METRICS]) if (line["metric"], line["split"]) == ("kappa", split)]
    kappas = {}
    for line in lines:
        estimate, low, high = (float(line[column] or "nan") for column in ("estimate", "low", "high"))
        kappas[line["method"], line["arm"], line["head"]] = Kappa(estimate, low, high, line["seeds"])
    first = lines[0] if lines else {"data": "none", "n_images": "0", "synthetic": "false", "data_hash": ""}
    data = f"{first['data']}{' (drawn eyes)' if first['synthetic'] == 'true' else ''}, {first['n_images']} images"
    return Side(yaml.safe_load(texts[PARAMS.name]), kappas, data, frozenset(line["data_hash"] for line in lines))


def _cells(row: Row) -> Sequence[str]:
    sides = [_kappa(side) for side in (row.first, row.second)]
    seeds = [side.seeds if side else "-" for side in (row.first, row.second)]
    if row.difference is None:
        return (f"{row.method}/{row.arm}", row.head, *sides, "-", "-", *seeds)
    estimate, low, high = row.difference
    return (f"{row.method}/{row.arm}", row.head, *sides, f"{estimate:+.3f}", f"[{low:+.3f}, {high:+.3f}]", *seeds)


def _kappa(side: Kappa | None) -> str:
    return f"{side.estimate:.3f} [{side.low:.3f}, {side.high:.3f}]" if side else "-"
