"""Open every photograph once, and describe the data set for its checks.

Each file is read, hashed and decoded at a small scale by parallel processes; what was seen is kept in
``scratch/checks.sqlite`` under the file's hash, so that a check that was killed or repeated decodes no file twice.
Memory holds about five kilobytes per photograph, whatever their size. In full, photographs are decoded only where two
are so much alike, or show so little, that their pixels may be the same.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmark.common.errors import InputError
from benchmark.common.progress import progress_bar
from benchmark.common.resources import core_count
from benchmark.common.terms import Counts, Split
from benchmark.data.checks.registry import Described, Look, Pair
from benchmark.data.duplicates import Sketches, find_alike
from benchmark.images.fingerprint import ANGLES, RECIPE, RINGS, Fingerprint, fingerprint
from benchmark.images.reading import UnreadableImage, read_rgb
from benchmark.jobs.processes import outcomes
from benchmark.sources.registry import Photograph

STORE = Path("scratch/checks.sqlite")

_BATCH, _SECONDS = 256, 5.0
"""Fingerprints that are written together, and how long any of them waits for that."""
_TABLES = """
CREATE TABLE IF NOT EXISTS prints
  (sha256, recipe, width, height, reason, level, disc, warm, sketch, PRIMARY KEY (sha256, recipe));
CREATE TABLE IF NOT EXISTS pixels (sha256 PRIMARY KEY, digest);
"""

J = TypeVar("J")
R = TypeVar("R")
_known: frozenset[bytes] = frozenset()
"""In a worker: hashes of the files whose fingerprint is in the store."""


class Store:
    """What was seen of files, by their hash; safe to kill at any time, and to share between processes."""

    def __init__(self, path: Path = STORE) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._in_words():
            self._base = sqlite3.connect(path, timeout=60)
            self._base.executescript(_TABLES)
        self._waiting: dict[str, list[tuple[object, ...]]] = {"prints": [], "pixels": []}
        self._kept = time.monotonic()

    def close(self) -> None:
        """Keep what was put."""
        try:
            self._keep()
        finally:
            self._base.close()

    def known(self) -> frozenset[bytes]:
        """Hashes of the files with a fingerprint of this recipe."""
        with self._in_words():
            rows = self._base.execute("SELECT sha256 FROM prints WHERE recipe = ?", (RECIPE,))
            return frozenset(bytes.fromhex(sha256) for (sha256,) in rows)

    def get(self, sha256: str) -> Fingerprint:
        """The fingerprint of a file that is known."""
        query = "SELECT width, height, reason, level, disc, warm, sketch FROM prints WHERE sha256 = ? AND recipe = ?"
        with self._in_words():
            row = self._base.execute(query, (sha256, RECIPE)).fetchone()
        width, height, reason, level, disc, warm, sketch = row
        drawn = np.frombuffer(sketch, np.int8).reshape(RINGS, ANGLES)
        return Fingerprint(width, height, reason, level, bool(disc), warm, drawn)

    def put(self, sha256: str, seen: Fingerprint) -> None:
        """Keep a file's fingerprint."""
        values = (sha256, RECIPE, seen.width, seen.height, seen.reason, seen.level, seen.disc, seen.warm)
        self._put("prints", (*values, seen.sketch.tobytes()))

    def digests(self) -> dict[str, str]:
        """Hashes of decoded pixels, by the file's."""
        with self._in_words():
            return dict(self._base.execute("SELECT sha256, digest FROM pixels"))

    def put_digest(self, sha256: str, digest: str) -> None:
        """Keep the hash of a file's decoded pixels."""
        self._put("pixels", (sha256, digest))

    def _put(self, table: str, row: tuple[object, ...]) -> None:
        self._waiting[table].append(row)
        if len(self._waiting[table]) >= _BATCH or time.monotonic() - self._kept > _SECONDS:
            self._keep()

    def _keep(self) -> None:
        """Write what waits in one short transaction: another check in this folder has to wait for it."""
        with self._in_words(), self._base:
            for table, rows in self._waiting.items():
                if rows:
                    marks = ",".join("?" * len(rows[0]))
                    self._base.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
                    rows.clear()
        self._kept = time.monotonic()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn what SQLite raises into a sentence; only a damaged store is to be removed."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            faults = {
                "SQLITE_BUSY": "another check in this folder writes to it without end: wait for that one",
                "SQLITE_FULL": "its disk is full: make room on it",
                "SQLITE_READONLY": "nobody may write to it: allow it, or work in a folder that you may write to",
                "SQLITE_CANTOPEN": "it cannot be opened: allow it, or work in a folder that you may write to",
                "SQLITE_IOERR": "its disk does not take or give it: make room on it, or work on another",
            }
            told = getattr(error, "sqlite_errorname", "")
            why = next((mend for fault, mend in faults.items() if told.startswith(fault)), f"{error}: remove it")
            msg = f"{self._path} must keep what checks have seen of files, but {why}"
            raise InputError(msg) from error


def describe(
    photographs: Sequence[Photograph],
    expected: Mapping[Split, Counts] | None = None,
    workers: int = 0,
) -> Described:
    """Open every photograph and find those that are alike.

    Args:
        photographs: as a source yields them.
        expected: photographs per grade that a split should have.
        workers: processes that decode; 0 takes every core.

    Raises:
        InputError: a worker was killed.
    """
    with closing(Store()) as store:
        looks, sketches = _look_at([photograph.path for photograph in photographs], store, workers or core_count())
        first: dict[str, int] = {}
        for place, look in enumerate(looks):
            first.setdefault(look.sha256, place)
        unique = np.fromiter((place for sha256, place in first.items() if sha256), np.int64)
        alike = find_alike(sketches[unique])
        pairs = [replace(pair, first=int(unique[pair.first]), second=int(unique[pair.second])) for pair in alike]
        doubtful = [place for pair in pairs for place in _maybe_identical(pair, looks)]
        doubtful += _flat(unique[~sketches[unique].any(axis=(1, 2))].tolist(), looks)
        files = {looks[place].sha256: photographs[place].path for place in doubtful}
        digests = _digest(files, store, workers or core_count())
    looks = [_with_pixels(look, digests) for look in looks]
    return Described(tuple(photographs), tuple(looks), tuple(_spread(pairs, looks)), expected)


def _look_at(paths: Sequence[Path], store: Store, workers: int) -> tuple[list[Look], Sketches]:
    """A look and a sketch per file, in their order."""
    known = store.known()
    looks: list[Look | None] = [None] * len(paths)
    sketches = np.zeros((len(paths), RINGS, ANGLES), np.int8)
    jobs = enumerate(paths)
    for (place, _), (sha256, fresh) in _progress(_look, jobs, len(paths), workers, "look", partial(_remember, known)):
        if fresh and sha256:
            store.put(sha256, fresh)
        seen = fresh or store.get(sha256)
        looks[place] = Look(sha256, "", seen.width, seen.height, seen.reason, seen.level, seen.disc, seen.warm)
        sketches[place] = seen.sketch
    return [look for look in looks if look], sketches


def _remember(known: frozenset[bytes]) -> None:
    global _known
    _known = known


def _look(job: tuple[int, Path]) -> tuple[str, Fingerprint | None]:
    """Hash of a file, and its fingerprint unless the store has it; no hash where there is no file."""
    try:
        data = job[1].read_bytes()
    except OSError as error:
        nothing = np.zeros((RINGS, ANGLES), np.int8)
        return "", Fingerprint(0, 0, f"{job[1]}: {error.strerror or error}", 0.0, False, 0.0, nothing)
    digest = hashlib.sha256(data)
    return digest.hexdigest(), None if digest.digest() in _known else fingerprint(data)


def _maybe_identical(pair: Pair, looks: Sequence[Look]) -> tuple[int, ...]:
    """Both places, if the two can have the same pixels at all: seen upright, of one size (its sides may be swapped)."""
    first, second = looks[pair.first], looks[pair.second]
    same_size = sorted((first.width, first.height)) == sorted((second.width, second.height))
    return (pair.first, pair.second) if same_size and not pair.turn else ()


def _flat(places: Iterable[int], looks: Sequence[Look]) -> list[int]:
    """Of photographs whose sketch shows nothing, and so is like no other's, those that share their size with one."""
    sizes: dict[tuple[int, int], list[int]] = {}
    for place in places:
        if not looks[place].reason:
            short, long = sorted((looks[place].width, looks[place].height))
            sizes.setdefault((short, long), []).append(place)
    return [place for same in sizes.values() if len(same) > 1 for place in same]


def _digest(files: Mapping[str, Path], store: Store, workers: int) -> dict[str, str]:
    """Hash of the decoded pixels of files, by the files' hash."""
    digests = store.digests()
    jobs = [(sha256, path) for sha256, path in files.items() if sha256 not in digests]
    for (sha256, _), digest in _progress(_hash_pixels, jobs, len(jobs), workers, "compare"):
        digests[sha256] = digest
        store.put_digest(sha256, digest)
    return digests


def _hash_pixels(job: tuple[str, Path]) -> str:
    try:
        rgb = read_rgb(job[1])
    except UnreadableImage:
        return job[0]
    return hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest()


def _with_pixels(look: Look, digests: Mapping[str, str]) -> Look:
    """The same look with its ``pixels``: of a file that is like no other, the file's own hash serves as well."""
    pixels = "" if look.reason else digests.get(look.sha256, look.sha256)
    return replace(look, pixels=pixels)


def _spread(pairs: Iterable[Pair], looks: Sequence[Look]) -> Iterator[Pair]:
    """Pairs that differ in pixels, for each file with those pixels."""
    same: dict[str, list[int]] = {}
    for place, look in enumerate(looks):
        same.setdefault(look.pixels, []).append(place)
    seen: set[tuple[int, int]] = set()
    for pair in pairs:
        one, other = looks[pair.first].pixels, looks[pair.second].pixels
        for first in same[one] if one != other else ():
            for second in same[other]:
                key = (min(first, second), max(first, second))
                if key not in seen:
                    seen.add(key)
                    yield Pair(*key, pair.likeness, pair.turn)


def _progress(
    work: Callable[[J], R],
    jobs: Iterable[J],
    total: int,
    workers: int,
    what: str,
    setup: Callable[[], None] | None = None,
) -> Iterator[tuple[J, R]]:
    """:func:`outcomes` under a progress bar."""
    with progress_bar(total=total, unit=" photographs", desc=what) as bar:
        for outcome in outcomes(work, jobs, max(min(workers, total), 1), setup):
            bar.update()
            yield outcome
