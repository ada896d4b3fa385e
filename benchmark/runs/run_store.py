"""Where runs lie by their keys, in progress and finished, so that no run is trained twice; and their way to ``runs/``.

DVC removes a stage's outputs before it runs again, and a change of one arm leaves the others as they are. So every
training happens in ``scratch/runs/<method>/<arm>/<seed>/<key>/``, stays there, and is published from there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import read_json
from benchmark.common.terms import EVALUATED, Arm
from benchmark.runs.run import RECORDS, RUNS, SCRATCH, WEIGHTS
from benchmark.runs.spec import RunSpec

RUN_STORE, VIEWS = SCRATCH / "runs", SCRATCH / "views"
"""Runs by their keys; and what passes of finished networks gave, below the first digits of theirs."""
RECORD, CHECKPOINT = "record.json", "checkpoint.safetensors"


VERSIONS = 2
"""Of a run that stay on the shelf: the declared one and the one before it."""


def run_dir(spec: RunSpec) -> Path:
    """The folder of a run on the shelf."""
    return spec.folder(RUN_STORE) / spec.key[:16]


def views_dir(key: str) -> Path:
    """The folder of what passes of the run of a key gave."""
    return VIEWS / key[:16]


def key_of(folder: Path) -> str | None:
    """Key of the run whose progress a folder holds."""
    path = folder / "run.json"
    return str(read_json(path)["key"]) if path.exists() else None


def is_finished(folder: Path, key: str) -> bool:
    """Whether a folder holds that run, trained and predicted to its end."""
    return key_of(folder) == key and "flags" in read_json(folder / "run.json")


def find_needed(spec: RunSpec) -> list[Path]:
    """Return the folder of each finished run that a run is made from.

    Raises:
        InputError: one of them has not been trained, or was trained in another way since.
    """
    return [find_one_needed(spec, name) for name in spec.needs]


def find_one_needed(spec: RunSpec, name: str) -> Path:
    """Return the folder of one of these runs, named as ``method/arm/seed``."""
    if folder := find_run(name, spec.needs[name]):
        return folder
    msg = (
        f"{spec.title} is made from {name}, which must be trained as declared, but is not: "
        f"run `fundusbench train {Arm.parse(name).method}` first"
    )
    raise InputError(msg)


def find_run(name: str, key: str) -> Path | None:
    """The folder of a finished run, known by ``method/arm/seed`` and its key, where there is one."""
    return next((folder for folder in _run_dirs(name, key) if is_finished(folder, key)), None)


def files_needed(name: str, key: str) -> tuple[Path, ...]:
    """What others read of a run: where it lies, or will lie when it has ended."""
    folder = find_run(name, key) or _run_dirs(name, key)[0]
    return tuple(folder / file for file in ("run.json", WEIGHTS, *(f"{split}.csv" for split in EVALUATED)))


def _run_dirs(name: str, key: str) -> tuple[Path, Path]:
    return RUN_STORE / name / key[:16], RUNS / name


def publish(method: str, specs: Iterable[RunSpec]) -> None:
    """Bring a method's finished runs to ``runs/`` and their records to ``records/``; all others leave both.

    Args:
        method: a key of ``arms``.
        specs: all that is declared of it; those that are not finished are passed over.
    """
    finished = {spec.folder(RUNS): spec for spec in specs if is_finished(run_dir(spec), spec.key)}
    for folder in (RUNS / method).glob("*/*"):
        if folder not in finished:
            shutil.rmtree(folder)
            _record_of(folder).unlink(missing_ok=True)
    for spec in finished.values():
        _publish(spec)
        _thin_out(run_dir(spec))
    for root in (RUNS / method, RECORDS / method):
        root.mkdir(parents=True, exist_ok=True)
        for arm in root.iterdir():
            if not any(arm.iterdir()):
                arm.rmdir()


def remove_stale_views() -> None:
    """Remove what passes gave of runs that are no longer on the shelf."""
    left = {folder.name for folder in RUN_STORE.glob("*/*/*/*")}
    for folder in VIEWS.glob("*/"):
        if folder.name not in left:
            shutil.rmtree(folder)


def _record_of(folder: Path) -> Path:
    """The record of a run in ``runs/``."""
    return (RECORDS / folder.relative_to(RUNS)).with_suffix(".json")


def _publish(spec: RunSpec) -> None:
    source, target = run_dir(spec), spec.folder(RUNS)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in spec.files:
        # Weights are large and never written in place, so a second name for the same file does.
        (_link if name == WEIGHTS else shutil.copyfile)(source / name, partial / name)
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)
    _record_of(target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / RECORD, _record_of(target))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # Another file system, or one that has no links.
        shutil.copyfile(source, target)


def _thin_out(declared: Path) -> None:
    """Keep the latest versions of a run, and the declared one."""
    others = sorted(declared.parent.glob("*/"), key=lambda folder: (folder != declared, -folder.stat().st_mtime))
    for folder in others[VERSIONS:]:
        shutil.rmtree(folder)
