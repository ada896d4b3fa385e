"""Files with the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from benchmark.common.files import sha256_file


def equal_files(paths: Iterable[Path]) -> list[list[Path]]:
    """Groups of two and more files with the same bytes; what is no file is like nothing.

    Only files of one size are read, so that this costs little more than listing them.
    """
    sizes: dict[int, list[Path]] = {}
    for path in dict.fromkeys(paths):
        with suppress(OSError):  # A name may be too long for any file.
            if path.is_file():
                sizes.setdefault(path.stat().st_size, []).append(path)
    found: dict[str, list[Path]] = {}
    for twins in sizes.values():
        for path in twins if len(twins) > 1 else ():
            found.setdefault(sha256_file(path), []).append(path)
    return [same for same in found.values() if len(same) > 1]
