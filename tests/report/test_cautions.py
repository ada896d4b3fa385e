"""Warnings at the head of the page and at the end of the summary."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from benchmark.report.captions import cautions


@pytest.mark.parametrize(
    ("images", "flags", "words"),
    [
        (50, ["", "collapsed:score"], []),
        (49, ["", ""], ["only 49 images"]),
        (200, ["collapsed:score", "collapsed:score collapsed:prob", ""], ["2 of 3 networks collapsed"]),
        (12, ["collapsed:prob"], ["only 12 images", "1 of 1 networks collapsed"]),
    ],
)
def test_few_images_and_collapsed_networks_are_warned_of(images, flags, words):
    results = SimpleNamespace(images=lambda split: {"val": images}[split], runs=pd.DataFrame({"flags": flags}))
    found = cautions(results)
    assert [word in text for word, text in zip(words, found, strict=True)] == [True] * len(words)
