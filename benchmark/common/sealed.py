"""Files of named arrays that hold the hash of their content, for caches and checkpoints that are read again later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from benchmark.common.files import atomic, set_aside

Arrays = Mapping[str, npt.NDArray[Any]]


def write_sealed(path: Path, arrays: Arrays, meta: str = "", *, durable: bool = True) -> None:
    """Write arrays and a text as a safetensors file, atomically; see :func:`benchmark.common.files.atomic`."""
    contiguous = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    with atomic(path, durable=durable) as partial:
        # One entry, because safetensors writes several in any order, and equal contents must have equal bytes.
        save_file(contiguous, partial, {"meta": f"{_sha256(contiguous, meta)} {meta}"})


def read_sealed(path: Path) -> tuple[dict[str, npt.NDArray[Any]], str] | None:
    """Return the arrays and the text of a file; None if it does not exist, or is damaged and was set aside."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "numpy") as file:
            sha256, _, meta = (file.metadata() or {}).get("meta", "").partition(" ")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, ValueError) as error:
        set_aside(path, str(error))
        return None
    if sha256 != _sha256(arrays, meta):
        set_aside(path, "its content has another hash than when it was written")
        return None
    return arrays, meta


def _sha256(arrays: Arrays, meta: str) -> str:
    digest = hashlib.sha256(meta.encode())
    for name in sorted(arrays):
        digest.update(f"\0{name} {arrays[name].dtype} {arrays[name].shape}\0".encode())
        digest.update(arrays[name].reshape(-1).data)
    return digest.hexdigest()
