"""Writing so that a file is either whole or absent, and hashing what was written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError

PROJECT = Path(__file__).resolve().parents[2]
"""The folder of the code that runs."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes the name of ``path`` when the block ends well.

    Raises:
        InputError: the file cannot be written, by its folder, its disk or who may do so.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except Exception as error:
        code = _system_code(error)
        if code is None or getattr(error, "filename", None) not in (None, str(partial), *map(str, path.parents)):
            raise
        msg = f"{path} must be written, but cannot be ({os.strerror(code)}): {fix_for(code)}"
        raise InputError(msg) from error


def fix_for(code: int | None) -> str:
    """What to do about an error of the system, by its code."""
    if code in (errno.ENOSPC, errno.EDQUOT):
        return "make room on its disk"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "allow it, or work in a folder that you may write to"
    return "correct the path"


def _system_code(error: Exception) -> int | None:
    """The system's code of an error; libraries in Rust, such as safetensors, hold it in their text alone."""
    if isinstance(error, OSError):
        return error.errno
    told = re.search(r"\(os error (\d+)\)", str(error))
    return int(told[1]) if told else None


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically, with ``\\n`` line ends on every system."""
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as sorted, indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{path} must be JSON as it was written, but is damaged ({error}): remove it, and make it again"
        raise InputError(msg) from error


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, in hex: the identity of a set of parameters."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file; ``what`` begins the sentence that says that it is missing.

    Raises:
        InputError: the file is missing, cannot be read, is no YAML in UTF-8, or gives a key twice.
    """
    import yaml

    # libyaml reads the same ten times as fast, where the package was built with it.
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Refuses a key that recurs, of which YAML would silently take the last."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    message = f"the key {key.value!r} recurs: remove one"
                    raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
                seen.add(str(key.value))
            mapping: dict[Any, Any] = super().construct_mapping(node, deep)
            return mapping

    if not path.exists():
        msg = f"{what} read from {path}, which does not exist here: run from the project's root"
        raise InputError(msg)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (yaml.YAMLError, ValueError, OSError) as error:  # A ValueError is raised by 2020-99-99, which is no date.
        msg = f"{path} must be valid YAML: {' '.join(str(error).split())}"
        raise InputError(msg) from error
