"""Interface and metadata of the compared systems in this package; each file is one and describes itself in ``ABOUT``.

A system is a module with ``sides(net, blocks)``, the sides of a net's input and maps, ``build(net, blocks, width,
model) -> Body``, ``columns(outputs, statistics)``, which returns the input of its blends, shape (n, d), and,
if it uses image statistics, ``statistics(plain, shown, sizes)``. One whose nets are built on the backbone
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
"""Maximum and minimum side of a net's input as a multiple of the field of view's side."""
ENLARGED = 2
"""Largest allowed enlargement of a prepared square."""

Outputs = Mapping[str, npt.NDArray[np.float32]]
"""Outputs of a net for each image, by name: ``score`` (n,), ``prob`` (n, 5), and the spread of each over TTA views."""
Statistics = npt.NDArray[np.float32]
"""Statistics of each photograph, shape (n, k)."""


class Body(NamedTuple):
    """A net without its heads."""

    module: nn.Module
    """Images (n, 3, pixels, pixels) to a map (n, channels, m, m)."""
    channels: int
    pixels: int
    """Side of its input."""
    heads: Mapping[str, Head] = {}
    """Output -> module of models/heads that replaces the head of the loss. The system imports it, so its run keys
    hash it."""


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
    """A step from one network to the whole system, or a control."""

    title: str
    """Name in tables."""
    blend: str
    """A file of models/blends."""
    nets: Literal["first", "last", "all"] | tuple[str, ...] = "all"
    """Networks that it uses, by position or by name."""
    tta: bool = True
    """Use means over TTA views instead of the outputs for the original image."""
    eyes: Literal["one", "both", "shuffled"] = "both"
    """Eyes that it uses: the graded eye alone, both eyes, or the graded eye and one of another patient."""
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
    """Colour normalisation of its photographs: a file of benchmark/images/colour_normalisation."""
    centre: float
    """Pixel value, 0-255, that is subtracted from and then divides the input of its nets, unless ``colours`` is set."""
    nets: tuple[str, ...]
    """Names of its nets, the most important first."""
    train_only_augment: tuple[str, ...]
    """Augmentations of the training that TTA omits."""
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
    """Mean and standard deviation of red, green and blue, 0-255, that normalise the input of its nets; they replace
    ``centre``."""
    inherits: Literal["weights", "kernels"] = "weights"
    """Weights that a net inherits from its parent: all outside the heads, or only the kernels of the convolutions."""
    layer: str = ""
    """Module of its nets (``backbone.body`` is its body) whose output is saved for blends that read features; empty if
    no blend does."""
    tuned: bool = True
    """Tune the thresholds of each row on the patients of its blend instead of using the default decision rule."""
    attention_net: str = ""
    """Net whose body has ``attention(images)``: the map (n, m, m), the corners of windows (n, w, 2) and their side."""
    our_version: str = "scaled down, with fewer blocks, channels, views and images than its source"
    """Description of our version in captions: how it differs from the system in the paper's comparison."""
    left_out: str = ""
    """Parts of the source that are missing at every scale, apart from pseudo-labels, which no system uses."""


SYSTEMS = discover(__package__, SystemInfo, Step)
"""Metadata by name of the file, which is the name in ``systems``."""


class Geometry(NamedTuple):
    """Sides in pixels of a net's input and of the field of view in it."""

    input_px: int
    fov_px: int


def geometry(name: str, net: str, settings: Net, size_px: int) -> Geometry:
    """Compute the sides of a net's input and of the field of view in it, given the side of its prepared squares.

    Raises InputError if the blocks do not fit the source's layout, or the field of view fits neither the input nor the
    pack.
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
    """Return the side of the field of view in a net's input, as set or by default as derived by the system."""
    view = SYSTEMS[name].view
    return settings.fov_px or (int(input_px / view) if view else size_px)


def load_system(name: str) -> System:
    """Import a system by the name of its file."""
    return cast("System", import_module(f"{__package__}.{name}"))
