"""What the real data sets share: a copy on disk, or one that is downloaded once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.sources.registry import SourceInfo, SourceParams

DOWNLOADS = "downloads"
"""Folder of the archives while a data set is being fetched; it goes when they are unpacked."""


class RealParams(SourceParams):
    """A data set of real photographs.

    ``root`` is the folder of a copy on disk, whose files are used where they are; or it is the data set's module,
    ``benchmark/sources/<source>.py``, and a copy is downloaded.
    """

    @property
    def on_disk(self) -> bool:
        """Whether ``root`` is a copy."""
        return self.root != _module(self.source)


class RestrictedParams(RealParams):
    """One whose owners want their terms accepted before a download."""

    accept_terms: bool = False
    """True says that you have read the terms and accept them; a copy on disk needs no word here."""


def find_copy(params: SourceParams, about: SourceInfo, folder: Path, fetch: Callable[[Path], None]) -> Path:
    """The folder of the data set's files: that of ``root``, or ``folder/<source>``, filled at the first call.

    Args:
        params: those of the data set.
        about: its owners' terms, which are printed before a download.
        folder: where downloads go.
        fetch: fills a folder; called again after a failure, with what is there already. Archives belong into its
            sub-folder :data:`DOWNLOADS`.

    Raises:
        InputError: there is no such copy, or the terms are not accepted yet.
    """
    assert isinstance(params, RealParams)
    if params.on_disk:
        if not Path(params.root).is_dir():
            msg = (
                f"data.root must be the folder of a copy of {about.title}, but there is no folder {params.root}: "
                f"correct it, or set it to {_module(params.source)} to download one"
            )
            raise InputError(msg)
        return Path(params.root)
    target = folder / params.source
    if not target.is_dir():
        _admit(params, about)
        partial = folder / f"{params.source}.partial"
        partial.mkdir(parents=True, exist_ok=True)
        fetch(partial)
        shutil.rmtree(partial / DOWNLOADS, ignore_errors=True)
        partial.replace(target)
    return target


def not_fetched(about: SourceInfo, what: str) -> Callable[[Path], None]:
    """For a data set that its owners give by hand alone: a ``fetch`` that says how to get it."""

    def refuse(_: Path) -> None:
        msg = f"{about.title} cannot be downloaded by a program, but must be got by hand: {what}"
        raise InputError(msg)

    return refuse


def _admit(params: RealParams, about: SourceInfo) -> None:
    if isinstance(params, RestrictedParams) and not params.accept_terms:
        msg = (
            f"the terms of {about.title} must be accepted before its download ({about.terms}; {about.homepage}): read "
            "them, then set data.accept_terms=true, or name a copy of yours in data.root"
        )
        raise InputError(msg)
    print(f"{about.title}, {about.homepage}\nterms: {about.terms}", flush=True)


def _module(source: str) -> str:
    return f"benchmark/sources/{source}.py"
