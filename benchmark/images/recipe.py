"""Identity of the code that prepares photographs, computed without running it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from benchmark.common.code import closure, code_sha256
from benchmark.images.reading import LIBRARIES


def recipe_of(colour_normalisation: str) -> str:
    """Return the identity of the preparation of squares: a hash of its code and of the versions of its libraries."""
    code = code_sha256(*_roots(colour_normalisation), libraries=LIBRARIES)
    return f"square around the field of view, {colour_normalisation}, {code[:16]}"


@cache
def recipe_files(colour_normalisation: str) -> tuple[Path, ...]:
    """Return the files of that code, and of what reads unusual files before it."""
    return closure(*_roots(colour_normalisation), "benchmark/images/plain.py")


def _roots(colour_normalisation: str) -> tuple[str, ...]:
    return (
        "benchmark/images/square.py",
        f"benchmark/images/colour_normalisation/{colour_normalisation}.py",
        "benchmark/images/encoding.py",
    )
