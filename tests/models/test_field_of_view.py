"""The size of the field of view in the input of each network of the compared systems."""

from __future__ import annotations

import pytest

from benchmark.common.errors import InputError
from benchmark.settings.composition import compose
from models.system_settings import Net
from models.systems.registry import geometry
from tests.conftest import ROOT

TINY = {
    "min_pooling": {"net_1": (80, 64), "net_3": (123, 88)},
    "o_o": {"a_1": (35, 40), "a_2": (70, 80), "a_3": (112, 128)},
    "reformed_gamblers": {"plain": (95, 108), "step": (95, 108), "cyclic": (60, 68), "fractional": (44, 50)},
    "zoom_in_net": dict.fromkeys(("m", "a", "c", "c_random"), (88, 88)),
    "huang": {"single_eye": (88, 88)},
}
PAPER = {
    "min_pooling": {"net_1": (843, 540), "net_2": (820, 540), "net_3": (1019, 900)},
    "o_o": {"b_1": (112, 128), "b_2": (224, 256), "b_3": (448, 512)},
    "reformed_gamblers": {
        "plain": (767, 877),
        "step": (767, 877),
        "cyclic": (480, 549),
        "fractional": (724, 827),
        "four": (385, 440),
    },
    "zoom_in_net": dict.fromkeys(("m", "a", "c", "c_random"), (720, 720)),
    "huang": {"single_eye": (512, 512)},
}
WIDER = TINY | {
    "min_pooling": {"net_1": (80, 64), "net_3": (123, 128)},
    "zoom_in_net": dict.fromkeys(("m", "a", "c", "c_random"), (160, 160)),
    "huang": {"single_eye": (160, 160)},
}
"""Larger sizes: networks whose blocks fix the input size see the same field of view; the others get more pixels."""


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], TINY),
        (["scale=hours"], {}),
        (["scale=paper"], PAPER),
        (
            [
                "sizes.large=160",
                "systems.min_pooling.nets.net_3.size=mid",
                "+systems.min_pooling.nets.net_3.fov_px=128",
            ],
            WIDER,
        ),
    ],
    ids=["tiny", "hours", "paper", "larger sizes"],
)
def test_each_scale_shows_the_field_of_view_at_the_size_of_its_source(overrides, expected):
    params = compose(ROOT, overrides)
    sides = {
        system: {
            net: tuple(geometry(system, net, Net(**given), params["sizes"][given["size"]]))
            for net, given in settings["nets"].items()
        }
        for system, settings in params["systems"].items()
    }
    assert sides == expected


@pytest.mark.parametrize(
    ("system", "settings", "size_px", "words"),
    [
        ("min_pooling", {"blocks": 4}, 160, r"fov_px must be 62 to 153, as 4 blocks .* got 160 \(from sizes.large"),
        ("min_pooling", {"blocks": 4, "fov_px": 40}, 128, r"nets\.net_3\.fov_px must be 62 to 153, .* got 40 \(set\)"),
        ("reformed_gamblers", {"blocks": 8}, 128, r"fov_px must be at most 256, twice the 128 px .* but got 876"),
        ("huang", {"blocks": 1, "fov_px": 400}, 128, r"fov_px must be at most 256, .* got 400 \(set\)"),
    ],
)
def test_an_impossible_field_of_view_is_refused(system, settings, size_px, words):
    net = {"min_pooling": "net_3", "reformed_gamblers": "plain", "huang": "single_eye"}[system]
    with pytest.raises(InputError, match=words):
        geometry(system, net, Net(size="large", **settings), size_px)
