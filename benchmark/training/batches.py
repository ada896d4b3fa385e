"""Batches of a split: images and labels in the order of an epoch, prefetched for GPUs."""

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

CONSTANT = ResampleSchedule()
"""Resampling weights that do not decay."""
N_READERS = 2
"""Threads that prefetch for a GPU, one batch each. While the last JPEGs of one batch are decoded, the next batch uses
the idle cores."""


@dataclass(frozen=True, slots=True)
class SplitData:
    """Images of one split at one size, with their labels.

    Attributes:
        pack: prepared images.
        rows: manifest rows in the pack's order.
        grade: labels 0-4, int64, shape (n,).
        keys: number of each image id, for :func:`benchmark.training.randomness.uniform_draws`, shape (n,).
        background: pixel value 0-255 outside the retina.
        indices: index of each row in the pack, shape (n,); None if the rows are the whole pack.
        transform: function that is applied to images, bytes (k, s, s, 3) to (k, t, t, 3); None for none.
    """

    pack: Pack
    rows: list[ManifestRow]
    grade: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]
    background: int = 0
    indices: npt.NDArray[np.int64] | None = None
    transform: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def pixels(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Return the transformed images at some positions of this split, bytes of shape (k, s, s, 3)."""
        images = self.pack.gather(positions if self.indices is None else self.indices[positions])
        return images if self.transform is None else self.transform(images)

    def select(self, image_ids: Container[str]) -> SplitData:
        """Return the rows of some images, in the same order."""
        selected = np.array([i for i, row in enumerate(self.rows) if row.image_id in image_ids], np.int64)
        indices = selected if self.indices is None else self.indices[selected]
        rows = [self.rows[i] for i in selected]
        return replace(self, rows=rows, grade=self.grade[selected], keys=self.keys[selected], indices=indices)


def load_split(split: str, packs: str, manifest: list[ManifestRow], folder: Path = PACKS) -> SplitData:
    """Open the pack of a split at a size and join it with the manifest.

    Raises:
        InputError: the pack is empty or has an image that the manifest lacks.
    """
    pack = open_pack(pack_path(split, packs, folder))
    by_id = {row.image_id: row for row in manifest if row.split == split}
    unknown = [image_id for image_id in pack.image_ids if image_id not in by_id]
    if unknown or not pack.image_ids:
        fault = f"has {unknown[0]!r}, which the manifest lacks" if unknown else "is empty"
        msg = f"a pack must have images of the manifest, but {split} in {packs} {fault}: run `dvc repro prepare`"
        raise InputError(msg)
    rows = [by_id[image_id] for image_id in pack.image_ids]
    grade = np.array([row.grade for row in rows], np.int64)
    return SplitData(
        pack, rows, grade, hash_ids(pack.image_ids), NORMALISATIONS[pack.spec.colour_normalisation].background
    )


def epoch_order(
    grade: npt.NDArray[np.int64], seed: int, epoch: int, resample: float = 0.0, schedule: ResampleSchedule = CONSTANT
) -> npt.NDArray[np.int64]:
    """Return the positions of an epoch in order: a permutation, or a resample that balances the grades.

    Args:
        grade: labels, shape (n,).
        seed: seed of the run.
        epoch: number of the epoch, from 0.
        resample: 0 for a permutation; otherwise images are drawn with replacement, with weight count(grade) **
            -resample, so 1 draws all grades equally often.
        schedule: decay of these weights towards final ones.

    Returns:
        Shape (n,).
    """
    generator = np.random.default_rng(derive(seed, "order", epoch))
    if resample == 0:
        return generator.permutation(len(grade))
    decay = schedule.decay**epoch
    balanced = (len(grade) / np.bincount(grade)[grade]) ** resample
    weight = decay * balanced + (1 - decay) * np.array(schedule.final_weights)[grade]
    return generator.choice(len(grade), len(grade), p=weight / weight.sum())


def grade_weights(grade: npt.NDArray[np.int64], power: float) -> npt.NDArray[np.float32]:
    """Return the weight of each image's loss, proportional to count(grade) ** -power with mean 1, shape (n,)."""
    weight: npt.NDArray[np.float64] = np.power(np.bincount(grade)[grade].astype(np.float64), -power)
    scaled: npt.NDArray[np.float32] = (weight / weight.mean()).astype(np.float32)
    return scaled


def split_batches(order: npt.NDArray[np.int64], batch_size: int) -> list[npt.NDArray[np.int64]]:
    """Split positions into batches of nearly equal size, because a last batch of one image would break batch norm."""
    return np.array_split(order, max(1, round(len(order) / batch_size)))


class Reader:
    """Reader of batches to the device, which also measures the time spent waiting for them.

    Batches are prefetched for GPUs only: on a CPU, prefetching would take cores from the training.
    """

    def __init__(self, data: SplitData, device: torch.device, readers: int | None = None) -> None:
        """Prepare to read a split.

        Args:
            data: the split.
            device: device of the batches.
            readers: number of prefetching threads; by default 0 for a CPU, else :data:`N_READERS`.
        """
        self._data = data
        self._device = device
        self._readers = readers if readers is not None else 0 if device.type == "cpu" else N_READERS
        self.waited = 0.0

    def batches(self, parts: Iterable[npt.NDArray[np.int64]]) -> Iterator[tuple[npt.NDArray[np.int64], Tensor]]:
        """Yield (positions, bytes of shape (k, s, s, 3) on the device) for each part in order."""
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
        # Only copies from pinned memory overlap with the device's work.
        return images.pin_memory() if self._device.type == "cuda" else images

    def _next(
        self, pending: deque[tuple[npt.NDArray[np.int64], Future[Tensor]]]
    ) -> tuple[npt.NDArray[np.int64], Tensor]:
        import torch

        part, future = pending.popleft()
        if not future.done() and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)  # Time spent on queued work is not time waiting for data.
        start = time.perf_counter()
        images = future.result()
        self.waited += time.perf_counter() - start
        return part, images.to(self._device, non_blocking=True)
