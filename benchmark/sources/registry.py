"""Interface of the data sets, one file each.

A source is a module in this folder with four names:

* ``ABOUT``: a :class:`SourceInfo` with origin, terms and citation of the data set;
* ``Params``: a pydantic model (subclass of :class:`SourceParams`) of its parameters under ``data:``;
* ``photographs(params, folder, progress)``: yields one :class:`Photograph` per row of its table, after generating,
  fetching or locating the files. Rows are passed on as they are in the table, because the data checks judge them;
* ``expected(params)``: the published number of images per grade of each split, or None.

Modules whose names begin with an underscore are helpers of the sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from benchmark.common.errors import InputError
from benchmark.common.plugins import discover
from benchmark.common.section import Section
from benchmark.common.terms import Counts, Eye, Split


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Metadata of a data set, the ``ABOUT`` of its file."""

    title: str
    homepage: str
    """Address of the page of its owners; empty if there is none."""
    terms: str
    """Licence or terms of use, as one sentence without a full stop."""
    citation: str
    """Publications to cite for its photographs and grades."""
    restricted: bool = False
    """True if its owners require acceptance of their terms: it is then downloaded only after ``accept_terms: true``."""
    has_photographs: bool = True
    """False for labels alone, on which predictions of other programs are evaluated and nothing is trained."""


SOURCES = discover("benchmark.sources", SourceInfo)
"""Metadata of each data set by the name of its file, which ``data.source`` takes."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """One fundus photograph with its labels."""

    image_id: str
    path: Path
    """Path of the file, relative to the working directory or absolute; ``Path()`` without photographs."""
    grade: int
    """International DR scale, 0 (none) to 4 (proliferative); the checks report any other number."""
    split: Split
    patient: str = ""
    """Empty if unknown; the image then counts as a patient of its own, and the report notes it."""
    eye: Eye = "unknown"
    written: str = ""
    """Label as written, if that is not a whole number."""

    @property
    def label(self) -> str:
        """Label as text."""
        return self.written or str(self.grade)


class SourceParams(Section):
    """Parameters that all data sets have."""

    source: str
    """File of benchmark/sources that reads this data set."""
    name: str
    """Name of the data set, shown in every caption."""
    root: str
    """Folder of the photographs; for a generated or downloaded data set, its code; for labels alone, their table. DVC
    tracks it."""
    synthetic: bool = False
    """True if the photographs are generated; every table and figure then says so."""


class OnProgress(Protocol):
    """Called with (done, total) as work advances."""

    def __call__(self, done: int, total: int) -> None: ...


class Source(Protocol):
    """Interface of a module in this package."""

    ABOUT: SourceInfo
    Params: type[SourceParams]

    @staticmethod
    def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
        """Yield every photograph once; generated or fetched files go into ``folder``."""
        ...

    @staticmethod
    def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
        """Return the published images per grade of each split, as far as known; None if none are."""
        ...


def load_source(name: str) -> Source:
    """Import the module that implements a data set; raise InputError if no data set has that name."""
    if name not in SOURCES:
        msg = f"data.source must be one of {', '.join(SOURCES)}, but got {name!r}: correct it in params.yaml"
        raise InputError(msg)
    return cast("Source", import_module(f"benchmark.sources.{name}"))
