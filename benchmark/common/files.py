"""Atomic and durable writing, reading and hashing of files."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError

log = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parents[2]
"""Folder of the running code."""


@contextmanager
def atomic(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path, which is renamed to ``path`` if the block succeeds.

    Where ``durable``, it waits until the disk has the file, so that a power cut leaves the old file or the new one.
    False suits many small files whose contents are checked before they are used. Raises InputError if the file cannot
    be written because of its folder, its disk or its permissions.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.touch()
            mode = partial.stat().st_mode
            yield partial
            # A library may have replaced the file by one that only its owner can read.
            partial.chmod(mode)
            if durable:
                _sync(partial)
            partial.replace(path)
            if durable:
                _sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)
    except Exception as error:
        code = _system_code(error)
        if code is None or getattr(error, "filename", None) not in (None, str(partial), *map(str, path.parents)):
            raise
        msg = f"{path} must be written, but cannot be ({os.strerror(code)}): " + (
            "raise the limit of `ulimit -f`, or write to a disk for larger files (FAT32 holds 4 GB)"
            if code == errno.EFBIG
            else fix_for(code)
        )
        raise InputError(msg) from error


def _sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():  # Some network file systems refuse folders.
            raise
    finally:
        os.close(descriptor)


def set_aside(path: Path, reason: str) -> None:
    """Rename a damaged file or folder, so that it is made again, and say so in one line."""
    aside = path.with_name(f"{path.name}.damaged")
    if aside.is_dir():
        shutil.rmtree(aside)
    with suppress(FileNotFoundError):  # Another process of the same run was faster.
        path.replace(aside)
    log.warning("%s is damaged (%s): it is made again, and the damaged one is kept as %s", path, reason, aside.name)


def fix_for(code: int | None) -> str:
    """Return advice on how to avoid a system error with this code (``errno``)."""
    if code in (errno.ENOSPC, errno.EDQUOT):
        return "free space on its disk"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "change its permissions, or work in a folder that you may write to"
    return "correct the path"


def _system_code(error: Exception) -> int | None:
    """Return the system's code of an error; libraries in Rust, such as safetensors, only have it in their message."""
    if isinstance(error, OSError):
        return error.errno
    match = re.search(r"\(os error (\d+)\)", str(error))
    return int(match[1]) if match else None


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write text atomically, with ``\\n`` as line end on every system; see :func:`atomic`."""
    with atomic(path, durable=durable) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write a value as sorted, indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; raise InputError if the file is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{path} must be valid JSON, but is damaged ({error}): remove it, and run its command again"
        raise InputError(msg) from error


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON in hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file; ``what`` begins the message about a missing file, such as "the parameters are".

    Scalars are those of YAML 1.2, as DVC reads and records them: 010 is 10, and 1:30 is text.

    Raises InputError if the file is missing, cannot be read, is not valid YAML in UTF-8, or has a key twice.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import YAMLError

    if not path.exists():
        msg = f"{what} read from {path}, which does not exist here: run from the project's root"
        raise InputError(msg)
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except DuplicateKeyError as error:
        key = re.match(r'found duplicate key "(.*?)" with', str(error.problem), re.DOTALL)
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        msg = f"{path} must be valid YAML: the key {key[1] if key else ''!r} occurs twice: remove one{line}"
        raise InputError(msg) from error
    except (YAMLError, ValueError, OSError) as error:  # The invalid date 2020-99-99 raises a ValueError.
        msg = f"{path} must be valid YAML: {' '.join(str(error).split())}"
        raise InputError(msg) from error
