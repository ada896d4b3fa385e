"""Saliency maps: they mark the pixels that affect an output, are deterministic, and use photographs chosen by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.common.csv_rows import write_rows
from benchmark.data.manifest import ManifestRow
from benchmark.evaluation import saliency
from benchmark.evaluation.evaluate import WORST_ERRORS
from benchmark.evaluation.outputs import WorstRow
from benchmark.evaluation.saliency_files import SALIENCY_IMAGES, SALIENCY_MAPS
from models.network import build_network
from models.settings import Model
from tests.factories.runs import make_params


class Corner(torch.nn.Module):
    """A network that sees the upper left quarter alone."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.std = torch.full((3,), 0.5), torch.full((3,), 0.5)

    def forward(self, images):
        side = images.shape[-1] // 2
        return {"score": (images[..., :side, :side] ** 2).sum((1, 2, 3))}

    def predict(self, raw):
        return raw


def pictures(count: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def test_a_saliency_map_marks_the_pixels_that_affect_the_output():
    maps = saliency.saliency_maps(Corner(), pictures(2), "score")
    assert maps.shape == (2, 32, 32)
    assert maps[:, :15, :15].mean() > 0.3
    assert maps[:, 18:].max() == maps[:, :, 18:].max() == 0
    assert maps.max() == 1


@pytest.mark.parametrize("head", ["score", "prob"])
def test_saliency_maps_are_deterministic_and_leave_the_random_state_alone(head):
    torch.manual_seed(1)
    model = build_network(
        Model(backbone="test_resnet", stride=8), 1, {"score": "regression", "prob": "softmax"}, 32
    ).eval()
    before = torch.get_rng_state()
    first, second = (saliency.saliency_maps(model, pictures(2), head) for _ in range(2))
    assert np.array_equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
    assert ((first >= 0) & (first <= 1)).all()
    assert not np.array_equal(first[0], first[1])


def test_photographs_are_selected_per_grade_by_name_alone():
    rows = [ManifestRow(f"image{i}", "", "", "unknown", i % 4, "test", "", 0, 0, "") for i in range(30)]
    found = saliency.choose_images(rows, 3)
    assert [rows[place].grade for place in found] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    names = {rows[place].image_id for place in found}
    turned = rows[::-1]
    assert {turned[place].image_id for place in saliency.choose_images(turned, 3)} == names


def test_a_data_set_without_test_photographs_has_no_saliency_maps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(WORST_ERRORS, WorstRow, [])
    saliency.run(make_params())
    assert np.load(SALIENCY_MAPS).shape == (0, 0, 0)
    assert len(SALIENCY_IMAGES.read_text().splitlines()) == 1
