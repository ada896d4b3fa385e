"""What the folders hold of each training, read into one frozen dataclass."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, sha256_file, sha256_json
from benchmark.common.terms import EVALUATED, OURS
from benchmark.evaluation.outputs import main_head
from benchmark.runs.declared import read_record, read_result
from benchmark.runs.history import HISTORY, numbers, read_history
from benchmark.runs.spec import RECORDS, RUNS, Record, RunResult, RunSpec
from benchmark.scoring.decoders.registry import DEFAULT
from benchmark.scoring.rules import rule_of
from benchmark.settings.params import Params

EVALUATION = Path("evaluation")
FIGURES = Path("reports/figures")
VERDICTS = Path("statistics/verdicts.csv")
HEADLINE = ("accuracy", "mae", "referable_auc")
"""Metrics beside kappa that MLflow shows; the report's table has all of them."""
OUTCOME = (HISTORY, "val.csv", "test.csv")
"""A run's files that tell two results of one key apart; a blend has no history."""

Identity = tuple[str, str, int]
"""Stage, arm, seed."""
_Evaluated = Mapping[Identity, tuple[str, dict[str, float]]]
"""Per run: its key when it was evaluated (empty where that is not recorded), and what it reached, by metric name."""


@dataclass(frozen=True, slots=True)
class Training:
    """One training, finished or in progress.

    Attributes:
        spec: what it is; a ``RunResult`` once it has finished.
        folder: its folder in ``runs/`` or ``scratch/``.
        history: one mapping per epoch from the columns of ``history.csv`` to finite numbers.
        started, ended: milliseconds since 1970; of a training in progress, when its files say that it began and last
            ended an epoch.
        outcome: hash of the results; empty while there are none.
        reached: final metrics by name, such as ``val_kappa_score`` and ``val/accuracy_score``.
        record: its file in ``records/`` and what that says, or None.
        figure: the arm's confusion matrices, or None.
        verdicts: of the paper's claims for the arm, each claim's part and what was found.
    """

    spec: RunSpec
    folder: Path
    history: tuple[Mapping[str, float], ...]
    started: int
    ended: int
    outcome: str = ""
    reached: Mapping[str, float] = field(default_factory=dict)
    record: tuple[Path, Record] | None = None
    figure: Path | None = None
    verdicts: tuple[tuple[str, str], ...] = ()

    @property
    def identity(self) -> Identity:
        """Stage, arm and seed."""
        return self.spec.stage, self.spec.arm, self.spec.seed


def read_arms(root: Path, params: Params) -> Iterator[list[Training]]:
    """Finished trainings of each declared arm that has any, by seed, in declared order."""
    with _undamaged(root / EVALUATION):
        evaluated = _read_evaluated(root / EVALUATION)
    with _undamaged(root / VERDICTS):
        judged = _read_verdicts(root / VERDICTS)
    for arm, seeds in params.declared():
        folders = [root / RUNS / arm.stage / arm.name / str(seed) for seed in seeds]
        trainings = []
        for folder in filter(_is_whole, folders):
            with _undamaged(folder):
                trainings.append(_read_finished(root, folder, evaluated, judged.get(str(arm), ())))
        if trainings:
            yield trainings


def read_beside(folder: Path, reached: Mapping[str, float]) -> Training | None:
    """The finished training in a folder that holds its record, too; None where there is none.

    Args:
        folder: of the run.
        reached: its final kappas, by metric name.
    """
    if not (_is_whole(folder) and (folder / "record.json").exists()):
        return None
    record = read_record(folder / "record.json")
    started, ended = _span(record)
    return Training(
        spec=read_result(folder),
        folder=folder,
        history=_read_history(folder),
        started=started,
        ended=ended,
        outcome=sha256_json([sha256_file(folder / name) for name in _outcome(folder)]),
        reached=reached,
        record=(folder / "record.json", record),
    )


def read_live(folder: Path) -> Training | None:
    """The training in progress in a folder of ``scratch/``; None where there is none, or it has finished."""
    try:
        said = read_json(folder / "run.json")
        if "epoch_kept" in said:
            return None
        history = _read_history(folder)
        started = _modified(folder / "run.json")
        ended = _modified(folder / HISTORY) if history else started
    except FileNotFoundError:
        return None
    return Training(RunSpec.model_validate(said), folder, history, started, ended)


@contextmanager
def _undamaged(folder: Path) -> Iterator[None]:
    """Turn what reading a damaged table raises into a sentence."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, KeyError, csv.Error) as error:
        why = " ".join(str(error).split())[:200]
        msg = f"{folder} must be as the pipeline wrote it, but is damaged ({why}): make it again with `dvc repro`"
        raise InputError(msg) from error


def _is_whole(folder: Path) -> bool:
    """Whether training has put a run's last file in place."""
    return all((folder / name).exists() for name in ("run.json", "model.safetensors", *_outcome(folder)))


def _outcome(folder: Path) -> list[str]:
    """A run's files of :data:`OUTCOME`."""
    blend = (folder / "blend.csv").exists()
    return [name for name in OUTCOME if not (blend and name == HISTORY)]


def _read_finished(root: Path, folder: Path, evaluated: _Evaluated, verdicts: tuple[tuple[str, str], ...]) -> Training:
    result = read_result(folder)
    path = result.folder(root / RECORDS).with_suffix(".json")
    record = read_record(path) if path.exists() else None
    key, reached = evaluated.get((result.stage, result.arm, result.seed), ("", {}))
    # A run that was trained anew has neither metrics nor figure before it is evaluated anew.
    current = key in ("", result.key)
    started, ended = _span(record) if record else (_modified(folder / "run.json"),) * 2
    figure = root / FIGURES / f"confusion_{result.stage}_{result.arm}.png"
    return Training(
        spec=result,
        folder=folder,
        history=_read_history(folder),
        started=started,
        ended=ended,
        outcome=sha256_json([sha256_file(folder / name) for name in _outcome(folder)]),
        reached=reached | _main_kappas(result, reached) if current else {},
        record=(path, record) if record else None,
        figure=figure if current and figure.exists() else None,
        verdicts=verdicts if current else (),
    )


def _span(record: Record) -> tuple[int, int]:
    """Start and end of a training; one that was interrupted starts so that its duration is the time it trained."""
    ended = _ms(record.ended)
    return (ended - int(record.seconds * 1000) if record.resumed else _ms(record.started)), ended


def _ms(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def _modified(path: Path) -> int:
    return int(path.stat().st_mtime * 1000)


def _read_history(folder: Path) -> tuple[Mapping[str, float], ...]:
    return tuple(map(numbers, read_history(folder)))


def _read_evaluated(folder: Path) -> _Evaluated:
    """Final metrics of each run; the head's default decoder goes without saying in a metric's name.

    Kappas stand for themselves; the UI folds what has a slash in its name into a section of each split.
    """
    keys = {_identity(row): row["key"] for row in _read_rows(folder / "runs.csv")}
    named = [(row, _kappa(row["split"], row["head"]), row["kappa"]) for row in _read_rows(folder / "kappas.csv")]
    named += [
        (row, f"{row['split']}/{row['metric']}_{row['head']}", row["value"])
        for row in _read_rows(folder / "metrics.csv")
        if row["metric"] in HEADLINE
    ]
    evaluated: dict[Identity, tuple[str, dict[str, float]]] = {}
    for row, name, value in named:
        _, reached = evaluated.setdefault(_identity(row), (keys.get(_identity(row), ""), {}))
        if value:
            reached[name + _ending(row["decoder"])] = float(value)
    return evaluated


def _main_kappas(run: RunResult, reached: Mapping[str, float]) -> dict[str, float]:
    """Kappa of a run's main output by its own rule on each split, so that all runs share a metric."""
    head = main_head(run)
    names = {f"{split}_kappa": _kappa(split, head) + _ending(rule_of(run, head)) for split in EVALUATED}
    return {main: reached[name] for main, name in names.items() if name in reached}


def _kappa(split: str, head: str) -> str:
    return f"{split}_kappa_{head}"


def _ending(decoder: str) -> str:
    return "" if decoder in DEFAULT.values() else f"_{decoder}"


def _read_verdicts(path: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """For each arm that a claim of the paper is about: the claim's parts, by split, and what was found of each."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in _read_rows(path):
        arm = row["a"].partition(" ")[0]
        judged = row["kind"] in ("ordering", "saving") and row["part"] != "all"
        if arm and judged and row.get("mark") != OURS:
            found[arm] = (*found.get(arm, ()), (f"{row['part']} ({row['split']})", row["finding"]))
    return found


def _identity(row: Mapping[str, str]) -> Identity:
    return row["stage"], row["arm"], int(row["seed"])


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
