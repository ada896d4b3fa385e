"""Whether the timings are measured (``make speed``) or only tried, on sizes that take a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

T = TypeVar("T")


@pytest.fixture
def scaled(benchmark: BenchmarkFixture) -> Callable[[T, T], T]:
    """The first of two values where times are measured, the second where the test is only tried."""
    return lambda measured, tried: measured if benchmark.enabled else tried
