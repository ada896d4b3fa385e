"""One training run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from benchmark.common.section import Section as Section


class Augment(Section):
    """Random changes of each training image; each depends on the seed, the epoch and the image alone."""

    flip: bool = True
    """Mirror left-right and up-down, each with probability one half."""
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


class Fade(Section):
    """How draws by grade give way to other weights, epoch by epoch."""

    by: Annotated[float, Field(gt=0, le=1)] = 1.0
    """What is left of ``resample`` after each epoch, as a share of what there was before it; 1 keeps it."""
    to: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=5, max_length=5)] = [1.0] * 5
    """Weight of an image of each grade at the end; ``resample: 1`` starts from all images over its grade's."""


class Train(Section):
    """One training run. Optimiser and schedule are timm's, by name."""

    epochs: Annotated[int, Field(ge=1, le=10_000)]
    """Passes over the training split."""
    batch: Annotated[int, Field(ge=2, le=4096)]
    """Images per update."""
    accumulate: Annotated[int, Field(ge=1, le=4096)] = 1
    """Passes that an update's images are split into: less memory for the same update, but for batch norm's."""
    opt: str = "adamw"
    """timm optimiser (``timm.optim.list_optimizers()``)."""
    lr: Annotated[float, Field(gt=0, le=10)]
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Weight decay, not applied to biases and norms."""
    sched: Literal["cosine", "poly", "step", "constant"] = "cosine"
    """timm learning-rate schedule, stepped per update."""
    min_lr: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Where the schedule ends."""
    decay_rate: Annotated[float, Field(gt=0, le=10)] = 0.1
    """Of ``step``: factor of each drop; of ``poly``: the power (1 is linear)."""
    decay_epochs: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Of ``step``: share of the epochs between two drops."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of all updates over which the rate rises linearly."""
    clip: Annotated[float, Field(ge=0)] = 1.0
    """Clip the gradient's norm to this; 0 leaves it."""
    class_weights: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Weigh an image's loss by its grade's count to minus this power: 0 leaves it, 1 lets every grade weigh alike."""
    resample: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Draw an epoch's images by their grade's count to minus this power: 0 takes each once, 1 evens the grades."""
    fade: Fade = Fade()
    """How ``resample`` fades."""
    keep: Literal["last", "best"] = "last"
    """Which weights are evaluated: those of the last epoch, or of the epoch with the best val kappa of the run's
    main head (scores where there are scores, else prob.; the earlier of equals). Test is never looked at."""
    numbers: Literal["portable", "fast"] = "portable"
    """portable: the same bits on every x86-64 processor with AVX2; fast: whatever this machine is quickest with."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train; auto takes a graphics card where there is one."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Number format; auto is 32-true, or with fast numbers bf16-mixed where the device multiplies it natively."""
    compile: bool = False
    """Let torch compile the network first: minutes at the start for faster steps after it; made for GPUs."""
    workers: Annotated[int, Field(ge=0, le=1024)] = 0
    """Runs trained side by side; 0 takes one per graphics card, or per core as far as memory carries them."""
    processes: Annotated[int, Field(ge=1, le=4096)] = 1
    """Processes that train each run together, one per graphics card or core, each on its part of every batch: another
    order of sums, so a run of its own. ``fundusbench train`` starts them; on several machines, ``torchrun`` does."""
    sync_batch_norm: bool = False
    """Let batch norms see the whole batch rather than each process's part of it; takes graphics cards."""
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0
    """Save the state of a running training this often, beside the end of each epoch; 0 after each update."""
    augment: Augment = Augment()
