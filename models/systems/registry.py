"""Interface and metadata of the compared systems in this package; each file is one and describes itself in ``ABOUT``.

A system is a module with ``sides(net, blocks)``, the sides of a net's input and maps, ``build(net, blocks, width,
model) -> Body``, ``columns(outputs, statistics)``, which gives what its blends read of an eye, shape (n, d), and,
where it reads the photographs themselves, ``statistics(plain, shown, sizes)``. One whose nets are built on the backbone
that all arms share (``shares_backbone``) takes images of any side and has no ``sides``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

from benchmark.common.errors import InputError
from benchmark.common.plugins import discover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from models.heads.registry import Head
    from models.settings import Model
    from models.system_settings import Net

WIDEST, NARROWEST = 2.0, 0.8
"""Side of a net's input as a multiple of the field of view's side, at most and at least."""
ENLARGED = 2
"""Largest allowed enlargement of a prepared square."""

Outputs = Mapping[str, npt.NDArray[np.float32]]
"""Outputs of a net for each image, by name: ``score`` (n,), ``prob`` (n, 5), and the spread of each over passes."""
Statistics = npt.NDArray[np.float32]
"""Numbers of each photograph, shape (n, k)."""


class Body(NamedTuple):
    """A net without its heads."""

    module: nn.Module
    """Images (n, 3, pixels, pixels) to a map (n, channels, m, m)."""
    channels: int
    pixels: int
    """The side of input that it takes."""
    heads: Mapping[str, Head] = {}
    """Output -> module of models/heads, where it is another than the loss has. The system imports it, so that the keys
    of its runs hash it."""


class System(Protocol):
    """The interface of a module in this package."""

    @staticmethod
    def sides(net: str, blocks: int) -> list[int]: ...

    @staticmethod
    def build(net: str, blocks: int, width: float, model: Model) -> Body: ...

    @staticmethod
    def columns(outputs: Sequence[Outputs], statistics: Statistics | None) -> npt.NDArray[np.float32]: ...

    @staticmethod
    def statistics(
        plain: npt.NDArray[np.uint8], shown: npt.NDArray[np.uint8], sizes: npt.NDArray[np.int64]
    ) -> Statistics: ...


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a system's ladder, or a control."""

    title: str
    """Name in tables."""
    blend: str
    """A file of models/blends."""
    nets: Literal["first", "last", "all"] | tuple[str, ...] = "all"
    """Networks that it reads, by position or by name."""
    tta: bool = True
    """Use means over augmented passes instead of the outputs for the unchanged image."""
    eyes: Literal["one", "both", "shuffled"] = "both"
    """Eyes whose columns are read: the own one, both of the patient, or the own one and one of another patient."""
    statistics: bool = False
    """Add the statistics of the photographs to the columns."""
    control: bool = False


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """Metadata of a system."""

    title: str
    """Name in the paper's comparison."""
    loss: str
    """Loss of its nets: a file of models/losses."""
    colour_normalisation: str
    """Colours that its nets are shown: a file of benchmark/images/colour_normalisation."""
    centre: float
    """Level, 0-255, that is zero to its nets; one is as far from it as it is from 0. See ``colours``, too."""
    nets: tuple[str, ...]
    """Names of its nets, the most important first."""
    train_only_augment: tuple[str, ...]
    """Random changes that belong to training alone and not to passes."""
    steps: Mapping[str, Step]
    """Steps from one net to the whole system, in order, and controls."""
    missing_fellow: Literal["copy", "drop"]
    """Replacement of a missing fellow eye: ``copy`` reads the own eye twice; ``drop`` fits no blend on such eyes."""
    shares_backbone: bool = False
    """Build its nets on the backbone of `model`, with the same normalisation; their input is then the square around the
    field of view."""
    view: float | None = None
    """Side of a net's input as a share of the field of view's side, from which ``fov_px`` follows if it is not set;
    None: the field of view has as many pixels as the pack."""
    colours: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    """Levels, 0-255, of red, green and blue that are zero to its nets, and how far above them one is, in the place of
    ``centre``."""
    inherits: Literal["weights", "kernels"] = "weights"
    """Part that a net takes from the net it starts from: all weights outside the heads, or only the kernels of the
    convolutions."""
    layer: str = ""
    """Module of its nets (``backbone.body`` holds its own) whose output is kept for blends that read features; empty if
    no blend does."""
    tuned: bool = True
    """Tune the thresholds of each row on the patients of its blend instead of using the default decision rule."""
    attention_net: str = ""
    """Net whose body has ``attention(images)``: what its windows follow (n, m, m), their corners (n, w, 2) and side."""
    our_version: str = "scaled down, with fewer blocks, channels, views and images than its source"
    """Difference between our version and the system in the paper's comparison, in words."""
    left_out: str = ""
    """Parts of the source that are missing here at every scale, apart from pseudo-labels, which no system has."""


SYSTEMS = discover(__package__, SystemInfo, Step)
"""Metadata by name of the file, which is the name in ``systems``."""


class Geometry(NamedTuple):
    """Sides in pixels of a net's input and of the field of view in it."""

    input_px: int
    fov_px: int


def geometry(name: str, net: str, settings: Net, size_px: int) -> Geometry:
    """Work out how large a net's input is, and how large the field of view is in it.

    Args:
        name: of the system.
        net: of the network.
        settings: of the network.
        size_px: side of the prepared squares that it is shown.

    Raises:
        InputError: the blocks do not fit the source's layout, or the field of view fits neither the input nor the pack.
    """
    if SYSTEMS[name].shares_backbone:
        side = fov = fov_of(name, settings, size_px, 0)
    else:
        side = load_system(name).sides(net, settings.blocks)[0]
        fov = fov_of(name, settings, size_px, side)
    key = f"systems.{name}.nets.{net}.fov_px"
    origin = "set" if settings.fov_px else f"from sizes.{settings.size} and `blocks`"
    if fov > ENLARGED * size_px:
        msg = (
            f"{key} must be at most {ENLARGED * size_px}, twice the {size_px} px of sizes.{settings.size}, but got "
            f"{fov} ({origin}): lower it or `blocks`, or set a larger `size`"
        )
        raise InputError(msg)
    lowest, highest = math.ceil(side / WIDEST), math.floor(side / NARROWEST)
    if not lowest <= fov <= highest:
        msg = (
            f"{key} must be {lowest} to {highest}, as {settings.blocks} blocks take an input of {side} px, but got "
            f"{fov} ({origin}): set it, or change `blocks`"
        )
        raise InputError(msg)
    return Geometry(side, fov)


def fov_of(name: str, settings: Net, size_px: int, input_px: int) -> int:
    """Side of the field of view in a net's input: as it is set or, by default, as its system derives it."""
    view = SYSTEMS[name].view
    return settings.fov_px or (int(input_px / view) if view else size_px)


def load_system(name: str) -> System:
    """Import a system by the name of its file."""
    return cast("System", import_module(f"{__package__}.{name}"))
