"""Names of photographs as tables write them: with or without folders, of either system, and extension."""

from __future__ import annotations

from pathlib import PurePosixPath

from benchmark.images.reading import EXTENSIONS


def posix(name: str) -> str:
    """The name with ``/`` between its folders."""
    return name.replace("\\", "/")


def image_id(name: str) -> str:
    """The name without an extension that photographs have, and with ``/`` between its folders."""
    path = PurePosixPath(posix(name))
    return (path.with_suffix("") if path.suffix.lower() in EXTENSIONS else path).as_posix()


def stem(name: str) -> str:
    """The image id without its folders."""
    return PurePosixPath(image_id(name)).name
