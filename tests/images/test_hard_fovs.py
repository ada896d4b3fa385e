"""Detection of the field of view in difficult photographs, compared with three published methods.

``golden/fov.md`` lists the errors of all four methods, and ``golden/fov.png`` shows our circles. Update both with
``FUNDUSBENCH_GOLDEN=write pytest tests/images/test_hard_fovs.py``, and inspect them before you commit them.
"""

from __future__ import annotations

import os
from functools import cache

import cv2
import numpy as np
import pytest

from benchmark.images.fov import FieldOfView, detect_fov
from benchmark.images.reading import read_rgb
from tests.conftest import ROOT
from tests.factories.fov_baselines import BASELINES
from tests.factories.hard_photographs import Case, hard_cases

GOLDEN = ROOT / "tests/golden"
IDRID = ROOT / "../shared/data/idrid/images"
WRITE = os.environ.get("FUNDUSBENCH_GOLDEN") == "write"

OURS = "ours"
METHODS = {OURS: detect_fov, **BASELINES}
CLOSE = 0.02
"""Largest accepted error of our method, as a fraction of the radius."""
LOST = 0.1
"""Smallest error that counts as a failed detection, as a fraction of the radius."""
LOSES = {
    "Graham 2015": {
        "dark",
        "over exposed",
        "bright halo",
        "cut on one side",
        "off centre",
        "small in a wide frame",
        "coloured border",
        "white page",
        "label beside",
        "hot pixels",
    },
    "Voets et al. 2019": {
        "dark",
        "over exposed",
        "bright halo",
        "cut on one side",
        "coloured border",
        "white page",
        "white frame",
    },
    "o_O 2015": {
        "over exposed",
        "bright halo",
        "cut on one side",
        "cut within a black frame",
        "off centre",
        "small in a wide frame",
        "white page",
        "white frame",
        "text in the corner",
        "label beside",
    },
}
"""Photographs on which each published method is known to fail."""


@cache
def cases() -> dict[str, Case]:
    return hard_cases()


def error(found: FieldOfView | None, true: FieldOfView) -> float:
    """Return the largest deviation of centre and radius, as a fraction of the radius; infinite without a detection."""
    if found is None:
        return float("inf")
    return max(abs(found.cx - true.cx), abs(found.cy - true.cy), abs(found.radius - true.radius)) / true.radius


@cache
def errors() -> dict[str, dict[str, float]]:
    """Return the errors by method and case."""
    return {
        method: {name: error(find(case.rgb), case.fov) for name, case in cases().items()}
        for method, find in METHODS.items()
    }


@pytest.mark.parametrize("name", cases())
def test_our_method_detects_the_field_of_view_in_every_photograph(name):
    assert errors()[OURS][name] < CLOSE


@pytest.mark.parametrize("method", BASELINES)
def test_a_published_method_fails_on_the_listed_photographs_alone(method):
    assert {name for name, off in errors()[method].items() if off >= LOST} == LOSES[method]


@pytest.mark.parametrize("method", BASELINES)
def test_a_reimplemented_method_works_on_an_easy_photograph(method):
    """Check the reimplementation, so that its failures above are those of the method."""
    y, x = np.mgrid[:400, :500] + 0.5
    plain = np.where(np.hypot(x - 250, y - 200)[..., None] <= 170, (200, 150, 140), 0).astype(np.uint8)
    assert error(BASELINES[method](plain), FieldOfView(250.0, 200.0, 170.0)) < 0.02


def test_the_error_detects_a_displaced_circle():
    case = cases()["dark"]
    assert error(FieldOfView(case.fov.cx + 8, case.fov.cy, case.fov.radius), case.fov) > CLOSE


def rows(table: str) -> list[list[str]]:
    """Return the cells of a Markdown table's body."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def render() -> str:
    """Return the errors of all methods as a Markdown page."""
    methods = list(METHODS)
    head = [
        "# Detection of the field of view: ours and three published methods",
        "",
        "Largest deviation of the circle's centre and radius from the truth, in % of the radius. A detection is",
        f"**lost** if that is {LOST:.0%} or more. Each row is one photograph (n = {len(cases())}) that the phantom",
        "drew, shown in `fov.png`. The table says nothing about real eyes or the frequency of such photographs.",
        "`tests/factories/fov_baselines.py` reimplements the published methods and cites their sources.",
        "",
        f"| photograph | {' | '.join(methods)} |",
        f"| --- |{' ---: |' * len(methods)}",
    ]
    body = [f"| {name} | {' | '.join(cell(errors()[method][name]) for method in methods)} |" for name in cases()]
    lost = [f"{sum(off >= LOST for off in errors()[method].values())} of {len(cases())}" for method in methods]
    return "\n".join([*head, *body, f"| lost | {' | '.join(lost)} |"]) + "\n"


def cell(off: float) -> str:
    return f"**{100 * off:.1f}**" if off >= LOST else f"{100 * off:.1f}"


def number(text: str) -> float:
    """Return the number in a cell."""
    return float(text.strip("*").removesuffix(f" of {len(cases())}"))


def test_the_table_of_errors_equals_the_committed_one():
    path = GOLDEN / "fov.md"
    if WRITE:
        path.write_text(render(), encoding="utf-8")
    made, golden = rows(render()), rows(path.read_text(encoding="utf-8"))
    assert [row[0] for row in made] == [row[0] for row in golden]
    for got, want in zip(made, golden, strict=True):
        # Edges may differ by a fraction of a pixel between builds of OpenCV.
        assert [number(text) for text in got[1:]] == pytest.approx([number(text) for text in want[1:]], abs=0.5), got[0]


def contact_sheet(photographs: dict[str, np.ndarray], side: int, columns: int) -> np.ndarray:
    """Return photographs side by side, each with its name and our circle; RGB."""
    tiles = [_tile(rgb, name, side) for name, rgb in photographs.items()]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)])


def _tile(rgb: np.ndarray, name: str, side: int) -> np.ndarray:
    height, width = rgb.shape[:2]
    disc, scale = detect_fov(rgb), side / max(height, width)
    small = cv2.resize(rgb, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    tile = np.full((side + 14, side, 3), 60, np.uint8)
    tile[14 : 14 + small.shape[0], : small.shape[1]] = small
    fixed = [round(16 * value * scale) for value in (disc.cx, disc.cy, disc.radius)]
    cv2.circle(tile[14:], (fixed[0], fixed[1]), fixed[2], (0, 255, 0), 1, cv2.LINE_AA, 4)
    cv2.putText(tile, name, (2, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def sheet_of_cases() -> np.ndarray:
    return contact_sheet({name: case.rgb for name, case in cases().items()}, side=150, columns=4)


def changed(one: np.ndarray, other: np.ndarray) -> float:
    """Return the fraction of pixels that differ visibly."""
    return float((np.abs(one.astype(int) - other).max(axis=2) > 40).mean())


def test_the_contact_sheet_equals_the_committed_one():
    path = GOLDEN / "fov.png"
    if WRITE:
        cv2.imwrite(str(path), sheet_of_cases()[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    # Builds of OpenCV may smooth lines differently; a displaced circle changes more, as the next test shows.
    assert changed(sheet_of_cases(), read_rgb(path)) < 0.001
    assert path.stat().st_size < 300_000


def test_the_contact_sheet_differs_if_one_circle_is_displaced(monkeypatch):
    dark = cases()["dark"].rgb

    def astray(rgb: np.ndarray) -> FieldOfView:
        found = METHODS[OURS](rgb)
        assert found is not None
        return FieldOfView(found.cx + 12, found.cy, found.radius) if rgb is dark else found

    before = sheet_of_cases()
    monkeypatch.setattr(f"{__name__}.detect_fov", astray)
    assert changed(sheet_of_cases(), before) > 0.001


@pytest.mark.slow
def test_radii_of_one_real_camera_vary_least_with_our_method():
    """IDRiD was photographed with one camera, so the true radius is constant."""
    files = sorted(IDRID.rglob("*.jpg"))[::20]
    if not files:
        pytest.skip("IDRiD is not at ../shared/data/idrid")
    photographs = [read_rgb(file) for file in files]
    spread = {
        method: float(np.std(radii) / np.median(radii))
        for method, find in METHODS.items()
        if (radii := [found.radius for rgb in photographs if (found := find(rgb)) is not None])
    }
    assert spread[OURS] < 0.002
    assert all(spread[OURS] < spread[method] / 2 for method in BASELINES), spread
