"""The two tables of a sweep, and its reading in sentences: pure functions of the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.common.terms import EVALUATED, Split
from benchmark.report.captions import HEADS, PHANTOM
from benchmark.report.table import Number, Row, Table, Text
from benchmark.scoring.decision_rules.registry import DECISION_RULES, DEFAULT
from benchmark.settings.sweep import Value
from benchmark.statistics.comparison import Comparison
from benchmark.statistics.confidence import Interval
from benchmark.sweep.evidence import Evidence, Point
from benchmark.sweep.trials import in_words

ALPHA = 0.05
"""Below this p, networks trained anew differ; declared before any sweep ran."""
DECIDES: Split = "test"
"""The split that the search did not use."""


def differs(found: Comparison) -> bool:
    """Whether two arms differ beyond noise: of seeds and patients where there are several seeds, else of patients."""
    return p_of(found) < ALPHA


def p_of(found: Comparison) -> float:
    """The p-value that decides."""
    return found.p if found.p_retrained != found.p_retrained else found.p_retrained


def reading(evidence: Evidence) -> list[str]:
    """What the sweep says, one sentence or two per matter, worded by the numbers alone."""
    best, head, states = evidence.best, evidence.params.sweep.head, [point.state for point in evidence.points]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    sentences = [
        f"Of {len(states)} trials ({counts}), the best is trial {best.number} ({shown(best.values)}): val kappa "
        f"({HEADS[head]}) {_with_ends(best.intervals[head])}.",
        _verdict(evidence)
        if evidence.differences
        else "It is the published values themselves, so there is nothing to compare them with.",
        _selection(evidence),
    ]
    if evidence.test_read > 1:
        sentences.append(
            f"Test was read for {evidence.test_read} winners of this study in turn, so its p-value is too small."
        )
    return sentences


def _verdict(evidence: Evidence) -> str:
    found = evidence.differences[DECIDES]
    told = f"{_with_ends(found.difference, signed=True)}, p = {p_of(found):.3g}"
    pair = f"{shown(evidence.best.values)} against the published {shown(evidence.published)}"
    ask = f"Retrained, on {DECIDES}, {pair}: {told}"
    if differs(found):
        side = "better" if found.difference.estimate > 0 else "worse"
        return f"{ask}. The values found are {side} than the published ones beyond noise."
    return (
        f"{ask}. The data do not tell them apart; a true difference of {found.min_detectable_difference:.3f} would "
        "have been found four times in five. This is no proof that they are equal."
    )


def _selection(evidence: Evidence) -> str:
    found = evidence.selection.difference
    told = (
        f"Selection: the best trial's val kappa less its retraining's on {len(evidence.params.sweep.retrain_seeds)} "
        f"new seeds is {_with_ends(found, signed=True)}"
    )
    if found.low <= 0 <= found.high:
        return f"{told}; so few seeds do not tell how much of its value was luck."
    return f"{told}: that much of its value was {'luck' if found.estimate > 0 else 'bad luck'}, not merit."


def trials_table(evidence: Evidence) -> Table:
    """Every trial: what it tried, what it reached, and what became of it."""
    space, head = evidence.params.sweep.space, evidence.params.sweep.head
    rows = tuple(_trial_row(point, evidence) for point in evidence.points)
    return Table(
        name="trials",
        title=f"Trials of the sweep {evidence.params.sweep.study}",
        caption=f"{_measured(evidence)} A trial's value is the mean of val kappa ({HEADS[head]}, decoded by the "
        f"{DECISION_RULES[DEFAULT[head]].title}) over the seeds {_list(evidence.params.sweep.seeds)}; brackets: 95 % "
        "interval over seeds and patients, not corrected for choosing among trials. Test was not opened.",
        columns=("trial", *(name.rpartition(".")[2] for name in space), "state", "val kappa", "per seed", "remark"),
        rows=rows,
        notes=(),
        records=tuple(_trial_record(point, evidence) for point in evidence.points),
    )


def _trial_row(point: Point, evidence: Evidence) -> Row:
    values = [
        Text(in_words(point.values[name]) if name in point.values else "-") for name in evidence.params.sweep.space
    ]
    found = point.intervals.get(evidence.params.sweep.head)
    kappa = Number(_with_ends(found), found.estimate) if found else Number("-")
    per_seed = Text(", ".join(f"{kappa:.3f}" for kappa in point.kappas) or "-")
    return Row("", _label(point, evidence), (*values, Text(point.state), kappa, per_seed, Text(point.remark)))


def _label(point: Point, evidence: Evidence) -> str:
    marks = [{"paper": "published values"}.get(point.role, point.role)] if point.role else []
    marks += ["best"] if point.number == evidence.best.number else []
    return f"{point.number} ({', '.join(marks)})" if marks else str(point.number)


def _trial_record(point: Point, evidence: Evidence) -> dict[str, Any]:
    found = point.intervals.get(evidence.params.sweep.head)
    return {
        "study": evidence.study,
        "trial": point.number,
        "role": point.role,
        **{name: point.values.get(name, "") for name in evidence.params.sweep.space},
        "state": point.state,
        "head": evidence.params.sweep.head,
        "split": "val",
        **_ends(found),
        "kappas": " ".join(f"{kappa:.6f}" for kappa in point.kappas),
        "seeds": _list(evidence.params.sweep.seeds, " "),
        "images": evidence.images["val"],
        "remark": point.remark,
        "data": evidence.params.data.name,
        "synthetic": evidence.params.data.synthetic,
    }


def retraining_table(evidence: Evidence) -> Table:
    """The best values and the published ones on new seeds, and what of the best trial's value was selection."""
    lines = _lines(evidence)
    return Table(
        name="retraining",
        title="The best values and the published ones, trained anew",
        caption=f"{_measured(evidence)} Trained on the seeds {_list(evidence.params.sweep.retrain_seeds)}, which took "
        f"no part in the search; brackets: 95 % intervals over seeds and patients. Declared beforehand: {DECIDES} "
        f"decides, at p < {ALPHA}; val is shown beside it, and its patients helped to choose the best values. "
        "p, these networks: on new patients; p, trained anew: over seeds, too.",
        columns=("values", "kappa or difference", "p, these networks", "p, trained anew", "resolvable"),
        rows=tuple(_line_row(*line) for line in lines),
        notes=(),
        records=tuple(_line_record(*line, evidence) for line in lines),
    )


_Line = tuple[str, Split, str, Interval, Comparison | None]


def _lines(evidence: Evidence) -> list[_Line]:
    """Group, split, label, interval, and the comparison that a difference comes from."""
    found: list[_Line] = []
    best, published = shown(evidence.best.values), shown(evidence.published)
    for split in EVALUATED:
        found.append((split, split, f"best: {best}", evidence.intervals[True, split], None))
        if split in evidence.differences:
            difference = evidence.differences[split]
            found.append((split, split, f"published: {published}", evidence.intervals[False, split], None))
            found.append((split, split, "best - published", difference.difference, difference))
    chosen = evidence.best.intervals[evidence.params.sweep.head]
    group = "selection, on val"
    found.append((group, "val", f"best trial, number {evidence.best.number}", chosen, None))
    found.append((group, "val", "its retraining", evidence.intervals[True, "val"], None))
    found.append((group, "val", "best trial - retraining", evidence.selection.difference, evidence.selection))
    return found


def _line_row(group: str, split: Split, label: str, interval: Interval, found: Comparison | None) -> Row:
    if found is None:
        return Row(group, label, (Number(_with_ends(interval), interval.estimate), *(Text(""),) * 3))
    cells = (
        Number(_with_ends(interval, signed=True), interval.estimate),
        _p(found.p),
        _p(found.p_retrained),
        Number(f"{found.min_detectable_difference:.3f}", found.min_detectable_difference),
    )
    return Row(group, label, cells)


def _line_record(
    group: str, split: Split, label: str, interval: Interval, found: Comparison | None, evidence: Evidence
) -> dict[str, Any]:
    return {
        "study": evidence.study,
        "group": group,
        "split": split,
        "what": label,
        **_ends(interval),
        "p": _number(found.p) if found else "",
        "p_retrained": _number(found.p_retrained) if found else "",
        "resolvable": _number(found.min_detectable_difference) if found else "",
        "images": evidence.images[split],
        "patients": evidence.patients[split],
        "data": evidence.params.data.name,
        "synthetic": evidence.params.data.synthetic,
    }


def _measured(evidence: Evidence) -> str:
    data, sweep = evidence.params.data, evidence.params.sweep
    nature = f" ({PHANTOM})" if data.synthetic else ""
    sizes = ", ".join(f"{s} n = {evidence.images[s]} images, patients: {evidence.patients[s]}" for s in EVALUATED)
    return f"Data: {data.name}{nature}; {sizes}. Arm {sweep.arm}; quadratic weighted kappa."


def shown(values: Mapping[str, Value]) -> str:
    """Swept values in words, by the last part of their names."""
    return ", ".join(f"{name.rpartition('.')[2]} {in_words(value)}" for name, value in values.items())


def _with_ends(interval: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    value, low, high = (f"{number + 0.0:{sign}.3f}" for number in (interval.estimate, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def _ends(interval: Interval | None) -> dict[str, str]:
    if interval is None:
        return {"value": "", "low": "", "high": "", "level": ""}
    return {name: _number(getattr(interval, name)) for name in ("value", "low", "high", "level")}


def _number(value: float) -> str:
    return "" if value != value else f"{value:.6f}"


def _p(value: float) -> Number:
    return Number("-") if value != value else Number(f"{value:.3g}", value)


def _list(seeds: list[int], between: str = ", ") -> str:
    return between.join(map(str, seeds))
