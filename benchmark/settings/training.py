"""Settings of one training run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from benchmark.common.section import Section as Section


class Augment(Section):
    """Random augmentation of training images. It depends only on the run's seed, the epoch and the image."""

    flip: bool = True
    """Flip left-right and up-down, each with probability one half."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 180.0
    """Rotate by an angle drawn from plus or minus this many degrees."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Zoom by a factor drawn from 1 plus or minus this."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Multiply by a factor drawn from 1 plus or minus this."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Stretch around the image's mean by a factor drawn from 1 plus or minus this."""
    colour: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Multiply each channel by its own factor drawn from 1 plus or minus this."""


class ResampleSchedule(Section):
    """Decay of the sampling weights per grade over the epochs."""

    decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor by which the influence of ``resample`` shrinks after each epoch; 1 keeps it."""
    final_weights: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=5, max_length=5)] = [1.0] * 5
    """Sampling weight of an image of each grade at the end; ``resample: 1`` starts from n / count(grade)."""


class Train(Section):
    """One training run. Optimiser and schedule are timm's, by name."""

    epochs: Annotated[int, Field(ge=1, le=10_000)]
    """Passes over the training split."""
    batch_size: Annotated[int, Field(ge=2, le=4096)]
    """Images per update."""
    grad_accum_steps: Annotated[int, Field(ge=1, le=4096)] = 1
    """Micro-batches per update. More of them need less memory; only batch norm sees the difference."""
    opt: str = "adamw"
    """timm optimiser (``timm.optim.list_optimizers()``)."""
    lr: Annotated[float, Field(gt=0, le=10)]
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Weight decay, not applied to biases and norms."""
    sched: Literal["cosine", "poly", "step", "constant"] = "cosine"
    """timm learning-rate schedule, stepped per update."""
    min_lr: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Final learning rate of the schedule."""
    decay_rate: Annotated[float, Field(gt=0, le=10)] = 0.1
    """Factor of each drop of ``step``; power of ``poly`` (1 is linear)."""
    decay_epochs: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Fraction of the epochs between two drops of ``step``."""
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of all updates over which the learning rate rises linearly."""
    clip_grad: Annotated[float, Field(ge=0)] = 1.0
    """Maximum norm of the gradient; 0 turns clipping off."""
    class_weights: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Loss weight proportional to count(grade) ** -class_weights: 0 weights all images equally, 1 all grades."""
    resample: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Sampling weight proportional to count(grade) ** -resample: 0 takes each image once, 1 balances the grades."""
    resample_schedule: ResampleSchedule = ResampleSchedule()
    """Decay of ``resample`` over the epochs."""
    select_epoch: Literal["last", "best"] = "last"
    """Epoch whose weights are evaluated: the last one, or the one with the best val kappa of the run's main head
    (scores if the run has scores, else prob.; the earlier of two equals). Test is never used."""
    numerics: Literal["portable", "native"] = "portable"
    """``portable``: the same bits on every x86-64 processor with AVX2; ``native``: the fastest kernels here."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Training device; auto uses a GPU if there is one."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Number format; auto is 32-true, or with native numerics bf16-mixed if the device supports it natively."""
    compile: bool = False
    """Compile the network with torch first: minutes at the start for faster steps, mainly on GPUs."""
    parallel_runs: Annotated[int, Field(ge=0, le=1024)] = 0
    """Runs trained in parallel; 0 is one per GPU, or one per core as far as the memory allows."""
    processes: Annotated[int, Field(ge=1, le=4096)] = 1
    """DDP processes per run, one per GPU or core, each with its part of every batch. The order of sums differs, so such
    a run has its own key. ``fundusbench train`` starts them; on several machines, ``torchrun`` does."""
    sync_batch_norm: bool = False
    """Synchronise batch norm over the processes of a run (GPUs only)."""
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0
    """Interval between checkpoints, in addition to the end of each epoch; 0 saves after each update."""
    augment: Augment = Augment()
