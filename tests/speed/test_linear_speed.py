"""Linear scaling: processor time and memory of steps on phantoms with 1, 4 and 16 times as many patients."""

from __future__ import annotations

import csv
import io
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import psutil
import pytest
import yaml
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.images.encoding import encode
from benchmark.images.reading import read_rgb
from benchmark.images.square import square_images
from benchmark.jobs.processes import tune_process
from benchmark.runs.environment import cpu
from benchmark.sources._phantom.render import photograph
from tests.conftest import tiny_params
from tests.factories.paths import ROOT
from tests.settings.test_params import composed

TABLE, DECODING = (ROOT / "experiments/results/scaling" / name for name in ("linear.csv", "decoding.csv"))
PATIENTS = {"train": 30, "val": 30, "test": 60}
"""Patients of the smallest phantom, with two photographs each."""
TIMES = (1, 4, 16)
STEPS = {"checks": ["check"], "prepare": ["prepare"], "statistics": ["statistics"]}
"""Each step with its command."""
BEFORE = {"checks": [["fetch"]], "prepare": [], "statistics": [["train"], ["evaluate"], ["transfer"], ["architecture"]]}
"""Commands that each step needs first."""


def write_params(root: Path, times: int) -> None:
    raw = tiny_params()
    raw["data"]["patients"] = {split: count * times for split, count in PATIENTS.items()}
    raw["prepare"]["workers"], raw["systems"] = 1, {}
    raw["train"] |= {"epochs": 1}
    raw["arms"] = {
        "basenet": {
            "mse_small": {"loss": "mse", "size": "small"},
            "ce_small": {"loss": "ce", "size": "small"},
        },
        "basenet_mt": {"small": {"loss": "ce_mse", "size": "small"}},
        "m2cnn": {},
        "controls": {},
    }
    (root / "params.yaml").write_text(yaml.safe_dump(raw))


def run(root: Path, *command: str) -> tuple[float, int]:
    """Run a command; return the processor seconds and the peak memory in bytes of all its processes together."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (root / "log").open("w") as log:
        process = psutil.Popen([sys.executable, "-m", "benchmark.cli", *command], cwd=root, env=environment, stderr=log)
    spent, peak = dict[int, float](), 0
    while process.poll() is None:
        in_use = 0
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                times = one.cpu_times()
                spent[one.pid] = times.user + times.system
                in_use += one.memory_info().rss
        peak = max(peak, in_use)
        time.sleep(0.02)
    assert process.returncode == 0, (root / "log").read_text()
    return sum(spent.values()), peak


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.speed
def test_steps_are_linear_in_images(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """FUNDUSBENCH_GOLDEN=write renews the committed table."""
    if not benchmark.enabled:
        pytest.skip("it measures for minutes, so only make speed runs it")
    (tmp_path / "benchmark").symlink_to(ROOT / "benchmark")
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    rows: list[dict[str, Any]] = []

    def measure() -> None:
        for times in TIMES:
            images = 2 * times * sum(PATIENTS.values())
            write_params(tmp_path, times)
            for step, command in STEPS.items():
                for needed in BEFORE[step]:
                    run(tmp_path, *needed)
                if step == "checks":
                    # Inspected photographs are cached there.
                    shutil.rmtree(tmp_path / "scratch", ignore_errors=True)
                seconds, peak = run(tmp_path, *command)
                rows.append(
                    {"step": step, "times": times, "images": images, "seconds": round(seconds, 2), "mb": peak >> 20}
                )

    benchmark.pedantic(measure, rounds=1)
    for row in rows:
        same = [other for other in rows if other["step"] == row["step"] and other["images"] < row["images"]]
        below = same[-1] if same else None
        more = row["images"] - below["images"] if below else 0
        row["ms_per_further_image"] = round(1e3 * (row["seconds"] - below["seconds"]) / more, 2) if below else ""
        row["cpu"] = cpu()
    print("\n" + "\n".join(map(str, rows)))
    if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
        write(TABLE, rows)


@pytest.mark.speed
def test_decoding_packed_images_on_one_core(benchmark: BenchmarkFixture, scaled) -> None:
    """FUNDUSBENCH_GOLDEN=write renews the committed table."""
    sizes = composed("scale=paper")["sizes"]
    threads = cv2.getNumThreads()
    tune_process()
    rows: list[dict[str, Any]] = []
    stream = io.BytesIO()
    Image.fromarray(photograph(0, 0, "left", 2, scaled(1024, 160))).save(stream, "PNG")
    whole = square_images(stream.getvalue(), sizes)

    def measure() -> None:
        for role, pixels in sizes.items():
            data, count, began = encode(whole[role], "jpeg"), scaled(200, 1), time.process_time()
            for _ in range(count):
                read_rgb(data)
            rate = count / max(time.process_time() - began, 1e-9)
            rows.append({"pixels": pixels, "kb": round(len(data) / 1e3, 1), "images_per_s": round(rate), "cpu": cpu()})

    benchmark.pedantic(measure, rounds=1)
    cv2.setNumThreads(threads)
    if benchmark.enabled:
        print("\n" + "\n".join(map(str, rows)))
        if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
            write(DECODING, rows)
