"""Zoom-in-Net: windows cut from the photograph at the peaks of attention, and parts trained on top of frozen ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import avg_pool2d

from benchmark.common.errors import InputError
from benchmark.training.randomness import hash_ids, uniform_draws
from models.network import carry_over
from models.settings import Model
from models.stochastic import count_noise, set_noise
from models.system_network import build_system_network
from models.systems.zoom_in_net import (
    WINDOWS,
    ANet,
    Anywhere,
    MNet,
    Suspected,
    cut_windows,
    seen_side,
    suspected,
    suspicion,
    window_side,
)

SHARED = Model(backbone="test_resnet", stride=8)


def made(net):
    torch.manual_seed(1)
    return build_system_network(f"zoom_in_net/{net}", SHARED, 2, 0.125, {"prob": "softmax"})


@pytest.mark.parametrize(("side", "seen", "window"), [(128, 80, 40), (720, 450, 225)])
def test_sizes_of_the_attention_input_and_of_the_windows(side, seen, window):
    assert (seen_side(side), window_side(side)) == (seen, window)


def test_windows_surround_the_peaks_in_descending_order():
    response = torch.zeros(1, 10, 10)
    peaks = {(2, 7): 4.0, (7, 2): 3.0, (2, 2): 2.0, (7, 7): 1.0}
    for place, value in peaks.items():
        response[(0, *place)] = value
    # The centre of position i is at (i + 0.5) * 12.8 px, and a window has 40 px.
    corner = {2: 12, 7: 76}
    assert suspected(response, 128)[0].tolist() == [[corner[row], corner[column]] for row, column in peaks]


def test_windows_do_not_overlap_peaks_already_taken_and_stay_inside_the_photograph():
    response = torch.zeros(1, 10, 10)
    response[0, 0, 0], response[0, 0, 1], response[0, 9, 9] = 3.0, 2.9, 1.0
    found = suspected(response, 128)[0].tolist()
    assert found[:2] == [[0, 0], [88, 88]]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(16, 200), st.integers(0, 99))
def test_windows_stay_inside_the_photograph_for_any_response(m, side, seed):
    response = torch.randn(3, m, m, generator=torch.Generator().manual_seed(seed))
    corners = suspected(response, side)
    assert corners.shape == (3, WINDOWS, 2)
    assert (corners >= 0).all()
    assert (corners + window_side(side) <= side).all()
    # The first window contains the position of the largest response.
    place = response.flatten(1).argmax(1)
    centre = (torch.stack((place // m, place % m), 1) + 0.5) * side / m
    assert ((centre >= corners[:, 0] - 1) & (centre <= corners[:, 0] + window_side(side) + 1)).all()


def test_windows_equal_slices_of_the_photograph():
    images = torch.rand(2, 3, 20, 20)
    corners = torch.tensor([[[0, 3], [14, 14]], [[5, 0], [1, 2]]])
    found = cut_windows(images, corners, 6)
    for image in range(2):
        for window in range(2):
            row, column = corners[image, window].tolist()
            assert torch.equal(found[image, window], images[image, :, row : row + 6, column : column + 6])


class Shrunk(nn.Module):
    """A backbone whose feature map is the photograph, ten times smaller."""

    def forward(self, images):
        return [avg_pool2d(images, images.shape[-1] // 10)]


def test_the_window_shows_the_lesion_that_the_scores_respond_to():
    """Use a bright spot in a dark photograph, scores that grow with brightness, and uniform gates."""
    photograph = torch.zeros(2, 3, 128, 128)
    photograph[0, :, 90:96, 20:26] = 1.0
    photograph[1, :, 30:36, 100:106] = 1.0
    m, a = MNet(Shrunk(), 3), ANet(3, 4)
    a.scores.weight.data = torch.arange(5.0)[:, None, None, None].expand(5, 3, 1, 1)
    for layer in a.gates:
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    corners = Suspected()(a(m(photograph)[0]), 128)
    windows = cut_windows(photograph, corners, window_side(128))
    assert torch.allclose(windows[:, 0].sum((1, 2, 3)), photograph.sum((1, 2, 3)))


def test_suspicion_ignores_a_common_offset_of_the_grades_and_the_sign():
    gated, common = torch.randn(2, 5, 4, 4), torch.randn(2, 1, 4, 4)
    assert torch.allclose(suspicion(gated + common), suspicion(gated), atol=1e-6)
    assert torch.allclose(suspicion(-gated), suspicion(gated), atol=1e-6)
    assert torch.allclose(suspicion(common.expand(2, 5, 4, 4)), torch.zeros(2, 4, 4), atol=1e-6)


def test_a_window_too_small_for_its_poolings_is_refused():
    network = build_system_network("zoom_in_net/c", SHARED, 4, 0.125, {"prob": "softmax"})
    with pytest.raises(InputError, match="a window must have 16 px or more for 4 poolings, but has 10"):
        network(torch.rand(2, 3, 32, 32))


def test_gates_sum_to_one_over_positions():
    a = ANet(3, 4)
    nn.init.zeros_(a.scores.weight)
    nn.init.ones_(a.scores.bias)
    assert torch.allclose(a(torch.randn(2, 3, 5, 5)).sum((2, 3)), torch.ones(2, 5), atol=1e-6)


def test_an_untrained_part_adds_nothing():
    x = torch.rand(2, 3, 64, 64)
    m, a, c = (made(net).eval() for net in ("m", "a", "c"))
    carry_over(a, m.state_dict())
    carry_over(c, a.state_dict())
    assert torch.equal(a(x)["prob"], m(x)["prob"])
    assert torch.equal(c(x)["prob"], m(x)["prob"])


@pytest.mark.parametrize(("net", "learnt"), [("m", "m"), ("a", "a"), ("c", "c"), ("c_random", "c")])
def test_only_the_last_part_learns(net, learnt):
    network = made(net).train()
    set_noise(network, torch.rand(2, count_noise(network)))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.rand(2, 3, 64, 64))["prob"].square().sum().backward()
    optimizer.step()
    after = network.state_dict()
    assert {name.split(".")[2] for name in before if not torch.equal(after[name], before[name])} == {learnt}


def test_random_windows_depend_on_image_and_seed_alone():
    anywhere, gated = Anywhere(), torch.zeros(3, 5, 4, 4)
    keys = hash_ids(["a", "b", "c"])

    def corners(stream, keys):
        anywhere.noise = torch.from_numpy(uniform_draws(stream, keys, anywhere.n_noise))
        return anywhere(gated[: len(keys)], 64)

    first = corners(1, keys)
    assert torch.equal(corners(1, keys[2:]), first[2:])
    assert not torch.equal(corners(2, keys), first)
    assert len({tuple(each.flatten().tolist()) for each in first}) == 3
    assert ((first >= 0) & (first <= 64 - window_side(64))).all()


def test_without_noise_random_windows_cover_the_four_quarters():
    set_noise(anywhere := Anywhere(), None)
    corners = anywhere(torch.zeros(2, 5, 4, 4), 128)
    assert torch.equal(corners[0], corners[1])
    middles = corners[0] + window_side(128) // 2
    assert sorted((middles > 64).tolist()) == [[False, False], [False, True], [True, False], [True, True]]
