"""A Ray cluster on loopback, of which nodes may be removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

LOOPBACK = "127.0.0.1"
STORE = 80 * 1024 * 1024
"""Bytes of a node's object store; Ray's minimum is 75 MB."""


@contextmanager
def ray_cluster(nodes: int = 2, *, dashboard: bool = False) -> Iterator[Any]:
    """Yield a ``ray.cluster_utils.Cluster`` whose nodes have one core each."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    from ray.cluster_utils import Cluster

    shape: dict[str, Any] = {"num_cpus": 1, "node_ip_address": LOOPBACK, "object_store_memory": STORE}
    cluster = Cluster(
        initialize_head=True, head_node_args=shape | {"include_dashboard": dashboard, "dashboard_port": 0}
    )
    try:
        for _ in range(nodes - 1):
            cluster.add_node(wait=False, **shape)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()


def listening_addresses(cluster: Any) -> set[str]:
    """Return the addresses that the processes of a cluster listen on."""
    session = cluster.head_node.get_session_dir_path()
    found = set()
    for process in psutil.process_iter(["cmdline", "pid"]):
        try:
            if session in " ".join(process.info["cmdline"] or ()) or _belongs(process, session):
                sockets = process.net_connections("inet")
                found |= {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
        except psutil.Error:
            continue  # The process has ended.
    return found


def _belongs(process: psutil.Process, session: str) -> bool:
    return any(session in " ".join(parent.cmdline()) for parent in process.parents())
