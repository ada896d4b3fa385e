"""The files of a run: ``run.json`` and the record of its execution."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, write_json
from benchmark.runs.run import Record
from benchmark.runs.spec import ArmResult, NetworkResult, RunResult, RunSpec, TrainedResult, parse_result


def read_result(folder: Path) -> RunResult:
    """Read a finished run's ``run.json``.

    Raises:
        InputError: the run is not finished, or another version of the code wrote it.
    """
    path = folder / "run.json"
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
        InputError: as :func:`read_result`, or the run is a blend.
    """
    match read_result(folder):
        case ArmResult() | NetworkResult() as result:
            return result
        case other:
            msg = (
                f"a single photograph must be graded by a network, but {other.title} is a {other.kind}: name a run "
                f"that trained one{', such as ' + ' or '.join(other.needs) if other.needs else ''}"
            )
            raise InputError(msg)


def trained(results: Iterable[RunResult]) -> Iterator[TrainedResult]:
    """Yield the runs that trained a network; each can grade a single photograph."""
    return (result for result in results if isinstance(result, ArmResult | NetworkResult))


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
    """Write ``run.json`` of a run in progress or of a finished one."""
    write_json(folder / "run.json", spec.model_dump(mode="json", by_alias=True))
