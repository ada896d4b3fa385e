"""Safe extraction of zip archives, also in numbered parts.

Links, special files and names outside the target folder are rejected, and so is an archive that would grow beyond
bounds, before anything is written. The target appears complete or not at all. A killed extraction resumes with the
files that it had finished, if they have the checksums of the archive; a rejected archive leaves none.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from benchmark.common.errors import InputError
from benchmark.common.files import atomic
from benchmark.common.progress import progress_bar

MAX_BYTES = 256 * 1024**3
"""Maximum total size after extraction; EyePACS takes a third of it."""
MAX_RATIO = 200
"""Maximum ratio of extracted to packed size. Photographs hardly shrink, tables shrink tenfold; only bombs exceed it."""
_BLOCK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
"""Errors of zipfile for archives that are truncated, changed, encrypted or of another format."""


def unpack(parts: Sequence[Path], target: Path, keep: Callable[[str], bool] = lambda name: True) -> None:
    """Extract the wanted files of an archive, given by its parts in order, into a folder that must not exist yet.

    ``keep`` returns whether a file is wanted, by its name in the archive. Raises InputError if the archive is damaged,
    unsafe or of another format, or the disk is full.
    """
    partial = target.with_name(f"{target.name}.partial")
    name = parts[0].name
    try:
        with io.BufferedReader(JoinedFiles(parts), _BLOCK) as stream, zipfile.ZipFile(stream) as archive:
            _check_safety(archive, name, packed=sum(part.stat().st_size for part in parts))
            _extract(archive, partial, keep, name)
    except InputError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    except _DAMAGED as error:
        shutil.rmtree(partial, ignore_errors=True)
        reason = " ".join(str(error).split()) or type(error).__name__
        msg = f"an archive must be a complete zip file, but {name} is not ({reason}): remove it and fetch it again"
        raise InputError(msg) from error
    except OSError as error:
        msg = f"{name} must be unpacked to {target}, but that fails ({error.strerror or error}): free some space"
        raise InputError(msg) from error
    os.sync()  # Once for all files, so that a power cut leaves no complete folder with empty files.
    partial.replace(target)


class JoinedFiles(io.RawIOBase):
    """Several files read as if they were one, without a copy."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._streams = [part.open("rb") for part in parts]
        self._sizes = [part.stat().st_size for part in parts]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: sum(self._sizes)}[whence]
        self._position = max(0, offset + start)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        begin = self._position
        for stream, size in zip(self._streams, self._sizes, strict=True):
            if begin < size:
                stream.seek(begin)
                count = stream.readinto(buffer)
                self._position += count
                return count
            begin -= size
        return 0

    def close(self) -> None:
        for stream in self._streams:
            stream.close()
        super().close()


def _check_safety(archive: zipfile.ZipFile, name: str, packed: int) -> None:
    """Raise if extraction could write outside the target folder or fill the disk."""
    infos = archive.infolist()
    limit = min(MAX_BYTES, MAX_RATIO * packed)
    seen: set[str] = set()
    for info in infos:
        path, member = PurePosixPath(info.filename), info.filename
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _unsafe(member, "is a link or a special file")
        if path.is_absolute() or ".." in path.parts or any(character in member for character in "\\:\0"):
            raise _unsafe(member, "leads out of the folder")
        if member in seen:
            raise _unsafe(member, "occurs twice")
        seen.add(member)
    if sum(info.file_size for info in infos) > limit:
        raise _unsafe(name, f"grows to more than {limit:,} bytes")


def _unsafe(name: str, fault: str) -> InputError:
    return InputError(
        f"an archive may hold only plain files below its folder, but {name!r} {fault}: do not use this archive"
    )


def _extract(archive: zipfile.ZipFile, partial: Path, keep: Callable[[str], bool], name: str) -> None:
    """Write the wanted files below ``partial``, except those that an earlier run finished."""
    partial.mkdir(parents=True, exist_ok=True)
    for leftover in partial.rglob(".*.partial"):
        leftover.unlink()
    for info in progress_bar(archive.infolist(), unit=" files", desc=f"unpack {name}"):
        path = partial / info.filename
        if not info.is_dir() and keep(info.filename) and not _is_extracted(path, info):
            with atomic(path, durable=False) as temporary, temporary.open("wb") as target, archive.open(info) as source:
                shutil.copyfileobj(source, target, _BLOCK)


def _is_extracted(path: Path, info: zipfile.ZipInfo) -> bool:
    """Return whether a file has the size and the checksum that the archive gives."""
    if not path.is_file() or path.stat().st_size != info.file_size:
        return False
    checksum = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum == info.CRC
