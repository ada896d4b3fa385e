"""Cores and free memory respect the limits of control groups, also nested ones and those of version 1."""

from __future__ import annotations

import os

import pytest

from benchmark.common.resources import core_count, free_memory


def write(folder, files: dict[str, str]):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")
    return folder, folder / "own"


def memory(group: str, limit: str, version: int = 2) -> dict[str, str]:
    names = ("max", "current") if version == 2 else ("limit_in_bytes", "usage_in_bytes")
    total = "" if version == 2 else "total_"
    return {
        f"{group}memory.{names[0]}": limit,
        f"{group}memory.{names[1]}": "900",
        f"{group}memory.stat": f"anon 820\n{total}inactive_file 50\n{total}active_file 30",
    }


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/", memory("", "1000"), 180),
        ("0::/", memory("", "100"), 0),
        ("0::/", memory("", "max"), None),
        ("0::/job/step", memory("job/", "1000") | memory("job/step/", "max"), 180),
        ("0::/job/step", memory("job/", "5000") | memory("job/step/", "1000"), 180),
        ("0::/job/step", memory("", "1000"), 180),
        ("5:cpu:/\n4:memory:/docker/x", memory("memory/docker/x/", "1000", 1), 180),
        ("4:memory:/docker/x\n0::/", memory("memory/", "1000", 1), 180),
        ("4:memory:/docker/x", memory("memory/docker/x/", "9223372036854771712", 1), None),
        ("", memory("", "1000"), None),
    ],
)
def test_free_memory_is_within_every_limit_and_ignores_the_file_cache(tmp_path, own, files, expected):
    found = free_memory(*write(tmp_path, files | {"own": own}))
    assert found == expected if expected is not None else found > 10_000


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/", {"cpu.max": "max 100000"}, 64),
        ("0::/", {"cpu.max": "200000 100000"}, 2),
        ("0::/", {"cpu.max": "150000 100000"}, 2),
        ("0::/", {"cpu.max": "20000 100000"}, 1),
        ("0::/job/step", {"job/cpu.max": "300000 100000", "job/step/cpu.max": "max 100000"}, 3),
        ("4:cpu,cpuacct:/x", {"cpu/x/cpu.cfs_quota_us": "400000", "cpu/x/cpu.cfs_period_us": "100000"}, 4),
        ("4:cpu,cpuacct:/x", {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ("4:cpu,cpuacct:/x", {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, 64),
    ],
)
def test_cores_are_within_every_quota(tmp_path, monkeypatch, own, files, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert core_count(*write(tmp_path, files | {"own": own})) == expected
