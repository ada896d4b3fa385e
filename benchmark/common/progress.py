"""Progress bars: often redrawn on a terminal, a line every ten seconds in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress_bar(work: Iterable[Any] | None = None, **options: Any) -> tqdm[Any]:
    """Return a tqdm bar with rate and remaining time; ``options`` are tqdm's.

    As a context it ends its line if the work fails, so that the message begins on a line of its own.
    """
    return tqdm(work, mininterval=0.2 if sys.stderr.isatty() else 10.0, **options)
