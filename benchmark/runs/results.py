"""The files of a run: ``run.json`` with the hashes of the others, and the record of its execution."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, sha256_file, sha256_json, write_json
from benchmark.runs.run import RESULT, Record
from benchmark.runs.spec import (
    ArmResult,
    ExecutedResult,
    NetworkResult,
    PredictionsResult,
    RunResult,
    RunSpec,
    TrainedResult,
    parse_result,
)


def read_result(folder: Path) -> RunResult:
    """Read a finished run's ``run.json``.

    Raises:
        InputError: the run is not finished, or another version of the code wrote it.
    """
    path = folder / RESULT
    if not path.exists():
        msg = f"{folder} must contain a finished run, but has no run.json: train it first with `dvc repro`"
        raise InputError(msg)
    try:
        return parse_result(read_json(path))
    except ValueError as error:
        msg = f"{path} must describe a finished run of this version, but does not: train it again with `dvc repro`"
        raise InputError(msg) from error


def read_trained(folder: Path) -> TrainedResult:
    """Read the ``run.json`` of a finished run that trained a network.

    Raises:
        InputError: as :func:`read_result`, or the run is a blend or was measured elsewhere.
    """
    match read_result(folder):
        case ArmResult() | NetworkResult() as result:
            return result
        case other:
            what = "was measured elsewhere" if isinstance(other, PredictionsResult) else "is a blend"
            msg = (
                f"a single photograph must be graded by a network, but {other.title} {what}: name a run "
                f"that trained one{', such as ' + ' or '.join(other.needs) if other.needs else ''}"
            )
            raise InputError(msg)


def trained(results: Iterable[RunResult]) -> Iterator[TrainedResult]:
    """Yield the runs that trained a network; each can grade a single photograph."""
    return (result for result in results if isinstance(result, ArmResult | NetworkResult))


def executed(results: Iterable[RunResult]) -> Iterator[ExecutedResult]:
    """Yield the runs that were made here and can predict other images, unlike given predictions."""
    return (result for result in results if not isinstance(result, PredictionsResult))


def read_record(path: Path) -> Record:
    """Read the record of an execution.

    Raises:
        InputError: the file is not a record.
    """
    try:
        return Record.model_validate(read_json(path))
    except ValueError as error:
        msg = f"{path} must be the record of a run, but is not: remove it, or train the run again with `dvc repro`"
        raise InputError(msg) from error


def write_spec(spec: RunSpec, folder: Path) -> None:
    """Write ``run.json`` of a run in progress."""
    write_json(folder / RESULT, spec.model_dump(mode="json", by_alias=True))


def write_result(result: RunResult, folder: Path) -> None:
    """Write ``run.json`` of a finished run, with its own hash and those of its other files; a sweep's have no test."""
    present = [name for name in result.files if name != RESULT and (folder / name).exists()]
    files = {name: sha256_file(folder / name) for name in present}
    fields = result.model_copy(update={"sha256": files}).model_dump(mode="json", by_alias=True)
    fields["sha256"] |= {RESULT: sha256_json(fields)}
    write_json(folder / RESULT, fields)


def damage_of(folder: Path, names: Collection[str] = ()) -> str:
    """Return which files of a finished run differ from those that its training wrote; empty if none does.

    Args:
        folder: folder of the run; nothing is known of the files of an unfinished one.
        names: files to check in addition to ``run.json``; all of them by default.
    """
    try:
        fields = read_json(folder / RESULT) if (folder / RESULT).exists() else {}
    except InputError:
        return f"{RESULT} is not valid JSON"
    if not isinstance(fields, dict) or "flags" not in fields:
        return ""
    hashes = fields.get("sha256")
    if not isinstance(hashes, dict) or hashes.pop(RESULT, "") != sha256_json(fields):
        return f"{RESULT} was changed"
    changed = [name for name in names or hashes if _sha256(folder / name) != hashes.get(name)]
    return f"{' and '.join(changed)} {'was' if len(changed) == 1 else 'were'} changed" if changed else ""


def require_intact(folder: Path, *names: str) -> None:
    """Check that files of a finished run are those that its training wrote; see :func:`damage_of`.

    Raises:
        InputError: one was changed or is missing.
    """
    if damage := damage_of(folder, names):
        msg = f"{folder} must hold the files that training wrote, but {damage}: run `dvc repro`, which makes them again"
        raise InputError(msg)


def _sha256(path: Path) -> str:
    """Return the hash of a file; empty if it is missing."""
    if not path.exists():
        return ""
    found = path.stat()
    return _known_sha256(path.absolute(), (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


@lru_cache(maxsize=10_000)
def _known_sha256(path: Path, _state: tuple[int, ...]) -> str:
    return sha256_file(path)
