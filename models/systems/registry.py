"""Whole systems of others, one file each: how they are laid out, readable without importing torch.

A system is a module with ``sides(net, blocks)``, the sides of a net's input and maps, ``build(net, blocks, width,
model) -> Body``, ``columns(outputs, statistics)``, which gives what its blends read of an eye, shape (n, d), and,
where it reads the photographs themselves, ``statistics(plain, shown, sizes)``. One whose nets are built on the trunk
that all arms share (``shares_trunk``) takes images of any side and has no ``sides``. Adding one is adding its file and
its line in :data:`SYSTEMS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from models.settings import Model

Outputs = Mapping[str, npt.NDArray[np.float32]]
"""What a net says of each image, by name: ``score`` (n,), ``prob`` (n, 5), and the spread of each over passes."""
Statistics = npt.NDArray[np.float32]
"""Numbers of each photograph, shape (n, k)."""


class Body(NamedTuple):
    """A net without its heads."""

    module: nn.Module
    """Images (n, 3, pixels, pixels) to a map (n, channels, m, m)."""
    channels: int
    pixels: int
    """The side of input that it takes."""
    heads: Mapping[str, str] = {}
    """Output -> file of models/heads, where it is another than the loss has."""


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
class Row:
    """A step of a system's ladder, or a control."""

    title: str
    """How tables call it."""
    blend: str
    """A file of models/blends."""
    nets: Literal["first", "last", "all"] | tuple[str, ...] = "all"
    """Which it reads; or their names."""
    passes: bool = True
    """Whether the nets' outputs are means over passes; else of the image as it is."""
    eyes: Literal["one", "both", "shuffled"] = "both"
    """Whose columns are read: the eye's own, those of its fellow, too, or of a stranger's in the fellow's place."""
    statistics: bool = False
    """Whether the statistics of the photographs are among the columns."""
    control: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Registry line of a system."""

    title: str
    """As the paper's comparison calls it."""
    objective: str
    """What its nets minimise: a file of models/losses."""
    colour_normalisation: str
    """What its nets are shown: a key of benchmark.images.colour_normalisation."""
    centre: float
    """Level, 0-255, that is zero to its nets; one is as far from it as it is from 0. See ``colours``, too."""
    nets: tuple[str, ...]
    """In the order of importance."""
    still: tuple[str, ...]
    """Random changes that belong to training alone and not to passes."""
    rows: Mapping[str, Row]
    """In the ladder's order, the whole system last of those that are no controls."""
    missing: Literal["copy", "drop"]
    """What stands for a fellow that is missing: the eye itself; or nothing, so that no blend is fitted on such eyes."""
    shares_trunk: bool = False
    """Whether its nets are built on the trunk of `model`, whose normalisation they have, too; their input's side is
    then that of the disc."""
    colours: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    """Levels, 0-255, of red, green and blue that are zero to its nets, and how far above them one is, in the place of
    ``centre``."""
    carries: Literal["weights", "kernels"] = "weights"
    """What a net that starts from another one takes of it: all weights that are not a head's, or the convolutions'
    kernels alone."""
    layer: str = ""
    """Module of its nets (``trunk.body`` holds its own) whose output is kept with their answers, for blends that read
    features; empty where none does."""
    tuned: bool = True
    """Whether a row's grades are cut where that is best on the patients of its blend; else its head's default rule."""
    looks: str = ""
    """Net whose body has ``looked(images)``: what its windows follow (n, m, m), their corners (n, w, 2) and side."""
    unlike: str = "a scaled one, with fewer blocks, channels, passes and images than its source"
    """What ours is, beside the system that the paper's comparison lists."""
    left_out: str = ""
    """Parts of the source that are missing here at any scale, beside pseudo-labels, which none has."""


SYSTEMS: dict[str, Entry] = {
    "min_pooling": Entry(
        title="Min-pooling",
        objective="ce",
        colour_normalisation="graham",
        centre=128,
        nets=("net_1", "net_2", "net_3"),
        still=("stretch", "skew"),
        rows={
            "one_pass": Row("one net, one pass, one eye", "expected", "first", passes=False, eyes="one"),
            "passes": Row("+ passes", "expected", "first", eyes="one"),
            "fellow": Row("+ fellow eye and image statistics, by a forest", "forest", "first", statistics=True),
            "ensemble": Row("+ ensemble", "forest", statistics=True),
            "own_eye": Row("own eye alone", "forest", eyes="one", statistics=True, control=True),
            "shuffled": Row("a stranger's eye as fellow", "forest", eyes="shuffled", statistics=True, control=True),
            "no_statistics": Row("no image statistics", "forest", control=True),
        },
        missing="copy",
    ),
    "o_o": Entry(
        title="o_O",
        objective="mse",
        colour_normalisation="plain",
        centre=0,
        colours=((108.64628601, 75.86886597, 54.34005737), (70.53946096, 51.71475228, 43.03428563)),
        nets=("a_1", "a_2", "a_3", "b_1", "b_2", "b_3"),
        still=(),
        rows={
            "one_pass": Row("one net, one pass, one eye", "score", "last", passes=False, eyes="one"),
            "passes": Row("+ passes", "score", "last", eyes="one"),
            "fellow": Row("+ fellow eye, by a maxout network on features", "maxout", "last"),
            "own_eye": Row("own eye alone", "maxout", "last", eyes="one", control=True),
            "shuffled": Row("a stranger's eye as fellow", "maxout", "last", eyes="shuffled", control=True),
        },
        missing="drop",
        carries="kernels",
        layer="trunk.body.pooled",
        tuned=False,
        left_out="a second net and two more weight sets of each, and passes from a quasi-random sequence",
    ),
    "reformed_gamblers": Entry(
        title="Reformed Gamblers",
        objective="mse_free_ends",
        colour_normalisation="plain",
        centre=127.5,
        nets=("plain", "step", "cyclic", "fractional", "four"),
        still=(),
        rows={
            "one_pass": Row("one net, one pass, one eye", "score", "first", passes=False, eyes="one"),
            "passes": Row("+ passes", "score", "first", eyes="one"),
            "fellow": Row("+ fellow eye, by an elastic net", "elastic_net", "first"),
            "ensemble": Row("+ ensemble, by an elastic net on the nets' grades", "elastic_nets"),
            "own_eye": Row("own eye alone", "elastic_nets", eyes="one", control=True),
            "shuffled": Row("a stranger's eye as fellow", "elastic_nets", eyes="shuffled", control=True),
        },
        missing="drop",
        left_out="retuned copies of nets, nets at other sizes, and another net's first block in its cyclic one",
    ),
    "zoom_in_net": Entry(
        title="Zoom-in-Net",
        objective="ce",
        colour_normalisation="plain",
        centre=127.5,
        nets=("m", "a", "c", "c_random"),
        still=("flip", "rotate"),
        rows={
            "m_net": Row("M-Net, our reading", "expected", "first", passes=False, eyes="one"),
            "m_net_a_net": Row("+ A-Net, our reading", "expected", ("a",), passes=False, eyes="one"),
            "whole": Row("+ windows, our reading", "expected", ("c",), passes=False, eyes="one"),
            "random_windows": Row("windows anywhere", "expected", ("c_random",), eyes="one", control=True),
        },
        missing="drop",
        shares_trunk=True,
        looks="c",
        unlike="our reading of its abstract, for its paper's body was not to be had",
    ),
    "huang": Entry(
        title="Huang et al. 2023",
        objective="mse",
        colour_normalisation="plain",
        centre=127.5,
        nets=("single_eye",),
        still=(),
        rows={
            "one_pass": Row("one net, one pass, one eye", "score", "first", passes=False, eyes="one"),
            "fellow": Row("+ fellow eye, by a fusion of features", "fusion", passes=False),
            "own_eye": Row("own eye alone", "fusion", passes=False, eyes="one", control=True),
            "shuffled": Row("a stranger's eye as fellow", "fusion", passes=False, eyes="shuffled", control=True),
        },
        missing="copy",
        shares_trunk=True,
        # What heads read of its pooled map; it drops nothing when it answers.
        layer="dropout",
        tuned=False,
        unlike="added here to the paper's rows, and on the trunk of all arms in the place of its ResNet-50",
        left_out="changes of brightness and contrast, and a fusion that sees photographs changed anew in each epoch",
    ),
}
"""Name in ``systems`` (and of the file in models/systems) -> its registry line."""


def input_side(name: str, net: str, blocks: int, disc: int) -> int:
    """Side of the input of a system's network."""
    return disc if SYSTEMS[name].shares_trunk else load_system(name).sides(net, blocks)[0]


def load_system(name: str) -> System:
    """Import a system by the name of its file."""
    return cast("System", import_module(f"models.systems.{name}"))
