"""Figures that show photographs: their captions, and a folder apart from the figures that may be published."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from benchmark.common.csv_rows import write_rows
from benchmark.common.errors import InputError
from benchmark.data.packs import PackRow, PackSpec, write_pack
from benchmark.evaluation.saliency_files import (
    ATTENTION_MAPS,
    SALIENCY_IMAGES,
    SALIENCY_MAPS,
    WINDOWS_FILE,
    SaliencyRow,
    WindowsRow,
)
from benchmark.report import report
from benchmark.report.figures import attention, registry, saliency, worst_errors
from tests.factories.runs import ARMS
from tests.factories.runs import IMAGES as COUNTS

pytestmark = pytest.mark.slow

ONE = {"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}
SIDE = 24
FOLDER = report.REPORTS / "photographs"


@pytest.fixture
def inputs(change):
    """A finished project with its photographs and maps of three of them."""
    read, draw = change(seeds=[0, 1], arms=ONE), np.random.default_rng(0)
    for size in ("mid", "large"):
        pictures = (draw.integers(0, 256, (SIDE, SIDE, 3), np.uint8).tobytes() for _ in range(COUNTS["test"]))
        rows = [PackRow(f"test{place:03d}", "", image) for place, image in enumerate(pictures)]
        write_pack(Path("data/packs/plain") / size / "test.arrow", PackSpec(SIDE, "raw", "made"), rows)
    rows = [SaliencyRow("basenet_mt", "mid", 0, "mid", "score", f"test{place:03d}", 2, 1.5) for place in range(3)]
    write_rows(SALIENCY_IMAGES, SaliencyRow, rows)
    np.save(SALIENCY_MAPS, draw.random((3, SIDE, SIDE)).astype(np.float16))
    looked = [
        WindowsRow("zoom_in_net", "c", 0, "large", f"test{place:03d}", 2, 1.5, SIDE, 8, "0 0 0 16 16 0 9 9")
        for place in range(2)
    ]
    write_rows(WINDOWS_FILE, WindowsRow, looked)
    np.save(ATTENTION_MAPS, draw.random((2, 3, 3)).astype(np.float16))
    return read


def test_captions_say_what_is_shown_of_which_data_and_what_may_not_be_read_into_it(inputs):
    captions = registry.draw_all(inputs, report.REPORTS / "figures", FOLDER)
    worst, swayed = captions["worst_errors"], captions["saliency"]
    assert "20 test photographs of phantom (n = 100) with the largest error of basenet_mt/mid" in worst
    assert "mean over 2 seeds ± standard deviation" in worst
    assert "3 of 100 test photographs of phantom" in swayed
    assert "Caution" in swayed
    assert "Adebayo et al. 2018" in swayed
    assert "zoom_in_net/c, seed 0 (Zoom-in-Net, our reading) selects, on 2 of 100" in captions["attention"]
    assert {path.name for path in FOLDER.iterdir()} == {"worst_errors.png", "saliency.png", "attention.png"}
    assert not {"worst_errors", "saliency", "attention"} & {
        path.stem for path in (report.REPORTS / "figures").iterdir()
    }


def test_a_picture_lies_above_the_words_on_it(inputs):
    first = inputs.worst_errors[0]
    shown = inputs.photographs([first])[0]
    registry.draw_all(inputs, report.REPORTS / "figures", FOLDER)
    drawn = np.asarray(Image.open(FOLDER / "worst_errors.png").convert("RGB"), np.float64)
    # The first picture begins 0.08 inches from the left and 0.6 from the top, and is 1.5 wide.
    left, top, side = (round(150 * inches) for inches in (0.08, 0.6, 1.5))
    patch = drawn[top + 2 : top + side - 2, left + 2 : left + side - 2].mean((0, 1))
    assert patch == pytest.approx(shown.mean((0, 1)), abs=6)


def test_a_map_is_shown_without_what_all_maps_share():
    grid, eyes = np.tile([0.0, 1.0], (4, 2)), np.eye(4)[:2, None, :] * 0.1
    shown, correlation = saliency.subtract_mean(grid + eyes)
    assert correlation > 0.9
    assert shown[0, 0] == pytest.approx([1.0, 0.0, 0.5, 0.5], abs=1e-5)
    assert saliency.subtract_mean(np.stack([grid, grid]))[0] == pytest.approx(0.5)


def test_a_window_is_framed_where_the_network_cuts_it():
    image = np.zeros((48, 48, 3), np.uint8)
    row = WindowsRow("zoom_in_net", "c", 0, "large", "a", 2, 1.5, 24, 8, "2 4 16 16")
    found = attention.framed(image, row)
    # The photograph is shown twice as large as the network is given it.
    framed = (found == attention.FRAME).all(2)
    assert framed[4, 8:24].all()
    assert framed[19, 8:24].all()
    assert framed[4:20, 8].all()
    assert framed[32:48, 47].all()
    assert framed.sum() == 2 * 4 * 15
    assert not image.any()


def test_the_page_shows_them_beside_it_and_holds_none(inputs):
    report.run(inputs.params)
    page = (report.REPORTS / "index.html").read_text(encoding="utf-8")
    assert 'src="photographs/worst_errors.png"' in page
    assert "base64" not in page
    assert base64.b64encode((FOLDER / "saliency.png").read_bytes()[:30]).decode() not in page


def test_without_the_photographs_there_are_no_such_figures_and_old_ones_go(inputs):
    report.run(inputs.params)
    for path in Path("data/packs").rglob("*.arrow"):
        path.unlink()
    assert [figure.draw(Figure(), inputs) for figure in (worst_errors, saliency, attention)] == [""] * 3
    report.run(inputs.params)
    assert list(FOLDER.iterdir()) == []
    assert "photographs/" not in (report.REPORTS / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda: SALIENCY_MAPS.write_bytes(SALIENCY_MAPS.read_bytes()[:200]),
            "saliency/maps.npy must hold a map",
        ),
        (lambda: SALIENCY_MAPS.write_bytes(b"no array"), "saliency/maps.npy must hold a map"),
        (lambda: np.save(SALIENCY_MAPS, np.zeros((2, 4, 4))), "a map of each image in .*fundusbench saliency"),
        (
            lambda: SALIENCY_IMAGES.write_text(SALIENCY_IMAGES.read_text().replace("test001", "other")),
            r"test.arrow must hold 'other'",
        ),
    ],
)
def test_damaged_maps_and_unknown_photographs_are_named_in_a_sentence(inputs, damage, words):
    damage()
    with pytest.raises(InputError, match=words):
        saliency.draw(Figure(), inputs)
