"""Equal bits on every x86-64 processor with AVX2, by environment variables that libraries read when they are loaded.

A float sum depends on the order of its terms, and the order on the width of the instructions. Every library is
therefore restricted to AVX2, and to one thread where it would split sums among threads. Commands of this project set
the variables when they start, and their worker processes inherit them; importing the project changes no variable.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

from benchmark.common.errors import InputError

PINS = {
    # PyTorch's own kernels, and oneDNN's convolutions.
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # MKL's small matrix products: COMPATIBLE is its only fixed branch for processors of every vendor.
    "MKL_CBWR": "COMPATIBLE",
    # NumPy's and SciPy's matrix products, and NumPy's vectorised functions.
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    # OpenCV's filters.
    "OPENCV_CPU_DISABLE": "AVX512-SKX",
    "OPENCV_IPP": "avx2",
}
"""Environment variable -> its value."""
_LIBRARIES = ("cv2", "numpy", "torch")
"""Modules that choose their instructions when they are imported; SciPy and scikit-learn import NumPy."""
_CPUINFO = Path("/proc/cpuinfo")


def pin(environment: MutableMapping[str, str]) -> None:
    """Set :data:`PINS`, which restrict the libraries that a process and its children load from then on."""
    environment.update(PINS)
    if not _has_avx512(_CPUINFO):
        # OpenCV would warn at the start of every command that the feature to disable does not exist.
        del environment["OPENCV_CPU_DISABLE"]


def pin_process() -> None:
    """Pin this process and its children, unless one of the libraries is loaded and has chosen already."""
    if not any(name in sys.modules for name in _LIBRARIES):
        pin(os.environ)


def unpin(environment: MutableMapping[str, str]) -> None:
    """Remove :data:`PINS`: libraries loaded from now on are faster, and their results depend on this machine."""
    for name in PINS:
        environment.pop(name, None)


def require_pins() -> None:
    """Check that this process was pinned before its libraries were loaded.

    Raises InputError if it was not, so its results would depend on the processor.
    """
    wanted: dict[str, str] = {}
    pin(wanted)
    if not wanted.items() <= os.environ.items():
        msg = (
            "train.numerics: portable needs libraries that were restricted to AVX2 before they were loaded, but this "
            "process loaded them unrestricted: use the command `fundusbench`, call "
            f"{__name__}.pin_process() before NumPy, PyTorch and OpenCV are imported, or set train.numerics to native"
        )
        raise InputError(msg)


def _has_avx512(listed: Path) -> bool:
    """Return whether listed processors (/proc/cpuinfo) have AVX-512 with its 256-bit forms; True without a list."""
    with suppress(OSError), listed.open(encoding="utf-8", errors="replace") as lines:
        return any(" avx512vl " in f"{line.rstrip()} " for line in lines if line.startswith("flags"))
    return True
