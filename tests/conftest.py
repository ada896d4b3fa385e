"""Shared fixtures, the tests' use of cores and memory, and parameters with which the whole pipeline runs in seconds."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from hypothesis import settings

from benchmark.common.numerics import pin_process
from benchmark.common.resources import core_count
from tests.factories.forked import start_server
from tests.factories.paths import ROOT

# Every command does the same: libraries read these variables when they load.
pin_process()
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if WORKER:
    # One thread per worker; torch reads it when it loads.
    os.environ["OMP_NUM_THREADS"] = "1"
# The time of an example depends on the load of the machine, so it must not fail a test.
settings.register_profile("untimed", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile("untimed")
PEAK = "peak memory in MB"
peaks: dict[str, int] = {}


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for ``-n logical``."""
    return core_count()


WHOLLY_SLOW = re.compile(r"^pytestmark = (\[\s*)?pytest\.mark\.slow\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave a file of slow tests alone if they are deselected, because its libraries take seconds to import."""
    deselected = "not slow" in config.option.markexpr and collection_path.suffix == ".py"
    return True if deselected and WHOLLY_SLOW.search(collection_path.read_text(encoding="utf-8")) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that reads a shared folder as slow, because it may have to fill the folder."""
    for item in items:
        if "shared_folder" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start the server of forked processes before a test that may need it, so that it has all libraries."""
    if item.get_closest_marker("slow"):
        start_server()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send a worker's peak memory to the main process."""
    if hasattr(session.config, "workeroutput"):
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        session.config.workeroutput[PEAK] = kib // (1024 if sys.platform != "darwin" else 1024**2)


def pytest_testnodedown(node: Any) -> None:
    """Record the peak memory that a worker sent."""
    peaks[node.gateway.id] = getattr(node, "workeroutput", {}).get(PEAK, 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the peak memory of each worker."""
    if peaks:
        terminalreporter.write_line(f"{PEAK}: {', '.join(f'{name} {peak}' for name, peak in sorted(peaks.items()))}")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Return a function that finds a folder by name; the first worker to ask fills it, and all of them read it."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if WORKER else own

    def find(name: str, fill: Callable[[Path], None]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return find


def tiny_params() -> dict[str, Any]:
    """Return the committed parameters with few patients, at most two epochs and one arm per method."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["data"] |= {"patients": {"train": 16, "val": 10, "test": 10}, "pixels": 160}
    raw["sizes"] = {"small": 32, "mid": 48, "large": 64}
    raw["train"] |= {"epochs": 2, "batch_size": 8, "parallel_runs": 1}
    raw["seeds"] = [0, 1]
    raw["arms"] = {
        "basenet": {"mse_small": {"loss": "mse", "size": "small"}},
        "basenet_mt": {"small": {"loss": "ce_mse", "size": "small"}},
        "m2cnn": {"mid": {"loss": "ce_mse", "size": "mid", "n_cells": 1, "from": "basenet_mt/small"}},
        "controls": {},
    }
    raw["systems"] = {
        "min_pooling": {
            "seeds": 1,
            "holdout_fraction": 0.3,
            "tta_views": 2,
            "nets": {"net_1": {"size": "small", "fov_px": 24, "blocks": 2, "width": 0.125}},
            "train": {"epochs": 1},
            "blend": {"trees": 5},
        }
    }
    return raw
