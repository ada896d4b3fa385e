"""Sizes of the speed tests: full ones to measure (``make speed``), small ones to check that the tests run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

T = TypeVar("T")


@pytest.fixture
def scaled(benchmark: BenchmarkFixture) -> Callable[[T, T], T]:
    """A function that returns its first argument if times are measured, else its second."""
    return lambda measured, tried: measured if benchmark.enabled else tried
