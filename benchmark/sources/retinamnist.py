"""RetinaMNIST of MedMNIST v2: 1,600 of DeepDRiD's photographs at 28, 64, 128 or 224 px.

Its split (1,080, 120 and 400) is official. It names no patients, and its train and val are drawn from one set that has
four images per patient, so a patient may well be in both: kappa on its val is no measure of new patients. Its test set
is DeepDRiD's validation set, of other patients.

The photographs come in one file of arrays, ``retinamnist.npz`` or ``retinamnist_<size>.npz``, whose address and md5
(there is no other checksum) the medmnist package knows; ``root`` is the folder of a copy. They are written as PNG. The
counts are those of the 28 px file; the other sizes hold the same images.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmark.common.errors import InputError
from benchmark.common.files import atomic
from benchmark.common.terms import SPLITS, Counts, Split
from benchmark.sources._copy import RealParams, find_copy
from benchmark.sources._download import Remote, download
from benchmark.sources.registry import About, Photograph, Progress, SourceParams

Pixels = npt.NDArray[np.uint8]

ABOUT = About(
    title="RetinaMNIST (MedMNIST v2)",
    homepage="https://medmnist.com",
    terms="CC BY 4.0",
    citation="Yang et al.: MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image "
    "classification. Scientific Data 10:41, 2023, doi:10.1038/s41597-022-01721-8; photographs: Liu et al., Patterns "
    "3(6):100512, 2022",
)
EXPECTED: Mapping[Split, Counts] = {
    "train": (486, 128, 206, 194, 66),
    "val": (54, 12, 28, 20, 6),
    "test": (174, 46, 92, 68, 20),
}


class Params(RealParams):
    """What ``data:`` may hold for RetinaMNIST."""

    size: Literal[28, 64, 128, 224] = 28
    """Side of the photographs in pixels."""

    @property
    def suffix(self) -> str:
        """What the size adds to MedMNIST's names."""
        return "" if self.size == 28 else f"_{self.size}"


def photographs(params: SourceParams, folder: Path, progress: Progress) -> Iterator[Photograph]:
    """Write the arrays' images to ``folder`` and yield them in their order.

    Raises:
        InputError: there is no such file, or it is damaged or cannot be downloaded.
    """
    assert isinstance(params, Params)
    arrays = find_copy(params, ABOUT, folder / f"arrays{params.suffix}", lambda target: _fetch(params, target))
    name = f"retinamnist{params.suffix}.npz"
    if not (arrays / name).exists():
        msg = f"data.root must hold {name} for data.size {params.size}, but {arrays} does not: correct one of them"
        raise InputError(msg)
    parts = {split: _read(params, arrays, split) for split in SPLITS}
    total = sum(len(grades) for _, grades in parts.values())
    done = 0
    for split, (images, grades) in parts.items():
        for index, (image, grade) in enumerate(zip(images, grades, strict=True)):
            path = folder / f"retinamnist{params.suffix}" / split / f"{index:04d}.png"
            _save(Image.fromarray(image), path)
            yield Photograph(f"{split}/{index:04d}", path, int(grade[0]), split)
            done += 1
            progress(done, total)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """MedMNIST's own split."""
    return EXPECTED


def _read(params: Params, folder: Path, split: Split) -> tuple[Pixels, Pixels]:
    """Images, shape (n, size, size, 3), and grades, shape (n, 1)."""
    import medmnist

    try:
        data = medmnist.RetinaMNIST(split, root=folder, size=params.size)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        msg = f"retinamnist{params.suffix}.npz must be MedMNIST's file, but is damaged ({error}): get it again"
        raise InputError(msg) from error
    return data.imgs, data.labels


def _save(image: Image.Image, path: Path) -> None:
    """Write a PNG unless it is there; its bytes depend on its pixels alone."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    if not path.exists() or path.read_bytes() != stream.getvalue():
        with atomic(path) as partial:
            partial.write_bytes(stream.getvalue())


def _fetch(params: Params, folder: Path) -> None:
    import medmnist

    info = medmnist.INFO["retinamnist"]
    name = f"retinamnist{params.suffix}.npz"
    download(Remote(info[f"url{params.suffix}"], name, f"md5:{info[f'MD5{params.suffix}']}"), folder)
