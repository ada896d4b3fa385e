"""Reads each training from the project's folders: its run, record, evaluation and verdicts."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, sha256_file, sha256_json
from benchmark.common.terms import EVALUATED, OURS
from benchmark.evaluation.outputs import main_head
from benchmark.runs.history import HISTORY, numbers, read_history
from benchmark.runs.results import read_record, read_result
from benchmark.runs.run import RECORDS, RUNS, Record
from benchmark.runs.spec import RunResult, parse_spec
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.scoring.rules import rule_of
from benchmark.settings.params import Params
from benchmark.statistics.verdict_row import ALL_PARTS
from benchmark.tracking.entries import MLflowStatus, RunEntry, finished, training_entry

_EVALUATION = Path("evaluation")
_VERDICTS = Path("statistics/verdicts.csv")
HEADLINE = ("accuracy", "mae", "referable_auc")
"""Metrics that MLflow shows in addition to kappa; ``metrics.csv`` of the report has all."""

_OUTCOME = (HISTORY, *(f"{split}.csv" for split in EVALUATED))
"""Files whose contents distinguish two results of one key; a blend has no history."""

Identity = tuple[str, str, int]
"""Method, arm and seed."""


def finished_runs(root: Path, params: Params) -> dict[str, list[RunResult]]:
    """Return the finished runs of each declared arm that has any, in declared order."""
    arms: dict[str, list[RunResult]] = {}
    for arm, seeds in params.declared():
        folders = [root / RUNS / arm.method / arm.name / str(seed) for seed in seeds]
        if found := [read_result(folder) for folder in folders if (folder / "run.json").exists()]:
            arms[str(arm)] = found
    return arms


def read_arms(root: Path, params: Params) -> Iterator[list[RunEntry]]:
    """Yield the entries of the finished trainings of each declared arm that has any, in declared order."""
    evaluated = _Evaluation(root)
    for runs in finished_runs(root, params).values():
        yield [evaluated.complete(_finished_entry(root, run), run) for run in runs]


def _finished_entry(root: Path, run: RunResult) -> RunEntry:
    """Return the entry of a finished training, whose record may be absent."""
    folder, file = run.folder(root / RUNS), run.folder(root / RECORDS).with_suffix(".json")
    record = read_record(file) if file.exists() else None
    started, ended = _span(record) if record else (_modified(folder / "run.json"),) * 2
    outcome = sha256_json([sha256_file(folder / name) for name in run.files if name in _OUTCOME])
    entry = training_entry(run, "FINISHED", started, ended, _read_numbers(folder))
    return finished(entry, run, ended, outcome, folder, record)


def read_live(folder: Path, status: MLflowStatus) -> RunEntry | None:
    """Return the entry of the training in progress in a folder of ``scratch/``; None if there is none."""
    try:
        content = read_json(folder / "run.json")
        if "flags" in content:
            return None
        history = _read_numbers(folder)
        started = _modified(folder / "run.json")
        ended = _modified(folder / HISTORY) if history else started
    except FileNotFoundError:
        return None
    return training_entry(parse_spec(content), status, started, ended, history)


def _span(record: Record) -> tuple[int, int]:
    """Return start and end of a training; if it was interrupted, the start is its end minus its training time."""
    started, ended = (int(datetime.fromisoformat(time).timestamp() * 1000) for time in (record.started, record.ended))
    return (ended - int(record.seconds * 1000) if record.resumed else started), ended


def _modified(path: Path) -> int:
    return int(path.stat().st_mtime * 1000)


def _read_numbers(folder: Path) -> tuple[Mapping[str, float], ...]:
    try:
        return tuple(map(numbers, read_history(folder)))
    except (ValueError, csv.Error) as error:
        msg = f"{folder / HISTORY} must contain numbers, but is damaged ({error}): train the run again with `dvc repro`"
        raise InputError(msg) from error


class _Evaluation:
    """Metrics and verdicts of finished trainings, as far as the later stages have written them."""

    def __init__(self, root: Path) -> None:
        """Read the tables; an absent one counts as empty."""
        self._keys = {_identity(row): row["key"] for row in _read_rows(root / _EVALUATION / "runs.csv")}
        self._metrics: dict[Identity, dict[str, float]] = {}
        # The UI groups names with a slash in a section per split; kappas stay outside these sections.
        for row in _read_rows(root / _EVALUATION / "metrics.csv"):
            if row["metric"] == "kappa":
                self._add(row, _kappa_name(row["split"], row["head"], row["rule"]), row["value"])
            elif row["metric"] in HEADLINE:
                name = f"{row['split']}/{row['metric']}_{row['head']}{_suffix(row['rule'])}"
                self._add(row, name, row["value"])
        self._verdicts: dict[str, tuple[tuple[str, str], ...]] = {}
        for row in _read_rows(root / _VERDICTS):
            arm = row["a"].partition(" ")[0]
            if arm and row["kind"] in ("ordering", "saving") and row["part"] != ALL_PARTS and row["evidence"] != OURS:
                verdict = (f"{row['part']} ({row['split']})", row["finding"])
                self._verdicts[arm] = (*self._verdicts.get(arm, ()), verdict)

    def _add(self, row: Mapping[str, str], name: str, value: str) -> None:
        if value:
            self._metrics.setdefault(_identity(row), {})[name] = float(value)

    def complete(self, entry: RunEntry, run: RunResult) -> RunEntry:
        """Add metrics and verdicts to the entry of a run, unless they are those of a run with another key."""
        identity = run.method, run.arm, run.seed
        if self._keys.get(identity, run.key) != run.key:
            return entry
        head, metrics = main_head(run), dict(self._metrics.get(identity, {}))
        # Kappa of the main head under its own decision rule, a metric that all runs share.
        kappas = {f"{split}_kappa": _kappa_name(split, head, rule_of(run, head)) for split in EVALUATED}
        metrics |= {main: metrics[name] for main, name in kappas.items() if name in metrics}
        verdicts = self._verdicts.get(f"{run.method}/{run.arm}", ())
        return replace(entry, finals={**entry.finals, **metrics}, verdicts=verdicts)


def _kappa_name(split: str, head: str, rule: str) -> str:
    return f"{split}_kappa_{head}{_suffix(rule)}"


def _suffix(rule: str) -> str:
    """Return the suffix of a metric's name; a head's default rule has none."""
    return "" if rule in DEFAULT.values() else f"_{rule}"


def _identity(row: Mapping[str, str]) -> Identity:
    return row["method"], row["arm"], int(row["seed"])


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
