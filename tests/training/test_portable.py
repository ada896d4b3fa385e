"""Equal bytes on every x86-64 processor with AVX2: the hash of each operation's result is committed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.common import numerics
from benchmark.common.errors import InputError
from benchmark.common.numerics import PINS, pin, unpin
from benchmark.settings.training import Train
from benchmark.training.device import open_fabric
from tests.factories.paths import ROOT

GOLDEN = ROOT / "tests/golden/operations.txt"


def has_avx2() -> bool:
    cpu = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and cpu.exists() and " avx2 " in cpu.read_text()


def unpinned() -> dict[str, str]:
    """Return this process's environment from before the tests started."""
    return {name: value for name, value in os.environ.items() if name not in PINS}


def printed(*flags: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.factories.operations", *flags],
        cwd=ROOT,
        env=unpinned(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(not has_avx2(), reason="portable numerics need an x86-64 processor with AVX2")
def test_every_operation_of_a_training_step_gives_the_committed_bytes():
    """FUNDUSBENCH_GOLDEN=write renews the file; do that only after a change of library versions or layers.

    The committed hashes were made on a processor with AVX-512. They were equal on an emulated processor of another
    maker with other caches and without AVX-512 (qemu-x86_64 -cpu Haswell).
    """
    lines = printed()
    if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
        GOLDEN.write_text("\n".join(lines) + "\n")
    different = [(old, new) for old, new in zip(GOLDEN.read_text().splitlines(), lines, strict=True) if old != new]
    assert different == []


@pytest.mark.slow
@pytest.mark.skipif(" avx512f " not in Path("/proc/cpuinfo").read_text(), reason="this processor has no AVX-512")
def test_without_the_pins_this_processor_gives_other_bytes():
    assert printed("--unpinned") != GOLDEN.read_text().splitlines()


@pytest.mark.parametrize(("flags", "disabled"), [("sse2 avx2 avx512f avx512vl", True), ("sse2 avx2", False)])
def test_opencv_is_denied_avx512_only_on_processors_that_have_it(
    flags: str, disabled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = tmp_path / "cpuinfo"
    listed.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(numerics, "_CPUINFO", listed)
    environment = dict[str, str]()
    pin(environment)
    assert ("OPENCV_CPU_DISABLE" in environment) == disabled


def run(code: str) -> str:
    """Return the output of a fresh process without pins; its standard error must be empty."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=unpinned(), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_importing_the_project_changes_no_environment_variable():
    code = "import os; before = dict(os.environ); import benchmark, benchmark.cli.main, models; "
    assert run(f"{code} print(dict(os.environ) == before)") == "True\n"


@pytest.mark.slow
def test_a_command_pins_its_process_before_libraries_load():
    code = "import os, sys\nfrom benchmark.cli.main import main\nloaded = set(sys.modules)\n"
    code += "try:\n    main(['--help'])\nexcept SystemExit:\n    import cv2\n"
    code += "print(not loaded & {'cv2', 'numpy', 'torch'}, os.environ['ATEN_CPU_CAPABILITY'])"
    assert run(code).endswith("\nTrue avx2\n")


@pytest.mark.slow
def test_a_command_called_after_libraries_loaded_leaves_the_environment_alone():
    code = "import os, numpy; from benchmark.common.numerics import pin_process; pin_process(); "
    assert run(f"{code} print('ATEN_CPU_CAPABILITY' in os.environ)") == "False\n"


def test_portable_numerics_are_refused_in_a_process_without_pins():
    settings = Train(epochs=1, batch_size=8, lr=0.1, device="cpu")
    open_fabric(settings)
    unpin(os.environ)
    try:
        with pytest.raises(InputError, match=r"restricted to AVX2 before .*use the command `fundusbench`") as caught:
            open_fabric(settings)
        open_fabric(settings.model_copy(update={"numerics": "native"}))
    finally:
        pin(os.environ)
    assert "\n" not in str(caught.value)


def test_pins_can_be_removed():
    environment = {"PATH": "/bin", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
    pin(environment)
    assert PINS.items() - environment.items() <= {("OPENCV_CPU_DISABLE", "AVX512-SKX")}
    unpin(environment)
    assert environment == {"PATH": "/bin"}
