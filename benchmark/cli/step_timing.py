"""Time and memory of a training step on this device, measured with the training loop on noise."""

from __future__ import annotations

import ctypes
import gc
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
import numpy.typing as npt
import psutil
import torch

from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import Pack
from benchmark.dispatch.train import explain_out_of_memory
from benchmark.runs.environment import cpu
from benchmark.runs.spec import TrainedRun
from benchmark.settings.params import Params
from benchmark.training import device, loop
from benchmark.training.batches import Reader, SplitData
from benchmark.training.record import peak_resident_bytes

FEWEST = 2
"""Fewest images that batch norm accepts."""
SECONDS = 1.0
"""Longest duration of a step on a CPU, and of all its repetitions."""
N_TIMED_STEPS = 5
"""Number of timed steps."""
FIXED = 16
"""Bytes per parameter that do not depend on the batch: weight, gradient and two moments in float32."""


@dataclass(frozen=True, slots=True)
class TimedStep:
    """Cost of a training step of one network, input size and set of heads."""

    low: float
    """Seconds per image of the fastest step."""
    high: float
    """Seconds per image of the slowest step."""
    start: float
    """Seconds before the first step: the network is built and kernels are chosen."""
    memory: int
    """Bytes at the parameters' batch: the peak on the device or, on a CPU, the growth of the process."""
    images: int
    """Images of the timed steps; if these are fewer than a batch, memory is extrapolated."""


class Stopwatch:
    """Measures training steps on the device of the parameters."""

    def __init__(self, params: Params) -> None:
        self._fabric = device.open_fabric(params.train)
        self._cuda = self._fabric.device.type == "cuda"
        self._warm = False

    @property
    def device(self) -> str:
        """Name of the device."""
        device = self._fabric.device
        return torch.cuda.get_device_name(device) if self._cuda else f"one thread of {cpu()}"

    def measure(self, spec: TrainedRun) -> TimedStep:
        """Time steps of a run on noise, and measure their peak memory; raises InputError if they do not fit into it."""
        # With a low learning rate, the loss on noise stays finite.
        train = spec.train.model_copy(update={"epochs": N_TIMED_STEPS, "lr": 1e-9})
        spec = spec.model_copy(update={"train": train})
        with explain_out_of_memory(spec):
            if not self._warm:
                # The first step of a process loads libraries.
                self._measure(spec, FEWEST)
                self._warm = True
            step = self._measure(spec, train.batch_size)
            if not self._cuda and step.memory > psutil.virtual_memory().total:
                raise MemoryError
            return step

    def _measure(self, spec: TrainedRun, limit: int) -> TimedStep:
        """Measure steps of at most ``limit`` images; on a CPU of as many as train within :data:`SECONDS`."""
        batch = spec.train.batch_size
        before = self._reset_peak()
        with TemporaryDirectory() as scratch:
            began = time.perf_counter()
            training = loop.start(spec, {"train": _noise(FEWEST, spec.pixels)}, self._fabric, Path(scratch))
            _steps(training, FEWEST, 1)
            start = time.perf_counter() - began
            images = limit
            if not self._cuda and limit > FEWEST:
                fits = int(FEWEST * SECONDS / _steps(training, FEWEST, 2)[-1])
                images = max(FEWEST, min(limit, fits))
            times = _steps(training, images, N_TIMED_STEPS + 1)
            # The first step of a new batch size chooses kernels.
            times = times[1:] or times
        peak = self._peak() - before
        fixed = min(peak, FIXED * sum(parameter.numel() for parameter in training.model.parameters()))
        start = max(0.0, start - FEWEST * min(times) / images)
        return TimedStep(
            min(times) / images, max(times) / images, start, fixed + (peak - fixed) * batch // images, images
        )

    def _reset_peak(self) -> int:
        """Reset the peak memory where the system supports it, and return it."""
        gc.collect()
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        with suppress(OSError, AttributeError):  # Only Linux with glibc supports these.
            ctypes.CDLL(None).malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")
        return self._peak()

    def _peak(self) -> int:
        return torch.cuda.max_memory_allocated() if self._cuda else peak_resident_bytes()


def _steps(training: loop.Training, images: int, steps: int) -> list[float]:
    """Return the seconds of each step, until :data:`SECONDS` have passed; a step is an epoch of one batch."""
    training.splits = {"train": _noise(images, training.spec.pixels)}
    training.reader = Reader(training.splits["train"], training.fabric.device)
    times: list[float] = []
    while len(times) < steps and sum(times) <= SECONDS:
        start = time.perf_counter()
        loop.train_epoch(training, len(times))
        training.progress.step = 0
        times.append(time.perf_counter() - start)
    return times


class _Noise:
    """A replacement of a pack with random bytes, the same for every batch."""

    def __init__(self, images: int, pixels: int) -> None:
        self._pixels = np.random.default_rng(0).integers(0, 256, (images, pixels, pixels, 3), np.uint8)

    def gather(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Return the images at some positions, shape (k, s, s, 3)."""
        return self._pixels[indices]


def _noise(images: int, pixels: int) -> SplitData:
    rows = [ManifestRow(str(i), "", "", "unknown", i % 5, "train", "", 0, 0, "noise") for i in range(images)]
    grade = np.arange(images, dtype=np.int64) % 5
    return SplitData(cast("Pack", _Noise(images, pixels)), rows, grade, np.arange(images, dtype=np.uint64))
