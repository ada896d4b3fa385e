"""The project's code as it was when this process started, to find files that were edited while it ran.

A process imports many modules late, and so may run code that was edited after its hash was computed. Modules of this
project are therefore compared with their state when this module was imported. Import it before the others; processes
forked from this one inherit the state. An edit that was undone counts, too, because it may have been imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import PROJECT

PACKAGES = ("benchmark", "models")
"""Packages of this project."""

State = tuple[int, int, int, int]
"""Number, size and times of a file; every edit, replacement or restoration of the file changes it."""


def code_files() -> dict[str, State | None]:
    """Return the state of each module of the project by its path relative to the project."""
    root = f"{PROJECT}{os.sep}"
    walked = (step for package in PACKAGES for step in os.walk(root + package))
    paths = (f"{folder}{os.sep}{name}" for folder, _, names in walked for name in names if name.endswith(".py"))
    return {path.removeprefix(root): _state(path) for path in paths}


def _state(path: str) -> State | None:
    """Return a file's state; None if it does not exist."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path for each of several hundred files would take longer
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def require_unedited(paths: Iterable[str | Path] | None = None) -> None:
    """Check that modules are the ones that this process has imported or would import.

    Args:
        paths: the modules, relative to the project; by default all.

    Raises:
        InputError: one was edited, removed or added since this process started.
    """
    checked = {*_AT_START, *code_files()} if paths is None else set(map(str, paths))
    if edited := sorted(path for path in checked if _state(f"{PROJECT}{os.sep}{path}") != _AT_START.get(path)):
        msg = (
            f"code must stay unchanged while it runs, but {', '.join(edited)} was edited after this command "
            "started: run the command again, which uses nothing that the edited code may have made"
        )
        raise InputError(msg)


_AT_START = code_files()
