"""Inspection of a data set: each file is opened once, even after an interruption, and pixels are compared if needed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmark.common.errors import InputError
from benchmark.data import inspection as inspecting
from benchmark.data.inspection import STORE, inspect_dataset
from benchmark.images.reading import read_rgb
from benchmark.sources.registry import Photograph
from tests.conftest import ROOT
from tests.factories.eyes import encoded, eye, write_eyes

NAMES = [str(seed) for seed in range(6)]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_eyes(Path("photos"), NAMES)


def photographs(*more: str) -> list[Photograph]:
    names = [f"{name}.jpeg" for name in NAMES]
    return [Photograph(name, Path("photos") / name, 0, "train") for name in [*names, *more]]


def save(name: str, data: bytes) -> str:
    (Path("photos") / name).write_bytes(data)
    return name


def seen(more: list[str]) -> inspecting.InspectedDataset:
    return inspect_dataset(photographs(*more), workers=1)


def test_intact_files_with_different_pixels_are_not_paired():
    found = seen([])
    assert len({info.pixels for info in found.infos}) == len(NAMES)
    assert all(info.error == "" and (info.width, info.height) == (300, 260) for info in found.infos)
    assert found.near_duplicates == ()


def test_equal_pixels_are_detected_in_another_file_and_format():
    pixels = read_rgb(Path("photos/2.jpeg"))
    copy = save("copy.jpeg", Path("photos/1.jpeg").read_bytes())
    png = save("other.png", encoded(pixels, "PNG"))
    tiff = save("other.tif", encoded(pixels, "TIFF"))
    found = seen([copy, png, tiff])
    pixels_of = [info.pixels for info in found.infos]
    assert pixels_of[6] == pixels_of[1]
    assert pixels_of[7] == pixels_of[8] == pixels_of[2]
    assert len({info.sha256 for info in found.infos}) == 8
    assert found.near_duplicates == ()


def test_equal_pixels_are_detected_in_uniform_images():
    """A uniform photograph has no near-duplicate, but its pixels can recur in another file."""
    flat = np.full((260, 300, 3), 90, np.uint8)
    other = flat.copy()
    other[0, 0] ^= 1
    found = seen([save("a.png", encoded(flat, "PNG")), save("b.tif", encoded(flat, "TIFF")),
                  save("c.png", encoded(other, "PNG"))])  # fmt: skip
    pixels_of = [info.pixels for info in found.infos]
    assert pixels_of[6] == pixels_of[7] != pixels_of[8]
    assert found.near_duplicates == ()


def test_one_changed_pixel_makes_a_near_duplicate():
    pixels = read_rgb(Path("photos/2.jpeg")).copy()
    pixels[130, 150] ^= 1
    found = seen([save("other.png", encoded(pixels, "PNG"))])
    assert found.infos[6].pixels != found.infos[2].pixels
    assert [(pair.first, pair.second) for pair in found.near_duplicates] == [(2, 6)]


def test_all_files_with_equal_pixels_are_paired():
    small = cv2.resize(read_rgb(Path("photos/2.jpeg")), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    names = [save(name, encoded(small)) for name in ("a.jpeg", "b.jpeg")]
    found = seen(names)
    assert {(pair.first, pair.second) for pair in found.near_duplicates} == {(2, 6), (2, 7)}


def test_pixels_are_compared_after_the_exif_orientation():
    upright = read_rgb(Path("photos/2.jpeg"))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright)).save("photos/turned.png", exif=exif)
    assert (read_rgb(Path("photos/turned.png")) == upright).all()
    found = seen(["turned.png"])
    assert found.infos[6].pixels == found.infos[2].pixels


def test_an_unreadable_file_has_a_reason_and_the_rest_is_inspected():
    found = seen([save("cut.jpeg", encoded(eye(9))[:3000]), "gone.jpeg", save("text.jpeg", b"no image")])
    reasons = [info.error for info in found.infos]
    assert reasons[:6] == [""] * 6
    assert "truncated" in reasons[6]
    assert "photos/gone.jpeg: No such file" in reasons[7]
    assert "not a JPEG" in reasons[8]
    assert [info.sha256 == "" for info in found.infos[6:]] == [False, True, False]
    assert [info.pixels for info in found.infos[6:]] == ["", "", ""]


def test_nothing_is_decoded_twice(monkeypatch):
    copy = save("other.png", encoded(read_rgb(Path("photos/2.jpeg")), "PNG"))
    first = seen([copy])
    put: list[str] = []
    monkeypatch.setattr(inspecting.InspectionStore, "put", lambda self, sha256, _: put.append(sha256))
    monkeypatch.setattr(inspecting.InspectionStore, "put_digest", lambda self, sha256, _: put.append(sha256))
    assert seen([copy]) == first
    assert put == []


def test_a_changed_file_is_inspected_again():
    first = seen([])
    write_eyes(Path("photos"), NAMES[:1], first_seed=77)
    second = seen([])
    assert first.infos[0] != second.infos[0]
    assert first.infos[1:] == second.infos[1:]


def test_another_recipe_recomputes_all_fingerprints(monkeypatch):
    seen([])
    monkeypatch.setattr(inspecting, "RECIPE", "another")
    assert inspecting.InspectionStore().known() == frozenset()


def test_a_damaged_cache_is_reported_in_one_sentence():
    STORE.parent.mkdir()
    STORE.write_bytes(b"something else " * 100)
    with pytest.raises(
        InputError, match=r"scratch/checks\.sqlite must store the fingerprints of files.*not a database: remove it"
    ):
        seen([])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("SQLITE_FULL", "free some space"),
        ("SQLITE_BUSY", "wait until that one ends"),
        ("SQLITE_READONLY", "change its permissions"),
    ],
)
def test_the_message_about_a_read_only_cache_does_not_advise_its_removal(monkeypatch, fault, words):
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorname = fault

    class Refusing(sqlite3.Connection):
        def executemany(self, *_):
            raise error

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **options: connect(*given, **options, factory=Refusing))
    with pytest.raises(
        InputError, match=rf"scratch/checks\.sqlite must store the fingerprints of files.*{words}"
    ) as caught:
        seen([])
    assert "remove" not in str(caught.value)


def test_a_full_disk_is_reported(monkeypatch):
    store = inspecting.InspectionStore()
    store._base.execute("PRAGMA max_page_count = 6")
    for number in range(100):
        store.put(f"{number:064x}", inspecting.fingerprint(b"nothing"))
    with pytest.raises(InputError, match="its disk is full: free some space"):
        store.close()


def test_two_checks_in_one_folder_do_not_block_each_other():
    first, second = inspecting.InspectionStore(), inspecting.InspectionStore()
    print_of = inspecting.fingerprint(b"nothing")
    began = time.monotonic()
    for number in range(300):
        first.put(f"{number:064x}", print_of)
        second.put(f"{number + 200:064x}", print_of)
    second.close()
    first.close()
    assert time.monotonic() - began < 5
    assert len(inspecting.InspectionStore().known()) == 500


@pytest.mark.slow
def test_a_killed_check_is_resumed(monkeypatch):
    """A check killed by SIGKILL keeps its committed results, and ends like an uninterrupted one when repeated."""
    monkeypatch.setattr(inspecting, "_BATCH", 1)
    write_eyes(Path("photos"), [str(seed) for seed in range(120)])
    code = (
        "from pathlib import Path; from benchmark.data import inspection as d\n"
        "from benchmark.sources.registry import Photograph as P\n"
        "d._BATCH = 1\n"
        "d.inspect_dataset([P(str(i), Path(f'photos/{i}.jpeg'), 0, 'train') for i in range(120)], workers=1)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (STORE.exists() and STORE.stat().st_size > 40_000):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    store = inspecting.InspectionStore()
    kept = len(store.known())
    store.close()
    assert kept > 0
    every = [Photograph(str(i), Path(f"photos/{i}.jpeg"), 0, "train") for i in range(120)]
    resumed = inspect_dataset(every, workers=1)
    STORE.unlink()
    assert inspect_dataset(every, workers=1) == resumed


@pytest.mark.slow
def test_jobs_are_submitted_as_workers_become_free():
    """At most a few jobs are in progress, so memory does not grow with the data set."""
    from benchmark.jobs.processes import outcomes

    taken = 0

    def jobs():
        nonlocal taken
        for number in range(200):
            taken += 1
            yield number, Path(f"photos/{number % 6}.jpeg")

    ahead = [taken - done for done, _ in enumerate(outcomes(inspecting._inspect, jobs(), 2), 1)]
    assert len(ahead) == 200
    assert max(ahead) <= 8


@pytest.mark.parametrize("shape", [(3, 5000, 3), (5000, 3, 3)])
def test_a_narrow_photograph_is_reported_as_tiny_and_not_as_black(shape):
    name = save("narrow.png", encoded(np.full(shape, (180, 90, 40), np.uint8), "PNG"))
    info = seen([name]).infos[-1]
    assert info.brightness > 100
    assert info.fundus == "no"
    assert (info.width, info.height) == (shape[1], shape[0])
