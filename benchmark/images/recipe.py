"""The identity of what is done to photographs, found without doing it."""

from __future__ import annotations

from benchmark.common.code import code_sha256
from benchmark.images.reading import LIBRARIES


def recipe_of(colour_normalisation: str) -> str:
    """Identity of the way from photograph to square: of the code that goes it, and of the libraries that this uses."""
    code = (
        "benchmark/images/square.py",
        f"benchmark/images/colour_normalisation/{colour_normalisation}.py",
        "benchmark/images/encoding.py",
    )
    return f"square around the retinal disc, {colour_normalisation}, {code_sha256(*code, libraries=LIBRARIES)[:16]}"
