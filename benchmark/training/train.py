"""One training step of the pipeline: every seed of one arm, from packs to predictions.

Read it from :func:`run` down. A run that is killed continues from its last checkpoint and ends bit-identical to one
that was not: order, augmentation and dropout are drawn from (seed, epoch, step), never from a generator's past.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler
from torch import Tensor

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, write_text
from benchmark.common.progress import progress_bar
from benchmark.common.resources import core_count
from benchmark.data.manifest import read_manifest
from benchmark.runs import spec as runs
from benchmark.runs.predictions import Predictions, write_predictions
from benchmark.runs.spec import Record, RunResult, RunSpec
from benchmark.scoring.decoders.registry import DEFAULT, decode
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa
from benchmark.sources.registry import SPLITS
from benchmark.training.augment import DRAWS, Normalisation, augment, normalise
from benchmark.training.batches import Reader, SplitData, cut, epoch_order, grade_weights, load_split
from benchmark.training.checkpoint import Progress, load_checkpoint, save_checkpoint, save_tensors
from benchmark.training.randomness import derive, draws
from models.cost import network_cost
from models.losses.registry import LOSSES, load_loss
from models.network import Network, build_network, carry_over

if TYPE_CHECKING:
    from tqdm import tqdm

    from benchmark.settings.params import Params, Train

OnEpoch = Callable[[Sequence[Mapping[str, float | None]]], None]
"""Given one row of :data:`HISTORY`, less the counts, per finished epoch."""
HISTORY = ("epoch", "images", "lr", "train_loss", "val_loss", "val_kappa_score", "val_kappa_prob")
EVALUATION_BATCH = 128
RECORD = "record.json"


def run(params: Params, stage: str, name: str) -> None:
    """Train every seed of an arm and publish the runs to ``runs/`` and their records to ``records/``.

    A seed that a killed process had finished is not trained again.

    Raises:
        InputError: the arm, its parent or its packs are missing, or a loss is not finite (the run is named).
    """
    arm = params.arm(stage, name)
    manifest = read_manifest()
    splits: dict[str, SplitData] = {split: load_split(split, arm.size, manifest) for split in SPLITS}
    specs = runs.describe(params, stage, name, manifest, {split: len(data) for split, data in splits.items()})
    fabric = open_fabric(params.train)
    for number, spec in enumerate(specs, 1):
        label, live_after_s = f"{number}/{len(specs)}", params.tracking.live_after_s / len(specs)
        complete(spec, splits, fabric, spec.folder(runs.SCRATCH), label, live_after_s)
    _publish(specs)


def complete(
    spec: RunSpec,
    splits: Mapping[str, SplitData],
    fabric: Fabric,
    scratch: Path,
    label: str,
    live_after_s: float = math.inf,
    on_epoch: OnEpoch | None = None,
) -> None:
    """Bring a run to its end, as :func:`train` does, unless its folder holds it finished.

    Raises:
        InputError: a loss is not finite, or a batch does not fit into memory (the run is named).
    """
    if not _finished(spec, scratch):
        with _memory_named(spec):
            train(spec, splits, fabric, scratch, label, live_after_s, on_epoch)


@dataclass(slots=True)
class _Training:
    """A run in progress: what it is, the objects that it changes, and how far it has come."""

    spec: RunSpec
    splits: Mapping[str, SplitData]
    fabric: Fabric
    scratch: Path
    model: Network
    optimizer: torch.optim.Optimizer
    schedule: Scheduler
    progress: Progress
    clock: _Clock
    reader: Reader
    images: int = 0
    """Training images seen by this process."""

    @property
    def checkpoint(self) -> Path:
        return self.scratch / "checkpoint.safetensors"

    def update(self, number: int) -> None:
        """Change the weights by the gradients at hand; ``number`` is that of the update in the whole run."""
        self.schedule.step_update(number)
        if self.spec.train.clip:
            self.fabric.clip_gradients(self.model, self.optimizer, max_norm=self.spec.train.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.progress.step += 1

    def save(self) -> None:
        """Write the checkpoint."""
        self.progress.seconds = self.clock.total()
        save_checkpoint(self.checkpoint, self.model, self.optimizer, self.progress)
        self.clock.saved()


def train(
    spec: RunSpec,
    splits: Mapping[str, SplitData],
    fabric: Fabric,
    scratch: Path,
    label: str,
    live_after_s: float,
    on_epoch: OnEpoch | None = None,
) -> None:
    """Train one run in ``scratch`` to its predictions; ``run.json`` gains its result last of all.

    Args:
        spec: the run.
        splits: train, val and, where it is to be predicted, test at the run's size.
        fabric: device and precision.
        scratch: folder of the run in progress; a checkpoint of the same run found there is continued.
        label: which run of how many, for the progress bar.
        live_after_s: a run expected to take longer than this is followed in MLflow while it trains.
        on_epoch: is called with the learning curve so far after each epoch that this process trains; what it raises
            ends the run, whose checkpoint stays.
    """
    started = runs.now()
    training = _start(spec, splits, fabric, scratch)
    progress = training.progress
    with _bar(training, label) as bar:
        for epoch in range(progress.epoch, spec.train.epochs):
            train_loss = _train_epoch(training, epoch, bar)
            measured = _validate(training, epoch)
            lr = training.optimizer.param_groups[0]["lr"]
            progress.history.append({"lr": lr, "train_loss": train_loss, **measured})
            _keep_best(training)
            progress.epoch, progress.step, progress.loss_sum = epoch + 1, 0, 0.0
            _write_history(training)
            training.save()
            bar.set_postfix_str(", ".join(f"{k} {v:.3f}" for k, v in measured.items() if v is not None), refresh=False)
            if training.clock.total() / progress.epoch * spec.train.epochs > live_after_s:
                _follow_live(scratch)
            if on_epoch:
                on_epoch(progress.history)
    result = _finish(training)
    write_text(scratch / RECORD, _record(training, started).model_dump_json(indent=2) + "\n")
    runs.write_spec(result, scratch)
    training.checkpoint.unlink(missing_ok=True)


def _train_epoch(training: _Training, epoch: int, bar: tqdm[Any]) -> float:
    """Train what is left of an epoch; the mean loss over its images."""
    spec, fabric, progress, data = training.spec, training.fabric, training.progress, training.splits["train"]
    model, settings = training.model.train(), spec.train
    loss_of = load_loss(spec.objective.name)
    normalisation = Normalisation(model.mean, model.std)
    parts = cut(epoch_order(data.grade, spec.seed, epoch, settings.resample), settings.batch)
    weights = grade_weights(data.grade, settings.class_weights)
    stream = derive(spec.seed, "augmentation", epoch)
    loss_sum = torch.tensor(progress.loss_sum, dtype=torch.float64, device=fabric.device)

    training.clock.start()
    # Passes whose gradients add up to one update.
    passes = [part for batch in parts[progress.step :] for part in np.array_split(batch, settings.accumulate)]
    for number, (positions, pixels) in enumerate(training.reader.batches(passes), 1):
        update = epoch * len(parts) + progress.step
        torch.manual_seed(derive(spec.seed, "dropout", update, number % settings.accumulate))
        uniform = torch.from_numpy(draws(stream, data.keys[positions], DRAWS)).to(fabric.device)
        grade = torch.from_numpy(data.grade[positions]).to(fabric.device)
        images = augment(pixels, uniform, settings.augment, normalisation, data.background)
        loss = loss_of(model(images), grade, **spec.objective.parameters)
        if settings.class_weights:
            loss = loss * torch.from_numpy(weights[positions]).to(fabric.device)
        loss = loss.mean()
        fabric.backward(loss * (len(positions) / len(parts[progress.step])))
        loss_sum += loss.detach() * len(positions)
        training.images += len(positions)
        bar.update(len(positions))
        if number % settings.accumulate == 0:
            training.update(update)
            if training.clock.due(settings.checkpoint_minutes) and progress.step < len(parts):
                progress.loss_sum = _finite(loss_sum, spec, epoch)
                training.save()
    training.clock.stop()
    return _finite(loss_sum, spec, epoch) / len(data)


def outputs_of(model: Network, data: SplitData, fabric: Fabric) -> dict[str, Tensor]:
    """Raw outputs for a whole split in pack order, on the CPU, as losses take them."""
    parts = cut(np.arange(len(data)), EVALUATION_BATCH)
    outputs = [_outputs(model, pixels) for _, pixels in Reader(data, fabric.device).batches(parts)]
    return {head: torch.cat([output[head] for output in outputs]) for head in outputs[0]}


def predict_images(model: Network, pixels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
    """Scores (n,) and/or grade probabilities (n, 5) of one batch of images, bytes (n, s, s, 3)."""
    return _answers(model, _outputs(model, torch.from_numpy(pixels).to(model.mean.device)))


@torch.inference_mode()
def _outputs(model: Network, pixels: Tensor) -> dict[str, Tensor]:
    outputs = model.eval()(normalise(pixels, Normalisation(model.mean, model.std)))
    return {head: value.float().cpu() for head, value in outputs.items()}


def _answers(model: Network, raw: Mapping[str, Tensor]) -> dict[str, npt.NDArray[np.float32]]:
    return {output: value.numpy() for output, value in model.answers(raw).items()}


def load_model(folder: Path) -> Network:
    """The network of a finished run with the weights that were evaluated, in evaluation mode."""
    spec = runs.read_result(folder)
    model = spec.model.model_copy(update={"pretrained": False})
    network = build_network(model, spec.level, LOSSES[spec.objective.name].heads, spec.pixels)
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return network.eval()


def predict(folder: Path, data: SplitData, settings: Train) -> Predictions:
    """Predictions of a finished run on a split, as training makes those on its own.

    Args:
        folder: of the run.
        data: the split, at the run's size.
        settings: where, and in which number format.
    """
    fabric = open_fabric(settings)
    model = cast("Network", fabric.setup_module(load_model(folder).to(memory_format=torch.channels_last)))
    return _predictions(data, _answers(model, outputs_of(model, data, fabric)))


@contextmanager
def _memory_named(spec: RunSpec) -> Iterator[None]:
    """Turn running out of memory into a sentence that says what to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        msg = (
            f"a batch must fit into memory, but {spec.train.batch} images of {spec.pixels} px in "
            f"{spec.train.accumulate} pass(es) of {spec.title} do not: raise `train.accumulate` to "
            f"{2 * spec.train.accumulate}, or lower `train.batch` or `sizes.{spec.size}`"
        )
        raise InputError(msg) from error


def _start(spec: RunSpec, splits: Mapping[str, SplitData], fabric: Fabric, scratch: Path) -> _Training:
    """Network, optimiser and schedule at their start, or where a killed process left them."""
    settings = spec.train
    if _key(scratch) != spec.key:
        shutil.rmtree(scratch, ignore_errors=True)
        runs.write_spec(spec, scratch)
    torch.manual_seed(derive(spec.seed, "init"))
    network = build_network(spec.model, spec.level, LOSSES[spec.objective.name].heads, spec.pixels)
    if spec.parent:
        carry_over(network, load_file(runs.RUNS / spec.parent / str(spec.seed) / "model.safetensors"))
    network = network.to(memory_format=torch.channels_last)
    if settings.compile:
        network.compile()
    updates = len(cut(np.arange(len(splits["train"])), settings.batch))
    bare = create_optimizer_v2(network, opt=settings.opt, lr=settings.lr, weight_decay=settings.weight_decay)
    schedule, _ = create_scheduler_v2(
        bare,
        sched=settings.sched,
        num_epochs=settings.epochs,
        warmup_epochs=settings.warmup * settings.epochs,
        warmup_lr=settings.lr / 100,
        min_lr=settings.min_lr,
        decay_epochs=settings.decay_epochs * settings.epochs,
        decay_rate=settings.decay_rate,
        step_on_epochs=False,
        updates_per_epoch=updates,
    )
    model, optimizer = fabric.setup(network, bare)
    progress = Progress()
    if (scratch / "checkpoint.safetensors").exists():
        progress = load_checkpoint(scratch / "checkpoint.safetensors", model, optimizer)
        progress.resumed += 1
    clock = _Clock(progress.seconds)
    reader = Reader(splits["train"], fabric.device)
    return _Training(spec, splits, fabric, scratch, model, optimizer, schedule, progress, clock, reader)


def _validate(training: _Training, epoch: int) -> dict[str, float | None]:
    """Loss and kappa on val, as columns of the history; None without that head."""
    data, spec = training.splits["val"], training.spec
    outputs = outputs_of(training.model, data, training.fabric)
    loss = load_loss(spec.objective.name)(outputs, torch.from_numpy(data.grade), **spec.objective.parameters).mean()
    predictions = _predictions(data, _answers(training.model, outputs))
    row: dict[str, float | None] = {"val_loss": _finite(loss, spec, epoch)}
    for head in ("score", "prob"):
        row[f"val_kappa_{head}"] = _kappa(predictions, head) if head in outputs else None
    return row


def _kappa(predictions: Predictions, head: str) -> float:
    """Kappa by the head's default decoder; 0 where it is undefined (one grade everywhere)."""
    grades = decode(DEFAULT[head], predictions)  # type: ignore[index]
    kappa = quadratic_weighted_kappa(confusion_matrix(predictions.grade, grades))
    return 0.0 if np.isnan(kappa) else kappa


def _keep_best(training: _Training) -> None:
    """Keep the weights of the epoch with the best val kappa of the main head, where ``keep: best`` says so."""
    if training.spec.train.keep != "best":
        return
    kappa = training.progress.history[-1][f"val_kappa_{training.spec.heads[0]}"]
    assert kappa is not None
    if training.progress.best_kappa is None or kappa > training.progress.best_kappa:
        training.progress.best_kappa, training.progress.best_epoch = kappa, len(training.progress.history)
        save_tensors(training.scratch / "best.safetensors", training.model.state_dict())


def _finish(training: _Training) -> RunResult:
    """Write weights and predictions of the kept epoch; what ``run.json`` will say."""
    spec, model, scratch = training.spec, training.model, training.scratch
    best = scratch / "best.safetensors"
    if spec.train.keep == "best":
        model.load_state_dict(load_file(best))
    save_tensors(scratch / "model.safetensors", model.state_dict())
    flags = []
    for split, data in training.splits.items():
        if split == "train":
            continue
        predictions = _predictions(data, _answers(model, outputs_of(model, data, training.fabric)))
        write_predictions(predictions, scratch / f"{split}.csv")
        if split == "val":
            flags = [f"collapsed:{head}" for head in spec.heads if _collapsed(predictions, head)]
    best.unlink(missing_ok=True)
    for flag in flags:
        print(f"warning: {spec.title} {flag}: that head gives one grade to every val image", file=sys.stderr)
    epoch = training.progress.best_epoch if spec.train.keep == "best" else spec.train.epochs
    cost = network_cost(spec.model, spec.level, LOSSES[spec.objective.name].heads, spec.pixels)
    return RunResult(
        **spec.model_dump(), epoch_kept=epoch, parameters=cost.parameters, macs_per_image=cost.macs, flags=flags
    )


def _collapsed(predictions: Predictions, head: str) -> bool:
    return len(np.unique(decode(DEFAULT[head], predictions))) == 1  # type: ignore[index]


def _predictions(data: SplitData, answers: Mapping[str, npt.NDArray[np.float32]]) -> Predictions:
    return Predictions(
        image_id=np.array([row.image_id for row in data.rows]),
        patient=np.array([row.patient for row in data.rows]),
        eye=np.array([row.eye for row in data.rows]),
        grade=data.grade,
        score=answers.get("score"),
        prob=answers.get("prob"),
    )


def _finite(loss: Tensor, spec: RunSpec, epoch: int) -> float:
    """The loss as a number.

    Raises:
        InputError: it is not finite; nothing is saved, so that the last checkpoint stays good.
    """
    value = float(loss)
    if not np.isfinite(value):
        msg = (
            f"the loss must stay finite, but is {value} in epoch {epoch + 1} of {spec.title}: lower `train.lr` "
            f"(now {spec.train.lr}) or the weight of its loss, or set `train.precision: 32-true`"
        )
        raise InputError(msg)
    return value


def _write_history(training: _Training) -> None:
    """Write ``history.csv``: one row per finished epoch; a number reads back to the same float."""
    images = len(training.splits["train"])
    rows = [{"epoch": i, "images": i * images, **row} for i, row in enumerate(training.progress.history, 1)]
    text = io.StringIO()
    writer = csv.DictWriter(text, HISTORY, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(training.scratch / "history.csv", text.getvalue())


def _record(training: _Training, started: str) -> Record:
    clock, device = training.clock, training.fabric.device
    cuda = device.type == "cuda"
    return Record(
        started=started,
        ended=runs.now(),
        seconds=clock.total(),
        images_per_second=training.images / clock.training if clock.training else 0.0,
        wait_share=training.reader.waited / clock.training if clock.training else 0.0,
        peak_memory_bytes=torch.cuda.max_memory_allocated() if cuda else _resident_peak(),
        device=torch.cuda.get_device_name(device) if cuda else f"{device.type} ({core_count()} cores)",
        precision=_precision(training.spec.train, device),
        threads=torch.get_num_threads(),
        resumed=training.progress.resumed,
        **runs.environment(),
    )


def _resident_peak() -> int:
    """Most memory that this process ever held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def open_fabric(settings: Train) -> Fabric:
    """Device, precision and determinism as the parameters ask."""
    torch.set_num_threads(settings.threads or core_count())
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    device = Fabric(accelerator=settings.device, devices=1).device
    return Fabric(accelerator=settings.device, devices=1, precision=_precision(settings, device))


def _precision(settings: Train, device: torch.device) -> Literal["32-true", "bf16-mixed"]:
    """Number format; ``auto`` takes bfloat16 where the device multiplies it natively."""
    if settings.precision != "auto":
        return settings.precision
    native = {
        "cpu": torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.cpu._is_avx512_bf16_supported(),
        "cuda": torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False),
    }
    return "bf16-mixed" if native.get(device.type) else "32-true"


def _bar(training: _Training, label: str) -> tqdm[Any]:
    """Progress over the images of all epochs, with images/s and the time left."""
    images, progress = len(training.splits["train"]), training.progress
    parts = [len(part) for part in cut(np.arange(images), training.spec.train.batch)]
    return progress_bar(
        total=images * training.spec.train.epochs,
        initial=images * progress.epoch + sum(parts[: progress.step]),
        desc=f"{training.spec.title} ({label})",
        unit="img",
    )


def _follow_live(scratch: Path) -> None:
    """Start the process that shows this run in MLflow while it trains; once per process and run."""
    if scratch not in _followed:
        _followed.add(scratch)
        command = [sys.executable, "-m", "benchmark.cli.main", "track", "--follow", str(scratch)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)


_followed: set[Path] = set()


def _key(scratch: Path) -> str | None:
    """Key of the run whose progress a scratch folder holds."""
    path = scratch / "run.json"
    return str(read_json(path)["key"]) if path.exists() else None


def _finished(spec: RunSpec, scratch: Path) -> bool:
    return _key(scratch) == spec.key and "epoch_kept" in read_json(scratch / "run.json")


def _publish(specs: list[RunSpec]) -> None:
    """Copy finished runs out of scratch: what is reproducible to ``runs/``, the rest to ``records/``."""
    for spec in specs:
        scratch, folder = spec.folder(runs.SCRATCH), spec.folder(runs.RUNS)
        record = spec.folder(runs.RECORDS).with_suffix(".json")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(scratch, folder, ignore=shutil.ignore_patterns(RECORD))
        record.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(scratch / RECORD, record)
    shutil.rmtree(specs[0].folder(runs.SCRATCH).parent)


class _Clock:
    """Seconds of a run: in all, over every process that worked on it, and of this process's training loop."""

    def __init__(self, before: float) -> None:
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
