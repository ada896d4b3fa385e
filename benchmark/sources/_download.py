"""Files over https: resumed where a connection was cut, and kept only if their checksum is the published one."""

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
"""Seconds to wait after each attempt in a row that brought nothing; then the download is given up."""
TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for its next bytes."""
_BLOCK = 1 << 16
"""Bytes written at a time; what a cut leaves of a block is lost."""
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP status codes that may pass."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file that somebody serves, and the checksum that makes it that file."""

    url: str
    name: str
    """What it is called here."""
    checksum: str
    """``sha256:`` or, where its publisher gives no other, ``md5:`` and the digest in hex."""


class Cut(Exception):  # noqa: N818 - it is what happened to the connection
    """The connection ended before the file did; the message is the reason."""


def download(remote: Remote, folder: Path) -> Path:
    """Fetch a file into ``folder``, unless it is there whole; what a killed run left is continued.

    Raises:
        InputError: it cannot be fetched, or is another file than it should be.
    """
    import pooch

    def collect(url: str, output_file: str, _: Any) -> None:
        """Pooch's downloader: what it collects lies in a file of a fixed name, whatever cuts it."""
        partial = folder / f"{remote.name}.partial"
        _collect(url, partial)
        partial.replace(output_file)
        _version(partial).unlink(missing_ok=True)

    pooch.get_logger().setLevel("ERROR")
    try:
        path = pooch.retrieve(remote.url, remote.checksum, remote.name, folder, downloader=collect)
    except InputError:
        raise
    except ValueError as error:
        msg = (
            f"{remote.name} must have the checksum {remote.checksum}, but what {remote.url} gave has another and was "
            "removed: fetch again, or get it from the data set's homepage and name its folder in data.root"
        )
        raise InputError(msg) from error
    except OSError as error:
        msg = f"{remote.name} must fit on the disk, but {folder} cannot take it ({error.strerror or error}): make room"
        raise InputError(msg) from error
    return Path(path)


def _collect(url: str, partial: Path) -> None:
    """Ask for what is missing until nothing is.

    Raises:
        InputError: the server refuses, or :data:`WAITS` has passed without a byte.
    """
    idle = 0
    while True:
        before = _size(partial)
        try:
            return _attempt(url, partial)
        except Cut as cut:
            idle = 0 if _size(partial) > before else idle + 1
            if idle > len(WAITS):
                msg = (
                    f"{url} must be within reach, but was not in {idle} attempts ({cut}): check the network and fetch "
                    f"again, which goes on after the {_size(partial)} bytes that are here"
                )
                raise InputError(msg) from cut
            time.sleep(WAITS[max(idle - 1, 0)])


def _attempt(url: str, partial: Path) -> None:
    """One connection: append to ``partial`` if the server still has the same file, else start it anew."""
    import requests

    begin = _size(partial)
    known = _version(partial).read_text() if begin and _version(partial).exists() else ""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begin}-", "If-Range": known} if known else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416:
                # The partial file is as long as the whole one, or longer: it is whole, or of no use.
                if response.headers.get("Content-Range") == f"bytes */{begin}":
                    return
                partial.unlink()
                raise Cut("what was here is longer than the file")
            _check(url, response)
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {begin}-")
            _write(response, partial, begin if response.status_code == 206 and goes_on else 0)
    except requests.RequestException as error:
        raise Cut(type(error).__name__) from error


def _check(url: str, response: Response) -> None:
    if response.status_code in _AGAIN:
        raise Cut(f"HTTP {response.status_code}")
    if not response.ok:
        msg = (
            f"{url} must be there, but the server answers {response.status_code} {response.reason}: get the file from "
            "the data set's homepage and name its folder in data.root"
        )
        raise InputError(msg)


def _write(response: Response, partial: Path, begin: int) -> None:
    """Store the body from byte ``begin`` on, and first what tells this version of the file from another."""
    length = response.headers.get("Content-Length")
    total = begin + int(length) if length else None
    etag = response.headers.get("ETag", "")
    # A weak tag may stay while bytes change, so it is no ground to append on.
    known = etag if not etag.startswith("W/") and etag else response.headers.get("Last-Modified", "")
    _version(partial).write_text(known)
    bar = progress_bar(total=total, initial=begin, unit="B", unit_scale=True, desc=partial.stem)
    with bar, partial.open("r+b" if begin else "wb") as stream:
        stream.seek(begin)
        for block in response.iter_content(_BLOCK):
            stream.write(block)
            bar.update(len(block))
    if total is not None and _size(partial) < total:
        raise Cut("the connection was cut")


def _version(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
