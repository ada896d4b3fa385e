"""The same bits on every x86-64 processor with AVX2: what each library is told before it is loaded.

A float sum depends on its order, and the order on how many numbers an instruction takes. So every library is held to
AVX2, wherever it could choose more, and to a single thread where it would split sums by threads.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

PINS = {
    # PyTorch's own kernels, and oneDNN's convolutions.
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # MKL's small matrix products: of its fixed branches, COMPATIBLE is the only one for processors of every maker.
    "MKL_CBWR": "COMPATIBLE",
    # NumPy's and SciPy's matrix products, and NumPy's vectorised functions.
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    # OpenCV's filters.
    "OPENCV_CPU_DISABLE": "AVX512-SKX",
    "OPENCV_IPP": "avx2",
}
"""Environment variable -> its value."""
_CPUINFO = Path("/proc/cpuinfo")
OPEN = "FUNDUSBENCH_NUMBERS"
"""Set to ``fast``, it leaves the libraries their choice; ``train.numbers: fast`` sets it for trainings."""


def pin(environment: MutableMapping[str, str]) -> None:
    """Hold the libraries that this process and its children load to :data:`PINS`, unless they are set free."""
    if environment.get(OPEN) != "fast":
        environment.update(PINS)
        if not _has_avx512(_CPUINFO):
            # OpenCV complains, at the start of every command, of being denied what is not there.
            del environment["OPENCV_CPU_DISABLE"]


def _has_avx512(listed: Path) -> bool:
    """Whether the processors in a list like /proc/cpuinfo have AVX-512 and its 256-bit forms; without a list, yes."""
    with suppress(OSError), listed.open(encoding="utf-8", errors="replace") as lines:
        return any(" avx512vl " in f"{line.rstrip()} " for line in lines if line.startswith("flags"))
    return True


def set_free(environment: MutableMapping[str, str]) -> None:
    """Leave the libraries that are loaded from now on their choice: faster, and bits of this machine alone."""
    environment[OPEN] = "fast"
    for name in PINS:
        environment.pop(name, None)
