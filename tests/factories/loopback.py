"""A file server on loopback that can misbehave: it cuts connections, ignores ranges, or returns errors."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Loopback:
    """The server's files, its planned misbehaviour, and the requests that it received."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Content by path, which begins with a slash."""
    redirects: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    """JSON responses to POST requests, by path."""
    cuts: list[int] = field(default_factory=list)
    """Numbers of body bytes after which the next responses end."""
    statuses: list[int] = field(default_factory=list)
    """Error statuses of the next responses."""
    ranges: bool = True
    """True if the server supports range requests."""
    tags: bool = True
    """True if responses have an ETag."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of each request."""
    url: str = ""

    def tag(self, path: str) -> str:
        """Return the ETag of a file."""
        return f'"{hashlib.sha256(self.files[path]).hexdigest()[:16]}"'


class _Handler(BaseHTTPRequestHandler):
    loopback: Loopback
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.loopback.requests.append((path, self.headers.get("Range", "")))
        if self.loopback.statuses:
            self._head(self.loopback.statuses.pop(0), 0)
        elif path in self.loopback.redirects:
            self._head(302, 0, Location=self.loopback.redirects[path])
        elif path in self.loopback.answers:
            body = self.loopback.answers[path].encode()
            self._head(200, len(body), Content_Type="application/json")
            self.wfile.write(body)
        elif path in self.loopback.files:
            self._file(path)
        else:
            self._head(404, 0)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def _file(self, path: str) -> None:
        data = self.loopback.files[path]
        begin = self._begin(path)
        if begin > len(data) or (begin and begin == len(data)):
            self._head(416, 0, Content_Range=f"bytes */{len(data)}")
            return
        more = {"Content_Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
        if self.loopback.tags:
            more["ETag"] = self.loopback.tag(path)
        self._head(206 if begin else 200, len(data) - begin, Accept_Ranges="bytes", **more)
        body = data[begin:]
        cut = self.loopback.cuts.pop(0) if self.loopback.cuts else len(body)
        self.wfile.write(body[:cut])
        if cut < len(body):
            self.wfile.flush()
            self.close_connection = True

    def _begin(self, path: str) -> int:
        range_header = self.headers.get("Range", "")
        same = self.headers.get("If-Range", self.loopback.tag(path)) == self.loopback.tag(path)
        return (
            int(range_header.removeprefix("bytes=").rstrip("-"))
            if range_header and self.loopback.ranges and same
            else 0
        )

    def _head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve() -> Iterator[Loopback]:
    """Run the server until the block ends."""
    loopback = Loopback()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"loopback": loopback}))
    loopback.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
