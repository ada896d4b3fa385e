"""Jobs on a cluster of Ray, which `ray start` made, or SLURM or Kubernetes by Ray's own means.

A node has the project installed as this machine has it. Where it sees the project's folder under the same path, it
works there as this machine would; a job whose node dies then goes on elsewhere from what it had written. Any other node
works in a folder of its own: it gets what a job reads through Ray's object store, and what came of the job comes back
that way.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from benchmark.common.code import code_sha256
from benchmark.common.errors import InputError
from benchmark.common.files import PROJECT, atomic, sha256_file, write_text
from benchmark.common.numerics import PINS
from benchmark.jobs.processes import tune_process
from benchmark.jobs.queue import Job, Tell, Told, outcome

RETRIES = 3
"""How often a job is begun again whose process or node died."""
_LIBRARIES = ("numpy", "torch", "timm", "opencv-python-headless", "pyarrow")
"""Their versions decide what comes of a job, as its code does."""
_CONNECT_S, _LISTEN_S = 5.0, 0.5
_CHUNK = 32
"""Pieces of work in a task."""
_ABSENT: Told = ("absent", "")
"""Of a node that does not see the project's folder, and was not given what the job reads."""

Files = dict[str, tuple[str, list[Any]]]
"""SHA-256 and object of each file that a job reads, by its path in the project's folder. A list hides the object from
Ray, which would bring it to nodes that do not need it."""

W = TypeVar("W")
R = TypeVar("R")


class RayEngine:
    """A cluster that ``RAY_ADDRESS`` names; twice as many jobs wait there as it can do at once, for it may grow."""

    def __init__(self, home: Path | None = None) -> None:
        """Nothing is connected before it is opened.

        Args:
            home: the project's folder; by default the current one.
        """
        self._home = (home or Path.cwd()).absolute()
        self._running: dict[Any, Job] = {}
        self._absent: list[Job] = []
        self._stored: dict[Path, tuple[str, Any]] = {}
        self._store = False

    def __enter__(self) -> RayEngine:
        self._ray = connect()
        affinity = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        here = affinity(self._ray.get_runtime_context().get_node_id(), soft=False)
        self._post = self._ray.remote(num_cpus=0, scheduling_strategy=here)(_Post).remote()
        self._task = self._ray.remote(num_returns=1, scheduling_strategy="SPREAD")(_do)
        self._token = Path("scratch") / f".shared-{uuid.uuid4().hex}"
        if self._home.is_dir():
            write_text(self._home / self._token, "")
        return self

    def __exit__(self, *_: object) -> None:
        (self._home / self._token).unlink(missing_ok=True)
        self._ray.shutdown()
        self._running, self._absent, self._stored, self._store = {}, [], {}, False

    def has_room(self) -> bool:
        """Whether the cluster has fewer jobs than twice those that it can do at once."""
        return len(self._running) < self._places()

    def begin(self, job: Job) -> None:
        """Hand a job to the cluster."""
        if job.cards and not self._ray.cluster_resources().get("GPU"):
            print(f"{job.name} waits for a graphics card, and the cluster has none yet", file=sys.stderr)
        files = {str(file): self._put(file) for file in _files(job.reads)} if self._store else None
        task = self._task.options(name=job.name, num_cpus=1, num_gpus=job.cards, max_retries=RETRIES)
        self._running[task.remote(job, self._home, self._token, _identity(job.work), files, self._post)] = job

    def listen(self, tell: Tell) -> None:
        """Wait for news, and tell them."""
        ready, _ = self._ray.wait(list(self._running), timeout=_LISTEN_S)
        by_name = {job.name: job for job in self._running.values()}
        for name, told in self._ray.get(self._post.take.remote()):
            if name in by_name:
                tell(by_name[name], told)
        for reference in ready:
            job = self._running.pop(reference)
            told = self._receive(reference)
            if told == _ABSENT:
                self._store = True
                self.begin(job)
            else:
                tell(job, told)

    def outcomes(self, work: Callable[[W], R], jobs: Iterable[W]) -> Iterator[tuple[W, R]]:
        """Each of many small pieces of work with what a node makes of it, as they end.

        Args:
            work: a function of a module, which writes to the project's folder.
            jobs: consumed as the cluster gets free.

        Raises:
            InputError: a node does not see the project's folder, or nodes died again and again.
        """
        each = self._ray.remote(scheduling_strategy="SPREAD", max_retries=RETRIES)(_do_each)
        rest, running = iter(jobs), dict[Any, list[W]]()
        while True:
            while len(running) < self._places() and (some := list(islice(rest, _CHUNK))):
                running[each.remote(work, some, self._home, self._token, _identity(work))] = some
            if not running:
                return
            ready, _ = self._ray.wait(list(running))
            for reference in ready:
                some = running.pop(reference)
                try:
                    found, refused = self._ray.get(reference)
                except self._ray.exceptions.RayError as error:
                    raise InputError(_death(error)) from error
                if refused:
                    raise InputError(refused)
                yield from zip(some, found, strict=True)

    def _places(self) -> int:
        """How many jobs may be there."""
        there = self._ray.cluster_resources()
        return 2 * max(1, int(there.get("GPU", 0) or there.get("CPU", 0)))

    def _put(self, path: Path) -> tuple[str, list[Any]]:
        """A file in the object store, once for all jobs."""
        if path not in self._stored:
            import numpy as np

            # An array is read where it lies in the store's memory; bytes would be copied.
            self._stored[path] = sha256_file(path), self._ray.put(np.fromfile(path, np.uint8))
        digest, stored = self._stored[path]
        return digest, [stored]

    def _receive(self, reference: Any) -> Told:
        """How a job ended; what came of it in another folder is written here."""
        try:
            told, made = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return "failed", _death(error)
        for name, data in made.items():
            with atomic(Path(name)) as partial:
                partial.write_bytes(data)
        return told  # type: ignore[no-any-return]


class _Post:
    """What jobs tell on their way, until it is asked for: an actor beside the one who asks."""

    def __init__(self) -> None:
        self._told: list[tuple[str, Told]] = []

    def tell(self, name: str, told: Told) -> None:
        self._told.append((name, told))

    def take(self) -> list[tuple[str, Told]]:
        told, self._told = self._told, []
        return told


def connect() -> Any:
    """Connect to the cluster, say what it has, and return Ray.

    Raises:
        InputError: Ray is not installed, no cluster is named, or it cannot be reached.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    host, _, port = address.rpartition(":")
    if address != "auto" and not (host and port.isdecimal()):
        msg = (
            f"RAY_ADDRESS must say where the cluster is, as host:port, but is {address!r}: set it to what "
            "`ray start --head` printed"
        )
        raise InputError(msg)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if host in ("127.0.0.1", "localhost"):
        # Ray would take the address of another of this machine's networks, where such a cluster does not listen.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        msg = f"the engine ray needs Ray, which is not installed ({error}): install the extra, `.[cluster]`"
        raise InputError(msg) from error
    pins = {name: os.environ[name] for name in PINS if name in os.environ}
    try:
        if host:
            # Ray itself would wait for minutes.
            socket.create_connection((host, int(port)), _CONNECT_S).close()
        found = ray.init(
            address, runtime_env={"env_vars": pins}, log_to_driver=False, logging_level="error", namespace="fundusbench"
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        msg = f"the cluster at {address} must answer, but does not ({_short(error)}): start it, or correct RAY_ADDRESS"
        raise InputError(msg) from error
    there, nodes = ray.cluster_resources(), sum(node["Alive"] for node in ray.nodes())
    shown = f"http://{found.dashboard_url}" if found.dashboard_url else "none"
    print(
        f"Ray at {address}: {nodes} node(s), {there.get('CPU', 0):g} cores, {there.get('GPU', 0):g} graphics cards; "
        f"dashboard: {shown}",
        file=sys.stderr,
    )
    return ray


def _do(
    job: Job, home: Path, token: Path, identity: str, files: Files | None, post: Any
) -> tuple[Told, dict[str, bytes]]:
    """A node: do a job, in the project's folder or in one of its own; how it ended, and the files that it made."""
    place = _place()
    if refused := _stranger(job.work, identity, place):
        return ("failed", refused), {}
    post.tell.remote(job.name, ("started", place))

    def report(done: int, note: str = "") -> None:
        post.tell.remote(job.name, ("advanced", (done, note)))

    tune_process()
    if (home / token).exists():
        os.chdir(home)
        return _placed(outcome(job, 0, report), place), {}
    if files is None:
        return _ABSENT, {}
    with tempfile.TemporaryDirectory(prefix="fundusbench-") as folder:
        os.chdir(folder)
        try:
            for name, (digest, stored) in files.items():
                _bring(Path(name), digest, stored[0])
            told = outcome(job, 0, report)
            return _placed(told, place), _made(job.writes) if told[0] == "ended" else {}
        finally:
            os.chdir(tempfile.gettempdir())


def _do_each(work: Callable[[W], R], jobs: Sequence[W], home: Path, token: Path, identity: str) -> tuple[list[R], str]:
    """A node: do some pieces of work in the project's folder; what came of each, or why none was done."""
    place = _place()
    if refused := _stranger(work, identity, place):
        return [], refused
    if not (home / token).exists():
        return (
            [],
            f"{place} must see the photographs and the project's folder at {home}, but does not: share the folder",
        )
    tune_process()
    os.chdir(home)
    return [work(job) for job in jobs], ""


def _place() -> str:
    """This node, by its address and the beginning of its id."""
    import ray

    return f"{ray.util.get_node_ip_address()} ({ray.get_runtime_context().get_node_id()[:6]})"


def _stranger(work: Callable[..., Any], identity: str, place: str) -> str:
    """Why this node would make something else of a function; nothing where it would not."""
    if _identity(work) == identity:
        return ""
    return f"{place} has other code or libraries than this machine: bring both to one commit and its requirements.lock"


def _placed(told: Told, place: str) -> Told:
    kind, words = told
    return (kind, f"{words}, on {place}") if kind == "ended" else told


def _bring(path: Path, digest: str, stored: Any) -> None:
    """A file out of the object store, kept on the node by what it holds, for the next job may read it, too."""
    import ray

    kept = Path(tempfile.gettempdir()) / f"fundusbench-files-{os.getuid()}" / digest
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    if not kept.exists():
        with atomic(kept) as partial:
            partial.write_bytes(ray.get(stored))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(kept)


def _made(paths: Sequence[Path]) -> dict[str, bytes]:
    """The files that a job made, in the order in which it did: the one that says that all is there comes last."""
    return {str(file): file.read_bytes() for file in sorted(_files(paths), key=lambda file: file.stat().st_mtime_ns)}


def _identity(work: Callable[..., Any]) -> str:
    """Of the code that a function reaches, and of the libraries."""
    file = importlib.import_module(work.__module__).__file__
    assert file
    inside = Path(file).is_relative_to(PROJECT)
    roots = [str(Path(file).relative_to(PROJECT))] if inside else []
    return code_sha256(*roots, libraries=_LIBRARIES)


def _death(error: Exception) -> str:
    """The sentence on a job that Ray gave up."""
    return (
        f"its process or node died each time that it was begun, {RETRIES + 1} times ({_short(error)}): see Ray's "
        "dashboard, or run again with fewer at once"
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _files(paths: Sequence[Path]) -> list[Path]:
    """The files at some paths, and in the folders there."""
    return [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
