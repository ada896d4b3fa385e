"""Training of one run, from its start or its checkpoint to its predictions.

A killed run resumes from its last checkpoint and ends bit-identical to an uninterrupted one, because order,
augmentation and dropout depend on seed, epoch and step, not on the state of a generator. Start at :func:`train`.
"""

from __future__ import annotations

import csv
import io
import math
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from timm.layers import convert_sync_batchnorm
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler
from torch import Tensor

from benchmark.common.errors import InputError
from benchmark.common.files import set_aside, write_text
from benchmark.runs.code import require_code
from benchmark.runs.environment import now
from benchmark.runs.predictions import Predictions, write_predictions
from benchmark.runs.results import write_result
from benchmark.runs.run import WEIGHTS, Outcome, Record
from benchmark.runs.run_store import CHECKPOINT, RECORD, find_needed, open_run_dir
from benchmark.runs.spec import NetworkRun, RunResult, TrainedRun, finished
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule, default_kappa
from benchmark.training import distributed
from benchmark.training.affine import N_AFFINE_DRAWS, augment_affine
from benchmark.training.augment import N_DRAWS, Normalisation, augment
from benchmark.training.batches import Reader, SplitData, epoch_order, grade_weights, split_batches
from benchmark.training.checkpoint import (
    Progress,
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
    save_tensors,
)
from benchmark.training.device import seed_generators
from benchmark.training.networks import build_run_network, run_cost
from benchmark.training.optimizer import optimizer_class
from benchmark.training.predict import as_predictions, outputs_from_raw, predict_data, split_raw_outputs
from benchmark.training.randomness import derive, uniform_draws
from benchmark.training.record import make_record
from models.losses.registry import load_loss
from models.network import Network, carry_over
from models.stochastic import count_noise, set_noise

HISTORY = ("epoch", "images", "lr", "train_loss", "val_loss", "val_kappa_score", "val_kappa_prob")
"""Columns of ``history.csv``."""

Curve = Sequence[Mapping[str, float | None]]
"""Learning curve: a row per finished epoch with the columns of :data:`HISTORY` except the counts."""


def _ignore(_: Any) -> None:
    """Do nothing, the default of the callbacks."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Callbacks of a training; an exception in one ends the training and keeps its checkpoint.

    Attributes:
        images: called after each update with the number of training images so far, including earlier processes.
        epoch: called after each epoch of this process with the learning curve so far.
        live_after_s: log the run to MLflow during training if it is expected to take longer than this.
    """

    images: Callable[[int], None] = _ignore
    epoch: Callable[[Curve], None] = _ignore
    live_after_s: float = math.inf


@dataclass(slots=True)
class Training:
    """A run in progress: its specification, its mutable objects and its progress."""

    spec: TrainedRun
    splits: Mapping[str, SplitData]
    fabric: Fabric
    scratch: Path
    model: Network
    optimizer: torch.optim.Optimizer
    schedule: Scheduler
    progress: Progress
    clock: _Clock
    reader: Reader
    callbacks: Callbacks
    val: Predictions | None = None
    """Predictions on val with the current weights; None before the first epoch of this process."""
    images: int = 0
    """Number of training images that this process has used."""

    @property
    def checkpoint(self) -> Path:
        return self.scratch / CHECKPOINT

    @property
    def best(self) -> Path:
        """File of the best epoch's weights, written if ``select_epoch`` is ``best``."""
        return self.scratch / "best.safetensors"

    def update(self, number: int) -> None:
        """Update the weights by the accumulated gradients; ``number`` counts the updates of the whole run."""
        self.schedule.step_update(number)
        if limit := self.spec.train.clip_grad:
            norm = self.fabric.clip_gradients(self.model, self.optimizer, max_norm=limit, error_if_nonfinite=False)
            assert norm is not None
            _finite(norm, self.spec, self.progress.epoch, "the norm of the gradients")
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.progress.step += 1

    def save(self) -> None:
        """Write the checkpoint.

        Raises:
            InputError: the code was edited, so the state may not be that of the run's key.
        """
        require_code(self.spec)
        self.progress.seconds = self.clock.total()
        if self.fabric.is_global_zero:
            save_checkpoint(self.checkpoint, self.model, self.optimizer, self.progress)
        self.clock.saved()


def train(
    spec: TrainedRun, splits: Mapping[str, SplitData], fabric: Fabric, scratch: Path, callbacks: Callbacks = Callbacks()
) -> RunResult:
    """Train one run and predict val and test in ``scratch``; the result is written to ``run.json`` last.

    Args:
        spec: the run.
        splits: train, val and optionally test in the run's view.
        fabric: device and precision.
        scratch: folder of the run; a checkpoint of the same run in it is resumed.
        callbacks: callbacks of the training.
    """
    started = now()
    training = start(spec, splits, fabric, scratch, callbacks)
    progress = training.progress
    for epoch in range(progress.epoch, spec.train.epochs):
        train_loss = train_epoch(training, epoch)
        distributed.sync_buffers(training.model)
        metrics = _validate(training, epoch)
        require_code(spec)
        lr = training.optimizer.param_groups[0]["lr"]
        progress.history.append({"lr": lr, "train_loss": train_loss, **metrics})
        _keep_best(training)
        progress.epoch, progress.step, progress.loss_sum = epoch + 1, 0, 0.0
        if fabric.is_global_zero:
            _write_history(training)
        training.save()
        expected_s = training.clock.total() / progress.epoch * spec.train.epochs
        if expected_s > callbacks.live_after_s and fabric.is_global_zero:
            _follow_live(scratch)
        callbacks.epoch(progress.history)
    result = _finish(training)
    require_code(spec)
    if fabric.is_global_zero:
        write_text(scratch / RECORD, _record(training, started).model_dump_json(indent=2) + "\n")
        write_result(result, scratch)
        for path in (training.checkpoint, training.best):
            path.unlink(missing_ok=True)
    fabric.barrier()
    return result


def train_epoch(training: Training, epoch: int) -> float:
    """Train the rest of an epoch and return the mean loss over its images."""
    spec, fabric, progress, data = training.spec, training.fabric, training.progress, training.splits["train"]
    model, settings = training.model.train(), spec.train
    loss_of = load_loss(spec.loss.name)
    normalisation = Normalisation(model.mean, model.std)
    parts = split_batches(
        epoch_order(data.grade, spec.seed, epoch, settings.resample, settings.resample_schedule), settings.batch_size
    )
    weights = grade_weights(data.grade, settings.class_weights)
    # Each process sums its own losses; the saved sum is that of all, so only the first process adds it.
    before = progress.loss_sum if fabric.is_global_zero else 0.0
    loss_sum = torch.tensor(before, dtype=torch.float64, device=fabric.device)

    training.clock.start()
    n_micro = settings.grad_accum_steps
    micro_batches = [part for batch in parts[progress.step :] for part in np.array_split(batch, n_micro)]
    ranks = (distributed.rank(),) if distributed.world_size() > 1 else ()
    local_parts = map(distributed.local_part, micro_batches)
    for number, (positions, pixels) in enumerate(training.reader.batches(local_parts), 1):
        update = epoch * len(parts) + progress.step
        seed_generators(derive(spec.seed, "dropout", update, number % n_micro, *ranks), fabric.device)
        grade = torch.from_numpy(data.grade[positions]).to(fabric.device)
        images = _augmented(training, pixels, positions, normalisation, epoch)
        loss = loss_of(model(images), grade, **spec.loss.parameters)
        if settings.class_weights:
            loss = loss * torch.from_numpy(weights[positions]).to(fabric.device)
        loss = loss.mean()
        # DDP averages gradients over processes; the factor makes them the mean over the batch.
        fabric.backward(loss * (len(positions) / len(parts[progress.step]) * distributed.world_size()))
        loss_sum += loss.detach() * len(positions)
        training.images += len(micro_batches[number - 1])
        if number % n_micro == 0:
            training.update(update)
            training.callbacks.images(epoch * len(data) + sum(map(len, parts[: progress.step])))
            due = distributed.broadcast(fabric, training.clock.due(settings.checkpoint_minutes))
            if due and progress.step < len(parts):
                progress.loss_sum = _finite(distributed.all_reduce(fabric, loss_sum), spec, epoch)
                training.save()
    training.clock.stop()
    return _finite(distributed.all_reduce(fabric, loss_sum), spec, epoch) / len(data)


def _augmented(
    training: Training, pixels: Tensor, positions: npt.NDArray[np.int64], normalisation: Normalisation, epoch: int
) -> Tensor:
    """Augment and normalise a batch, and set the noise of stochastic modules for it."""
    spec, data = training.spec, training.splits["train"]

    def draw(role: str, count: int) -> Tensor:
        uniform = uniform_draws(derive(spec.seed, role, epoch), data.keys[positions], count)
        return torch.from_numpy(uniform).to(training.fabric.device)

    if not isinstance(spec, NetworkRun):
        return augment(pixels, draw("augmentation", N_DRAWS), spec.train.augment, normalisation, data.background)
    set_noise(training.model, draw("network", count_noise(training.model)))
    draws = draw("augmentation", N_AFFINE_DRAWS)
    return augment_affine(pixels, draws, spec.augment, normalisation, data.background)


def start(
    spec: TrainedRun, splits: Mapping[str, SplitData], fabric: Fabric, scratch: Path, callbacks: Callbacks = Callbacks()
) -> Training:
    """Build network, optimiser and schedule, and restore them from a checkpoint of the run if there is one."""
    settings = spec.train
    if fabric.is_global_zero:
        open_run_dir(spec, scratch)
    fabric.barrier()
    torch.manual_seed(derive(spec.seed, "init"))
    network = build_run_network(spec)
    for parent in find_needed(spec):
        carry_over(network, load_file(parent / WEIGHTS), spec.carries == "kernels")
    if settings.sync_batch_norm:
        network = convert_sync_batchnorm(network)
    network = network.to(memory_format=torch.channels_last)
    if settings.compile:
        network.compile()
    updates = len(split_batches(np.arange(len(splits["train"])), settings.batch_size))
    # A fused update has less overhead on many small tensors; some optimisers do not support it.
    fused = {"fused": True} if "fused" in signature(optimizer_class(settings.opt)).parameters else {}
    bare = create_optimizer_v2(
        network, opt=settings.opt, lr=settings.lr, weight_decay=settings.weight_decay, **spec.optimizer_options, **fused
    )
    schedule, _ = create_scheduler_v2(
        bare,
        sched=settings.sched,
        num_epochs=settings.epochs,
        warmup_epochs=settings.warmup_fraction * settings.epochs,
        warmup_lr=settings.lr / 100,
        min_lr=settings.min_lr,
        decay_epochs=settings.decay_epochs * settings.epochs,
        decay_rate=settings.decay_rate,
        step_on_epochs=False,
        updates_per_epoch=updates,
    )
    model, optimizer = fabric.setup(network, bare)
    reader = Reader(splits["train"], fabric.device)
    training = Training(
        spec, splits, fabric, scratch, model, optimizer, schedule, Progress(), _Clock(), reader, callbacks
    )
    _resume(training)
    return training


def _resume(training: Training) -> None:
    """Restore a run's checkpoint, if there is an intact one."""
    progress = load_checkpoint(training.checkpoint, training.model, training.optimizer)
    if progress is None:
        return
    if progress.best_epoch and load_state(training.best) is None:
        set_aside(training.checkpoint, f"{training.best.name} is damaged or missing")
        msg = f"{training.spec.title} must be trained from its start, as its best weights are damaged: run it again"
        raise InputError(msg)
    progress.resumed += 1
    training.progress, training.clock = progress, _Clock(progress.seconds)


def _validate(training: Training, epoch: int) -> dict[str, float | None]:
    """Return loss and kappas on val as columns of the history; a kappa is None without its head."""
    data, spec = training.splits["val"], training.spec
    outputs = split_raw_outputs(training.model, data, training.fabric)
    loss = load_loss(spec.loss.name)(outputs, torch.from_numpy(data.grade), **spec.loss.parameters).mean()
    training.val = predictions = as_predictions(data, outputs_from_raw(training.model, outputs))
    row: dict[str, float | None] = {"val_loss": _finite(loss, spec, epoch)}
    for head in DEFAULT:
        row[f"val_kappa_{head}"] = default_kappa(head, predictions) if head in outputs else None
    return row


def _keep_best(training: Training) -> None:
    """Save the weights if ``select_epoch`` is ``best`` and the main head's val kappa is the best so far."""
    if training.spec.train.select_epoch != "best":
        return
    kappa = training.progress.history[-1][f"val_kappa_{training.spec.heads[0]}"]
    assert kappa is not None
    if training.progress.best_kappa is None or kappa > training.progress.best_kappa:
        training.progress.best_kappa, training.progress.best_epoch = kappa, len(training.progress.history)
        if training.fabric.is_global_zero:
            save_state(training.best, training.model.state_dict())


def _finish(training: Training) -> RunResult:
    """Write weights and predictions of the selected epoch, and return the result."""
    spec, model, scratch = training.spec, training.model, training.scratch
    training.fabric.barrier()
    if spec.train.select_epoch == "best":
        if (best := load_state(training.best)) is None:
            msg = f"{training.best} must be as {spec.title} wrote it, but is damaged: run the command again"
            raise InputError(msg)
        model.load_state_dict(best[0])
        training.val = None
    first = training.fabric.is_global_zero
    if first:
        save_tensors(scratch / WEIGHTS, model.state_dict())
    flags = []
    for split, data in training.splits.items():
        if split == "train":
            continue
        current = training.val if split == "val" else None
        predictions = current or predict_data(model, data, training.fabric)
        if first:
            write_predictions(predictions, scratch / f"{split}.csv")
        if split == "val":
            flags = [f"collapsed:{head}" for head in spec.heads if _collapsed(predictions, head)]
    epoch = training.progress.best_epoch if spec.train.select_epoch == "best" else spec.train.epochs
    cost = run_cost(spec)
    return finished(spec, Outcome(epoch_kept=epoch, parameters=cost.parameters, macs_per_image=cost.macs, flags=flags))


def _collapsed(predictions: Predictions, head: str) -> bool:
    return len(np.unique(apply_rule(DEFAULT[head], predictions))) == 1  # type: ignore[index]


def _finite(tensor: Tensor, spec: TrainedRun, epoch: int, name: str = "the loss") -> float:
    """Return a loss or a norm as a number.

    Raises:
        InputError: it is not finite; no checkpoint is saved, so the last one remains valid.
    """
    value = float(tensor)
    if not np.isfinite(value):
        msg = (
            f"{name} must stay finite, but is {value} in epoch {epoch + 1} of {spec.title}: lower `train.lr` "
            f"(now {spec.train.lr}) or the loss's weight, or set `train.precision: 32-true`"
        )
        raise InputError(msg)
    return value


def _write_history(training: Training) -> None:
    """Write ``history.csv``, one row per finished epoch, with floats in full precision."""
    images = len(training.splits["train"])
    rows = [{"epoch": i, "images": i * images, **row} for i, row in enumerate(training.progress.history, 1)]
    text = io.StringIO()
    writer = csv.DictWriter(text, HISTORY, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(training.scratch / "history.csv", text.getvalue(), durable=False)


def _record(training: Training, started: str) -> Record:
    clock = training.clock
    return make_record(
        training.spec,
        training.fabric,
        started,
        clock.total(),
        images_per_second=training.images / clock.training if clock.training else 0.0,
        wait_share=training.reader.waited / clock.training if clock.training else 0.0,
        resumed=training.progress.resumed,
    )


def _follow_live(scratch: Path) -> None:
    """Start a process that logs this run to MLflow during training, once per process and run."""
    if scratch not in _followed:
        _followed.add(scratch)
        command = [sys.executable, "-m", "benchmark.cli", "track", "--follow", str(scratch)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)


_followed: set[Path] = set()


class _Clock:
    """Time of a run in seconds: in total over all its processes, and in this process's training loop."""

    def __init__(self, before: float = 0.0) -> None:
        self._before, self._began = before, time.perf_counter()
        self._loop = self._saved = self._began
        self.training = 0.0

    def start(self) -> None:
        self._loop = time.perf_counter()

    def stop(self) -> None:
        self.training += time.perf_counter() - self._loop

    def total(self) -> float:
        return self._before + time.perf_counter() - self._began

    def due(self, minutes: float) -> bool:
        return time.perf_counter() - self._saved >= minutes * 60

    def saved(self) -> None:
        self._saved = time.perf_counter()
