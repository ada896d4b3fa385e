"""Reads each training from the project's folders: its run, record, evaluation, figure and verdicts."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, sha256_file, sha256_json
from benchmark.common.terms import EVALUATED, OURS
from benchmark.evaluation.outputs import main_head
from benchmark.runs.history import HISTORY, numbers, read_history
from benchmark.runs.results import read_record, read_result
from benchmark.runs.run import RECORDS, RUNS, Outcome, Record
from benchmark.runs.spec import RunSpec, parse_spec
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.scoring.rules import rule_of
from benchmark.settings.params import Params
from benchmark.statistics.verdict_row import ALL_PARTS

_EVALUATION = Path("evaluation")
_FIGURES = Path("reports/figures")
_VERDICTS = Path("statistics/verdicts.csv")
HEADLINE = ("accuracy", "mae", "referable_auc")
"""Metrics that MLflow shows in addition to kappa; ``metrics.csv`` of the report has all."""

_OUTCOME = (HISTORY, *(f"{split}.csv" for split in EVALUATED))
"""Files whose contents distinguish two results of one key; a blend has no history."""

Identity = tuple[str, str, int]
"""Method, arm and seed."""
Verdicts = tuple[tuple[str, str], ...]
"""Pairs of a claim's part and its verdict."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """One training, finished or in progress.

    Attributes:
        spec: the run; with its outcome once it has finished.
        folder: the run's folder in ``runs/`` or ``scratch/``.
        history: the numbers of each epoch by column of ``history.csv``.
        started, ended: milliseconds since 1970; ``ended`` is the end of the last epoch while the training runs.
        outcome: hash of the results, which distinguishes two results of one key; empty while the training runs.
        metrics: final metrics by name, such as ``val_kappa_score`` and ``val/accuracy_score``.
        record: file in ``records/`` and its content, or None.
        figure: confusion matrices of the arm, or None.
        verdicts: verdicts on the paper's claims about the arm.
    """

    spec: RunSpec
    folder: Path
    history: tuple[Mapping[str, float], ...]
    started: int
    ended: int
    outcome: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    record: tuple[Path, Record] | None = None
    figure: Path | None = None
    verdicts: Verdicts = ()

    @property
    def identity(self) -> Identity:
        """Method, arm and seed."""
        return self.spec.method, self.spec.arm, self.spec.seed


def read_arms(root: Path, params: Params) -> Iterator[list[TrackedRun]]:
    """Yield the finished trainings of each declared arm that has any, in declared order.

    Raises:
        InputError: a run's folder is damaged.
    """
    evaluated = _Evaluation(root)
    for arm, seeds in params.declared():
        trainings = []
        for seed in seeds:
            folder, record = (root / top / arm.method / arm.name / str(seed) for top in (RUNS, RECORDS))
            if is_tracked_run_finished(folder):
                trainings.append(evaluated.complete(read_finished(folder, record.with_name(f"{seed}.json"))))
        if trainings:
            yield trainings


def read_finished(folder: Path, record_file: Path, metrics: Mapping[str, float] | None = None) -> TrackedRun:
    """Read a finished training.

    Args:
        folder: the run's folder.
        record_file: the run's record; may be absent.
        metrics: the run's final metrics by name.

    Raises:
        InputError: a file is damaged.
    """
    record = read_record(record_file) if record_file.exists() else None
    started, ended = _span(record) if record else (_modified(folder / "run.json"),) * 2
    run = read_result(folder)
    return TrackedRun(
        spec=run,
        folder=folder,
        history=_read_numbers(folder),
        started=started,
        ended=ended,
        outcome=sha256_json([sha256_file(folder / name) for name in run.files if name in _OUTCOME]),
        metrics=metrics or {},
        record=(record_file, record) if record else None,
    )


def read_live(folder: Path) -> TrackedRun | None:
    """Read the training in progress in a folder of ``scratch/``; return None if there is none."""
    try:
        content = read_json(folder / "run.json")
        if "flags" in content:
            return None
        history = _read_numbers(folder)
        started = _modified(folder / "run.json")
        ended = _modified(folder / HISTORY) if history else started
    except FileNotFoundError:
        return None
    return TrackedRun(parse_spec(content), folder, history, started, ended)


def is_tracked_run_finished(folder: Path) -> bool:
    """Return whether the folder holds all files of a finished run."""
    return (folder / "run.json").exists() and all((folder / name).exists() for name in read_result(folder).files)


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
    """Metrics, figures and verdicts of finished trainings, as far as the later stages have written them."""

    def __init__(self, root: Path) -> None:
        """Read the tables; an absent one counts as empty."""
        self._figures = root / _FIGURES
        self._keys = {_identity(row): row["key"] for row in _read_rows(root / _EVALUATION / "runs.csv")}
        self._metrics: dict[Identity, dict[str, float]] = {}
        # The UI groups names with a slash in a section per split; kappas stay outside these sections.
        for row in _read_rows(root / _EVALUATION / "kappas.csv"):
            self._add(row, _kappa_name(row["split"], row["head"], row["rule"]), row["kappa"])
        for row in _read_rows(root / _EVALUATION / "metrics.csv"):
            if row["metric"] in HEADLINE:
                name = f"{row['split']}/{row['metric']}_{row['head']}{_suffix(row['rule'])}"
                self._add(row, name, row["value"])
        self._verdicts: dict[str, Verdicts] = {}
        for row in _read_rows(root / _VERDICTS):
            arm = row["a"].partition(" ")[0]
            if arm and row["kind"] in ("ordering", "saving") and row["part"] != ALL_PARTS and row["evidence"] != OURS:
                verdict = (f"{row['part']} ({row['split']})", row["finding"])
                self._verdicts[arm] = (*self._verdicts.get(arm, ()), verdict)

    def _add(self, row: Mapping[str, str], name: str, value: str) -> None:
        if value:
            self._metrics.setdefault(_identity(row), {})[name] = float(value)

    def complete(self, training: TrackedRun) -> TrackedRun:
        """Add metrics, figure and verdicts to a training, unless they are those of a run with another key."""
        run = training.spec
        if self._keys.get(training.identity, run.key) != run.key:
            return training
        assert isinstance(run, Outcome)
        head, metrics = main_head(run), dict(self._metrics.get(training.identity, {}))
        # Kappa of the main head under its own decision rule, a metric that all runs share.
        kappas = {f"{split}_kappa": _kappa_name(split, head, rule_of(run, head)) for split in EVALUATED}
        metrics |= {main: metrics[name] for main, name in kappas.items() if name in metrics}
        figure = self._figures / f"confusion_{run.method}_{run.arm}.png"
        return replace(
            training,
            metrics=metrics,
            figure=figure if figure.exists() else None,
            verdicts=self._verdicts.get(f"{run.method}/{run.arm}", ()),
        )


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
