"""Head by decoder: what the rule from output to grade does to kappa, beside yardsticks and the paper's effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from statistics import median
from typing import Any

from benchmark.common.terms import EVALUATED, Arm, Head
from benchmark.common.units import ends, measure, with_sd
from benchmark.report.captions import HEADS, caption
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Cell, Number, Row, Table, ends_of
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decoders.registry import DECODERS
from benchmark.scoring.rules import HOLDOUT
from benchmark.settings.params import Params
from benchmark.statistics.baselines import DRAWS, YARDSTICKS
from benchmark.statistics.confidence import LEVEL
from benchmark.statistics.decoder_effect import TUNED_ON, DecodedRow, SpreadRow
from benchmark.statistics.published.claims import Claims, Pair
from benchmark.statistics.published.tables import PrintedTable, find_arm

ABOUT = TableInfo(order=6)

YARDSTICK = "without looking at the image"
EFFECTS = "the paper's effects, as printed"
TUNED_HERE = "Cuts tuned on this very split: how well they can fit, not how well they grade."

_FACTS: tuple[str, ...] = ("sd", "low", "high", "level", "over", "seeds", "images", "patients", "tuned_on")
_FACTS += ("stage", "arm", "head", "between", "data", "synthetic")
"""What the csv says of a number, as the statistics call it."""


@dataclass(frozen=True, slots=True)
class _Builder:
    """Fills cells and numbers their notes in reading order."""

    decoded: Mapping[tuple[Arm, str, str], DecodedRow]
    """By arm, rule and split."""
    spreads: Mapping[tuple[Arm, str, str], SpreadRow]
    """By arm, head and split."""
    params: Params
    results: Results
    notes: Notes = field(default_factory=Notes)

    def arm(self, arm: Arm) -> Iterator[Row]:
        """Every rule of an arm, and per head how far apart they lie."""
        group = "/".join(arm)
        for head, title in HEADS.items():
            rules = [rule for (of, rule, _) in self.decoded if of == arm and DECODERS[rule].head == head]
            for rule in dict.fromkeys(rules):
                cells = tuple(self._kappa(arm, head, rule, split) for split in EVALUATED)
                yield Row(group, f"{title}: {DECODERS[rule].title}", cells)
            if rules:
                cells = tuple(self._spread(arm, head, split) for split in EVALUATED)
                yield Row(group, f"{title}: highest minus lowest", cells)

    def yardsticks(self) -> Iterator[Row]:
        """What needs no network."""
        for name, yardstick in YARDSTICKS.items():
            found = [self.decoded[Arm("", ""), name, split] for split in EVALUATED]
            yield Row(YARDSTICK, yardstick.title, tuple(map(_yardstick, found)))

    def effects(self, pairs: Sequence[Pair]) -> Iterator[Row]:
        """The paper's differences, each under the split that it is printed for."""
        for pair in pairs:
            number = Number(f"{pair.effect:+}", float(pair.effect), self.notes.number(pair.doubt))
            cells = tuple(number if _split(pair) == split else Number("-") for split in EVALUATED)
            yield Row(EFFECTS, pair.title, cells)

    def _kappa(self, arm: Arm, head: Head, rule: str, split: str) -> Cell:
        row = self.decoded[arm, rule, split]
        texts = [TUNED_HERE if row.tuned_on == split else "", *run_texts(self.params, self.results, arm, head)]
        notes = self.notes.number(*texts)
        if isnan(row.kappa):
            return Number("undefined", None, notes)
        return Number(_words(row), row.kappa, notes, ends=ends_of(row))

    def _spread(self, arm: Arm, head: Head, split: str) -> Cell:
        row = self.spreads.get((arm, head, split))
        if row is None:
            return Number("undefined")
        shown = f"{measure(row.difference, '+')} {ends(row.low, row.high, '+')}".rstrip()
        return Number(shown, row.difference, ends=ends_of(row))


def make(inputs: Inputs) -> Table:
    """Kappa under every rule: in the csv of all arms, in what is read of the paper's at the largest input that ran."""
    params, results, decoded, spreads = inputs.params, inputs.results, inputs.decoded, inputs.spreads
    build = _Builder(
        {(Arm(row.stage, row.arm), row.rule, row.split): row for row in decoded if row.tuned_on != HOLDOUT},
        {(Arm(row.stage, row.arm), row.head, row.split): row for row in spreads},
        params,
        results,
    )
    pairs = _effects(inputs.claims)
    shown = [row for arm in _shown(inputs.printed["ablation"], params, results) for row in build.arm(arm)]
    return Table(
        name="decoding",
        title="Head by decoder",
        caption=caption(_meaning(), params, results, _compared(spreads, pairs)),
        columns=("output: rule", *EVALUATED),
        rows=(*shown, *build.yardsticks(), *build.effects(pairs)),
        notes=tuple(build.notes.texts),
        records=(*map(_measured, decoded), *map(_difference, spreads), *map(_published, pairs)),
    )


def _shown(printed: PrintedTable, params: Params, results: Results) -> list[Arm]:
    """The arms of the paper's ablation at the largest input where one of them ran."""
    ran = results.arms()
    for row in reversed(printed.rows):
        found = [find_arm(printed.cell(row, column).measured_by, params) for column in printed.columns]
        if arms := [arm for arm in dict.fromkeys(found) if arm in ran]:
            return arms
    return []


def _effects(claims: Claims) -> list[Pair]:
    """Claimed differences between two arms of one input size that are read through one head."""
    pairs = [pair for claim in claims.orderings for pair in claim.pairs]
    return [pair for pair in pairs if _setting(pair.better) == _setting(pair.worse)]


def _setting(cell: Any) -> tuple[Any, Any]:
    return cell.measured_by.size, cell.measured_by.head


def _split(pair: Pair) -> str:
    assert pair.better.split is not None
    return pair.better.split.value


def _meaning() -> str:
    return (
        f"Quadratic weighted kappa by output and by the rule that makes grades of it; in brackets the {LEVEL:.0%} "
        "interval over patients and seeds. The other tables use the rules named under Decoding alone. Tuned cuts are "
        f"tuned for each run on its own predictions on {TUNED_ON} and applied to test. Highest minus lowest: "
        "between the rules of a row's output that were not tuned on the split, with the paired interval of that "
        f"difference, which does not know that the two were picked. {YARDSTICK.capitalize()}: grades made from labels "
        f"alone, n images each; random ones are drawn {DRAWS} times (± over the draws); the fellow eye is the same "
        "patient's other eye, and an image without one is left out."
    )


def _compared(spreads: Sequence[SpreadRow], pairs: Sequence[Pair]) -> str:
    """How much the rule alone does on test, over all arms, beside the paper's effects."""
    moved = [row.difference for row in spreads if row.split == "test"]
    if not moved:
        return ""
    middle = median(moved)
    fewer = sum(abs(float(pair.effect)) < middle for pair in pairs)
    return (
        f"On test the rule alone moves kappa by {min(moved):.3f} to {max(moved):.3f} (median {middle:.3f}, over the "
        f"{len(moved)} arms and outputs of the csv); {fewer} of the paper's {len(pairs)} effects, measured on other "
        "data, are smaller than that median."
    )


def _words(row: DecodedRow) -> str:
    return f"{with_sd(row.kappa, row.sd)} {ends(row.low, row.high)}".rstrip()


def _yardstick(row: DecodedRow) -> Cell:
    if not row.images:
        return Number("not applicable: no image has a known fellow")
    if isnan(row.kappa):
        return Number("undefined")
    return Number(f"{_words(row)}, n = {row.images}", row.kappa, ends=ends_of(row))


def _measured(row: DecodedRow) -> dict[str, Any]:
    return _record("measured" if row.head else "yardstick", row.split, row.rule, row.kappa, row)


def _difference(row: SpreadRow) -> dict[str, Any]:
    record = _record("spread", row.split, "highest - lowest", row.difference, row)
    return record | {"between": f"{row.highest} - {row.lowest}"}


def _published(pair: Pair) -> dict[str, Any]:
    assert pair.better.measured_by is not None
    return _record("published", _split(pair), pair.title, str(pair.effect)) | {"head": pair.better.measured_by.head}


def _record(
    kind: str, split: str, rule: str, value: float | str, row: DecodedRow | SpreadRow | None = None
) -> dict[str, Any]:
    """A line of the csv; its value is a kappa, or of kinds spread and published a difference of kappas."""
    facts = {"value": value} | {name: getattr(row, name, "") for name in _FACTS}
    record = {"table": "decoding", "kind": kind, "split": split, "rule": rule}
    return record | {name: plain(fact) for name, fact in facts.items()}
