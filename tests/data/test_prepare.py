"""The stage prepare: content of the packs, reuse of earlier work, and unreadable files."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmark.common.errors import InputError
from benchmark.data import fetch, prepare
from benchmark.data.manifest import read_manifest
from benchmark.data.packs import open_pack
from benchmark.data.prepare import EARLIER, SCRATCH, SKIPPED
from benchmark.images.colour_normalisation.registry import NORMALISATIONS
from benchmark.images.fov import crop_to_fov, detect_fov, resize
from benchmark.images.reading import read_rgb
from benchmark.images.square import square_images
from benchmark.settings.data import ArmPacks, OwnPrepare
from benchmark.training.batches import load_split
from tests.conftest import ROOT
from tests.factories.photographs import (
    SIZES,
    folder_params,
    fundus_photograph,
    write_folder,
    write_photograph,
    write_table,
)

pytestmark = pytest.mark.slow

SPLITS = ("train", "val", "test")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(**options) -> None:
    """Fetch and prepare the folder ``photos``."""
    params = folder_params("photos", **options)
    fetch.run(params)
    prepare.run(params)


def packs() -> dict[str, bytes]:
    """Return the bytes of every pack by path."""
    return {str(path): path.read_bytes() for path in sorted(Path("data/packs").rglob("*.arrow"))}


def stored(role: str = "large") -> dict[str, bytes]:
    """Return the stored bytes of every image by id."""
    opened = [open_pack(path) for split in SPLITS for path in Path("data/packs").glob(f"*/{role}/{split}.arrow")]
    return {name: bytes(pack.stored(i)) for pack in opened for i, name in enumerate(pack.image_ids)}


def forget() -> None:
    """Remove the packs and the cache of earlier ones."""
    shutil.rmtree("data/packs")
    shutil.rmtree(EARLIER)


def prepared_now(capsys) -> int:
    """Return the number of images that the last run reports as prepared."""
    line = [line for line in capsys.readouterr().out.splitlines() if "prepared now" in line][-1]
    return int(line.split(",")[1].split()[0])


def test_packs_have_each_photograph_at_three_sizes_in_manifest_order():
    write_folder(Path("photos"))
    run()
    rows = read_manifest()
    for role, size in SIZES.items():
        for split in SPLITS:
            pack = open_pack(Path(f"data/packs/plain/{role}/{split}.arrow"))
            expected = [row for row in rows if row.split == split]
            assert pack.size == size
            assert pack.image_ids == [row.image_id for row in expected]
            assert pack.sha256 == [row.sha256 for row in expected]
            for image, row in zip(pack.gather(np.arange(len(pack))), expected, strict=True):
                assert np.array_equal(image, square_images(Path(row.path).read_bytes(), SIZES)[role])
    assert SKIPPED.read_text() == "image_id,path,reason\n"
    assert not SCRATCH.exists()


def test_the_field_of_view_fills_the_square_and_small_sizes_are_resized_from_the_largest():
    rgb = fundus_photograph(300, 200, (140, 110, 70), level=200)
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    made = square_images(stream.getvalue(), SIZES)
    assert np.array_equal(made["large"], crop_to_fov(rgb, detect_fov(rgb), SIZES["large"]))
    assert np.array_equal(made["small"], resize(made["large"], SIZES["small"]))
    y, x = np.mgrid[: SIZES["large"], : SIZES["large"]] + 0.5
    distance = np.hypot(x - SIZES["large"] / 2, y - SIZES["large"] / 2) / (SIZES["large"] / 2)
    assert (made["large"][distance < 0.95][:, 0] > 100).all()
    assert (made["large"][distance > 1.08] < 20).all()


def test_a_cropped_square_shows_the_centre_of_the_field_of_view_alone():
    rgb = fundus_photograph(300, 200, (140, 110, 70), level=200)
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    made = square_images(stream.getvalue(), {"small": 20, "large": 40}, crop=0.62)
    fov = detect_fov(rgb)
    assert np.array_equal(made["large"], crop_to_fov(rgb, replace(fov, radius=0.62 * fov.radius), 40))
    assert made["large"][..., 0].min() > 100, "no corner lies outside the field of view"
    assert np.array_equal(made["small"], resize(made["large"], 20))


@pytest.mark.parametrize("shape", [(224, 150), (150, 224)])
def test_a_cropped_square_of_a_squashed_photograph_has_no_dark_corner(shape):
    wide = fundus_photograph(400, 300, (200, 150, 140), level=200)
    stream = io.BytesIO()
    Image.fromarray(wide).resize(shape).save(stream, "PNG")
    made = square_images(stream.getvalue(), {"large": 64}, crop=0.62)
    assert made["large"].shape == (64, 64, 3)
    assert made["large"][..., 0].min() > 100


def test_a_cropped_square_of_a_photograph_without_a_border_is_its_centre():
    rgb = np.random.default_rng(0).integers(90, 200, (200, 200, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    made = square_images(stream.getvalue(), {"large": 100}, crop=0.5)
    assert np.array_equal(made["large"], rgb[50:150, 50:150])


def test_a_small_field_of_view_in_a_wide_frame_is_decoded_with_enough_pixels():
    rgb = fundus_photograph(800, 600, (400, 300, 75), level=220)
    rgb[230:370:4, 330:470] //= 2  # Fine stripes, which vanish if too few pixels are decoded.
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=98, subsampling=0)
    made = square_images(stream.getvalue(), {"large": 140})["large"].astype(int)
    whole = read_rgb(stream.getvalue())
    expected = crop_to_fov(whole, detect_fov(whole), 140).astype(int)
    assert np.abs(made - expected).mean() < 2


def test_a_uniform_photograph_is_prepared():
    write_table(Path("photos"), [{"image": "black", "level": 0, "split": "train"}])
    Image.new("RGB", (90, 60)).save("photos/black.png")
    run()
    assert not any(stored()["black"])


def test_jpeg_packs_stay_close_to_raw_ones_and_are_smaller():
    write_folder(Path("photos"), patients=2)
    run()
    raw = {name: np.frombuffer(image, np.uint8) for name, image in stored().items()}
    run(encoding="jpeg")
    for name, image in stored().items():
        assert len(image) < raw[name].size
        assert np.abs(read_rgb(image).reshape(-1).astype(int) - raw[name]).mean() < 5


def test_packs_do_not_depend_on_the_number_of_workers():
    write_folder(Path("photos"))
    run(workers=1)
    one = packs()
    forget()
    run(workers=3)
    assert packs() == one


def test_with_nothing_changed_nothing_is_written(capsys):
    write_folder(Path("photos"), patients=4)
    run()
    before = {path: path.stat().st_ino for path in Path("data/packs").rglob("*.arrow")}
    run()
    assert prepared_now(capsys) == 0
    assert {path: path.stat().st_ino for path in Path("data/packs").rglob("*.arrow")} == before


def test_only_new_and_changed_photographs_are_prepared_again(capsys):
    ids = write_folder(Path("photos"))
    run()
    before = stored()
    write_photograph(Path("photos/2_left.jpeg"), seed=99)
    write_photograph(Path("photos/90_left.jpeg"), seed=90)
    with Path("photos/labels.csv").open("a") as table:
        table.write("90_left,3\n")
    run()
    assert prepared_now(capsys) == 2
    after = stored()
    assert {name for name in ids if after[name] != before[name]} == {"2_left"}
    incremental = packs()
    forget()
    run()
    assert packs() == incremental


def test_packs_that_dvc_removed_before_the_run_are_restored_from_the_cache(capsys):
    write_folder(Path("photos"), patients=4)
    run()
    before = packs()
    shutil.rmtree("data/packs")
    run()
    assert prepared_now(capsys) == 0
    assert packs() == before
    shutil.rmtree("data/packs")
    write_photograph(Path("photos/2_left.jpeg"), seed=99)
    run()
    assert prepared_now(capsys) == 1
    linked = {path.stat().st_ino for path in EARLIER.rglob("*.arrow")}
    assert linked == {path.stat().st_ino for path in Path("data/packs").rglob("*.arrow")}


def test_other_labels_and_splits_prepare_nothing_again(capsys):
    ids = write_folder(Path("photos"), patients=4)
    run()
    write_table(Path("photos"), [{"image": name, "level": 1, "split": SPLITS[i % 3]} for i, name in enumerate(ids)])
    run()
    assert prepared_now(capsys) == 0
    moved = packs()
    forget()
    run()
    assert packs() == moved


def test_another_encoding_prepares_all_again(capsys):
    write_folder(Path("photos"), patients=4)
    run()
    run(encoding="jpeg")
    assert prepared_now(capsys) == 8


def test_an_arm_with_another_colour_normalisation_has_packs_of_its_own_size(capsys):
    write_folder(Path("photos"), patients=4)
    params = folder_params("photos")
    arm = ArmPacks(size="mid", prepare=OwnPrepare(colour_normalisation="graham"))
    params = params.model_copy(update={"arms": {"mine": {"grey": arm}}})
    fetch.run(params)
    prepare.run(params)
    assert {str(path.parent) for path in Path("data/packs").rglob("*.arrow")} == {
        *(f"data/packs/plain/{role}" for role in SIZES),
        "data/packs/graham/mid",
    }
    own, row = open_pack(Path("data/packs/graham/mid/train.arrow")), read_manifest()[0]
    expected = square_images(Path(row.path).read_bytes(), SIZES, "graham")["mid"]
    assert bytes(own.stored(own.image_ids.index(row.image_id))) == expected.tobytes()
    prepared_now(capsys)
    prepare.run(params.model_copy(update={"arms": {}}))
    assert prepared_now(capsys) == 0
    assert not Path("data/packs/graham").exists()


def test_another_colour_normalisation_prepares_all_again_and_shares_no_pack(capsys):
    write_folder(Path("photos"), patients=4)
    seen = {}
    for colour_normalisation in NORMALISATIONS:
        run(colour_normalisation=colour_normalisation)
        assert prepared_now(capsys) == 8
        train = load_split("train", f"{colour_normalisation}/large", read_manifest())
        assert train.pack.spec.colour_normalisation == colour_normalisation
        assert train.background == NORMALISATIONS[colour_normalisation].background
        assert [path.name for path in Path("data/packs").glob("*/")] == [colour_normalisation]
        seen[colour_normalisation] = stored()
        for name, image in stored("small").items():
            row = next(row for row in read_manifest() if row.image_id == name)
            assert image == square_images(Path(row.path).read_bytes(), SIZES, colour_normalisation)["small"].tobytes()
    assert all(
        len({seen[colour_normalisation][name] for colour_normalisation in NORMALISATIONS}) == len(NORMALISATIONS)
        for name in seen["plain"]
    )


def test_a_run_killed_with_one_colour_normalisation_is_not_reused_for_another(capsys):
    write_folder(Path("photos"), patients=4)
    spoil()
    params = folder_params("photos", colour_normalisation="graham")
    fetch.run(params)
    write_photograph(Path("photos/0_left.jpeg"), seed=99)
    with pytest.raises(InputError):
        prepare.run(params)
    assert list(SCRATCH.rglob("*.safetensors"))
    run(colour_normalisation="clahe")
    assert prepared_now(capsys) == 6


def test_a_damaged_pack_is_written_again(capsys):
    write_folder(Path("photos"), patients=4)
    run()
    whole = packs()
    Path("data/packs/plain/mid/train.arrow").write_bytes(b"")
    run()
    assert prepared_now(capsys) > 0
    assert packs() == whole


@pytest.mark.parametrize("removed", [True, False], ids=["removed by DVC", "kept"])
@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_an_image_that_was_damaged_in_a_pack_is_prepared_again_and_never_read(capsys, encoding, removed):
    write_folder(Path("photos"), patients=4)
    run(encoding=encoding)
    whole, path = packs(), Path("data/packs/plain/mid/train.arrow")
    with path.open("r+b") as stream:  # In place, so that the hard link of the cache is damaged, too.
        stream.seek(path.read_bytes().find(stored("mid")[open_pack(path).image_ids[0]]) + 100)
        stream.write(b"\1\2\3")
    pack = open_pack(path)
    with pytest.raises(InputError, match=f"{path} is damaged at {pack.image_ids[0]}.*run `fundusbench prepare` again"):
        pack.gather(np.array([1, 0]))
    with pytest.raises(InputError, match="is damaged at"):
        pack.require_intact()
    if removed:
        shutil.rmtree("data/packs")
    run(encoding=encoding)
    assert prepared_now(capsys) == 1
    assert packs() == whole


def test_a_finished_image_that_was_damaged_before_all_were_packed_is_prepared_again(capsys, monkeypatch):
    write_folder(Path("photos"), patients=4)
    run()
    whole = packs()
    forget()
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "_pack", lambda *_: (_ for _ in ()).throw(InputError("stopped")))
        with pytest.raises(InputError, match="stopped"):
            run()
    first, second, *_ = sorted(SCRATCH.rglob("*.safetensors"))
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[:-1] + b"?")
    run()
    assert prepared_now(capsys) == 2
    assert packs() == whole


def test_equal_files_are_prepared_once(capsys):
    write_folder(Path("photos"), patients=2)
    shutil.copy("photos/0_left.jpeg", "photos/1_right.jpeg")
    run()
    assert prepared_now(capsys) == 3
    assert stored()["0_left"] == stored()["1_right"]


def spoil() -> None:
    """Truncate one photograph and empty another."""
    whole = Path("photos/1_left.jpeg").read_bytes()
    Path("photos/1_left.jpeg").write_bytes(whole[: len(whole) // 2])
    Path("photos/3_right.jpeg").write_bytes(b"")


def test_unreadable_photographs_that_the_check_allows_are_left_out_and_listed(capsys):
    write_folder(Path("photos"), patients=5)
    spoil()
    Path("photos/4_left.jpeg").unlink()
    run()
    skipped = pd.read_csv(SKIPPED).set_index("image_id")["reason"]
    assert sorted(skipped.index) == ["1_left", "3_right", "4_left"]
    assert "truncated" in skipped["1_left"].lower()
    assert skipped["3_right"] == "the file is empty"
    assert "No such file" in skipped["4_left"]
    assert len(stored()) == 7
    assert not set(skipped.index) & stored().keys()

    write_photograph(Path("photos/1_left.jpeg"), 50)
    write_photograph(Path("photos/3_right.jpeg"), 51)
    write_photograph(Path("photos/4_left.jpeg"), 52)
    capsys.readouterr()
    run()
    assert prepared_now(capsys) == 3
    assert len(stored()) == 10


def test_photographs_missing_or_changed_since_the_manifest_are_reported():
    write_folder(Path("photos"), patients=3)
    params = folder_params("photos")
    fetch.run(params)
    Path("photos/0_left.jpeg").unlink()
    write_photograph(Path("photos/1_left.jpeg"), seed=99)
    with pytest.raises(InputError, match=r"0_left .*is missing.*1_left .*has changed since the manifest.*fetch"):
        prepare.run(params)
    assert not packs()


def test_temporary_files_of_a_killed_run_are_removed():
    write_folder(Path("photos"), patients=2)
    Path("data/packs/plain/large").mkdir(parents=True)
    Path("data/packs/plain/large/.train.arrow.123.partial").write_bytes(b"half")
    run()
    names = {str(path.relative_to("data/packs")) for path in Path("data/packs").rglob("*") if path.is_file()}
    assert names == {f"plain/{role}/{split}.arrow" for role in SIZES for split in SPLITS} | {
        "skipped.csv",
        "shortcuts.csv",
    }


STEP = """
import re, sys
from pathlib import Path
from benchmark.data import prepare
from tests.factories.photographs import folder_params
if __name__ == "__main__":
    params = folder_params("photos", workers=int(sys.argv[1]))
    sizes = params.sizes.model_copy(update={"large": int(sys.argv[2])})
    linux = Path("/proc/self/clear_refs").exists()
    if linux:
        Path("/proc/self/clear_refs").write_text("5")  # Forget the peak of the imports.
    prepare.run(params.model_copy(update={"sizes": sizes}))
    if linux:
        print(re.search("VmHWM.*", Path("/proc/self/status").read_text()).group())
"""


def start_step(workers: int, large: int = SIZES["large"]) -> subprocess.Popen[str]:
    """Start the stage in a new process group."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", STEP, str(workers), str(large)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command, env=environment, **options)


def alive(group: int) -> list[int]:
    """Return the running processes of a group."""
    psutil = pytest.importorskip("psutil")
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except ProcessLookupError:
            continue
    return found


def wait_until(holds, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_killed_run_is_resumed_and_leaves_no_process(capsys):
    count = 40
    for i in range(count):
        write_photograph(Path(f"photos/{i}_left.jpeg"), i, width=1200, height=800)
    write_table(Path("photos"), [{"image": f"{i}_left", "level": i % 5} for i in range(count)])
    fetch.run(folder_params("photos"))
    step = start_step(workers=2)
    wait_until(lambda: step.poll() is not None or len(list(SCRATCH.rglob("*.safetensors"))) >= 5)
    os.kill(step.pid, signal.SIGKILL)
    step.communicate()
    wait_until(lambda: not alive(step.pid))
    finished = len(list(SCRATCH.rglob("*.safetensors")))
    assert 5 <= finished < count
    run()
    assert prepared_now(capsys) == count - finished
    resumed = packs()
    forget()
    run()
    assert packs() == resumed


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads the peak memory from /proc")
def test_memory_does_not_grow_with_the_number_of_images():
    def peak_mb(count: int) -> float:
        shutil.rmtree("data", ignore_errors=True)
        write_table(Path("photos"), [{"image": f"{i}_left", "level": 0} for i in range(count)])
        fetch.run(folder_params("photos"))
        out, error = start_step(workers=1, large=240).communicate()
        assert "VmHWM" in out, error
        return int(out.split()[-2]) / 1024

    rgb = fundus_photograph(60, 40, (30, 20, 18))
    Path("photos").mkdir()
    for i in range(240):
        rgb[0, 0] = (i, 0, 0)
        Image.fromarray(rgb).save(f"photos/{i}_left.png")
    images_mb = 200 * 3 * 240**2 / 2**20
    growth = peak_mb(240) - peak_mb(40)
    assert growth < images_mb / 3, f"{growth:.1f} MB more for {images_mb:.1f} MB of images"
