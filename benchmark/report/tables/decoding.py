"""Effect of the decision rule on kappa, next to trivial baselines and the paper's effects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from statistics import median
from typing import Any

from benchmark.common.terms import EVALUATED, Arm
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
from benchmark.statistics.estimates import Estimate, Kind, select
from benchmark.statistics.published.claims import PrintedPair
from benchmark.statistics.published.tables import find_arm
from benchmark.statistics.shortcuts import PICTURES

ABOUT = TableInfo(keys=("kind", "method", "arm", "head", "rule", "tuned_on", "split"), order=6)

BASELINES = "without looking at the image"
WITHOUT_RETINA = "without looking at the retina"
EFFECTS = "the paper's effects, as printed"
TUNED_HERE = "Thresholds tuned on this very split: how well they can fit, not how well they grade."
_COLUMNS = ("kind", "quantity", "split", "head", "rule", "tuned_on", "about", "n_patients")
"""Columns of the csv in addition to those of every estimate."""


def make(inputs: Inputs) -> Table:
    """Make the table: kappa under every rule, of the paper's arms at the largest input; of all arms in the csv."""
    kinds: tuple[Kind, ...] = ("rule", "baseline", "shortcut", "rule range")
    rules, baselines, shortcuts, ranges = map(inputs.estimates, kinds)
    notes, claimed = Notes(), [pair for claim in inputs.claims.orderings for pair in claim.pairs]
    # Between two arms of one input size and one head.
    pairs = [pair for pair in claimed if _setting(pair.better) == _setting(pair.worse)]
    rows = [row for arm in _shown(inputs) for row in _arm_rows(arm, inputs, notes)]
    for name, baseline in TRIVIAL_BASELINES.items():
        rows.append(Row(BASELINES, baseline.title, _plain_cells(select(baselines, rule=name))))
    for pictures, (name, title) in product(PICTURES, FEATURE_SETS.items()):
        if (pictures, name) != ("squares", "file"):
            cells = _plain_cells(select(shortcuts, about=pictures, rule=name))
            rows.append(Row(WITHOUT_RETINA, f"{pictures}: {title}", cells))
    for pair in pairs:
        number = Number(f"{pair.effect:+}", float(pair.effect), notes.number(pair.doubt))
        cells = tuple(number if _split(pair) == split else Number("-") for split in EVALUATED)
        rows.append(Row(EFFECTS, pair.title, cells))
    return Table(
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
        rows=rows,
        notes=notes.texts,
        records=[
            *(fields_of(row, *_COLUMNS) for row in (*rules, *baselines, *shortcuts, *ranges)),
            *(
                fields_of(None, *_COLUMNS)
                | {"kind": "published", "quantity": "kappa difference", "split": _split(pair), "rule": pair.title}
                | {"head": _setting(pair.better)[1], "estimate": str(pair.effect)}
                for pair in pairs
            ),
        ],
    )


def _arm_rows(arm: Arm, inputs: Inputs, notes: Notes) -> Iterator[Row]:
    """Yield every rule of an arm, and per head the range over rules."""
    own = {"method": arm.method, "arm": arm.name}
    measured = [row for row in select(inputs.estimates("rule"), **own) if row.tuned_on != HOLDOUT]
    for head, title in HEAD_NAMES.items():
        flags = run_notes(inputs.params, inputs.results, arm, head)
        rules = dict.fromkeys(row.rule for row in measured if DECISION_RULES[row.rule].head == head)
        for rule in rules:
            by_split = {row.split: row for row in select(measured, rule=rule)}
            cells = []
            for split in EVALUATED:
                row = by_split[split]
                numbers = notes.number(TUNED_HERE if row.tuned_on == split else "", *flags)
                cells.append(one_line(estimate_cell(row, numbers)))
            yield Row(str(arm), f"{title}: {DECISION_RULES[rule].title}", tuple(cells))
        if rules:
            found = select(inputs.estimates("rule range"), head=head, **own)
            ranges = {row.split: difference_line(row) for row in found}
            cells = [ranges.get(split, Number("undefined")) for split in EVALUATED]
            yield Row(str(arm), f"{title}: highest minus lowest", tuple(cells))


def _plain_cells(rows: Sequence[Estimate]) -> tuple[Cell, ...]:
    """Return the cells of a kappa without a network, with its number of images, which are fewer without a fellow."""
    found: dict[str, Cell] = {}
    for row in rows:
        cell = one_line(estimate_cell(row), f", n = {row.n_images}")
        found[row.split] = cell if row.n_images else Number("not applicable: no image has a known fellow")
    return tuple(found.get(split, Number("not measured")) for split in EVALUATED)


def _shown(inputs: Inputs) -> list[Arm]:
    """Return the arms of the paper's ablation at the largest input where one ran, and those measured elsewhere."""
    printed, ran = inputs.printed["ablation"], inputs.results.arms()
    given = [arm for arm in ran if arm.method in inputs.params.predicted]
    for row in reversed(printed.rows):
        arms = [find_arm(printed.cell(row, column).measured_by, inputs.params) for column in printed.columns]
        if shown := [arm for arm in dict.fromkeys(arms) if arm in ran]:
            return shown + given
    return given


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
