"""Names of photographs in tables: with or without folders and extension, with slashes or backslashes."""

from __future__ import annotations

from pathlib import PurePosixPath

from benchmark.images.reading import EXTENSIONS


def posix(name: str) -> str:
    """Replace backslashes between folders by slashes."""
    return name.replace("\\", "/")


def image_id(name: str) -> str:
    """Return the name with slashes and without the extension of a photograph."""
    path = posix(name)
    if "/" in path:
        path = PurePosixPath(path).as_posix()
    start, _, extension = path.rpartition(".")
    return start if start and f".{extension.lower()}" in EXTENSIONS else path


def stem(name: str) -> str:
    """Return the image id without its folders."""
    return image_id(name).rpartition("/")[2]
