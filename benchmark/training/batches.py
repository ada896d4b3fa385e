"""Packs to batches: the images and labels of a split, in an order, read ahead of their use."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmark.common.errors import InputError
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import PACKS, Pack, open_pack, pack_path
from benchmark.images.colour_normalisation.registry import NORMALISATIONS
from benchmark.settings.training import ResampleSchedule
from benchmark.training.randomness import derive, hash_ids

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LASTING = ResampleSchedule()
"""No fading."""
READERS = 2
"""Threads that gather batches ahead, one each, and batches that are ready or under way while one is in use: when the
JPEGs of one are nearly decoded, those of the next take the cores that fall idle."""


@dataclass(frozen=True, slots=True)
class SplitData:
    """One split at one size: pixels by position, and what is known of each image.

    Attributes:
        pack: the images; those of this split are all of them, or those at ``places``.
        rows: manifest rows in the pack's order.
        grade: labels 0-4, int64, shape (n,).
        keys: a number per image id, for :func:`benchmark.training.randomness.draws`, shape (n,).
        background: level 0-255 of the images where they show no retina.
        places: where in the pack each row lies, shape (n,); None where the rows are all of the pack.
        show: what is done to images before they are used, bytes (k, s, s, 3) to (k, t, t, 3); None for nothing.
    """

    pack: Pack
    rows: list[ManifestRow]
    grade: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]
    background: int = 0
    places: npt.NDArray[np.int64] | None = None
    show: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def pixels(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Images at positions of this split as they are used: bytes, shape (k, s, s, 3)."""
        images = self.pack.gather(positions if self.places is None else self.places[positions])
        return images if self.show is None else self.show(images)

    def only(self, image_ids: Container[str]) -> SplitData:
        """The rows of some images, in the same order."""
        kept = np.array([i for i, row in enumerate(self.rows) if row.image_id in image_ids], np.int64)
        places = kept if self.places is None else self.places[kept]
        rows = [self.rows[i] for i in kept]
        return replace(self, rows=rows, grade=self.grade[kept], keys=self.keys[kept], places=places)


def load_split(split: str, size: str, manifest: list[ManifestRow], folder: Path = PACKS) -> SplitData:
    """Open the pack of a split at a size role and join it with the manifest.

    Raises:
        InputError: the pack holds an image that the manifest lacks, or none at all.
    """
    pack = open_pack(pack_path(split, size, folder))
    by_id = {row.image_id: row for row in manifest if row.split == split}
    unknown = [image_id for image_id in pack.image_ids if image_id not in by_id]
    if unknown or not pack.image_ids:
        what = f"holds {unknown[0]!r}, which the manifest lacks" if unknown else "holds no image"
        msg = f"a pack must hold images of the manifest, but {split} at {size} {what}: run `dvc repro prepare`"
        raise InputError(msg)
    rows = [by_id[image_id] for image_id in pack.image_ids]
    grade = np.array([row.grade for row in rows], np.int64)
    return SplitData(
        pack, rows, grade, hash_ids(pack.image_ids), NORMALISATIONS[pack.spec.colour_normalisation].background
    )


def epoch_order(
    grade: npt.NDArray[np.int64], seed: int, epoch: int, resample: float = 0.0, fade: ResampleSchedule = LASTING
) -> npt.NDArray[np.int64]:
    """Positions in the order of that epoch: every one once, or drawn with replacement to even out the grades.

    Args:
        grade: labels, shape (n,).
        seed: of the run.
        epoch: from 0.
        resample: 0 takes every image once; 1 draws every grade equally often; between, by the count to that power.
        fade: how such draws give way to others.

    Returns:
        Shape (n,).
    """
    generator = np.random.default_rng(derive(seed, "order", epoch))
    if resample == 0:
        return generator.permutation(len(grade))
    left = fade.decay**epoch
    even = (len(grade) / np.bincount(grade)[grade]) ** resample
    weight = left * even + (1 - left) * np.array(fade.final_weights)[grade]
    return generator.choice(len(grade), len(grade), p=weight / weight.sum())


def grade_weights(grade: npt.NDArray[np.int64], power: float) -> npt.NDArray[np.float32]:
    """Weight of each image's loss, by its grade's count to the power -``power``; their mean is 1; shape (n,)."""
    weight: npt.NDArray[np.float64] = np.power(np.bincount(grade)[grade].astype(np.float64), -power)
    even: npt.NDArray[np.float32] = (weight / weight.mean()).astype(np.float32)
    return even


def split_batches(order: npt.NDArray[np.int64], batch: int) -> list[npt.NDArray[np.int64]]:
    """Positions per batch, sizes as equal as can be: a last batch of one image would break batch norm."""
    return np.array_split(order, max(1, round(len(order) / batch)))


class Reader:
    """Reads batches, brings them to the device, and counts the seconds that this kept it waiting.

    For a device of its own, batches are read ahead of their use. On a processor, reading ahead would take the core from
    the training that it is meant to feed.
    """

    def __init__(self, data: SplitData, device: torch.device, readers: int | None = None) -> None:
        """Read from a split.

        Args:
            data: the split.
            device: where batches are used.
            readers: threads that gather batches ahead, one each; by default none for a processor, else
                :data:`READERS`.
        """
        self._data = data
        self._device = device
        self._readers = readers if readers is not None else 0 if device.type == "cpu" else READERS
        self.waited = 0.0

    def batches(self, parts: Iterable[npt.NDArray[np.int64]]) -> Iterator[tuple[npt.NDArray[np.int64], Tensor]]:
        """Yield (positions, bytes of shape (k, s, s, 3) on the device) for each part, in turn."""
        if not self._readers:
            for part in parts:
                start = time.perf_counter()
                images = self._read(part)
                self.waited += time.perf_counter() - start
                yield part, images
            return
        with ThreadPoolExecutor(self._readers) as pool:
            pending: deque[tuple[npt.NDArray[np.int64], Future[Tensor]]] = deque()
            for part in parts:
                pending.append((part, pool.submit(self._read, part)))
                if len(pending) > self._readers:
                    yield self._next(pending)
            while pending:
                yield self._next(pending)

    def _read(self, part: npt.NDArray[np.int64]) -> Tensor:
        import torch

        images = torch.from_numpy(self._data.pixels(part))
        # Only from page-locked memory does a copy run beside the device's work.
        return images.pin_memory() if self._device.type == "cuda" else images

    def _next(
        self, pending: deque[tuple[npt.NDArray[np.int64], Future[Tensor]]]
    ) -> tuple[npt.NDArray[np.int64], Tensor]:
        import torch

        part, future = pending.popleft()
        if not future.done() and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)  # It waits only once it has done what it was given.
        start = time.perf_counter()
        images = future.result()
        self.waited += time.perf_counter() - start
        return part, images.to(self._device, non_blocking=True)
