"""``fundusbench compare``: kappa of each arm in two experiments side by side, or in three or more over their splits.

A side is a folder (a clone, or one that `keep` wrote), a git revision, or a DVC experiment whose tables DVC holds. The
interval of a difference is computed from the intervals of both sides as if they were independent (MOVER, Zou and Donner
2008, Statistics in Medicine 27:1693). If they share patients or seeds, it is too wide rather than too narrow.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmark.cli.output import OutputTable, add_json, show, show_json
from benchmark.common.errors import InputError
from benchmark.common.terms import EVALUATED
from benchmark.settings.differences import differing, value_text

_METRICS = "metrics.csv"

Arm = tuple[str, str, str]
"""Method, arm and head."""


@dataclass(frozen=True, slots=True)
class Kappa:
    """Mean kappa with its interval, and the seeds of its runs."""

    estimate: float
    low: float
    high: float
    seeds: str

    def __str__(self) -> str:
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    what = "a folder (another clone, or one that `keep` wrote), a git revision, or a DVC experiment"
    parser.add_argument(
        "experiments",
        metavar="EXPERIMENT",
        nargs="+",
        help=f"{what}; with one, the other is this folder; three or more, which differ in data.split.seed, are "
        "summarised over their splits",
    )
    parser.add_argument("--split", choices=EVALUATED, default="test", help="split of the kappas (default: test)")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print which parameters differ, and one line per arm; raises InputError if a side has no tables."""
    if len(args.experiments) > 2:
        from benchmark.cli.splits import show_splits

        every = [read_experiment(name, _METRICS, "verdicts.csv") for name in args.experiments]
        show_splits(args.experiments, every, args.split, as_json=args.json)
        return
    a, b = args.experiments if len(args.experiments) > 1 else (*args.experiments, ".")
    texts = [read_experiment(name, _METRICS) for name in (a, b)]
    changed = differing(*(yaml.safe_load(side["params.yaml"]) for side in texts))
    (kappas_a, data_a, hashes_a), (kappas_b, data_b, hashes_b) = (_kappas(side[_METRICS], args.split) for side in texts)
    rows = compared(kappas_a, kappas_b)
    if args.json:
        values = {"a": a, "b": b, "data": [data_a, data_b], "split": args.split}
        show_json(values | {"parameters": changed, "arms": rows})
        return
    lines = [(name, *map(value_text, values)) for name, values in changed.items()]
    names = OutputTable(("parameter", f"A: {a}", f"B: {b}"), lines, texts=3)
    header = ("arm", "head", "A", "B", "B - A", "interval", "seeds of A", "seeds of B")
    title = f"kappa on {args.split}, with 95 % intervals"
    note = (
        "The intervals of the differences treat A and B as independent, so they are too wide for the same patients."
        if hashes_a == hashes_b
        else "The data differ, so a difference is not one of the methods alone."
    )
    arms = OutputTable(header, list(map(_cells, rows)), texts=2, title=title)
    show(names if changed else "no parameter differs", arms, f"A: {data_a}. B: {data_b}. {note}")


def compared(first: Mapping[Arm, Kappa], second: Mapping[Arm, Kappa]) -> list[dict[str, Any]]:
    """Pair the arms of two experiments; ``difference`` is the second minus the first, and None for an arm of one."""
    rows = []
    for method, arm, head in dict.fromkeys((*first, *second)):
        a, b = (side.get((method, arm, head)) for side in (first, second))
        row = {"method": method, "arm": arm, "head": head, "first": a, "second": b}
        rows.append(row | {"difference": _difference(a, b) if a and b else None})
    return rows


def _difference(a: Kappa, b: Kappa) -> tuple[float, float, float]:
    estimate = b.estimate - a.estimate
    below = math.hypot(b.estimate - b.low, a.high - a.estimate)
    above = math.hypot(b.high - b.estimate, a.estimate - a.low)
    return estimate, estimate - below, estimate + above


def read_experiment(where: str, *tables: str) -> Mapping[str, str]:
    """Return the texts of some tables of an experiment, and of ``params.yaml``; raises InputError if one is missing."""
    from benchmark.report import TABLES
    from benchmark.report.verification.revision import read_revision

    folder = Path(where)
    if not where or not folder.is_dir():
        return read_revision(Path(), where, "compare")
    at = folder / TABLES if (folder / TABLES).is_dir() else folder
    for path in (paths := (*(at / name for name in tables), folder / "params.yaml")):
        if not path.is_file():
            msg = f"an experiment's folder must hold {path.relative_to(folder)}, but {folder} does not: "
            raise InputError(f"{msg}run `dvc repro` there")
    return {path.name: path.read_text("utf-8") for path in paths}


def _kappas(metrics: str, split: str) -> tuple[dict[Arm, Kappa], str, set[str]]:
    """Return the kappas on a split by arm, the data in words, and their hashes."""
    from benchmark.report.verification.table_diff import read_lines

    lines = [line for line in read_lines(metrics) if (line["metric"], line["split"]) == ("kappa", split)]
    kappas = {}
    for line in lines:
        estimate, low, high = (float(line[column] or "nan") for column in ("estimate", "low", "high"))
        kappas[line["method"], line["arm"], line["head"]] = Kappa(estimate, low, high, line["seeds"])
    first = lines[0] if lines else {"data": "none", "n_images": "0", "synthetic": "false"}
    data = f"{first['data']}{' (drawn eyes)' if first['synthetic'] == 'true' else ''}, {first['n_images']} images"
    return kappas, data, {line["data_hash"] for line in lines}


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    sides, difference = (row["first"], row["second"]), row["difference"]
    shown = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*difference).split(" ", 1) if difference else ["-", "-"]
    seeds = (side.seeds if side else "-" for side in sides)
    return (f"{row['method']}/{row['arm']}", row["head"], *(str(side or "-") for side in sides), *shown, *seeds)
