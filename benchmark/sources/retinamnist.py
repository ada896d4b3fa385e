"""RetinaMNIST of MedMNIST v2: 1,600 of DeepDRiD's photographs at 28, 64, 128 or 224 px.

The split (1,080, 120 and 400) is official. Patients are unknown, and train and val were drawn from one set with four
images per patient, so a patient may be in both: kappa on val does not measure new patients. The test set is DeepDRiD's
validation set, which has other patients.

The photographs come in one file of arrays, ``retinamnist.npz`` or ``retinamnist_<size>.npz``; ``root`` is the folder of
a copy. They are written as PNG files. The counts are from the 28 px file; the other sizes hold the same images.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmark.common.errors import InputError
from benchmark.common.files import atomic
from benchmark.common.terms import SPLITS, Counts, Split
from benchmark.sources._copy import RealParams, find_copy
from benchmark.sources._download import RemoteFile, download
from benchmark.sources.registry import OnProgress, Photograph, SourceInfo, SourceParams

Pixels = npt.NDArray[np.uint8]

ABOUT = SourceInfo(
    title="RetinaMNIST (MedMNIST v2)",
    homepage="https://medmnist.com",
    terms="CC BY 4.0",
    citation="Yang et al.: MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image "
    "classification. Scientific Data 10:41, 2023, doi:10.1038/s41597-022-01721-8; photographs: Liu et al., Patterns "
    "3(6):100512, 2022",
)
_EXPECTED: Mapping[Split, Counts] = {
    "train": (486, 128, 206, 194, 66),
    "val": (54, 12, 28, 20, 6),
    "test": (174, 46, 92, 68, 20),
}
MD5 = {
    28: "bd4c0672f1bba3e3a89f0e4e876791e4",
    64: "afda852cc34dcda56f86ad2b2457dbcc",
    128: "e48e916a24454daf90583d4e6efb1a18",
    224: "eae7e3b6f3fcbda4ae613ebdcbe35348",
}
"""MD5 checksum of each size's file, as medmnist 3.0.2 lists it (``medmnist.INFO``); no other checksum is published."""
URL = "https://zenodo.org/records/10519652/files/{name}?download=1"
"""Address of a file, also from medmnist 3.0.2."""


class Params(RealParams):
    """Parameters of RetinaMNIST under ``data:``."""

    size: Literal[28, 64, 128, 224] = 28
    """Side of the photographs in pixels."""

    @property
    def file(self) -> str:
        """Name of the file that holds the photographs of this size."""
        return "retinamnist.npz" if self.size == 28 else f"retinamnist_{self.size}.npz"


def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
    """Write the images of the arrays to ``folder`` and yield them in order.

    Raises InputError if the file is missing, is damaged or cannot be downloaded.
    """
    assert isinstance(params, Params)
    name = params.file.removesuffix(".npz")
    remote = RemoteFile(URL.format(name=params.file), params.file, f"md5:{MD5[params.size]}")
    arrays = find_copy(params, ABOUT, folder / name.replace("retinamnist", "arrays"), partial(download, remote))
    if not (arrays / params.file).exists():
        msg = f"data.root must hold {params.file} (data.size is {params.size}), but {arrays} does not: correct either"
        raise InputError(msg)
    parts = _read(arrays / params.file)
    total = sum(len(grades) for _, grades in parts.values())
    done = 0
    for split, (images, grades) in parts.items():
        for index, (image, grade) in enumerate(zip(images, grades, strict=True)):
            path = folder / name / split / f"{index:04d}.png"
            _save(Image.fromarray(image), path)
            yield Photograph(f"{split}/{index:04d}", path, int(grade[0]), split)
            done += 1
            progress(done, total)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Return the counts of MedMNIST's split."""
    return _EXPECTED


def _read(path: Path) -> dict[Split, tuple[Pixels, Pixels]]:
    """Read the images, shape (n, size, size, 3), and the grades, shape (n, 1), of each split."""
    try:
        with np.load(path) as arrays:
            return {split: (arrays[f"{split}_images"], arrays[f"{split}_labels"]) for split in SPLITS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        msg = f"{path.name} must be MedMNIST's file, but is damaged ({error}): get it again"
        raise InputError(msg) from error


def _save(image: Image.Image, path: Path) -> None:
    """Write a PNG unless an equal file exists; its bytes depend only on the pixels."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    if not path.exists() or path.read_bytes() != stream.getvalue():
        with atomic(path, durable=False) as partial:
            partial.write_bytes(stream.getvalue())
