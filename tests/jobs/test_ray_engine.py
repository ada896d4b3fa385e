"""Jobs on a real Ray cluster of two nodes on loopback, of which one is lost during a run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import yaml

from benchmark.common.errors import InputError
from benchmark.dispatch import train
from benchmark.jobs.queue import Job
from benchmark.jobs.ray_engine import RayEngine, connect
from benchmark.settings.loading import load_params
from tests.conftest import tiny_params
from tests.factories.data import make_data
from tests.factories.ray_cluster import listening_addresses, ray_cluster
from tests.factories.warm import warm_commands

SIZES = {"small": 24, "mid": 40, "large": 64}


needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: it is the extra `cluster`")


@pytest.fixture(scope="module")
def cluster():
    with ray_cluster() as made:
        yield made


@pytest.fixture
def address(cluster, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    return cluster.address


def make_project(root: Path) -> Path:
    make_data(root, SIZES, {"train": 64, "val": 32, "test": 32})
    raw = tiny_params()
    raw["sizes"], raw["systems"] = SIZES, {}
    del raw["arms"]["basenet"]
    # Save after each update, so that a run can be interrupted anywhere.
    raw["train"] |= {"epochs": 8, "batch_size": 16, "checkpoint_minutes": 0.0}
    (root / "params.yaml").write_text(yaml.safe_dump(raw))
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def task_of(node) -> str:
    """Return the name of the job that a node runs, which Ray puts into its process title; empty if it runs none."""
    (raylet,) = node.all_processes["raylet"]
    titles = [" ".join(child.cmdline()) for child in psutil.Process(raylet.process.pid).children()]
    return next(
        (title.removeprefix("ray::").strip() for title in titles if title.startswith("ray::") and "/" in title), ""
    )


def busy_node(cluster, root: Path, driver: subprocess.Popen):
    """Wait for a node other than the first that has saved a checkpoint of a run; return it with the run's name."""
    deadline = time.monotonic() + 500
    while time.monotonic() < deadline and driver.poll() is None:
        for node in cluster.worker_nodes:
            run = task_of(node)
            if run and list((root / "scratch/runs" / run).glob("*/checkpoint.safetensors")):
                return node, run
        time.sleep(0.005)
    raise AssertionError("no node has started a run")


@needs_ray
@pytest.mark.slow
def test_runs_on_several_nodes_survive_a_lost_node_with_the_bytes_of_a_local_run(cluster, address, tmp_path):
    root = make_project(tmp_path / "shared")
    command = [warm_commands() / "fundusbench", "train"]
    with (tmp_path / "log").open("w") as log:
        driver = subprocess.Popen(command, cwd=root, stderr=log, env=os.environ | {"RAY_ADDRESS": address})
        node, run = busy_node(cluster, root, driver)
        addresses = listening_addresses(cluster)
        cluster.remove_node(node, allow_graceful=False)
        ended = driver.wait(timeout=500)
    output = (tmp_path / "log").read_text()
    assert ended == 0, output
    assert "2 node(s), 2 cores" in output
    assert "dashboard: none\n" in output
    assert f"{run}: started again on 127.0.0.1" in output
    assert json.loads((root / f"records/{run}.json").read_text())["resumed"] == 1
    assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}

    here = make_project(tmp_path / "here")
    os.chdir(here)
    train.run(load_params())
    assert contents(root / "runs") == contents(here / "runs")
    assert len(list((root / "runs").glob("*/*/*"))) == 4
    assert not list((root / "scratch").glob(".shared-*"))


@needs_ray
@pytest.mark.nightly
@pytest.mark.slow
def test_the_dashboard_is_printed_and_the_cluster_listens_on_loopback_alone():
    connecting = [sys.executable, "-c", "from benchmark.jobs.ray_engine import connect; connect()"]
    with ray_cluster(nodes=1, dashboard=True) as made:
        environment = os.environ | {"RAY_ADDRESS": made.address}
        output = subprocess.run(connecting, env=environment, capture_output=True, text=True, check=True).stderr
        addresses = listening_addresses(made)
    assert re.search(r"dashboard: http://127\.0\.0\.1:\d+\n", output)
    assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}


def nothing(slot: int, report) -> str:
    return ""


@needs_ray
@pytest.mark.slow
def test_a_node_without_the_projects_folder_is_named(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RayEngine() as engine:
        engine._token.unlink()
        engine.submit(Job("a", nothing, ()))
        events = []
        while not events:
            engine.poll(lambda _, event: events.append(event))
    assert re.search(rf"must see the project's folder {tmp_path}, but does not: put it on a shared", events[-1][1])


@needs_ray
@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", r"RAY_ADDRESS must be the address of the cluster, as host:port, but is ''.*ray start --head"),
        ("http://here", r"as host:port, but is 'http://here'"),
        ("127.0.0.1:1", r"the cluster at 127\.0\.0\.1:1 must answer, but does not \(.*refused\): start it, or correct"),
    ],
)
def test_an_unreachable_cluster_is_refused(monkeypatch, address, sentence):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InputError, match=sentence):
        connect()
