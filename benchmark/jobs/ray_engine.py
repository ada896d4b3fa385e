"""Runs jobs on a Ray cluster, which `ray start`, SLURM or Kubernetes has started.

Each node has the same installation of the project as this machine, and sees the project's folder under the same path.
If a node dies, another one resumes its job from the files.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.common.code import code_sha256
from benchmark.common.errors import InputError
from benchmark.common.files import PROJECT, write_text
from benchmark.common.numerics import PINS
from benchmark.jobs.processes import tune_process
from benchmark.jobs.queue import Event, Job, OnEvent, outcome

_RETRIES = 3
"""Restarts of a job whose process or node died."""
_LIBRARIES = ("numpy", "torch", "timm", "opencv-python-headless", "pyarrow")
"""Libraries whose versions determine the results, as the code does."""
_CONNECT_S, _LISTEN_S = 5.0, 0.5


class RayEngine:
    """The cluster at ``RAY_ADDRESS``; it accepts twice as many jobs as it can run at once, because it may grow."""

    def __enter__(self) -> RayEngine:
        self._ray = connect()
        self._running: dict[Any, Job] = {}
        affinity = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        here = affinity(self._ray.get_runtime_context().get_node_id(), soft=False)
        options = {"num_cpus": 0, "scheduling_strategy": here}
        self._events = importlib.import_module("ray.util.queue").Queue(actor_options=options)
        self._token = Path.cwd() / "scratch" / f".shared-{uuid.uuid4().hex}"
        write_text(self._token, "")
        return self

    def __exit__(self, *_: object) -> None:
        self._token.unlink(missing_ok=True)
        self._ray.shutdown()

    def has_capacity(self) -> bool:
        """Return whether the cluster has fewer jobs than twice the number that it can run at once."""
        resources = self._ray.cluster_resources()
        return len(self._running) < 2 * max(1, int(resources.get("GPU", 0) or resources.get("CPU", 0)))

    def submit(self, job: Job) -> None:
        """Submit a job to the cluster."""
        if job.gpus and not self._ray.cluster_resources().get("GPU"):
            print(f"{job.name} waits for a GPU, of which the cluster has none yet", file=sys.stderr)
        options = {"scheduling_strategy": "SPREAD", "max_retries": _RETRIES, "name": job.name}
        task = self._ray.remote(num_cpus=1, num_gpus=job.gpus, **options)(_do)
        self._running[task.remote(job, self._token, _identity(job.work), self._events)] = job

    def poll(self, on_event: OnEvent) -> None:
        """Wait for events, and pass them on."""
        ready, _ = self._ray.wait(list(self._running), timeout=_LISTEN_S)
        by_name = {job.name: job for job in self._running.values()}
        for name, event in self._events.get_nowait_batch(self._events.qsize()):
            if name in by_name:
                on_event(by_name[name], event)
        for reference in ready:
            job = self._running.pop(reference)
            try:
                event = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                event = "failed", _death(error)
            on_event(job, event)


def connect() -> Any:
    """Connect to the cluster, print its resources, and return Ray.

    Raises InputError if Ray is not installed, no cluster is named, or it cannot be reached.
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


def _do(job: Job, token: Path, identity: str, events: Any) -> Event:
    """Run a job on a node in the project's folder, and return its last event."""
    place, home = _place(), token.parents[1]
    if _identity(job.work) != identity:
        return "failed", (
            f"{place} must have the same code and libraries as this machine, but has not: install the same commit and "
            "requirements.lock on both"
        )
    if not token.exists():
        return "failed", f"{place} must see the project's folder {home}, but does not: put it on a shared file system"
    tune_process()
    os.chdir(home)
    events.put((job.name, ("started", place)))
    kind, content = outcome(job, 0, lambda done, note="": events.put((job.name, ("advanced", (done, note)))))
    return kind, f"{content}, on {place}" if kind == "ended" else content


def _place() -> str:
    """Return this node's address and the beginning of its id."""
    import ray

    return f"{ray.util.get_node_ip_address()} ({ray.get_runtime_context().get_node_id()[:6]})"


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
