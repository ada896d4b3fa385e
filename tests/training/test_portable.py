"""The same bits on every x86-64 processor with AVX2: each operation's result is a committed hash."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.common import numbers
from benchmark.common.numbers import OPEN, PINS, pin, set_free
from tests.made.paths import ROOT

GOLDEN = ROOT / "tests/golden/operations.txt"


def has_avx2() -> bool:
    cpu = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and cpu.exists() and " avx2 " in cpu.read_text()


def printed(**environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.made.operations"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in PINS} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(not has_avx2(), reason="numbers are portable among x86-64 processors with AVX2 alone")
def test_every_operation_of_a_training_step_gives_the_committed_bits():
    """FUNDUSBENCH_GOLDEN=write renews the file: after other versions of libraries, or other layers, and then alone.

    The committed hashes were made on a processor with AVX-512 and were the same on an emulated one of another maker,
    with other caches and without AVX-512 (qemu-x86_64 -cpu Haswell).
    """
    lines = printed()
    if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
        GOLDEN.write_text("\n".join(lines) + "\n")
    different = [(old, new) for old, new in zip(GOLDEN.read_text().splitlines(), lines, strict=True) if old != new]
    assert different == []


@pytest.mark.slow
@pytest.mark.skipif(" avx512f " not in Path("/proc/cpuinfo").read_text(), reason="nothing to choose but AVX2 here")
def test_without_the_pins_this_processor_would_give_other_bits():
    assert printed(**{OPEN: "fast"}) != GOLDEN.read_text().splitlines()


@pytest.mark.parametrize(("flags", "held"), [("sse2 avx2 avx512f avx512vl", True), ("sse2 avx2", False)])
def test_opencv_is_denied_avx512_only_where_there_is_some(
    flags: str, held: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = tmp_path / "cpuinfo"
    listed.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(numbers, "_CPUINFO", listed)
    environment = dict[str, str]()
    pin(environment)
    assert ("OPENCV_CPU_DISABLE" in environment) == held


def test_no_command_starts_with_words_of_a_library():
    opened = subprocess.run(
        [sys.executable, "-c", "import benchmark, cv2"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert opened.stderr == ""


def test_pins_are_for_all_that_is_loaded_later_and_can_be_taken_off():
    environment = {"PATH": "/bin", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
    pin(environment)
    assert PINS.items() - environment.items() <= {("OPENCV_CPU_DISABLE", "AVX512-SKX")}
    set_free(environment)
    assert not PINS.keys() & environment.keys()
    pin(environment)
    assert environment == {"PATH": "/bin", OPEN: "fast"}
