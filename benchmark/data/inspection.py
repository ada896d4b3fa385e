"""Open every photograph once and collect the properties that the checks need.

Parallel processes read, hash and decode each file at a small scale. ``scratch/checks.sqlite`` stores the fingerprints
under the file's hash, so an interrupted or repeated check decodes no file twice. Memory use is about five kilobytes per
photograph of any size. Photographs are decoded at full size only if two of them may have the same pixels.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmark.common.code import code_sha256
from benchmark.common.errors import InputError
from benchmark.common.progress import progress_bar
from benchmark.common.resources import core_count
from benchmark.common.terms import Counts, Split
from benchmark.data.checks.registry import InspectedDataset, NearDuplicate
from benchmark.data.duplicates import Descriptors, find_near_duplicates
from benchmark.images.fingerprint import ANGLES, RINGS, ImageInfo, fingerprint, unreadable
from benchmark.images.plain import plain_photograph
from benchmark.images.reading import LIBRARIES, UnreadableImage, read_rgb
from benchmark.jobs.processes import outcomes
from benchmark.sources.registry import Photograph

STORE = Path("scratch/checks.sqlite")
RECIPE = code_sha256("benchmark/images/fingerprint.py", libraries=LIBRARIES)
"""Identity of the code that computes a fingerprint; stored fingerprints of another recipe are computed again."""

_BATCH, _SECONDS = 256, 5.0
"""Number of fingerprints that are written together, and the longest delay of a write in seconds."""
_TABLES = """
CREATE TABLE IF NOT EXISTS files
  (sha256, recipe, width, height, error, brightness, fundus, lacking, descriptor, shortcut_features,
  PRIMARY KEY (sha256, recipe));
CREATE TABLE IF NOT EXISTS pixels (sha256 PRIMARY KEY, digest);
"""

_IN_ARRAY = np.zeros((0, 0), np.int8)
"""Descriptor of a photograph whose descriptor is in an array of all."""
_known: frozenset[bytes] = frozenset()
"""Hashes of the files whose fingerprint is in the store, in a worker process."""


class InspectionStore:
    """Fingerprints and pixel hashes of files, by the hash of the file; safe to kill and to share between processes."""

    def __init__(self, path: Path = STORE) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explained():
            self._base = sqlite3.connect(path, timeout=60)
            self._base.executescript(_TABLES)
        self._waiting: dict[str, list[tuple[object, ...]]] = {"files": [], "pixels": []}
        self._written = time.monotonic()

    def close(self) -> None:
        """Write the pending rows and close the store."""
        try:
            self._write()
        finally:
            self._base.close()

    def known(self) -> frozenset[bytes]:
        """Return the hashes of the files with a fingerprint of this recipe."""
        with self._explained():
            rows = self._base.execute("SELECT sha256 FROM files WHERE recipe = ?", (RECIPE,))
            return frozenset(bytes.fromhex(sha256) for (sha256,) in rows)

    def get(self, sha256: str) -> ImageInfo:
        """Return the fingerprint of a known file."""
        with self._explained():
            query = "SELECT * FROM files WHERE sha256 = ? AND recipe = ?"
            row = self._base.execute(query, (sha256, RECIPE)).fetchone()
        _, _, width, height, error, brightness, fundus, lacking, descriptor, features = row
        rings = np.frombuffer(descriptor, np.int8).reshape(RINGS, ANGLES)
        shortcut_features = np.frombuffer(features, np.float32)
        return ImageInfo(width, height, error, brightness, fundus, lacking, rings, shortcut_features)

    def put(self, sha256: str, found: ImageInfo) -> None:
        """Store a file's fingerprint."""
        size, signs = (found.width, found.height), (found.brightness, found.fundus, found.lacking)
        arrays = found.descriptor.tobytes(), found.shortcut_features.tobytes()
        self._put("files", (sha256, RECIPE, *size, found.error, *signs, *arrays))

    def digests(self) -> dict[str, str]:
        """Return the hashes of decoded pixels, by the hash of the file."""
        with self._explained():
            return dict(self._base.execute("SELECT sha256, digest FROM pixels"))

    def put_digest(self, sha256: str, digest: str) -> None:
        """Store the hash of a file's decoded pixels."""
        self._put("pixels", (sha256, digest))

    def _put(self, table: str, row: tuple[object, ...]) -> None:
        self._waiting[table].append(row)
        if len(self._waiting[table]) >= _BATCH or time.monotonic() - self._written > _SECONDS:
            self._write()

    def _write(self) -> None:
        """Write the pending rows in one short transaction, because another check in this folder has to wait for it."""
        with self._explained(), self._base:
            for table, rows in self._waiting.items():
                if rows:
                    marks = ",".join("?" * len(rows[0]))
                    self._base.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
                    rows.clear()
        self._written = time.monotonic()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors of SQLite into a sentence; only a damaged store is to be removed."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            fixes = {
                "SQLITE_BUSY": "another check in this folder keeps it locked: wait until that one ends",
                "SQLITE_FULL": "its disk is full: free some space",
                "SQLITE_READONLY": "it is read-only: change its permissions, or work in a writable folder",
                "SQLITE_CANTOPEN": "it cannot be opened: change its permissions, or work in a writable folder",
                "SQLITE_IOERR": "its disk cannot be read or written: free some space, or work on another disk",
            }
            code = getattr(error, "sqlite_errorname", "")
            why = next((fix for start, fix in fixes.items() if code.startswith(start)), f"{error}: remove it")
            msg = f"{self._path} must store the fingerprints of files, but {why}"
            raise InputError(msg) from error


def inspect_dataset(
    photographs: Sequence[Photograph],
    expected: Mapping[Split, Counts] | None = None,
    workers: int = 0,
) -> InspectedDataset:
    """Open every photograph and find near-duplicates.

    Args:
        photographs: photographs as a source yields them.
        expected: published number of photographs per grade of each split.
        workers: number of decoding processes; 0 uses every core.

    Raises:
        InputError: a worker was killed.
    """
    with closing(InspectionStore()) as store:
        infos, descriptors = _inspect_files([one.path for one in photographs], store, workers or core_count())
        first: dict[str, int] = {}
        for index, info in enumerate(infos):
            first.setdefault(info.sha256, index)
        unique = np.fromiter((index for sha256, index in first.items() if sha256), np.int64)
        pairs = [
            replace(pair, first=int(unique[pair.first]), second=int(unique[pair.second]))
            for pair in find_near_duplicates(descriptors[unique])
        ]
        doubtful = [index for pair in pairs for index in _maybe_identical(pair, infos)]
        doubtful += _same_size(unique[~descriptors[unique].any(axis=(1, 2))].tolist(), infos)
        files = {infos[index].sha256: photographs[index].path for index in doubtful}
        digests = _digest(files, store, workers or core_count())
    # The hash of the file is enough if no other photograph is similar.
    infos = [replace(info, pixels="" if info.error else digests.get(info.sha256, info.sha256)) for info in infos]
    return InspectedDataset(tuple(photographs), tuple(infos), tuple(_per_photograph(pairs, infos)), expected)


def _inspect_files(paths: Sequence[Path], store: InspectionStore, workers: int) -> tuple[list[ImageInfo], Descriptors]:
    """Return properties and descriptor of each file, in their order."""
    known = store.known()
    infos: list[ImageInfo | None] = [None] * len(paths)
    descriptors = np.zeros((len(paths), RINGS, ANGLES), np.int8)
    made = outcomes(_inspect, enumerate(paths), max(min(workers, len(paths)), 1), partial(_set_known, known))
    with progress_bar(made, total=len(paths), unit=" photographs", desc="inspect") as shown:
        for (index, _), (sha256, new) in shown:
            if new and sha256:
                store.put(sha256, new)
            found = new or store.get(sha256)
            descriptors[index] = found.descriptor
            infos[index] = replace(found, sha256=sha256, descriptor=_IN_ARRAY)
    return [info for info in infos if info], descriptors


def _set_known(known: frozenset[bytes]) -> None:
    global _known
    _known = known


def _inspect(job: tuple[int, Path]) -> tuple[str, ImageInfo | None]:
    """Return the hash of a file, empty if there is none, and its fingerprint unless the store has it."""
    try:
        data = job[1].read_bytes()
    except OSError as error:
        return "", unreadable(0, 0, f"{job[1]}: {error.strerror or error}")
    digest = hashlib.sha256(data)
    return digest.hexdigest(), None if digest.digest() in _known else fingerprint(data)


def _maybe_identical(pair: NearDuplicate, infos: Sequence[ImageInfo]) -> tuple[int, ...]:
    """Return both photographs if they may have the same pixels: upright and of one size (sides may be swapped)."""
    first, second = infos[pair.first], infos[pair.second]
    same_size = sorted((first.width, first.height)) == sorted((second.width, second.height))
    return (pair.first, pair.second) if same_size and not pair.transform else ()


def _same_size(indices: Iterable[int], infos: Sequence[ImageInfo]) -> list[int]:
    """Return the photographs of equal size among those without a visible vessel, whose descriptors match nothing."""
    sizes: dict[tuple[int, int], list[int]] = {}
    for index in indices:
        if not infos[index].error:
            short, long = sorted((infos[index].width, infos[index].height))
            sizes.setdefault((short, long), []).append(index)
    return [index for same in sizes.values() if len(same) > 1 for index in same]


def _digest(files: Mapping[str, Path], store: InspectionStore, workers: int) -> dict[str, str]:
    """Return the hash of each file's decoded pixels, by the hash of the file."""
    digests = store.digests()
    jobs = [(sha256, path) for sha256, path in files.items() if sha256 not in digests]
    made = outcomes(_hash_pixels, jobs, max(min(workers, len(jobs)), 1))
    with progress_bar(made, total=len(jobs), unit=" photographs", desc="compare") as shown:
        for (sha256, _), digest in shown:
            digests[sha256] = digest
            store.put_digest(sha256, digest)
    return digests


def _hash_pixels(job: tuple[str, Path]) -> str:
    try:
        rgb = read_rgb(plain_photograph(job[1].read_bytes()))
    except (UnreadableImage, OSError):
        return job[0]
    return hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest()


def _per_photograph(pairs: Iterable[NearDuplicate], infos: Sequence[ImageInfo]) -> Iterator[NearDuplicate]:
    """Repeat each pair that differs in pixels for all photographs with those pixels."""
    same: dict[str, list[int]] = {}
    for index, info in enumerate(infos):
        same.setdefault(info.pixels, []).append(index)
    seen: set[tuple[int, int]] = set()
    for pair in pairs:
        one, other = infos[pair.first].pixels, infos[pair.second].pixels
        for first in same[one] if one != other else ():
            for second in same[other]:
                key = (min(first, second), max(first, second))
                if key not in seen:
                    seen.add(key)
                    yield NearDuplicate(*key, pair.similarity, pair.transform)
