"""Mutation-test the core modules: run the tests on a seeded sample of mutants of each module.

``make mutants`` runs this; CI does not, because it takes tens of minutes. mutmut makes the mutants and runs the tests
that reach them (configured in ``pyproject.toml``); this module samples them and counts the survivors per module.
``equivalent_mutants.yaml`` lists the survivors that behave like the original, with reasons. ``mutmut show NAME``
prints a survivor, ``mutmut browse`` all of them.
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
"""The module tested first and completely: mutmut then makes all mutants and finds the tests that reach each."""
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Same:
    """Mutants that behave like the original."""

    change: re.Pattern[str]
    """Pattern in the changed lines: those before the change start with ``-``, those after it with ``+``."""
    why: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Test the mutants, or with ``--count`` count those tested before, and print one line per module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=40, help="mutants per module (default 40; 0: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="benchmark", metavar="PREFIX", help="only modules whose names start so")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--count", action="store_true", help="test nothing and count the mutants tested before")
    chosen = parser.parse_args(arguments)
    if not chosen.count:
        mutmut_run([f"{FIRST}*"], chosen.jobs)
        names = sample(known(), chosen.sample, chosen.seed, chosen.only)
        for start in range(0, len(names), _AT_ONCE):
            mutmut_run(names[start : start + _AT_ONCE], chosen.jobs)
    print(summary({name: code for name, code in known().items() if name.startswith(chosen.only)}))


def mutmut_run(names: Iterable[str], jobs: str) -> None:
    """Test mutants by name or pattern."""
    subprocess.run(["mutmut", "run", "--max-children", jobs, *names], check=True, stdout=subprocess.DEVNULL)


def known() -> dict[str, int | None]:
    """Return the exit code of the tests by mutant; None if it was not tested."""
    found: dict[str, int | None] = {}
    for path in sorted(MADE.rglob("*.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def sample(names: Iterable[str], size: int, seed: int, prefix: str) -> list[str]:
    """Draw at most ``size`` mutants of each module; equal seeds give equal samples."""
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
    """Return the module of a mutant; mutmut prefixes its function's name with x_ or xǁ."""
    return re.split(r"\.x[_ǁ]", name)[0]


def summary(codes: dict[str, int | None]) -> str:
    """Return each survivor's change, then one line per module and package."""
    listed = [Same(re.compile(each["change"]), each["why"]) for each in yaml.safe_load(EQUIVALENT.read_text())]
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    survivors = []
    for name, code in codes.items():
        if code is None:
            continue
        fate = "killed"
        if code in (0, 33):  # Its tests passed, or no test reaches it.
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
    """Return the lines that a mutant changes."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    diff = get_diff_for_mutant(name).splitlines()
    return "\n".join(line for line in diff if re.match(r"[-+](?![-+])", line))


if __name__ == "__main__":
    main()
