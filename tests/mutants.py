"""Do the tests bite? Mutants of the core, a seeded sample per module, each given to the tests that reach it.

``make mutants`` runs this; it takes tens of minutes, so CI does not. mutmut makes the mutants and runs the tests (its
configuration is in ``pyproject.toml``); here they are sampled, and what survived is counted per module. A survivor that
cannot be told from the original is listed in ``equivalent_mutants.yaml``, with a reason. ``mutmut show NAME`` opens a
survivor, ``mutmut browse`` all of them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml

MADE = Path("mutants")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.yaml")
FIRST = "benchmark.statistics.verdict_rules"
"""Tried whole, and first: with it mutmut makes the mutants of all modules, and learns which test reaches which."""
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Same:
    """Mutants that are the same program."""

    change: re.Pattern[str]
    """Found in what was changed: the lines before, each after ``-``, and the lines after, each after ``+``."""
    why: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Try the mutants, or with ``--count`` count those tried before, and print a line per module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=40, help="mutants per module (40); 0 takes all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="benchmark", metavar="PREFIX", help="modules whose names begin so")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--count", action="store_true", help="try none: count what was tried before")
    chosen = parser.parse_args(arguments)
    if not chosen.count:
        mutmut_run([f"{FIRST}*"], chosen.jobs)
        names = sample(known(), chosen.sample, chosen.seed, chosen.only)
        for start in range(0, len(names), _AT_ONCE):
            mutmut_run(names[start : start + _AT_ONCE], chosen.jobs)
    print(summary({name: code for name, code in known().items() if name.startswith(chosen.only)}))


def mutmut_run(names: Iterable[str], jobs: str) -> None:
    """Try mutants by name or pattern."""
    subprocess.run(["mutmut", "run", "--max-children", jobs, *names], check=True, stdout=subprocess.DEVNULL)


def known() -> dict[str, int | None]:
    """Every mutant's name and the exit code of its tests; None where it was not tried."""
    found: dict[str, int | None] = {}
    for path in sorted(MADE.rglob("*.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def sample(names: Iterable[str], size: int, seed: int, prefix: str) -> list[str]:
    """At most so many mutants of each module; equal seeds draw alike."""
    modules = defaultdict(list)
    for name in names:
        if name.startswith(prefix):
            modules[module_of(name)].append(name)
    drawn = []
    for module, members in modules.items():
        whole = not size or len(members) <= size
        drawn += members if whole else Random(f"{seed} {module}").sample(sorted(members), size)
    return drawn


def module_of(name: str) -> str:
    """The module of a mutant, whose function's name mutmut begins with x_ or xǁ."""
    return re.split(r"\.x[_ǁ]", name)[0]


def summary(codes: dict[str, int | None]) -> str:
    """A line per module and per package, then each survivor's change."""
    listed = [Same(re.compile(each["change"]), each["why"]) for each in yaml.safe_load(EQUIVALENT.read_text())]
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    survivors = []
    for name, code in codes.items():
        if code is None:
            continue
        fate = "killed"
        if code in (0, 33):  # Its tests passed, or it has none.
            change = change_of(name)
            fate = "equivalent" if any(same.change.search(change) for same in listed) else "survived"
            survivors += [f"mutmut show {name}\n{change}"] if fate == "survived" else []
        module = module_of(name)
        for place in (module, ".".join(module.split(".")[:2]), "benchmark"):
            counts[place][fate] += 1
    lines = [f"{'':48}{'tried':>7}{'killed':>8}{'survived':>10}{'equivalent':>12}{'rate':>7}"]
    for place, fates in sorted(counts.items()):
        tried, open_ones = fates.total(), fates.total() - fates["equivalent"]
        rate = f"{fates['killed'] / open_ones:.0%}" if open_ones else "-"
        lines.append(f"{place:48}{tried:7}{fates['killed']:8}{fates['survived']:10}{fates['equivalent']:12}{rate:>7}")
    return "\n".join([*survivors, "", *lines])


def change_of(name: str) -> str:
    """The lines that a mutant changes."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    diff = get_diff_for_mutant(name).splitlines()
    return "\n".join(line for line in diff if re.match(r"[-+](?![-+])", line))


if __name__ == "__main__":
    main()
