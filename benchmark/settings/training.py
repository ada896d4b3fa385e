"""Parameters of a training run: the section ``train`` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from benchmark.common.section import Section as Section


class Augment(Section):
    """Augmentation of training images; random draws depend only on the seed, the epoch and the image."""

    flip: bool = True
    """Flip horizontally and vertically, each with probability 0.5."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 180.0
    """Largest rotation in degrees, in either direction."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Zoom by a factor from 1 - scale to 1 + scale."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Multiply the pixels by a factor from 1 - brightness to 1 + brightness."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Multiply the distance from the image's mean by a factor from 1 - contrast to 1 + contrast."""
    colour: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Multiply each channel by a factor from 1 - colour to 1 + colour."""


class Fade(Section):
    """Schedule by which resampling changes from its initial weights to its final weights, epoch by epoch."""

    by: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the initial weights' share per epoch; 1 keeps the initial weights."""
    to: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=5, max_length=5)] = [1.0] * 5
    """Final weight of an image of each grade; the initial weight with ``resample: 1`` is n_images / count(grade)."""


class Train(Section):
    """Parameters of a training run; optimizer and schedule are named as in timm."""

    epochs: Annotated[int, Field(ge=1, le=10_000)]
    """Number of epochs."""
    batch: Annotated[int, Field(ge=2, le=4096)]
    """Images per optimizer step."""
    accumulate: Annotated[int, Field(ge=1, le=4096)] = 1
    """Micro-batches per optimizer step: less memory for the same gradient, except for batch norm's statistics."""
    opt: str = "adamw"
    """Name of a timm optimizer (``timm.optim.list_optimizers()``)."""
    lr: Annotated[float, Field(gt=0, le=10)]
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Weight decay, which excludes biases and norm layers."""
    sched: Literal["cosine", "poly", "step", "constant"] = "cosine"
    """Name of a timm learning-rate schedule, updated at every optimizer step."""
    min_lr: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Final learning rate of the schedule."""
    decay_rate: Annotated[float, Field(gt=0, le=10)] = 0.1
    """Factor of each drop of the schedule ``step``, or power of ``poly`` (1 is linear)."""
    decay_epochs: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Interval between two drops of the schedule ``step``, as a fraction of the epochs."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of the optimizer steps over which the learning rate rises linearly."""
    clip: Annotated[float, Field(ge=0)] = 1.0
    """Largest norm of the gradient; 0 disables clipping."""
    class_weights: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Loss weight proportional to count(grade) ** -class_weights: 0 disables it, 1 balances the grades."""
    resample: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Sampling probability proportional to count(grade) ** -resample: 0 uses each image once, 1 balances the grades."""
    fade: Fade = Fade()
    """Schedule of ``resample``."""
    keep: Literal["last", "best"] = "last"
    """Epoch whose weights are evaluated: the last, or the one with the best val kappa of the main head (``score`` if
    the run has one, else ``prob``; the earliest of equals). The test split is never used."""
    numbers: Literal["portable", "fast"] = "portable"
    """portable: the same bits on every x86-64 processor with AVX2; fast: the fastest kernels of this machine."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device; auto is a GPU if there is one."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Number format; auto is bf16-mixed if numerics are not portable and the device supports it natively, else
    32-true."""
    compile: bool = False
    """Compile the network with torch.compile: it takes minutes at the start, and pays off on GPUs."""
    workers: Annotated[int, Field(ge=0, le=1024)] = 0
    """Number of runs that train in parallel; 0 is one per GPU, else one per core as far as memory suffices."""
    processes: Annotated[int, Field(ge=1, le=4096)] = 1
    """Processes per run (DDP), one per GPU or core, each with a part of every batch. Sums have another order, so the
    run has another key. ``fundusbench train`` starts the processes; on several machines, ``torchrun`` does."""
    sync_batch_norm: bool = False
    """Synchronise batch norm over the processes; requires GPUs."""
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0
    """Minutes between two checkpoints within an epoch; each epoch ends with one. 0 is one per optimizer step."""
    augment: Augment = Augment()
