"""Runs jobs on a Ray cluster, which `ray start`, SLURM or Kubernetes has started.

Each node has the same installation of the project as this machine. A node that sees the project's folder under the same
path works there, and if it dies, another node resumes its job from the files. Any other node works in a temporary
folder: Ray's object store transfers the files that a job reads and those that it writes.
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
from benchmark.jobs.queue import Event, Job, OnEvent, outcome

_RETRIES = 3
"""Restarts of a job whose process or node died."""
_LIBRARIES = ("numpy", "torch", "timm", "opencv-python-headless", "pyarrow")
"""Libraries whose versions determine the results, as the code does."""
_CONNECT_S, _LISTEN_S = 5.0, 0.5
_CHUNK = 32
"""Number of pieces of work in one task."""
_ABSENT: Event = ("absent", "")
"""Event of a node that neither sees the project's folder nor received the files that the job reads."""

Files = dict[str, tuple[str, list[Any]]]
"""SHA-256 and object of each file that a job reads, by its path in the project's folder. The list hides the object from
Ray, which would otherwise transfer it to nodes that do not need it."""

W = TypeVar("W")
R = TypeVar("R")


class RayEngine:
    """The cluster at ``RAY_ADDRESS``; it accepts twice as many jobs as it can run at once, because it may grow."""

    def __init__(self, home: Path | None = None) -> None:
        """Create the engine; it connects when it is entered.

        Args:
            home: the project's folder; by default the current one.
        """
        self._home = (home or Path.cwd()).absolute()
        self._running: dict[Any, Job] = {}
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
        self._running, self._stored, self._store = {}, {}, False

    def has_capacity(self) -> bool:
        """Return whether the cluster has fewer jobs than twice the number that it can run at once."""
        return len(self._running) < self._places()

    def submit(self, job: Job) -> None:
        """Submit a job to the cluster."""
        if job.gpus and not self._ray.cluster_resources().get("GPU"):
            print(f"{job.name} waits for a GPU, of which the cluster has none yet", file=sys.stderr)
        files = {str(file): self._put(file) for file in _files(job.reads)} if self._store else None
        task = self._task.options(name=job.name, num_cpus=1, num_gpus=job.gpus, max_retries=_RETRIES)
        self._running[task.remote(job, self._home, self._token, _identity(job.work), files, self._post)] = job

    def poll(self, on_event: OnEvent) -> None:
        """Wait for events, and pass them on."""
        ready, _ = self._ray.wait(list(self._running), timeout=_LISTEN_S)
        by_name = {job.name: job for job in self._running.values()}
        for name, event in self._ray.get(self._post.take.remote()):
            if name in by_name:
                on_event(by_name[name], event)
        for reference in ready:
            job = self._running.pop(reference)
            event = self._receive(reference)
            if event == _ABSENT:
                self._store = True
                self.submit(job)
            else:
                on_event(job, event)

    def outcomes(self, work: Callable[[W], R], jobs: Iterable[W]) -> Iterator[tuple[W, R]]:
        """Yield each of many small pieces of work with its result, in the order of completion.

        Args:
            work: a function of a module, which writes to the project's folder.
            jobs: consumed as the cluster becomes free.

        Raises:
            InputError: a node cannot read the project's folder, or nodes died repeatedly.
        """
        each = self._ray.remote(scheduling_strategy="SPREAD", max_retries=_RETRIES)(_do_each)
        rest, running = iter(jobs), dict[Any, list[W]]()
        while True:
            while len(running) < self._places() and (chunk := list(islice(rest, _CHUNK))):
                running[each.remote(work, chunk, self._home, self._token, _identity(work))] = chunk
            if not running:
                return
            ready, _ = self._ray.wait(list(running))
            for reference in ready:
                chunk = running.pop(reference)
                try:
                    results, refused = self._ray.get(reference)
                except self._ray.exceptions.RayError as error:
                    raise InputError(_death(error)) from error
                if refused:
                    raise InputError(refused)
                yield from zip(chunk, results, strict=True)

    def _places(self) -> int:
        """Return the number of jobs that the cluster accepts."""
        resources = self._ray.cluster_resources()
        return 2 * max(1, int(resources.get("GPU", 0) or resources.get("CPU", 0)))

    def _put(self, path: Path) -> tuple[str, list[Any]]:
        """Put a file into the object store, once for all jobs."""
        if path not in self._stored:
            import numpy as np

            # Nodes read an array in the store's memory; bytes would be copied.
            self._stored[path] = sha256_file(path), self._ray.put(np.fromfile(path, np.uint8))
        digest, stored = self._stored[path]
        return digest, [stored]

    def _receive(self, reference: Any) -> Event:
        """Return the last event of a job, and write the files that it made in another folder."""
        try:
            event, made = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return "failed", _death(error)
        for name, data in made.items():
            with atomic(Path(name)) as partial:
                partial.write_bytes(data)
        return event  # type: ignore[no-any-return]


class _Post:
    """An actor on this machine that collects the events of running jobs."""

    def __init__(self) -> None:
        self._events: list[tuple[str, Event]] = []

    def add(self, name: str, event: Event) -> None:
        self._events.append((name, event))

    def take(self) -> list[tuple[str, Event]]:
        events, self._events = self._events, []
        return events


def connect() -> Any:
    """Connect to the cluster, print its resources, and return Ray.

    Raises:
        InputError: Ray is not installed, no cluster is named, or it cannot be reached.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    host, _, port = address.rpartition(":")
    if address != "auto" and not (host and port.isdecimal()):
        msg = (
            f"RAY_ADDRESS must be the address of the cluster, as host:port, but is {address!r}: set it to what "
            "`ray start --head` printed"
        )
        raise InputError(msg)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if host in ("127.0.0.1", "localhost"):
        # Ray would use the address of another network interface, on which such a cluster does not listen.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        msg = f"the engine ray needs Ray, which is not installed ({error}): install the extra, `.[cluster]`"
        raise InputError(msg) from error
    pins = {name: os.environ[name] for name in PINS if name in os.environ}
    try:
        if host:
            # Ray's own timeout is minutes.
            socket.create_connection((host, int(port)), _CONNECT_S).close()
        context = ray.init(
            address, runtime_env={"env_vars": pins}, log_to_driver=False, logging_level="error", namespace="fundusbench"
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        msg = f"the cluster at {address} must answer, but does not ({_short(error)}): start it, or correct RAY_ADDRESS"
        raise InputError(msg) from error
    resources, nodes = ray.cluster_resources(), sum(node["Alive"] for node in ray.nodes())
    dashboard = f"http://{context.dashboard_url}" if context.dashboard_url else "none"
    print(
        f"Ray at {address}: {nodes} node(s), {resources.get('CPU', 0):g} cores, {resources.get('GPU', 0):g} GPUs; "
        f"dashboard: {dashboard}",
        file=sys.stderr,
    )
    return ray


def _do(
    job: Job, home: Path, token: Path, identity: str, files: Files | None, post: Any
) -> tuple[Event, dict[str, bytes]]:
    """Run a job on a node, and return its last event and the files that it made in a temporary folder."""
    place = _place()
    if refused := _mismatch(job.work, identity, place):
        return ("failed", refused), {}
    post.add.remote(job.name, ("started", place))

    def report(done: int, note: str = "") -> None:
        post.add.remote(job.name, ("advanced", (done, note)))

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
            event = outcome(job, 0, report)
            return _placed(event, place), _made(job.writes) if event[0] == "ended" else {}
        finally:
            os.chdir(tempfile.gettempdir())


def _do_each(work: Callable[[W], R], jobs: Sequence[W], home: Path, token: Path, identity: str) -> tuple[list[R], str]:
    """Run pieces of work on a node; return their results, or the reason if the node cannot run them."""
    place = _place()
    if refused := _mismatch(work, identity, place):
        return [], refused
    if not (home / token).exists():
        return (
            [],
            f"{place} must be able to read the project's folder {home}, but is not: put it on a shared file system",
        )
    tune_process()
    os.chdir(home)
    return [work(job) for job in jobs], ""


def _place() -> str:
    """Return this node's address and the beginning of its id."""
    import ray

    return f"{ray.util.get_node_ip_address()} ({ray.get_runtime_context().get_node_id()[:6]})"


def _mismatch(work: Callable[..., Any], identity: str, place: str) -> str:
    """Return one sentence if this node has other code or libraries, else an empty string."""
    if _identity(work) == identity:
        return ""
    return (
        f"{place} must have the same code and libraries as this machine, but has not: install the same commit and "
        "requirements.lock on both"
    )


def _placed(event: Event, place: str) -> Event:
    kind, content = event
    return (kind, f"{content}, on {place}") if kind == "ended" else event


def _bring(path: Path, digest: str, stored: Any) -> None:
    """Link a file to its copy on this node, which is cached by its hash for later jobs."""
    import ray

    cached = Path(tempfile.gettempdir()) / f"fundusbench-files-{os.getuid()}" / digest
    cached.parent.mkdir(mode=0o700, exist_ok=True)
    if not cached.exists():
        with atomic(cached) as partial:
            partial.write_bytes(ray.get(stored))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(cached)


def _made(paths: Sequence[Path]) -> dict[str, bytes]:
    """Return the files that a job wrote, in the order of writing: the last one marks completeness."""
    return {str(file): file.read_bytes() for file in sorted(_files(paths), key=lambda file: file.stat().st_mtime_ns)}


def _identity(work: Callable[..., Any]) -> str:
    """Return a hash of the code that a function imports and of the libraries."""
    file = importlib.import_module(work.__module__).__file__
    assert file
    inside = Path(file).is_relative_to(PROJECT)
    roots = [str(Path(file).relative_to(PROJECT))] if inside else []
    return code_sha256(*roots, libraries=_LIBRARIES)


def _death(error: Exception) -> str:
    """Explain the failure of a job that Ray gave up."""
    return f"its process or node died {_RETRIES + 1} times ({_short(error)}): see Ray's dashboard, or run fewer jobs"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _files(paths: Sequence[Path]) -> list[Path]:
    """Return the files at some paths, and in folders at these paths."""
    return [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
