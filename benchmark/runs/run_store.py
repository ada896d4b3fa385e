"""Store of runs by their keys, in progress and finished, so that no run is trained twice.

DVC removes a stage's outputs before it runs again, even those of unchanged arms. Therefore every run is trained and
kept in ``scratch/runs/<method>/<arm>/<seed>/<key>/`` and published to ``runs/`` from there.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, set_aside
from benchmark.common.terms import EVALUATED, Arm
from benchmark.runs.results import damage_of, read_record, write_spec
from benchmark.runs.run import RECORDS, RESULT, RUNS, SCRATCH, WEIGHTS
from benchmark.runs.spec import RunSpec

log = logging.getLogger(__name__)

RUN_STORE, VIEWS = SCRATCH / "runs", SCRATCH / "views"
"""Folders of the runs, and of the outputs of networks over TTA views, by the first digits of the keys."""
RECORD, CHECKPOINT = "record.json", "checkpoint.safetensors"


_READ = (WEIGHTS, *(f"{split}.csv" for split in EVALUATED))
"""Files of a run that other runs read."""
VERSIONS = 2
"""Number of versions of a run that are kept: the declared one and the one before it."""


def run_dir(spec: RunSpec) -> Path:
    """Return the folder of a run in the store."""
    return spec.folder(RUN_STORE) / spec.key[:16]


def views_dir(key: str) -> Path:
    """Return the folder of a network's outputs over TTA views, by the key of its run."""
    return VIEWS / key[:16]


def key_of(folder: Path) -> str | None:
    """Return the key of the run in a folder; None if there is none."""
    path = folder / RESULT
    return str(read_json(path)["key"]) if path.exists() else None


def is_finished(folder: Path, key: str, files: Collection[str] = ()) -> bool:
    """Return whether a folder contains the run of a key, completely trained and predicted, in intact files.

    Args:
        folder: the folder.
        key: key of the run.
        files: files that must be intact besides ``run.json``; all of them by default.
    """
    return not _damage(folder, files) and key_of(folder) == key and "flags" in read_json(folder / RESULT)


def _damage(folder: Path, files: Collection[str] = ()) -> str:
    """Return which files of a finished run are damaged, including its record; empty if none is."""
    if (folder / RECORD).exists():
        try:
            read_record(folder / RECORD)
        except InputError:
            return f"{RECORD} is not a valid record"
    return damage_of(folder, files)


def lock_of(path: Path) -> BaseFileLock:
    """Return a lock that excludes other processes of this machine, next to a path; the end of its process releases it.

    This process may hold it several times.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"), is_singleton=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time make a run, or publish runs; another one waits for it, and says so.

    Args:
        path: folder that is made or changed; the lock is next to it.
    """
    lock = lock_of(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("another process works on %s: waiting for it", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def open_run_dir(spec: RunSpec, folder: Path) -> None:
    """Prepare the folder of an unfinished run: keep its files, set damaged ones aside, remove those of other runs."""
    if damage := _damage(folder):
        set_aside(folder, damage)
    if key_of(folder) != spec.key:
        shutil.rmtree(folder, ignore_errors=True)
        write_spec(spec, folder)


def find_needed(spec: RunSpec) -> list[Path]:
    """Return the folder of each finished run that a run starts from or reads.

    Raises:
        InputError: one of them is not trained as declared.
    """
    return [find_one_needed(spec, name) for name in spec.needs]


def find_one_needed(spec: RunSpec, name: str) -> Path:
    """Return the folder of one of these runs, by ``method/arm/seed``."""
    if folder := find_run(name, spec.needs[name]):
        return folder
    msg = (
        f"{spec.title} is made from {name}, which must be trained as declared, but is not: "
        f"run `fundusbench train {Arm.parse(name).method}` first"
    )
    raise InputError(msg)


def find_run(name: str, key: str) -> Path | None:
    """Return the folder of a finished run, by ``method/arm/seed`` and key; None if there is none."""
    return next((folder for folder in _run_dirs(name, key) if is_finished(folder, key, _READ)), None)


def is_trained(spec: RunSpec) -> bool:
    """Return whether the store or ``runs/`` has a finished run with all its files intact."""
    return any(is_finished(folder, spec.key) for folder in _run_dirs(spec.name, spec.key))


def _run_dirs(name: str, key: str) -> tuple[Path, Path]:
    return RUN_STORE / name / key[:16], RUNS / name


def publish(method: str, specs: Iterable[RunSpec]) -> None:
    """Copy a method's finished runs to ``runs/`` and their records to ``records/``, and remove all others from both.

    Args:
        method: name of the method.
        specs: its declared runs; unfinished ones are skipped, and those that ``runs/`` alone contains stay there.
    """
    with locked(RUN_STORE):
        _publish_all(method, specs)


def _publish_all(method: str, specs: Iterable[RunSpec]) -> None:
    finished = {spec.folder(RUNS): spec for spec in specs if is_trained(spec)}
    for folder in (RUNS / method).glob("*/*"):
        if folder not in finished:
            shutil.rmtree(folder)
            _record_of(folder).unlink(missing_ok=True)
    for spec in finished.values():
        if is_finished(run_dir(spec), spec.key):
            _publish(spec)
            _remove_old_versions(run_dir(spec))
    for root in (RUNS / method, RECORDS / method):
        root.mkdir(parents=True, exist_ok=True)
        for arm in root.iterdir():
            if not any(arm.iterdir()):
                arm.rmdir()


def remove_stale_views() -> None:
    """Remove the outputs over TTA views of runs that were removed from the store."""
    stored = {folder.name for folder in RUN_STORE.glob("*/*/*/*")}
    for folder in VIEWS.glob("*/"):
        if folder.name not in stored:
            shutil.rmtree(folder)


def _record_of(folder: Path) -> Path:
    """Return the path of the record of a run in ``runs/``."""
    return (RECORDS / folder.relative_to(RUNS)).with_suffix(".json")


def _publish(spec: RunSpec) -> None:
    source, target = run_dir(spec), spec.folder(RUNS)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in spec.files:
        # Weights are large and never written in place, so a hard link is enough.
        (_link if name == WEIGHTS else shutil.copyfile)(source / name, partial / name)
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)
    _record_of(target).parent.mkdir(parents=True, exist_ok=True)
    # Predictions that came as files were not executed, so they have no record.
    if (source / RECORD).exists():
        shutil.copyfile(source / RECORD, _record_of(target))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # Another file system, or one without links.
        shutil.copyfile(source, target)


def _remove_old_versions(declared: Path) -> None:
    """Remove all versions of a run except the declared one and the latest others."""
    versions = sorted(declared.parent.glob("*/"), key=lambda folder: (folder != declared, -folder.stat().st_mtime))
    for folder in versions[VERSIONS:]:
        shutil.rmtree(folder)
