"""What the store should hold of a training, and of an arm's trainings together: pure functions, no MLflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from benchmark.common.files import sha256_json
from benchmark.runs.spec import DataSummary, Record, RunResult, RunSpec
from benchmark.tracking.trainings import Training

Status = Literal["RUNNING", "FINISHED", "KILLED", "FAILED"]

NOTE = "mlflow.note.content"
_SIZES = ("parameters", "macs_per_image")
_COSTS = ("seconds", "images_per_second", "wait_share", "peak_memory_bytes")
_DIGITS = 6
"""Of a mean and an sd, after the point, so that the table of runs shows numbers and not their tails."""
_RESULTS = set(RunResult.model_fields) - set(RunSpec.model_fields)


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric; ``ms`` is its time in milliseconds since 1970."""

    name: str
    value: float
    step: int
    ms: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What the store should hold of a run.

    Attributes:
        kind: ``seed`` for one training, ``group`` for the trainings of one arm, ``sweep`` for a study, ``trial`` for
            one of its trials and ``retrained`` for a training of its winner, or of what that is compared with.
        name: title in the UI.
        key: the run's identity; another key is another MLflow run.
        outcome: hash of the results; empty while there are none, and for a group.
        data: the data set.
        tags, params: as MLflow shows them.
        points: the learning curve, by epoch; each epoch ends with its ``epoch``.
        costs: what the training took: metrics with one value.
        finals: what it reached: metrics with one value, which may change when the evaluation does.
        step: epoch whose weights were kept.
        started, ended: milliseconds since 1970; ``ended`` is None while it runs.
        training: a finished training, whose files and model are uploaded; else None.
        figure: a picture to attach, or None.
    """

    kind: Literal["seed", "group", "sweep", "trial", "retrained"]
    name: str
    key: str
    status: Status
    data: DataSummary
    tags: Mapping[str, str]
    started: int
    ended: int | None = None
    outcome: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    points: Sequence[Point] = ()
    costs: Mapping[str, float] = field(default_factory=dict)
    finals: Mapping[str, float] = field(default_factory=dict)
    step: int = 0
    training: Training | None = None
    figure: Path | None = None


def finished_entry(training: Training) -> Entry:
    """Entry of a finished training."""
    spec = training.spec
    assert isinstance(spec, RunResult)
    record = training.record[1] if training.record else None
    costs = {f"resources/{name}": float(getattr(spec, name)) for name in _SIZES}
    costs |= {f"resources/{name}": float(getattr(record, name)) for name in _COSTS} if record else {}
    tags = {"epoch_kept": str(spec.epoch_kept), "flags": ", ".join(spec.flags)} | _record_tags(record)
    return replace(
        live_entry(training, "FINISHED"),
        tags=_seed_tags(spec) | _given(tags),
        ended=training.ended,
        outcome=training.outcome,
        costs=costs,
        finals=training.reached,
        step=spec.epoch_kept,
        training=training,
    )


def live_entry(training: Training, status: Status) -> Entry:
    """Entry of a training in progress."""
    spec = training.spec
    return Entry(
        kind="seed",
        name=f"{spec.stage}/{spec.arm}/{spec.seed}",
        key=spec.key,
        status=status,
        data=spec.data,
        tags=_seed_tags(spec),
        started=training.started,
        params=_params(spec),
        points=_points(training),
    )


def group_key(spec: RunSpec) -> str:
    """What the seeds of an arm have in common; seeds that were trained with other parameters are another group."""
    own = _RESULTS | {"seed", "key", "parent_key"}
    return sha256_json(spec.model_dump(mode="json", exclude={**dict.fromkeys(own, True), "blend": {"member_keys"}}))


def group_entry(members: Sequence[Entry], spec: RunSpec) -> Entry:
    """Entry of a group: how many seeds it has, and mean and sd (from two on) of their final metrics.

    Where some seeds lack a metric, it says of how many the mean is.

    Args:
        members: entries of an arm's trainings of one :func:`group_key`.
        spec: the run of any of them.
    """
    key = group_key(spec)
    names = sorted({name for member in members for name in member.finals})
    finals: dict[str, float] = {"seeds": float(len(members))}
    for name in names:
        values = [member.finals[name] for member in members if name in member.finals]
        finals |= _summary(name, values)
        if len(values) < len(members):
            finals[f"{name}_n"] = float(len(values))
    finished = next((member.training for member in members if member.training), None)
    ends = [member.ended for member in members if member.ended is not None]
    return Entry(
        kind="group",
        name=f"{spec.stage}/{spec.arm}",
        key=key,
        status=members[0].status,
        data=spec.data,
        tags=_tags(spec, "group", key) | (_verdict_tags(finished) if finished else {}),
        started=min(member.started for member in members),
        ended=max(ends) if ends else None,
        finals=finals,
        figure=finished.figure if finished else None,
    )


def _summary(name: str, values: list[float]) -> dict[str, float]:
    summary = {f"{name}_mean": round(fmean(values), _DIGITS)}
    return summary | {f"{name}_sd": round(stdev(values), _DIGITS)} if len(values) > 1 else summary


def _seed_tags(spec: RunSpec) -> dict[str, str]:
    return _tags(spec, "seed", spec.key) | {"seed": str(spec.seed)}


def _tags(spec: RunSpec, kind: str, key: str) -> dict[str, str]:
    tags = {
        "kind": kind,
        "key": key,
        "method": spec.stage,
        "arm": f"{spec.stage}/{spec.arm}",
        "objective": spec.objective.name,
        "data": spec.data.name,
        "size": spec.size,
        "pixels": str(spec.pixels),
        "level": str(spec.level),
        "parent": spec.parent,
        "synthetic": str(spec.data.synthetic).lower(),
        "mlflow.source.name": "fundusbench",
        "mlflow.source.type": "LOCAL",
        NOTE: _note(spec),
    }
    return _given(tags)


def _verdict_tags(training: Training) -> dict[str, str]:
    """What was found of the paper's claims for an arm: how often each finding, and of which claims."""
    counts = Counter(finding for _, finding in training.verdicts)
    told = {
        "verdict": ", ".join(f"{finding} {count}" for finding, count in sorted(counts.items())),
        "verdicts": "; ".join(f"{claim}: {finding}" for claim, finding in training.verdicts),
    }
    return _given(told)


def _note(spec: RunSpec) -> str:
    """Description of a run in Markdown."""
    origin = f", from {spec.parent}" if spec.parent else ""
    text = f"{spec.objective.name} at {spec.pixels} px ({spec.size}), level {spec.level}{origin}"
    if spec.blend:
        blend = spec.blend
        text = f"{blend.name} of {', '.join(blend.members)}; eyes: {blend.eyes}; passes: {blend.passes}"
    return f"{synthetic_note(spec.data)}\n\n{text}" if spec.data.synthetic else text


def experiment_note(data: DataSummary) -> str:
    """Description of an experiment in Markdown: what lies in it, and where to look first."""
    told = (
        f"Trainings on {data.name} ({data.train} / {data.val} / {data.test} photographs to train, val and test). A run "
        "of kind `group` holds the mean and sd over the seeds of one arm, those of kind `seed` are nested in it; "
        "`val_kappa_*` and `test_kappa_*` are quadratic weighted kappas. The menu of views has a table of either. "
        "Intervals and tests are in the report, not here."
    )
    return f"{synthetic_note(data)}\n\n{told}" if data.synthetic else told


def synthetic_note(data: DataSummary) -> str:
    """What a reader must know of generated photographs."""
    return f"**{data.name.capitalize()} results: the photographs are generated; nothing here speaks of real eyes.**"


def _record_tags(record: Record | None) -> dict[str, str]:
    if record is None:
        return {}
    return {
        "mlflow.source.git.commit": record.git_commit,
        "git_dirty": str(record.git_dirty).lower(),
        "host": record.host,
        "device": record.device,
        "precision": record.precision,
        "threads": str(record.threads),
        "resumed": str(record.resumed),
    }


def _params(spec: RunSpec) -> dict[str, str]:
    names = {"stage": spec.stage, "arm": f"{spec.stage}/{spec.arm}", "seed": str(spec.seed)}
    return names | _given(
        _flatten(spec.model_dump(mode="json", by_alias=True, exclude=_RESULTS | {"stage", "arm", "seed", "key"}))
    )


def _flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """Nested mappings as dotted names; a list is joined by commas."""
    if isinstance(value, dict):
        start = f"{prefix}." if prefix else ""
        return {name: text for key, inner in value.items() for name, text in _flatten(inner, f"{start}{key}").items()}
    return {prefix: ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)}


def _given(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}


def _points(training: Training) -> list[Point]:
    """The learning curve, its epochs spread evenly over the training's time.

    An epoch's own number comes last, so that a store that has it has the whole epoch.
    """
    points = []
    span, epochs = training.ended - training.started, len(training.history)
    for index, row in enumerate(training.history, 1):
        step, ms = int(row["epoch"]), training.started + span * index // epochs
        points += [Point(f"epoch/{name}", value, step, ms) for name, value in row.items() if name != "epoch"]
        points.append(Point("epoch", step, step, ms))
    return points
