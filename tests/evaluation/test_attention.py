"""The windows of a trained Zoom-in-Net in a few test photographs, and its attention maps."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.common.csv_rows import read_rows
from benchmark.data.manifest import read_manifest
from benchmark.dispatch import train
from benchmark.evaluation import attention
from benchmark.evaluation.saliency_files import ATTENTION_MAPS, WINDOWS_FILE, WindowsRow
from models.systems.zoom_in_net import window_side
from tests.factories.runs import make_params
from tests.factories.systems import make_eyes, system_params

pytestmark = pytest.mark.slow


def test_windows_surround_the_peaks_of_attention(tmp_path, monkeypatch):
    make_eyes(tmp_path)
    monkeypatch.chdir(tmp_path)
    params = system_params("zoom_in_net")
    train.run(params, ["zoom_in_net"])
    attention.run(params)
    rows, maps = read_rows(WINDOWS_FILE, WindowsRow, "-"), np.load(ATTENTION_MAPS)
    known = {row.image_id: row for row in read_manifest() if row.split == "test"}
    assert maps.shape == (len(rows), 5, 5)
    assert (maps.min((1, 2)).tolist(), maps.max((1, 2)).tolist()) == ([0.0] * len(rows), [1.0] * len(rows))
    for row, heatmap in zip(rows, maps, strict=True):
        assert (row.method, row.arm, row.seed) == ("zoom_in_net", "c", 0)
        assert row.grade == known[row.image_id].grade
        assert 0 <= row.output <= 4
        corners = np.array(row.corners.split(), int).reshape(-1, 2)
        assert (corners >= 0).all()
        assert (corners + row.window <= row.side).all()
        assert (row.side, row.window) == (64, window_side(64))
        centre = (np.array(np.unravel_index(heatmap.argmax(), heatmap.shape)) + 0.5) * row.side / len(heatmap)
        assert (np.abs(corners[0] + row.window / 2 - centre) <= row.window / 2 + 1).all()


def test_without_zoom_in_net_the_table_of_windows_is_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    attention.run(make_params(systems=("min_pooling", "zoom_in_net")))
    assert np.load(ATTENTION_MAPS).shape == (0, 0, 0)
    assert read_rows(WINDOWS_FILE, WindowsRow, "-") == []
