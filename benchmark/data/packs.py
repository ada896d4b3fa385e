"""Packs: the prepared images of one split at one size, in one memory-mapped file with random access.

A pack is an Arrow IPC file with the columns ``image_id``, ``sha256`` (of the photograph), ``image`` and ``digest`` (the
SHA-256 of the other three). An image is raw RGB bytes, row by row, or a JPEG of quality 95 without chroma subsampling.
The schema's metadata says how the images were made. Rows are stored in record batches of equal length, so a row is
found by a division. A row's digest is compared when the row is first read, so that damage never becomes a number.

Threads read a pack together, as copying pixels and decoding JPEGs free the interpreter: all see one map of the file, so
that none holds a copy. Raw images stay in memory as the system's file cache has room. Decoded JPEGs are kept, so that
each is decoded once, where all of a pack's fit into :data:`SHARE` of the memory that is free when the first is read.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmark.common.errors import InputError
from benchmark.common.files import atomic
from benchmark.common.resources import core_count, free_memory
from benchmark.common.terms import Size
from benchmark.images.colour_normalisation.registry import NORMALISATIONS
from benchmark.images.encoding import Encoding
from benchmark.images.reading import UnreadableImage, read_rgb
from benchmark.images.recipe import recipe_of

if TYPE_CHECKING:
    from benchmark.settings.data import Prepare, Sizes

PACKS = Path("data/packs")
"""Holds a folder per colour normalisation, with one per role, with a pack per split."""
FORMAT = "5"
"""Version of the layout that this module reads and writes."""
BATCH = 16
"""Rows per record batch, which bounds the writer's memory."""
SHARE = 0.5
"""Fraction of the free memory that the decoded images of a pack may use."""


@dataclass(frozen=True, slots=True)
class PackSpec:
    """Preparation of a pack's images; packs of equal spec hold equal images for equal photographs."""

    size: int
    """Pixels per side."""
    encoding: Encoding
    recipe: str
    """Names the way from photograph to square."""
    colour_normalisation: str = "plain"
    """Colour normalisation: a key of :data:`benchmark.images.colour_normalisation.registry.NORMALISATIONS`."""
    crop: float = 1.0
    """Side of the square as a fraction of the diameter of the field of view."""
    shrunk_from: int = 0
    """Pixels per side of the largest size, from whose images these were shrunk; 0 where they are of that size."""


def pack_specs(sizes: Sizes, how: Prepare) -> dict[str, PackSpec]:
    """Return the spec of each role's pack; the smaller images are derived from the largest."""
    pixels = {role: sizes.of(role) for role in get_args(Size)}
    largest, recipe = max(pixels.values()), recipe_of(how.colour_normalisation)
    return {
        role: PackSpec(
            side, how.encoding, recipe, how.colour_normalisation, how.crop, 0 if side == largest else largest
        )
        for role, side in pixels.items()
    }


@dataclass(frozen=True, slots=True)
class PackRow:
    """One image as it is stored."""

    image_id: str
    sha256: str
    image: bytes

    @property
    def digest(self) -> bytes:
        """Hash of the row."""
        return digest_of(self.image_id, self.sha256, self.image)


def digest_of(image_id: str, sha256: str, image: bytes | memoryview) -> bytes:
    """Return the SHA-256 of a row."""
    digest = hashlib.sha256(f"{image_id}\0{sha256}\0".encode())
    digest.update(image)
    return digest.digest()


class Pack:
    """A pack opened for reading. It may be shared by threads, and a pickled one opens the same file again."""

    def __init__(self, path: Path) -> None:
        """Map the file; see :func:`open_pack`."""
        self.path = path
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        self.spec = _spec(reader.schema.metadata)
        batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        self.image_ids: list[str] = [name for batch in batches for name in batch.column("image_id").to_pylist()]
        self.sha256: list[str] = [digest for batch in batches for digest in batch.column("sha256").to_pylist()]
        for batch in batches:
            batch.validate(full=True)
        self._images = [batch.column("image") for batch in batches]
        self._digests = [digest for batch in batches for digest in batch.column("digest").to_pylist()]
        self._checked = np.zeros(len(self), np.bool_)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __reduce__(self) -> tuple[type[Pack], tuple[Path]]:
        return Pack, (self.path,)

    @property
    def size(self) -> int:
        """Pixels per side."""
        return self.spec.size

    @property
    def encoding(self) -> Encoding:
        """Encoding of the images."""
        return self.spec.encoding

    def is_intact(self, index: int) -> bool:
        """Return whether a row is as it was written."""
        if not self._checked[index]:
            found = digest_of(self.image_ids[index], self.sha256[index], self._stored(index))
            self._checked[index] = found == self._digests[index]
        return bool(self._checked[index])

    def stored(self, index: int) -> memoryview:
        """Return the stored bytes of one image without a copy.

        Raises:
            InputError: they are damaged.
        """
        if not self.is_intact(index):
            raise InputError(self._damage(index, "its bytes were changed"))
        return self._stored(index)

    def require_intact(self) -> None:
        """Check every row.

        Raises:
            InputError: one is damaged.
        """
        for index in range(len(self)):
            self.stored(index)

    def _stored(self, index: int) -> memoryview:
        batch, row = divmod(int(index), BATCH)
        return memoryview(self._images[batch][row].as_buffer())

    def _damage(self, index: int, reason: str) -> str:
        name = self.image_ids[index]
        return f"{self.path} is damaged at {name} ({reason}): remove it and run `fundusbench prepare` again"

    def gather(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Copy images out of the pack.

        Args:
            indices: rows, 0 to len - 1, in any order; shape (k,).

        Returns:
            RGB, shape (k, size, size, 3).

        Raises:
            IndexError: an index is out of range.
            InputError: an image is damaged.
        """
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self):
            msg = f"rows of {self.path} run from 0 to {len(self) - 1}, but got {indices.min()} to {indices.max()}"
            raise IndexError(msg)
        images = np.empty((len(indices), self.size, self.size, 3), np.uint8)
        if self.encoding == "raw":
            for image, index in zip(images, indices, strict=True):
                image.reshape(-1)[:] = np.frombuffer(self.stored(index), np.uint8)
        elif self._kept is None:
            self._decode(indices, images, np.arange(len(indices)))
        else:
            kept, there = self._kept
            missing = np.unique(indices[~there[indices]])
            self._decode(missing, kept, missing)
            there[missing] = True
            np.take(kept, indices, axis=0, out=images, mode="clip")
        return images

    @cached_property
    def _kept(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]] | None:
        """Room for every image, and which are there; None where they do not fit. Memory is taken as images come."""
        shape = (len(self), self.size, self.size, 3)
        if math.prod(shape) > SHARE * free_memory():
            return None
        return np.empty(shape, np.uint8), np.zeros(len(self), np.bool_)

    def _decode(
        self, indices: npt.NDArray[np.int64], images: npt.NDArray[np.uint8], slots: npt.NDArray[np.int64]
    ) -> None:
        """Decode some rows into slots of an array of images, on every core."""

        def decode(rows: npt.NDArray[np.int64]) -> None:
            for index, slot in zip(indices[rows], slots[rows], strict=True):
                images[slot] = self._image(int(index))

        # Small images cost little more than to pass them to a thread: each takes a few at a time.
        few = np.array_split(np.arange(len(indices)), max(1, min(len(indices), 4 * core_count())))
        list(_decoders(os.getpid()).map(decode, few))

    def _image(self, index: int) -> npt.NDArray[np.uint8]:
        try:
            return read_rgb(bytes(self.stored(index)))
        except UnreadableImage as error:
            raise InputError(self._damage(index, str(error))) from error


def pack_name(size: str, colour_normalisation: str) -> str:
    """Return the name of the packs of a size with a colour normalisation."""
    return f"{colour_normalisation}/{size}"


def pack_path(split: str, name: str, folder: Path = PACKS) -> Path:
    """Return the path of a split's pack; :func:`pack_name` gives the name of a size's packs."""
    return folder / name / f"{split}.arrow"


def open_pack(path: Path) -> Pack:
    """Open a pack for reading.

    Raises:
        InputError: the file is missing, or has another format.
    """
    try:
        return Pack(path)
    except FileNotFoundError as error:
        msg = f"the pack {path} does not exist yet: run `fundusbench prepare` or `dvc repro` first"
        raise InputError(msg) from error
    except (pa.ArrowInvalid, OSError, KeyError, ValueError) as error:
        msg = f"{path} must be a pack of format {FORMAT}, but is not: remove it and run `fundusbench prepare` again"
        raise InputError(msg) from error


def write_pack(path: Path, spec: PackSpec, rows: Iterable[PackRow]) -> None:
    """Write a pack atomically, holding one record batch in memory."""
    image = pa.binary(spec.size**2 * 3) if spec.encoding == "raw" else pa.binary()
    metadata = {"format": FORMAT} | {key: str(value) for key, value in asdict(spec).items()}
    fields = [pa.field(name, kind, nullable=False) for name, kind in _columns(image)]
    schema = pa.schema(fields, metadata=metadata)
    with atomic(path) as partial, pa.OSFile(str(partial), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for batch in _batches(rows):
            columns = [[getattr(row, field.name) for row in batch] for field in fields]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _columns(image: pa.DataType) -> tuple[tuple[str, pa.DataType], ...]:
    return ("image_id", pa.string()), ("sha256", pa.string()), ("image", image), ("digest", pa.binary(32))


def _spec(metadata: dict[bytes, bytes] | None) -> PackSpec:
    entries = {key.decode(): value.decode() for key, value in (metadata or {}).items()}
    if (
        entries["format"] != FORMAT
        or entries["encoding"] not in get_args(Encoding)
        or entries["colour_normalisation"] not in NORMALISATIONS
    ):
        msg = f"unknown format, encoding or colour normalisation in {entries}"
        raise ValueError(msg)
    encoding = cast("Encoding", entries["encoding"])
    return PackSpec(
        int(entries["size"]),
        encoding,
        entries["recipe"],
        entries["colour_normalisation"],
        float(entries["crop"]),
        int(entries["shrunk_from"]),
    )


def _batches(rows: Iterable[PackRow]) -> Iterator[list[PackRow]]:
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        yield batch


@cache
def _decoders(process: int) -> ThreadPoolExecutor:
    """Threads that decode JPEGs, which frees the interpreter; a pool per process, as a fork takes no threads along."""
    return ThreadPoolExecutor(core_count(), thread_name_prefix=f"decode-{process}")
