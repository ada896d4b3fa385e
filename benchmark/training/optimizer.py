"""Class of the optimizer in ``train.opt``."""

from __future__ import annotations

from collections.abc import Callable

from timm.optim import get_optimizer_class, list_optimizers
from torch.optim import Optimizer

from benchmark.common.errors import InputError, did_you_mean


def optimizer_class(name: str) -> Callable[..., Optimizer]:
    """Return timm's optimizer of that name, with timm's defaults.

    Raises:
        InputError: timm has no such optimizer, or lacks the package or device that it needs.
    """
    try:
        return get_optimizer_class(name)  # type: ignore[no-any-return]
    # timm raises AssertionError if an optimizer of another package needs a CUDA device and there is none.
    except (ValueError, ImportError, AssertionError) as error:
        msg = (
            f"train.opt must be an optimizer that timm can build here, but got {name!r}"
            f"{did_you_mean(name, list_optimizers()) or f' ({error})'}: correct it"
        )
        raise InputError(msg) from error
