"""Identity of the code that prepares photographs, computed without running it."""

from __future__ import annotations

from benchmark.common.code import code_sha256
from benchmark.images.reading import LIBRARIES


def recipe_of(colour_normalisation: str) -> str:
    """Return the identity of the preparation of squares: a hash of its code and of the versions of its libraries."""
    code = (
        "benchmark/images/square.py",
        f"benchmark/images/colour_normalisation/{colour_normalisation}.py",
        "benchmark/images/encoding.py",
    )
    return f"square around the field of view, {colour_normalisation}, {code_sha256(*code, libraries=LIBRARIES)[:16]}"
