"""Check that a stage's inputs stay unchanged while it runs, so that DVC records the inputs that its outputs come from.

DVC hashes the dependencies and parameters of a stage after its command has ended. If one of them changed in between,
DVC would record the new one for outputs of the old one, and reuse them. A failed command makes DVC record nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError
from benchmark.common.files import read_yaml
from benchmark.common.loaded import PACKAGES, require_unedited
from benchmark.settings.data_loading import PARAMS

PIPELINE = Path("dvc.yaml")


@contextmanager
def unchanged_inputs(command: str) -> Iterator[None]:
    """Check after the block that the inputs of a sub-command are those before it; raises InputError.

    Without a stage of the command in ``dvc.yaml``, nothing is checked.
    """
    before = _inputs(command)
    yield
    after = _inputs(command)
    if changed := [name for name in {**before, **after} if before.get(name) != after.get(name)]:
        msg = (
            f"inputs of a stage must stay unchanged while it runs, but {', '.join(changed[:3])} changed after "
            f"`fundusbench {command}` had started: run it again, because DVC has recorded nothing of this time"
        )
        raise InputError(msg)
    require_unedited(name for name in after if _is_code(name))


def _inputs(command: str) -> dict[str, object]:
    """Return every parameter and the state of every file that a stage depends on, by name."""
    stage = _stage(command)
    if not stage:
        return {}
    params = read_yaml(PARAMS, "the parameters are")
    found: dict[str, object] = {f"`{key}` in {PARAMS}": _value(params, key) for key in stage["params"]}
    for dependency in stage["deps"]:
        for path in _files(dependency.replace("${data.root}", str(_value(params, "data.root")))):
            found[path] = None if _is_code(path) else _state(path)
    return found


def _stage(command: str) -> dict[str, Any]:
    """Return the stage of ``dvc.yaml`` that a command is; empty if there is none."""
    if not PIPELINE.exists():
        return {}
    for declared in read_yaml(PIPELINE, "the stages are")["stages"].values():
        stage: dict[str, Any] = declared.get("do", declared)
        if stage["cmd"].split()[1] == command:
            return stage
    return {}


def _value(params: Any, key: str) -> object:
    """Return a parameter by its dotted name; None if it is absent."""
    for name in key.split("."):
        params = params.get(name) if isinstance(params, dict) else None
    return params


def _files(path: str) -> Iterator[str]:
    """Yield a file, or the files of a folder."""
    if not Path(path).is_dir():
        yield path
    for folder, _, names in os.walk(path):
        yield from (f"{folder}/{name}" for name in names if not name.endswith(".pyc"))


def _is_code(path: str) -> bool:
    """Return whether a file is a module of this project, which is compared with the start of the process."""
    return path.endswith(".py") and path.split("/")[0] in PACKAGES


def _state(path: str) -> object:
    """Return number, size and time of a file, by which DVC recognises an unchanged one; None if it does not exist."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
