"""HTTPS downloads that resume after a lost connection and are verified by their published checksum."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.common.errors import InputError
from benchmark.common.progress import progress_bar

if TYPE_CHECKING:
    from requests import Response

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds to wait after each consecutive attempt without progress; the download fails after the last."""
TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for its next bytes."""
_BLOCK = 1 << 16
"""Bytes written at a time; an interruption loses at most one block."""
_TEMPORARY_FAULTS = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP status codes that are worth a retry."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A published file with the checksum that identifies it."""

    url: str
    name: str
    """Name of the local file."""
    checksum: str
    """``sha256:`` and the digest in hex, or ``md5:`` if its publisher gives no other."""


class ConnectionLost(Exception):  # noqa: N818 - it leads to a retry
    """The connection ended before the file did; the message is the reason."""


def download(remote: RemoteFile, folder: Path) -> Path:
    """Download a file into ``folder`` unless it is there; an interrupted download is resumed.

    Raises InputError if it cannot be downloaded, or its checksum differs.
    """
    import pooch

    def fetch(url: str, output_file: str, _: Any) -> None:
        """Downloader for pooch, with a temporary file of a fixed name that a later run finds."""
        partial = folder / f"{remote.name}.partial"
        _fetch_with_retries(url, partial)
        partial.replace(output_file)
        _version_file(partial).unlink(missing_ok=True)

    pooch.get_logger().setLevel("ERROR")
    try:
        path = pooch.retrieve(remote.url, remote.checksum, remote.name, folder, downloader=fetch)
    except InputError:
        raise
    except ValueError as error:
        msg = (
            f"{remote.name} must have the checksum {remote.checksum}, but the file from {remote.url} has another and "
            "was removed: fetch again, or get it from the data set's homepage and set data.root to its folder"
        )
        raise InputError(msg) from error
    except OSError as error:
        msg = f"{remote.name} must be saved in {folder}, but cannot be ({error.strerror or error}): free some space"
        raise InputError(msg) from error
    return Path(path)


def _fetch_with_retries(url: str, partial: Path) -> None:
    """Request the missing bytes until the file is complete.

    Raises InputError if the server refuses, or no byte arrives during all :data:`WAITS`.
    """
    failures = 0
    while True:
        before = _size(partial)
        try:
            return _fetch(url, partial)
        except ConnectionLost as lost:
            failures = 0 if _size(partial) > before else failures + 1
            if failures > len(WAITS):
                msg = (
                    f"{url} must be reachable, but was not in {failures} attempts ({lost}): check the network and "
                    f"fetch again, which resumes after {_size(partial)} bytes"
                )
                raise InputError(msg) from lost
            time.sleep(WAITS[max(failures - 1, 0)])


def _fetch(url: str, partial: Path) -> None:
    """Open one connection; append to ``partial`` if the server still has the same file, else start over."""
    import requests

    begin = _size(partial)
    version = _version_file(partial).read_text() if begin and _version_file(partial).exists() else ""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begin}-", "If-Range": version} if version else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416:
                # The partial file is as long as the remote one, and thus complete, or longer, and thus useless.
                if response.headers.get("Content-Range") == f"bytes */{begin}":
                    return
                partial.unlink()
                raise ConnectionLost("the partial file was longer than the remote one")
            _check_status(url, response)
            resumes = response.headers.get("Content-Range", "").startswith(f"bytes {begin}-")
            _write(response, partial, begin if response.status_code == 206 and resumes else 0)
    except requests.RequestException as error:
        raise ConnectionLost(type(error).__name__) from error


def _check_status(url: str, response: Response) -> None:
    if response.status_code in _TEMPORARY_FAULTS:
        raise ConnectionLost(f"HTTP {response.status_code}")
    if not response.ok:
        msg = (
            f"{url} must exist, but the server answers {response.status_code} {response.reason}: get the file from "
            "the data set's homepage and set data.root to its folder"
        )
        raise InputError(msg)


def _write(response: Response, partial: Path, begin: int) -> None:
    """Write the body from byte ``begin`` on, after recording the version of the remote file."""
    length = response.headers.get("Content-Length")
    total = begin + int(length) if length else None
    etag = response.headers.get("ETag", "")
    # A weak tag may stay the same although bytes change, so it does not allow to append.
    version = etag if not etag.startswith("W/") and etag else response.headers.get("Last-Modified", "")
    _version_file(partial).write_text(version)
    bar = progress_bar(total=total, initial=begin, unit="B", unit_scale=True, desc=partial.stem)
    with bar, partial.open("r+b" if begin else "wb") as stream:
        stream.seek(begin)
        for block in response.iter_content(_BLOCK):
            stream.write(block)
            bar.update(len(block))
    if total is not None and _size(partial) < total:
        raise ConnectionLost("it was closed early")


def _version_file(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
