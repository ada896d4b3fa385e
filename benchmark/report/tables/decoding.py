"""Effect of the decision rule on kappa, next to trivial baselines and the paper's effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from statistics import median
from typing import Any

from benchmark.common.terms import EVALUATED, Arm, Head
from benchmark.data.shortcuts import FEATURE_SETS
from benchmark.report.captions import HEAD_NAMES, caption, run_notes
from benchmark.report.inputs import Inputs
from benchmark.report.table import Cell, Notes, Number, Row, Table, difference_line, estimate_cell, fields_of, one_line
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decision_rules.registry import DECISION_RULES
from benchmark.scoring.rules import HOLDOUT
from benchmark.statistics.baselines import N_BASELINE_DRAWS, TRIVIAL_BASELINES
from benchmark.statistics.confidence import CONFIDENCE_LEVEL
from benchmark.statistics.decision_rules import TUNED_ON
from benchmark.statistics.estimates import Estimate, Kind
from benchmark.statistics.published.claims import Claims, PrintedPair
from benchmark.statistics.published.tables import find_arm
from benchmark.statistics.shortcuts import PICTURES

ABOUT = TableInfo(keys=("kind", "method", "arm", "head", "rule", "tuned_on", "split"), order=6)

BASELINES = "without looking at the image"
WITHOUT_RETINA = "without looking at the retina"
EFFECTS = "the paper's effects, as printed"
TUNED_HERE = "Thresholds tuned on this very split: how well they can fit, not how well they grade."
_COLUMNS = ("kind", "quantity", "split", "head", "rule", "tuned_on", "about", "n_patients")
"""Columns of the csv in addition to those of every estimate."""


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builder of rows, which numbers their notes in reading order.

    Attributes:
        rules: kappas by arm, rule and split.
        ranges: ranges over rules by arm, head and split.
        baselines: kappas by baseline and split.
        shortcuts: kappas by pictures, features and split.
    """

    rules: Mapping[tuple[Arm, str, str], Estimate]
    ranges: Mapping[tuple[Arm, str, str], Estimate]
    baselines: Mapping[tuple[str, str], Estimate]
    shortcuts: Mapping[tuple[str, str, str], Estimate]
    inputs: Inputs
    notes: Notes = field(default_factory=Notes)

    def arm_rows(self, arm: Arm) -> Iterator[Row]:
        """Yield every rule of an arm, and per head the range over rules."""
        for head, title in HEAD_NAMES.items():
            rules = [rule for (of, rule, _) in self.rules if of == arm and DECISION_RULES[rule].head == head]
            for rule in dict.fromkeys(rules):
                cells = tuple(self._kappa(arm, head, rule, split) for split in EVALUATED)
                yield Row(str(arm), f"{title}: {DECISION_RULES[rule].title}", cells)
            if rules:
                ranges = (self.ranges.get((arm, head, split)) for split in EVALUATED)
                cells = tuple(Number("undefined") if row is None else difference_line(row) for row in ranges)
                yield Row(str(arm), f"{title}: highest minus lowest", cells)

    def baseline_rows(self) -> Iterator[Row]:
        """Yield the baselines that need no network."""
        for name, baseline in TRIVIAL_BASELINES.items():
            cells = tuple(_baseline(self.baselines[name, split]) for split in EVALUATED)
            yield Row(BASELINES, baseline.title, cells)

    def shortcut_rows(self) -> Iterator[Row]:
        """Yield the predictions from features that show no lesion."""
        for pictures, (name, title) in product(PICTURES, FEATURE_SETS.items()):
            if (pictures, name) != ("squares", "file"):
                found = (self.shortcuts.get((pictures, name, split)) for split in EVALUATED)
                cells = tuple(_baseline(row) if row else Number("not measured") for row in found)
                yield Row(WITHOUT_RETINA, f"{pictures}: {title}", cells)

    def effect_rows(self, pairs: Sequence[PrintedPair]) -> Iterator[Row]:
        """Yield the paper's differences, each below the split that it is printed for."""
        for pair in pairs:
            number = Number(f"{pair.effect:+}", float(pair.effect), self.notes.number(pair.doubt))
            cells = tuple(number if _split(pair) == split else Number("-") for split in EVALUATED)
            yield Row(EFFECTS, pair.title, cells)

    def _kappa(self, arm: Arm, head: Head, rule: str, split: str) -> Cell:
        row = self.rules[arm, rule, split]
        flags = run_notes(self.inputs.params, self.inputs.results, arm, head)
        return one_line(estimate_cell(row, self.notes.number(TUNED_HERE if row.tuned_on == split else "", *flags)))


def make(inputs: Inputs) -> Table:
    """Make the table: kappa under every rule, of the paper's arms at the largest input; of all arms in the csv."""
    kinds: tuple[Kind, ...] = ("rule", "rule range", "baseline", "shortcut")
    rules, ranges, baselines, shortcuts = map(inputs.estimates, kinds)
    build = _Builder(
        {(Arm(row.method, row.arm), row.rule, row.split): row for row in rules if row.tuned_on != HOLDOUT},
        {(Arm(row.method, row.arm), row.head, row.split): row for row in ranges},
        {(row.rule, row.split): row for row in baselines},
        {(row.about, row.rule, row.split): row for row in shortcuts},
        inputs,
    )
    pairs = _effects(inputs.claims)
    rows = [row for arm in _shown(inputs) for row in build.arm_rows(arm)]
    return Table(
        name="decoding",
        title="Decision rules",
        caption=caption(
            "Quadratic weighted kappa of each output under several decision rules. In brackets: the "
            f"{CONFIDENCE_LEVEL:.0%} interval over patients and seeds. The other tables use only the default rules. "
            f"Tuned thresholds are tuned for each run on its own predictions on {TUNED_ON} and applied to test. "
            "Highest minus lowest: the range over an output's rules that were not tuned on the split, with the paired "
            "interval of that difference, which ignores that the two rules were selected. "
            f"{BASELINES.capitalize()}: grades derived from labels alone, n images each; random ones are drawn "
            f"{N_BASELINE_DRAWS} times (± over the draws); the fellow eye is the same "
            "patient's other eye, and an image without one is left out. "
            f"{WITHOUT_RETINA.capitalize()}: grades predicted by gradient boosting, fitted on train, from properties "
            "of the photographs or of the prepared squares that show no lesion.",
            inputs.params,
            inputs.results,
            _compared(ranges, pairs),
        ),
        columns=("output: rule", *EVALUATED),
        rows=[*rows, *build.baseline_rows(), *build.shortcut_rows(), *build.effect_rows(pairs)],
        notes=build.notes.texts,
        records=[
            *(fields_of(row, *_COLUMNS) for row in (*rules, *baselines, *shortcuts, *ranges)),
            *map(_published, pairs),
        ],
    )


def _shown(inputs: Inputs) -> list[Arm]:
    """Return the arms of the paper's ablation at the largest input where one ran, and those measured elsewhere."""
    printed, ran = inputs.printed["ablation"], inputs.results.arms()
    given = [arm for arm in ran if arm.method in inputs.params.predicted]
    for row in reversed(printed.rows):
        arms = [find_arm(printed.cell(row, column).measured_by, inputs.params) for column in printed.columns]
        if shown := [arm for arm in dict.fromkeys(arms) if arm in ran]:
            return shown + given
    return given


def _effects(claims: Claims) -> list[PrintedPair]:
    """Return claimed differences between two arms of one input size and one head."""
    pairs = [pair for claim in claims.orderings for pair in claim.pairs]
    return [pair for pair in pairs if _setting(pair.better) == _setting(pair.worse)]


def _setting(cell: Any) -> tuple[Any, Any]:
    return cell.measured_by.size, cell.measured_by.head


def _split(pair: PrintedPair) -> str:
    assert pair.better.split is not None
    return pair.better.split.value


def _compared(ranges: Sequence[Estimate], pairs: Sequence[PrintedPair]) -> str:
    """Return the effect of the rule alone on test, over all arms, compared with the paper's effects."""
    changes = [row.estimate for row in ranges if row.split == "test"]
    if not changes:
        return ""
    middle = median(changes)
    fewer = sum(abs(float(pair.effect)) < middle for pair in pairs)
    return (
        f"On test the rule alone changes kappa by {min(changes):.3f} to {max(changes):.3f} (median {middle:.3f}, over "
        f"the {len(changes)} arms and outputs of the csv); {fewer} of the paper's {len(pairs)} effects, measured on "
        "other data, are smaller than that median."
    )


def _baseline(row: Estimate) -> Cell:
    if not row.n_images:
        return Number("not applicable: no image has a known fellow")
    return one_line(estimate_cell(row), f", n = {row.n_images}")


def _published(pair: PrintedPair) -> dict[str, Any]:
    assert pair.better.measured_by is not None
    return fields_of(None, *_COLUMNS) | {
        **{"kind": "published", "quantity": "kappa difference", "split": _split(pair), "rule": pair.title},
        **{"head": pair.better.measured_by.head, "estimate": str(pair.effect)},
    }
