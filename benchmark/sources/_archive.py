"""Archives, unpacked without harm: zip, zip in numbered parts, and tar, compressed or not.

Nothing is written outside the target: names that lead out of it, links and special files are refused. So is what would
grow beyond bounds, before it is written. The target appears whole or not at all; a killed unpacking keeps the files
that it had finished.
"""

from __future__ import annotations

import functools
import gzip
import io
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from benchmark.common.errors import InputError
from benchmark.common.files import atomic
from benchmark.common.progress import progress_bar

MAX_BYTES = 256 * 1024**3
"""No data set here unpacks to more; all of EyePACS is a third of it."""
MAX_RATIO = 200
"""Photographs hardly shrink in an archive and tables do tenfold; only bombs grow by more than this."""
_BLOCK = 1 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,
)
"""What readers raise for an archive that is cut, changed, of another kind, or locked with a password."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpack(parts: Sequence[Path], target: Path, keep: Callable[[str], bool] = lambda name: True) -> None:
    """Unpack one archive into the folder ``target``, which must not exist yet.

    Args:
        parts: the archive's file, or its numbered parts in order.
        target: the folder to make.
        keep: says of a file's name in the archive whether it is wanted.

    Raises:
        InputError: the archive is damaged, of another kind, or would do harm; or the disk is full.
    """
    partial = target.with_name(f"{target.name}.partial")
    name = parts[0].name
    packed = sum(part.stat().st_size for part in parts)
    try:
        with ExitStack() as stack:
            stream = stack.enter_context(io.BufferedReader(Joined(parts), _BLOCK))
            members = _zip(stream, stack) if zipfile.is_zipfile(stream) else _tar(stream, stack)
            _write(_checked(members, name, packed, partial), partial, keep, name)
    except _DAMAGED as error:
        shutil.rmtree(partial, ignore_errors=True)  # What came out of it is not to be trusted either.
        why = " ".join(str(error).split()) or type(error).__name__
        msg = f"an archive must be a whole zip or tar file, but {name} is not ({why}): remove it and fetch it again"
        raise InputError(msg) from error
    except OSError as error:
        msg = f"{name} must be unpacked to {target}, but that fails ({error.strerror or error}): make room"
        raise InputError(msg) from error
    partial.replace(target)


class Joined(io.RawIOBase):
    """Files read as if they were one, without a copy of them."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._streams = [part.open("rb") for part in parts]
        self._sizes = [part.stat().st_size for part in parts]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: sum(self._sizes)}[whence])
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        begin = self._at
        for stream, size in zip(self._streams, self._sizes, strict=True):
            if begin < size:
                stream.seek(begin)
                got = stream.readinto(buffer)
                self._at += got
                return got
            begin -= size
        return 0

    def close(self) -> None:
        for stream in self._streams:
            stream.close()
        super().close()


def _zip(stream: IO[bytes], stack: ExitStack) -> Iterator[Member]:
    archive = stack.enter_context(zipfile.ZipFile(stream))
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _harm(info.filename, "is a link or a special file")
        if not info.is_dir():
            yield Member(info.filename, info.file_size, functools.partial(archive.open, info))


def _tar(stream: IO[bytes], stack: ExitStack) -> Iterator[Member]:
    stream.seek(0)
    archive = stack.enter_context(tarfile.open(fileobj=stream))  # noqa: SIM115 - the stack closes it
    for info in archive:
        if not info.isfile() and not info.isdir():
            raise _harm(info.name, "is a link or a special file")
        if info.isfile():
            yield Member(info.name, info.size, functools.partial(archive.extractfile, info))  # type: ignore[arg-type]
    while archive.fileobj and archive.fileobj.read(_BLOCK):  # The checksum of a compressed tar stands at its end.
        pass


def _checked(members: Iterable[Member], name: str, packed: int, partial: Path) -> Iterator[Member]:
    """Pass the members on, one by one, as long as none does harm."""
    total = 0
    seen: set[str] = set()
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name or "\0" in member.name:
            raise _harm(member.name, "leads out of the folder")
        if member.name in seen:
            raise _harm(member.name, "occurs twice")
        seen.add(member.name)
        total += member.size
        if total > min(MAX_BYTES, MAX_RATIO * packed):
            raise _harm(name, f"grows to more than {min(MAX_BYTES, MAX_RATIO * packed):,} bytes")
        yield member


def _harm(name: str, what: str) -> InputError:
    return InputError(f"an archive may hold plain files below its folder, but {name!r} {what}: do not use this archive")


def _write(members: Iterable[Member], partial: Path, keep: Callable[[str], bool], name: str) -> None:
    """Write the wanted members below ``partial``, but for those that an earlier run finished."""
    partial.mkdir(parents=True, exist_ok=True)
    for leftover in partial.rglob(".*.partial"):
        leftover.unlink()
    for member in progress_bar(members, unit=" files", desc=f"unpack {name}"):
        path = partial / member.name
        if keep(member.name) and not (path.exists() and path.stat().st_size == member.size):
            with atomic(path) as temporary, temporary.open("wb") as target, member.open() as source:
                shutil.copyfileobj(source, target, _BLOCK)
