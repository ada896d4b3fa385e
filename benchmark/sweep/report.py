"""``reports/sweep/<study>/``: a page with the conclusions, both tables and the figure; each table as csv and LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any, Literal

from optuna import Study

from benchmark.common.files import write_text
from benchmark.common.terms import EVALUATED, Split
from benchmark.common.units import ends, format_measure
from benchmark.report.captions import HEAD_NAMES, PHANTOM
from benchmark.report.render import table_to_csv, to_markdown, to_tex
from benchmark.report.table import Row, Table, Text, format_plain_value
from benchmark.scoring.decision_rules.registry import DECISION_RULES, DEFAULT
from benchmark.settings.params import Params
from benchmark.statistics.comparison import Comparison
from benchmark.statistics.confidence import Interval
from benchmark.sweep.figures import draw_slice
from benchmark.sweep.results import SweepResults, TrialResult, compute_results
from benchmark.sweep.retrain import Retrained, SweepSide
from benchmark.sweep.space import value_text, values_text

SWEEP_REPORTS = Path("reports/sweep")
_ALPHA = 0.05
"""Significance level, declared before any sweep ran."""
SLICE = "slice.png"
DECISIVE: Split = "test"
"""The split that the search did not use."""


def write_report(study: Study, params: Params, retrained: Mapping[SweepSide, Retrained]) -> None:
    """Write the report of a study that has been searched and retrained."""
    results = compute_results(study, params, retrained)
    folder = SWEEP_REPORTS / params.sweep.study
    tables = [retraining_table(results), trials_table(results)]
    for table in tables:
        write_text(folder / f"{table.name}.csv", table_to_csv(table))
        write_text(folder / f"{table.name}.tex", to_tex(table))
    write_text(folder / "sweep.md", sweep_page(results, tables, draw_slice(results, folder / SLICE)))
    print(f"wrote {folder}/sweep.md")


def sweep_page(results: SweepResults, tables: Sequence[Table], caption: str) -> str:
    """Return the conclusions, the figure and the tables as one Markdown page."""
    data = results.params.data
    blocks = [f"# Sweep {results.params.sweep.study} on {data.name}"]
    blocks += [f"**{PHANTOM.capitalize()}.**"] if data.synthetic else []
    blocks.append("\n".join(f"* {sentence}" for sentence in conclusions(results)))
    blocks += [f"![{caption}]({SLICE})", caption, *(to_markdown(table).rstrip() for table in tables)]
    return "\n\n".join(blocks) + "\n"


def conclusions(results: SweepResults) -> list[str]:
    """Return the conclusions, which follow from the numbers by rules."""
    best, states = results.best, [trial.state for trial in results.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    if results.tied and best.interval:
        value = best.interval.estimate
        reason = "; every network gives one grade to all of val: train for more epochs or on more photographs"
        return [
            f"Of {len(states)} trials ({counts}), all complete ones have the same val kappa, {format_measure(value)}, "
            f"so no values are best{reason * (value == 0)}."
        ]
    sentences = [
        f"Of {len(states)} trials ({counts}), trial {best.number} ({values_text(best.values)}) has the highest val "
        f"kappa ({HEAD_NAMES[results.params.sweep.head]}): {_with_ends(best.interval)}.",
        _verdict(results),
        _selection(results),
    ]
    if results.n_winners > 1:
        sentences.append(f"Test was used for {results.n_winners} winners of this study, so its p-value is too small.")
    return sentences


def _verdict(results: SweepResults) -> str:
    if not results.differences:
        return f"The best values are the {results.reference} ones, so nothing is compared."
    comparison, others = results.differences[DECISIVE], f"{results.reference} {values_text(results.published)}"
    pair = f"kappa of {values_text(results.best.values)} minus that of the {others}"
    measured = f"Retrained on new seeds, {pair} is {_with_ends(comparison.difference, '+')} on {DECISIVE}"
    if reason := comparison.difference.inconclusive_reason or "p is undefined" * isnan(comparison.p_retrained):
        return f"{measured}. Nothing is concluded: {reason}."
    measured += f", p = {comparison.p_retrained:.3g}."
    if comparison.p_retrained < _ALPHA:
        side = "better" if comparison.difference.estimate > 0 else "worse"
        return f"{measured} The best values are significantly {side} than the {results.reference} ones."
    return (
        f"{measured} The difference is inconclusive, which does not show that the two are equal: the power reaches "
        f"80 % only for a true difference of {format_measure(comparison.min_detectable_difference)} or more."
    )


def _selection(results: SweepResults) -> str:
    bias = results.selection.difference
    measured = (
        "Selection bias: val kappa of the best trial minus that of its retraining on "
        f"{len(results.params.sweep.retrain_seeds)} new seeds is {_with_ends(bias, '+')}"
    )
    if bias.inconclusive_reason or bias.low <= 0 <= bias.high:
        return f"{measured}; with so few seeds it is inconclusive."
    return f"{measured}; the search {'over' if bias.estimate > 0 else 'under'}estimates these values."


def trials_table(results: SweepResults) -> Table:
    """Return the table of all trials."""
    sweep = results.params.sweep
    names = [name.rpartition(".")[2] for name in sweep.space]
    lines = [_trial(trial, results) for trial in results.trials]
    return Table(
        name="trials",
        title=f"Trials of the sweep {sweep.study}",
        caption=f"{_data_sentence(results)} A trial's value is the mean of val kappa ({HEAD_NAMES[sweep.head]}, "
        f"decision rule: {DECISION_RULES[DEFAULT[sweep.head]].title}) over the seeds {_join(sweep.seeds)}; brackets: "
        "95 % interval over seeds and patients, not corrected for the choice among trials. Test is not used.",
        columns=("trial", *names, "state", "val kappa", "per seed", "remark"),
        rows=[row for row, _ in lines],
        notes=(),
        records=[record for _, record in lines],
    )


def _trial(trial: TrialResult, results: SweepResults) -> tuple[Row, dict[str, Any]]:
    """Return the row and the record of a trial."""
    sweep = results.params.sweep
    marks = [f"{results.reference} values" if trial.role == "paper" else trial.role] if trial.role else []
    marks += ["best"] if trial.number == results.best.number and not results.tied else []
    label = f"{trial.number} ({', '.join(marks)})" if marks else str(trial.number)
    values = [value_text(trial.values[name]) if name in trial.values else "-" for name in sweep.space]
    per_seed = ", ".join(map(format_measure, trial.kappas)) or "-"
    return _row("", label, *values, trial.state, _with_ends(trial.interval), per_seed, trial.remark), {
        "study": results.study,
        "trial": trial.number,
        "role": trial.role,
        # As text, because a value of a logarithmic scale needs more than six decimals.
        **{name: str(trial.values.get(name, "")) for name in sweep.space},
        **{"state": trial.state, "head": sweep.head, "split": "val"},
        **_fields(trial.interval, *INTERVAL),
        "kappas": " ".join(f"{kappa:.6f}" for kappa in trial.kappas),
        "seeds": _join(sweep.seeds, " "),
        "n_images": results.n_images["val"],
        "remark": trial.remark,
        **_origin(results),
    }


INTERVAL = ("estimate", "low", "high", "confidence_level")
TEST = ("p_retrained", "min_detectable_difference")
"""Columns that a comparison fills."""


def retraining_table(results: SweepResults) -> Table:
    """Return the comparison of the best and the published values on new seeds, and the selection bias."""
    lines: list[tuple[Row, dict[str, Any]]] = []

    def add(group: str, split: Split, quantity: str, found: Interval | Comparison | None) -> None:
        comparison = found if isinstance(found, Comparison) else None
        interval = found.difference if isinstance(found, Comparison) else found
        tests = ["", ""]
        if comparison:
            p, detectable = comparison.p_retrained, comparison.min_detectable_difference
            tests = ["-" if isnan(p) else f"{p:.3g}", "-" if isnan(detectable) else format_measure(detectable)]
        record: dict[str, Any] = {"study": results.study, "group": group, "split": split, "quantity": quantity}
        record |= {**_fields(interval, *INTERVAL), **_fields(comparison, *TEST)}
        record |= {"n_images": results.n_images[split], "n_patients": results.n_patients[split], **_origin(results)}
        lines.append((_row(group, quantity, _with_ends(interval, "+" if comparison else ""), *tests), record))

    for split in EVALUATED:
        add(split, split, f"best: {values_text(results.best.values)}", results.kappas["best", split])
        if comparison := results.differences.get(split):
            compared = f"{results.reference}: {values_text(results.published)}"
            add(split, split, compared, results.kappas["published", split])
            add(split, split, f"best - {results.reference}", comparison)
    add("selection, on val", "val", f"best trial, number {results.best.number}", results.best.interval)
    add("selection, on val", "val", "its retraining", results.kappas["best", "val"])
    add("selection, on val", "val", "best trial - retraining", results.selection)
    return Table(
        name="retraining",
        title=f"The best and the {results.reference} values, retrained on new seeds",
        caption=f"{_data_sentence(results)} Trained on the seeds {_join(results.params.sweep.retrain_seeds)}, which "
        f"the search did not use; brackets: 95 % intervals over seeds and patients. Declared in advance: {DECISIVE} "
        f"decides, at p < {_ALPHA}; the patients of val took part in the choice of the best values. p: over patients "
        "and seeds; there is none with a single seed. The minimum detectable difference has a power of 80 %.",
        columns=("values", "kappa or difference", "p", "min. detectable difference"),
        rows=[row for row, _ in lines],
        notes=(),
        records=[record for _, record in lines],
    )


def _data_sentence(results: SweepResults) -> str:
    data = results.params.data
    nature = f" ({PHANTOM})" if data.synthetic else ""
    sizes = ", ".join(f"{s} n = {results.n_images[s]} images, patients: {results.n_patients[s]}" for s in EVALUATED)
    return f"Data: {data.name}{nature}; {sizes}. Arm {results.params.sweep.arm}; quadratic weighted kappa."


def _origin(results: SweepResults) -> dict[str, Any]:
    return {"data": results.params.data.name, "synthetic": format_plain_value(results.params.data.synthetic)}


def _row(group: str, label: str, *cells: str) -> Row:
    return Row(group, label, tuple(map(Text, cells)))


def _with_ends(interval: Interval | None, sign: Literal["", "+"] = "") -> str:
    if interval is None or isnan(interval.estimate):
        return "-"
    return f"{format_measure(interval.estimate, sign)} {ends(interval.low, interval.high, sign)}".rstrip()


def _fields(source: Interval | Comparison | None, *names: str) -> dict[str, Any]:
    """Return fields as a csv holds them; empty without a source."""
    return {name: format_plain_value(getattr(source, name)) if source else "" for name in names}


def _join(seeds: Sequence[int], separator: str = ", ") -> str:
    return separator.join(map(str, seeds))
