"""The intended content of the store for a training and for a group of trainings; pure functions without MLflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Literal

from benchmark.common.files import sha256_json
from benchmark.common.section import flattened
from benchmark.runs.labels import summary, table_columns
from benchmark.runs.run import DataSummary, Outcome, Record
from benchmark.runs.spec import PredictionsRun, RunResult, RunSpec

History = Sequence[Mapping[str, float]]
MLflowStatus = Literal["RUNNING", "FINISHED", "KILLED", "FAILED"]

NOTE = "mlflow.note.content"
"""MLflow's tag for a description in Markdown."""
_COST = "resources/"
"""Prefix of the names of a training's costs."""
_SIZES = ("parameters", "macs_per_image")
_COSTS = ("seconds", "images_per_second", "wait_share", "peak_memory_bytes")
_DIGITS = 6
"""Decimals of means and standard deviations, so that the UI's columns stay narrow."""
_RESULTS = set(Outcome.model_fields)


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One value of a metric; ``ms`` is its time in milliseconds since 1970."""

    name: str
    value: float
    step: int
    ms: int


@dataclass(frozen=True, slots=True)
class RunEntry:
    """The intended content of one MLflow run.

    Attributes:
        kind: ``seed`` for one training, ``group`` for the trainings of one arm, ``sweep`` for a study, ``trial`` for
            one of its trials.
        key: identity of the run; another key means another MLflow run.
        outcome: hash of the results; empty before there are any, and for a group.
        points: learning curve by epoch; the last point of each epoch is named ``epoch``.
        finals: metrics of the whole run, one value each; they change with the evaluation.
        started, ended: milliseconds since 1970; ``ended`` is None while the run is in progress.
        spec: the run of a training; one of the runs of a group.
        folder: folder with the files to upload, or None.
        packages: versions of the packages that made them.
        verdicts: pairs of a part of the paper's claims about the arm and its verdict.
    """

    kind: Literal["seed", "group", "sweep", "trial"]
    name: str
    key: str
    status: MLflowStatus
    data: DataSummary
    tags: Mapping[str, str]
    started: int
    ended: int | None = None
    outcome: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    points: Sequence[MetricPoint] = ()
    finals: Mapping[str, float] = field(default_factory=dict)
    spec: RunSpec | None = None
    folder: Path | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    verdicts: Sequence[tuple[str, str]] = ()


def training_entry(spec: RunSpec, status: MLflowStatus, started: int, ended: int, history: History) -> RunEntry:
    """Return the entry of a training without its results; ``ended`` is the end of its last epoch so far."""
    params = spec.model_dump(mode="json", by_alias=True, exclude=_RESULTS | {"method", "arm", "seed", "key"})
    texts = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
        for name, value in flattened(params)
    }
    identity = {"method": spec.method, "arm": f"{spec.method}/{spec.arm}", "seed": str(spec.seed)}
    points, span = list[MetricPoint](), ended - started
    for index, row in enumerate(history, 1):
        # Epochs are spread evenly. The point ``epoch`` is the last of each, so a store that has it has the whole epoch.
        step, ms = int(row["epoch"]), started + span * index // len(history)
        points += [MetricPoint(f"epoch/{name}", value, step, ms) for name, value in row.items() if name != "epoch"]
        points.append(MetricPoint("epoch", step, step, ms))
    return RunEntry(
        kind="seed",
        name=spec.name,
        key=spec.key,
        status=status,
        data=spec.data,
        tags=_run_tags(spec, "seed", spec.key) | {"seed": str(spec.seed)},
        started=started,
        params=identity | drop_empty(texts),
        points=points,
        spec=spec,
    )


def finished(
    entry: RunEntry, run: RunResult, ended: int, outcome: str, folder: Path, record: Record | None
) -> RunEntry:
    """Add the results to the entry of a training: their hash and folder, and the record of the execution, if any."""
    # Nothing is known of the cost of predictions that were made elsewhere.
    costs = {f"{_COST}{name}": float(size) for name in _SIZES if (size := getattr(run, name))}
    tags = {"epoch_kept": str(run.epoch_kept), "flags": ", ".join(run.flags)}
    if record:
        costs |= {f"{_COST}{name}": float(getattr(record, name)) for name in _COSTS}
        tags |= {name: str(getattr(record, name)) for name in ("host", "device", "precision", "threads", "resumed")}
        dirty = "unknown" if record.git_dirty is None else str(record.git_dirty).lower()
        tags |= {"mlflow.source.git.commit": record.git_commit, "git_dirty": dirty}
    return replace(
        entry,
        tags={**entry.tags, **drop_empty(tags)},
        ended=ended,
        outcome=outcome,
        finals=costs,
        folder=folder,
        packages=record.packages if record else {},
    )


def group_key(spec: RunSpec, seeds: Sequence[int]) -> str:
    """Return the identity of a run's group: its parameters, data and code, and the declared seeds."""
    return sha256_json([spec.parameters_resolved, spec.data.model_dump(mode="json"), spec.code_sha256, list(seeds)])


def group_entry(members: Sequence[RunEntry], seeds: Sequence[int], differs: str = "") -> RunEntry:
    """Return the entry of a group of trainings with one :func:`group_key`.

    Its metrics are the number of seeds, and mean and sd of those that the evaluation computes; a single seed has no sd.
    If some seeds lack a metric, ``<metric>_n`` is the number of those that have it.
    """
    spec, finals = members[0].spec, {"seeds": float(len(members))}
    assert spec
    for name in sorted({name for member in members for name in member.finals if not name.startswith(_COST)}):
        values = [member.finals[name] for member in members if name in member.finals]
        finals[f"{name}_mean"] = round(fmean(values), _DIGITS)
        if len(values) > 1:
            finals[f"{name}_sd"] = round(stdev(values), _DIGITS)
        if len(values) < len(members):
            finals[f"{name}_n"] = float(len(values))
    verdicts = next((member.verdicts for member in members if member.verdicts), ())
    counts = Counter(verdict for _, verdict in verdicts)
    tags = {
        "verdict": ", ".join(f"{verdict} {count}" for verdict, count in sorted(counts.items())),
        "verdicts": "; ".join(f"{claim}: {verdict}" for claim, verdict in verdicts),
        "differs": differs,
    }
    key = group_key(spec, seeds)
    return RunEntry(
        kind="group",
        name=f"{spec.method}/{spec.arm}",
        key=key,
        status=members[0].status,
        data=spec.data,
        tags=_run_tags(spec, "group", key) | drop_empty(tags),
        started=min(member.started for member in members),
        ended=max((member.ended for member in members if member.ended is not None), default=None),
        params={name: text for name, text in members[0].params.items() if name != "seed"}
        | {"seeds": " ".join(map(str, seeds))},
        finals=finals,
    )


def base_tags(kind: str, key: str, data: DataSummary) -> dict[str, str]:
    """Return the tags of every MLflow run."""
    return {
        "kind": kind,
        "key": key,
        "synthetic": str(data.synthetic).lower(),
        "mlflow.source.name": "fundusbench",
        "mlflow.source.type": "LOCAL",
    }


def _run_tags(spec: RunSpec, kind: str, key: str) -> dict[str, str]:
    tags = {
        "method": spec.method,
        "arm": f"{spec.method}/{spec.arm}",
        "data": spec.data.name,
        **{name: str(table_columns(spec)[name]) for name in _described(spec)},
        NOTE: note(spec.data, summary(spec)),
    }
    return base_tags(kind, key, spec.data) | drop_empty(tags)


def _described(spec: RunSpec) -> tuple[str, ...]:
    """Return the columns that describe the training of a run; none if it was made elsewhere."""
    return () if isinstance(spec, PredictionsRun) else ("loss", "size", "pixels", "n_cells", "parent")


def experiment_note(data: DataSummary) -> str:
    """Describe an experiment in Markdown."""
    text = (
        f"Trainings on {data.name} ({data.train} / {data.val} / {data.test} photographs in train, val and test). A run "
        "of kind `group` has the mean and sd over the seeds of one arm; the runs of kind `seed` are nested in it. "
        "`val_kappa_*` and `test_kappa_*` are quadratic weighted kappas. The menu of views has a table for each kind. "
        "Intervals and tests are in the report."
    )
    return note(data, text)


def note(data: DataSummary, text: str) -> str:
    """Return a description in Markdown, with a warning if the photographs are generated."""
    if not data.synthetic:
        return text
    warning = f"**{data.name.capitalize()} results: the photographs are generated and say nothing about real eyes.**"
    return f"{warning}\n\n{text}".strip()


def drop_empty(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the items whose text is not empty."""
    return {name: text for name, text in texts.items() if text}
