"""Effect of the decision rule on kappa, beside trivial baselines and the paper's effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from benchmark.common.terms import EVALUATED, Arm, Head
from benchmark.common.units import ends, measure
from benchmark.report.captions import HEADS, caption
from benchmark.report.csv_fields import fields_of
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Cell, Number, Row, Table, ends_of, estimate_cell
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decision_rules.registry import DECISION_RULES
from benchmark.scoring.rules import HOLDOUT
from benchmark.settings.params import Params
from benchmark.statistics.baselines import DRAWS, TRIVIAL_BASELINES
from benchmark.statistics.confidence import CONFIDENCE_LEVEL
from benchmark.statistics.decision_rules import TUNED_ON
from benchmark.statistics.estimates import Estimate
from benchmark.statistics.published.claims import Claims, Pair
from benchmark.statistics.published.tables import PrintedTable, find_arm

ABOUT = TableInfo(order=6)

BASELINES = "without looking at the image"
EFFECTS = "the paper's effects, as printed"
TUNED_HERE = "Thresholds tuned on this very split: how well they can fit, not how well they grade."
COLUMNS = ("kind", "quantity", "split", "head", "rule", "tuned_on", "about", "n_patients")
"""Columns of the csv beside those of every estimate."""


@dataclass(frozen=True, slots=True)
class _Builder:
    """Fills cells and numbers their notes in reading order."""

    rules: Mapping[tuple[Arm, str, str], Estimate]
    """Kappas by arm, rule and split."""
    ranges: Mapping[tuple[Arm, str, str], Estimate]
    """Ranges over rules by arm, head and split."""
    baselines: Mapping[tuple[str, str], Estimate]
    """Kappas by baseline and split."""
    params: Params
    results: Results
    notes: Notes = field(default_factory=Notes)

    def arm(self, arm: Arm) -> Iterator[Row]:
        """Return every rule of an arm, and per head the range over rules."""
        group = "/".join(arm)
        for head, title in HEADS.items():
            rules = [rule for (of, rule, _) in self.rules if of == arm and DECISION_RULES[rule].head == head]
            for rule in dict.fromkeys(rules):
                cells = tuple(self._kappa(arm, head, rule, split) for split in EVALUATED)
                yield Row(group, f"{title}: {DECISION_RULES[rule].title}", cells)
            if rules:
                cells = tuple(self._range(arm, head, split) for split in EVALUATED)
                yield Row(group, f"{title}: highest minus lowest", cells)

    def baseline_rows(self) -> Iterator[Row]:
        """Return the baselines that need no network."""
        for name, baseline in TRIVIAL_BASELINES.items():
            cells = tuple(_baseline(self.baselines[name, split]) for split in EVALUATED)
            yield Row(BASELINES, baseline.title, cells)

    def effects(self, pairs: Sequence[Pair]) -> Iterator[Row]:
        """Return the paper's differences, each under the split that it is printed for."""
        for pair in pairs:
            number = Number(f"{pair.effect:+}", float(pair.effect), self.notes.number(pair.doubt))
            cells = tuple(number if _split(pair) == split else Number("-") for split in EVALUATED)
            yield Row(EFFECTS, pair.title, cells)

    def _kappa(self, arm: Arm, head: Head, rule: str, split: str) -> Cell:
        row = self.rules[arm, rule, split]
        texts = [TUNED_HERE if row.tuned_on == split else "", *run_texts(self.params, self.results, arm, head)]
        notes = self.notes.number(*texts)
        return _in_line(row, notes)

    def _range(self, arm: Arm, head: Head, split: str) -> Cell:
        row = self.ranges.get((arm, head, split))
        if row is None:
            return Number("undefined")
        shown = f"{measure(row.estimate, '+')} {ends(row.low, row.high, '+')}".rstrip()
        return Number(shown, row.estimate, ends=ends_of(row))


def make(inputs: Inputs) -> Table:
    """Kappa under every rule: of all arms in the csv, of the paper's arms at the largest input in what is shown."""
    params, results = inputs.params, inputs.results
    rules, ranges, baselines = (inputs.estimates(kind) for kind in ("rule", "rule range", "baseline"))
    build = _Builder(
        {(Arm(row.method, row.arm), row.rule, row.split): row for row in rules if row.tuned_on != HOLDOUT},
        {(Arm(row.method, row.arm), row.head, row.split): row for row in ranges},
        {(row.rule, row.split): row for row in baselines},
        params,
        results,
    )
    pairs = _effects(inputs.claims)
    shown = [row for arm in _shown(inputs.printed["ablation"], params, results) for row in build.arm(arm)]
    return Table(
        name="decoding",
        title="Decision rules",
        caption=caption(_meaning(), params, results, _compared(ranges, pairs)),
        columns=("output: rule", *EVALUATED),
        rows=(*shown, *build.baseline_rows(), *build.effects(pairs)),
        notes=tuple(build.notes.texts),
        records=(
            *({"table": "decoding"} | fields_of(row, *COLUMNS) for row in (*rules, *baselines, *ranges)),
            *map(_published, pairs),
        ),
    )


def _shown(printed: PrintedTable, params: Params, results: Results) -> list[Arm]:
    """Return the arms of the paper's ablation at the largest input where one of them ran."""
    ran = results.arms()
    for row in reversed(printed.rows):
        found = [find_arm(printed.cell(row, column).measured_by, params) for column in printed.columns]
        if arms := [arm for arm in dict.fromkeys(found) if arm in ran]:
            return arms
    return []


def _effects(claims: Claims) -> list[Pair]:
    """Return claimed differences between two arms of one input size and one head."""
    pairs = [pair for claim in claims.orderings for pair in claim.pairs]
    return [pair for pair in pairs if _setting(pair.better) == _setting(pair.worse)]


def _setting(cell: Any) -> tuple[Any, Any]:
    return cell.measured_by.size, cell.measured_by.head


def _split(pair: Pair) -> str:
    assert pair.better.split is not None
    return pair.better.split.value


def _meaning() -> str:
    return (
        f"Quadratic weighted kappa by output and decision rule; in brackets the {CONFIDENCE_LEVEL:.0%} interval over "
        "patients and seeds. The other tables use only the rules named under Decoding. Tuned thresholds are tuned for "
        f"each run on its own predictions on {TUNED_ON} and applied to test. Highest minus lowest: the range over an "
        "output's rules that were not tuned on the split, with the paired interval of that difference, which ignores "
        f"that the two rules were selected. {BASELINES.capitalize()}: grades made from labels alone, n images each; "
        f"random ones are drawn {DRAWS} times (± over the draws); the fellow eye is the same patient's other eye, and "
        "an image without one is left out."
    )


def _compared(ranges: Sequence[Estimate], pairs: Sequence[Pair]) -> str:
    """Return how much the rule alone changes kappa on test, over all arms, beside the paper's effects."""
    moved = [row.estimate for row in ranges if row.split == "test"]
    if not moved:
        return ""
    middle = median(moved)
    fewer = sum(abs(float(pair.effect)) < middle for pair in pairs)
    return (
        f"On test the rule alone changes kappa by {min(moved):.3f} to {max(moved):.3f} (median {middle:.3f}, over the "
        f"{len(moved)} arms and outputs of the csv); {fewer} of the paper's {len(pairs)} effects, measured on other "
        "data, are smaller than that median."
    )


def _in_line(row: Estimate, notes: tuple[int, ...] = (), suffix: str = "") -> Number:
    """Return a kappa with its interval in one line."""
    cell = estimate_cell(row, notes)
    return replace(
        cell, text=f"{cell.text} {cell.interval}".rstrip() + suffix * (cell.value is not None), interval="", arm=None
    )


def _baseline(row: Estimate) -> Cell:
    if not row.n_images:
        return Number("not applicable: no image has a known fellow")
    return _in_line(row, suffix=f", n = {row.n_images}")


def _published(pair: Pair) -> dict[str, Any]:
    assert pair.better.measured_by is not None
    own = {"kind": "published", "quantity": "kappa difference", "split": _split(pair), "rule": pair.title}
    own |= {"head": pair.better.measured_by.head, "estimate": str(pair.effect)}
    return {"table": "decoding"} | fields_of(None, *COLUMNS) | own
