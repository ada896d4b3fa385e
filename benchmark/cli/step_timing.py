"""How long a training step takes on this device, and how much memory: steps of the training loop on noise."""

from __future__ import annotations

import ctypes
import gc
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import torch

from benchmark.common.errors import InputError
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import Pack, pack_specs
from benchmark.runs.environment import cpu
from benchmark.runs.spec import DataSummary, Objective, RunSpec
from benchmark.training import device, loop
from benchmark.training.batches import Reader, SplitData
from benchmark.training.record import resident_peak
from models.losses.registry import LOSSES

if TYPE_CHECKING:
    from benchmark.settings.params import ArmSettings, Params

GROWTH = 4
"""On a CPU the images of a step grow from :data:`FEWEST` by this factor, until a step would take too long."""
FEWEST = 2
"""Batch norm takes no fewer."""
SECONDS = 1.0
"""What is too long; also, how long steps are repeated."""
STEPS = 5
"""Steps that are timed."""
FIXED = 16
"""Bytes per parameter that do not depend on the batch: weights, gradients and two moments in float32."""


@dataclass(frozen=True, slots=True)
class Step:
    """What training takes at one level, input size and set of heads."""

    low: float
    """Seconds per image of the fastest step."""
    high: float
    """And of the slowest."""
    start: float
    """Seconds until the first step is done, beyond what a step takes: the network is built, kernels are chosen."""
    memory: int
    """Bytes at the parameters' batch: at its peak on the device, or, on a CPU, by which the process grew."""
    images: int
    """Of the steps timed; where that is less than a batch, memory is extrapolated."""


class Stopwatch:
    """Measures training steps on the device that the parameters choose."""

    def __init__(self, params: Params) -> None:
        self._fabric = device.open_fabric(params.train)
        self._cuda = self._fabric.device.type == "cuda"
        self._warm = False

    @property
    def device(self) -> str:
        """What the steps run on."""
        device = self._fabric.device
        return torch.cuda.get_device_name(device) if self._cuda else f"one thread of {cpu()}"

    def measure(self, spec: RunSpec) -> Step:
        """Time steps of a run on noise and take their peak memory.

        Raises:
            InputError: they do not fit into memory.
        """
        # Noise has nothing to learn: so low a rate keeps its loss finite.
        train = spec.train.model_copy(update={"epochs": STEPS, "lr": 1e-9})
        spec = spec.model_copy(update={"train": train})
        with _in_memory(spec, self.device):
            if not self._warm:
                # What a process loads for its first step belongs to no step.
                self._measure(spec, (FEWEST,))
                self._warm = True
            step = self._measure(spec, self._batches(train.batch))
            if not self._cuda and step.memory > _physical():
                raise MemoryError
            return step

    def _batches(self, batch: int) -> tuple[int, ...]:
        """Images per step, growing; an accelerator takes whole batches, for it is fast and soon out of memory."""
        powers = takewhile(lambda images: images < batch, (FEWEST * GROWTH**power for power in count()))
        return (batch,) if self._cuda else (*powers, batch)

    def _measure(self, spec: RunSpec, batches: tuple[int, ...]) -> Step:
        batch = spec.train.batch
        before = self._reset_peak()
        with TemporaryDirectory() as scratch:
            began = time.perf_counter()
            training = loop.start(spec, {"train": _noise(FEWEST, spec.pixels)}, self._fabric, Path(scratch))
            _steps(training, FEWEST, 1)
            start = time.perf_counter() - began
            images, times = _grow(training, batches)
        peak = self._peak() - before
        fixed = min(peak, FIXED * sum(parameter.numel() for parameter in training.model.parameters()))
        start = max(0.0, start - FEWEST * min(times) / images)
        return Step(min(times) / images, max(times) / images, start, fixed + (peak - fixed) * batch // images, images)

    def _reset_peak(self) -> int:
        """Start a new peak where the system can; what it then is."""
        gc.collect()
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        with suppress(OSError, AttributeError):  # Linux and its C library alone have these.
            ctypes.CDLL(None).malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")
        return self._peak()

    def _peak(self) -> int:
        return torch.cuda.max_memory_allocated() if self._cuda else resident_peak()


def _physical() -> float:
    """Bytes of this machine's memory; infinite where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, AttributeError):
        return math.inf


def _grow(training: loop.Training, batches: tuple[int, ...]) -> tuple[int, list[float]]:
    """The largest of some batches whose steps are not too long, and the seconds of each step."""
    for images, following in zip(batches, (*batches[1:], None), strict=True):
        last = _steps(training, images, 2)[-1]
        if following is None or last * following / images > SECONDS:
            break
    return images, [last] if last > SECONDS else _steps(training, images, STEPS)


def _steps(training: loop.Training, images: int, steps: int) -> list[float]:
    """Seconds of each step; fewer where time is up. A step is an epoch of one batch."""
    training.splits = {"train": _noise(images, training.spec.pixels)}
    training.reader = Reader(training.splits["train"], training.fabric.device)
    times: list[float] = []
    while len(times) < steps and sum(times) <= SECONDS:
        start = time.perf_counter()
        loop.train_epoch(training, len(times))
        training.progress.step = 0
        times.append(time.perf_counter() - start)
    return times


NOISE = DataSummary(name="noise", source="noise", synthetic=True, manifest_sha256="", train=0, val=0, test=0)
"""The data set of a run that is only timed."""


def arm_spec(params: Params, arm: ArmSettings) -> RunSpec:
    """The run of an arm on noise; nothing is fetched and nothing kept."""
    entry = LOSSES[arm.objective]
    return RunSpec(
        stage="plan",
        arm="plan",
        seed=0,
        objective=Objective(name=arm.objective, parameters=entry.defaults | params.objectives.get(arm.objective, {})),
        heads=list(entry.heads),
        size=arm.size,
        pixels=params.sizes.of(arm.size),
        level=arm.level,
        parent="",
        parent_key="",
        data=NOISE,
        prepared=pack_specs(params.sizes, params.prepare)[arm.size],
        model=params.model.bare,
        train=params.train,
        code_sha256="",
    )


class _Noise:
    """Stands for a pack: random bytes, the same for every batch."""

    def __init__(self, images: int, pixels: int) -> None:
        self._pixels = np.random.default_rng(0).integers(0, 256, (images, pixels, pixels, 3), np.uint8)

    def gather(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Images at some positions, shape (k, s, s, 3)."""
        return self._pixels[indices]


def _noise(images: int, pixels: int) -> SplitData:
    rows = [ManifestRow(str(i), "", "", "unknown", i % 5, "train", "", 0, 0, "noise") for i in range(images)]
    grade = np.arange(images, dtype=np.int64) % 5
    return SplitData(cast("Pack", _Noise(images, pixels)), rows, grade, np.arange(images, dtype=np.uint64))


@contextmanager
def _in_memory(spec: RunSpec, device: str) -> Iterator[None]:
    """Turn running out of memory into a sentence that says what to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        told = str(error).lower()
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in told:
            raise
        msg = (
            f"a training step must fit into the memory of {device}, but one of {spec.train.batch} images of "
            f"{spec.pixels} px at level {spec.level} does not: lower `train.batch` (now {spec.train.batch}) or "
            f"`sizes.{spec.size}` (now {spec.pixels})"
        )
        raise InputError(msg) from error
