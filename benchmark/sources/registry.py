"""Interface of the data sets, one file each.

A source is a module in this folder with four names:

* ``ABOUT``: a :class:`SourceInfo` with origin, terms and citation of the data set;
* ``Params``: a pydantic model (subclass of :class:`SourceParams`) of its parameters under ``data:``;
* ``photographs(params, folder, progress)``: yields one :class:`Photograph` per row of its table, after generating,
  fetching or locating the files. Rows are passed on as the table has them, because the data checks judge them;
* ``expected(params)``: the published number of images per grade of each split, or None.

Modules whose names begin with an underscore are helpers of the sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from pydantic import BaseModel, ConfigDict

from benchmark.common.errors import InputError
from benchmark.common.plugins import discover
from benchmark.common.terms import Counts, Eye, Split


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Metadata of a data set, the ``ABOUT`` of its file."""

    title: str
    homepage: str
    """Where its owners describe it and, mostly, give it out; an address, or empty for none."""
    terms: str
    """Its licence, or who decides what it may be used for; one sentence without its full stop."""
    citation: str
    """What to cite for its photographs and grades."""
    restricted: bool = False
    """True where its owners want terms accepted first: it is downloaded after ``accept_terms: true`` only."""


SOURCES = discover("benchmark.sources", SourceInfo)
"""Metadata of each data set by the name of its file, which ``data.source`` takes."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """One fundus photograph and what is known of it."""

    image_id: str
    path: Path
    """The file, relative to the working directory or absolute."""
    grade: int
    """International DR scale, 0 (none) to 4 (proliferative); any other number is no grade."""
    split: Split
    patient: str = ""
    """Empty where unknown: each image is then its own cluster, and the report says so."""
    eye: Eye = "unknown"
    written: str = ""
    """The label as written, where that is no whole number."""

    @property
    def label(self) -> str:
        """The label in words."""
        return self.written or str(self.grade)


class SourceParams(BaseModel):
    """What every data set declares."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    source: str
    """Which file of benchmark/sources reads this data set."""
    name: str
    """The data set's name, shown in every caption."""
    root: str
    """Folder of the photographs; for a generated or downloaded set, the code that makes it. DVC watches it."""
    synthetic: bool = False
    """True where the photographs are generated: every table and figure then says so."""


class Progress(Protocol):
    """Called with (done, total) as work advances."""

    def __call__(self, done: int, total: int) -> None: ...


class Source(Protocol):
    """The interface of a module in this package."""

    ABOUT: SourceInfo
    Params: type[SourceParams]

    @staticmethod
    def photographs(params: SourceParams, folder: Path, progress: Progress) -> Iterator[Photograph]:
        """Yield every photograph once; generated or fetched files go into ``folder``."""
        ...

    @staticmethod
    def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
        """Images per grade of the splits that are known beforehand; None where nothing is."""
        ...


def load_source(name: str) -> Source:
    """Import the module that implements a data set.

    Raises:
        InputError: no data set has that name.
    """
    if name not in SOURCES:
        msg = f"data.source must be one of {', '.join(SOURCES)}, but got {name!r}: correct it in params.yaml"
        raise InputError(msg)
    return cast("Source", import_module(f"benchmark.sources.{name}"))
