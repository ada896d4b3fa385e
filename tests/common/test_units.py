from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.common.units import duration, ends, format_measure, memory, quantity, with_sd


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (22.46, "22.5"),
        (999, "999"),
        (999.6, "1.00 k"),
        (1800, "1.80 k"),
        (84_407_795_872, "84.4 G"),
        (999_600_000, "1.00 G"),
        (51_120_998, "51.1 M"),
        (3.2e15, "3.20 P"),
    ],
)
def test_numbers_have_three_significant_digits_and_a_prefix(value, text):
    assert quantity(value) == text


def test_bytes_and_times_have_their_units():
    assert [memory(x) for x in (12, 1500, 138e9)] == ["12 B", "1.50 kB", "138 GB"]
    assert [duration(x) for x in (0.42, 33.3, 90, 5400, 172_800)] == ["0.4 s", "33 s", "1.5 min", "1.5 h", "2.0 d"]


@given(st.floats(1, 1e15))
def test_a_formatted_quantity_is_exact_to_three_digits(value):
    number, _, prefix = quantity(value).partition(" ")
    factor = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}[prefix]
    assert float(number) * factor == pytest.approx(value, rel=0.006)


def test_a_measure_has_three_digits_and_no_negative_zero():
    assert [format_measure(x) for x in (0.8125, -0.0001, -0.25)] == ["0.812", "0.000", "-0.250"]
    assert [format_measure(x, "+") for x in (0.25, -0.0001)] == ["+0.250", "+0.000"]


def test_a_mean_has_its_sd_and_interval_if_they_exist():
    assert [with_sd(0.5, sd) for sd in (0.0123, None, math.nan)] == ["0.500 ± 0.012", "0.500", "0.500"]
    assert [ends(-0.1, 0.2, "+"), ends(-0.0001, 0.25), ends(math.nan, math.nan)] == [
        "[-0.100, +0.200]",
        "[0.000, 0.250]",
        "",
    ]
