"""Names of photographs as tables write them: with or without folders, of either system, and extension."""

from __future__ import annotations

from pathlib import PurePosixPath

from benchmark.images.reading import EXTENSIONS


def posix(name: str) -> str:
    """The name with ``/`` between its folders."""
    return name.replace("\\", "/")


def image_id(name: str) -> str:
    """The name without an extension that photographs have, and with ``/`` between its folders."""
    path = posix(name)
    if "/" in path:
        path = PurePosixPath(path).as_posix()
    start, _, extension = path.rpartition(".")
    return start if start and f".{extension.lower()}" in EXTENSIONS else path


def stem(name: str) -> str:
    """The image id without its folders."""
    return image_id(name).rpartition("/")[2]
