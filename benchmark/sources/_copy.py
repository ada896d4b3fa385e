"""Shared base of the real data sets: a copy on disk, or one that is downloaded once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.sources.registry import SourceInfo, SourceParams

DOWNLOADS = "downloads"
"""Subfolder for archives during a download; it is removed after they are unpacked."""


class RealParams(SourceParams):
    """Parameters of a data set of real photographs.

    ``root`` is the folder of a copy on disk, which is read in place. If ``root`` is the data set's module,
    ``benchmark/sources/<source>.py``, a copy is downloaded.
    """

    @property
    def module(self) -> str:
        """Path of the data set's module, the ``root`` that asks for a download."""
        return f"benchmark/sources/{self.source}.py"


class RestrictedParams(RealParams):
    """Parameters of a data set whose owners require acceptance of their terms before a download."""

    accept_terms: bool = False
    """True if you have read the terms and accept them; not needed for a copy on disk."""


def find_copy(params: SourceParams, about: SourceInfo, folder: Path, fetch: Callable[[Path], object]) -> Path:
    """Return the folder of the data set's files: ``root``, or ``folder/<source>``, which the first call fills.

    ``fetch`` fills a folder; after a failure it is called again with the files that exist already. Archives belong into
    the subfolder :data:`DOWNLOADS`. The terms are printed before a download. Raises InputError if the copy is missing,
    or the terms are not accepted yet.
    """
    assert isinstance(params, RealParams)
    if params.root != params.module:
        if not Path(params.root).is_dir():
            msg = (
                f"data.root must be the folder of a copy of {about.title}, but the folder {params.root} does not "
                f"exist: correct it, or set it to {params.module} to download one"
            )
            raise InputError(msg)
        return Path(params.root)
    target = folder / params.source
    if not target.is_dir():
        if isinstance(params, RestrictedParams) and not params.accept_terms:
            msg = (
                f"the terms of {about.title} must be accepted before its download ({about.terms}; {about.homepage}): "
                "read them, then set data.accept_terms=true, or set data.root to the folder of your copy"
            )
            raise InputError(msg)
        print(f"{about.title}, {about.homepage}\nterms: {about.terms}", flush=True)
        partial = folder / f"{params.source}.partial"
        partial.mkdir(parents=True, exist_ok=True)
        fetch(partial)
        shutil.rmtree(partial / DOWNLOADS, ignore_errors=True)
        partial.replace(target)
    return target


def manual_download(about: SourceInfo, steps: str) -> Callable[[Path], None]:
    """Return a ``fetch`` for a data set that only its owners give out: it raises an error with the steps to take."""

    def fetch(_: Path) -> None:
        msg = f"{about.title} cannot be downloaded by a program, but must be got by hand: {steps}"
        raise InputError(msg)

    return fetch
