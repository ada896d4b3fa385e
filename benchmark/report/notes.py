"""Notes under a table, numbered in reading order, and what they say of runs."""

from __future__ import annotations

from benchmark.common.terms import Arm, Head
from benchmark.report.captions import FLAGS
from benchmark.report.results import Results
from benchmark.settings.params import Params


class Notes:
    """Numbers texts as they come, each once."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, *texts: str) -> tuple[int, ...]:
        """Numbers of some texts, from 1; an empty text has none."""
        given = [text for text in texts if text]
        self.texts += [text for text in dict.fromkeys(given) if text not in self.texts]
        return tuple(self.texts.index(text) + 1 for text in given)


def run_texts(params: Params, results: Results, arm: Arm, head: Head) -> list[str]:
    """What a reader of an arm's head must know: flagged runs, and seeds that did not run where others did."""
    name = "/".join(arm)
    flagged: dict[str, list[int]] = {}
    for seed, flag in results.flags(*arm, head):
        flagged.setdefault(flag, []).append(seed)
    texts = [f"{name} {_seeds(seeds)}, {head}: {FLAGS.get(flag, flag)}." for flag, seeds in flagged.items()]
    measured = results.measured(arm, head, "val")
    absent = [seed for seed in params.seeds_of(arm.method) if measured and str(seed) not in measured.seeds.split()]
    return texts + ([f"{name}: {_seeds(absent)} not run."] if absent else [])


def _seeds(seeds: list[int]) -> str:
    return f"seed{'s'[: len(seeds) > 1]} {', '.join(map(str, seeds))}"
