"""The real data sets: download of imitated archives, their layouts, and refused copies."""

from __future__ import annotations

import hashlib
import shutil
import sys
import types
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.common.column_names import SPLIT_NAMES
from benchmark.common.errors import InputError
from benchmark.sources import deepdrid, eyepacs, idrid, retinamnist
from benchmark.sources._download import RemoteFile
from benchmark.sources._labels import expected_counts, read_columns
from benchmark.sources._splits import GradedFile, SplitFractions, assign_splits
from benchmark.sources.registry import Photograph, load_source
from tests.conftest import ROOT
from tests.factories.loopback import Loopback, serve
from tests.factories.photographs import write_photograph
from tests.factories.sets import WRITE, FakeApi, real_params, zipped

DATA = ROOT / "../shared/data"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server():
    with serve() as loopback:
        yield loopback


def read(source: str, **changed: object) -> list[Photograph]:
    params = real_params(source, **changed)
    return list(load_source(source).photographs(params, Path("photographs"), lambda done, total: None))


def write_copy(source: str) -> Path:
    WRITE[source](Path("copy"))
    return Path("copy")


def names(found: list[Photograph]) -> list[tuple[object, ...]]:
    return [(each.image_id, each.grade, each.split, each.patient, each.eye) for each in found]


def serve_file(server: Loopback, name: str, data: bytes, algorithm: str = "sha256") -> RemoteFile:
    server.files[f"/{name}"] = data
    return RemoteFile(f"{server.url}/{name}", name, f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")


def parts(data: bytes, name: str, count: int) -> dict[str, bytes]:
    size = -(-len(data) // count)
    return {f"{name}.{i + 1:03d}": data[i * size : (i + 1) * size] for i in range(count)}


@pytest.mark.parametrize("source", ["idrid", "deepdrid"])
def test_an_archive_is_downloaded_once_and_read_like_a_copy_on_disk(server, monkeypatch, capsys, source):
    expected = names(read(source, root=str(write_copy(source))))
    module = {"idrid": idrid, "deepdrid": deepdrid}[source]
    remote = serve_file(server, "archive.zip", zipped(Path("copy"), "top-0657068/"))
    monkeypatch.setattr(module, "_ARCHIVE", remote)
    shutil.rmtree("copy")
    for _ in range(2):
        assert names(read(source)) == expected
    assert len(server.requests) == 1
    assert capsys.readouterr().out.count(f"terms: {module.ABOUT.terms}") == 1
    assert [path.name for path in Path("photographs").iterdir()] == [source]
    assert not list(Path("photographs").rglob("*.zip"))


def test_a_wrong_archive_is_refused_and_the_right_one_accepted_later(server, monkeypatch):
    write_copy("idrid")
    remote = serve_file(server, "archive.zip", zipped(Path("copy")))
    monkeypatch.setattr(idrid, "_ARCHIVE", remote)
    whole = server.files["/archive.zip"]
    server.files["/archive.zip"] = whole[:-1]
    with pytest.raises(InputError, match="must have the checksum"):
        read("idrid")
    server.files["/archive.zip"] = whole
    assert len(read("idrid")) == 26


@pytest.mark.parametrize("size", [28, 64])
def test_retinamnist_is_downloaded_from_the_address_of_its_size(server, monkeypatch, size):
    suffix = "" if size == 28 else f"_{size}"
    WRITE["retinamnist"](Path("copy"), size)
    remote = serve_file(server, "x.npz", Path(f"copy/retinamnist{suffix}.npz").read_bytes(), "md5")
    monkeypatch.setattr(retinamnist, "URL", remote.url)
    monkeypatch.setitem(retinamnist.MD5, size, remote.checksum.removeprefix("md5:"))
    found = read("retinamnist", size=size)
    assert names(found) == names(read("retinamnist", size=size)) == names(read("retinamnist", root="copy", size=size))
    assert len(server.requests) == 1
    assert Counter(each.split for each in found) == {"train": 5, "val": 5, "test": 5}


def test_addresses_and_checksums_are_those_of_medmnist():
    import medmnist

    info = medmnist.INFO["retinamnist"]
    for size, md5 in retinamnist.MD5.items():
        params = real_params("retinamnist", size=size)
        suffix = "" if size == 28 else f"_{size}"
        assert (retinamnist.URL.format(name=params.file), md5) == (info[f"url{suffix}"], info[f"MD5{suffix}"])


@pytest.fixture
def kaggle(server, monkeypatch):
    """A replacement of Kaggle's client with numbered parts of EyePACS' two archives; the solution is elsewhere."""
    write_copy("eyepacs")
    solution = serve_file(server, "retinopathy_solution.csv", Path("copy/retinopathy_solution.csv").read_bytes())
    monkeypatch.setattr(eyepacs, "SOLUTION", solution)
    files = {"sample.zip": b"", "sampleSubmission.csv.zip": b""}
    for name, count in (("train", 3), ("test", 4)):
        files |= parts(zipped(Path("copy") / name, f"{name}/"), f"{name}.zip", count)
    Path("labels").mkdir()
    shutil.copy("copy/trainLabels.csv", "labels")
    files["trainLabels.csv.zip"] = zipped(Path("labels"))
    api = FakeApi(files)
    monkeypatch.setitem(sys.modules, "kaggle", types.SimpleNamespace(api=api))
    return api


def test_eyepacs_is_assembled_from_its_parts(kaggle):
    expected = names(read("eyepacs", root="copy"))
    assert names(read("eyepacs", accept_terms=True)) == expected
    kaggle.files = {}
    assert names(read("eyepacs", accept_terms=True)) == expected
    assert not list(Path("photographs").rglob("*.zip*"))


def test_a_stopped_fetch_is_resumed_at_its_part(kaggle):
    whole = kaggle.files
    kaggle.files = {name: data for name, data in whole.items() if not name.startswith("test")}
    with pytest.raises(InputError, match=r"lists none like test"):
        read("eyepacs", accept_terms=True)
    assert not Path("photographs/eyepacs").exists()
    kaggle.files = {name: data for name, data in whole.items() if not name.startswith("train.")}
    assert len(read("eyepacs", accept_terms=True)) == 22


def test_only_the_graded_part_of_the_aptos_archive_is_kept(monkeypatch):
    expected = names(read("aptos2019", root=str(write_copy("aptos2019"))))
    api = FakeApi({"all": zipped(Path("copy"))})
    monkeypatch.setitem(sys.modules, "kaggle", types.SimpleNamespace(api=api))
    assert names(read("aptos2019", accept_terms=True)) == expected
    assert not list(Path("photographs").rglob("*ffff*"))
    assert not list(Path("photographs").rglob("*.zip"))


@pytest.mark.parametrize("source", ["eyepacs", "aptos2019"])
def test_nothing_is_downloaded_before_the_terms_are_accepted(source):
    with pytest.raises(
        InputError, match=r"terms of .* must be accepted .*kaggle\.com.*data\.accept_terms=true"
    ) as caught:
        read(source)
    assert load_source(source).ABOUT.homepage in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("photographs").exists()


@pytest.mark.parametrize(("source", "where"), [("messidor2", "adcis"), ("ddr", "nkicsl/DDR-dataset")])
def test_a_set_without_download_is_refused_with_instructions(source, where):
    with pytest.raises(InputError, match=rf"must be got by hand: .*{where}.*data\.root"):
        read(source)


@pytest.mark.parametrize("source", WRITE)
def test_a_missing_root_is_refused_in_one_sentence(source):
    with pytest.raises(
        InputError, match=r"data\.root must be the folder of a copy of .*, but the folder away does not exist"
    ):
        read(source, root="away")


@pytest.mark.parametrize("source", WRITE)
def test_a_root_without_tables_is_refused_in_one_sentence(source):
    Path("copy").mkdir()
    with pytest.raises(InputError, match=r"data\.root") as caught:
        read(source, root="copy")
    assert "\n" not in str(caught.value)


def test_eyepacs_has_kaggles_split_and_patients_and_eyes():
    found = {each.image_id: each for each in read("eyepacs", root=str(write_copy("eyepacs")))}
    assert names([found[i] for i in ("1_left", "5_right", "7_left", "6_right")]) == [
        ("1_left", 1, "train", "1", "left"),
        ("5_right", 0, "train", "5", "right"),
        ("7_left", 2, "val", "7", "left"),
        ("6_right", 1, "test", "6", "right"),
    ]


def test_a_copy_may_have_its_photographs_in_any_folder():
    expected = names(read("eyepacs", root=str(write_copy("eyepacs"))))
    Path("copy/resized/all").mkdir(parents=True)
    for path in [*Path("copy/train").iterdir(), *Path("copy/test").iterdir()]:
        path.rename(Path("copy/resized/all") / path.name)
    Path("copy/__MACOSX").mkdir()
    Path("copy/__MACOSX/1_left.jpeg").write_text("what one system adds")
    Path("copy/resized/all/._1_left.jpeg").write_text("too")
    assert names(read("eyepacs", root="copy")) == expected


@pytest.mark.slow
def test_the_expected_counts_equal_those_of_the_official_label_files():
    folder = DATA / "eyepacs_labels"
    if not folder.exists():
        pytest.skip("the label files of EyePACS are not at ../shared/data/eyepacs_labels")
    rows = [(grade, "train") for _, grade in read_columns(folder / "trainLabels.csv", ("image", "level"))]
    solution = read_columns(folder / "retinopathy_solution.csv", ("image", "level", "Usage"))
    rows += [(grade, SPLIT_NAMES[usage.lower()]) for _, grade, usage in solution]
    counts = Counter(rows)
    expected = eyepacs.expected(real_params("eyepacs"))
    assert {split: tuple(counts[str(grade), split] for grade in range(5)) for split in expected} == expected
    assert [sum(expected[split]) for split in ("train", "val", "test")] == [35126, 10906, 42670]
    data = (folder / "retinopathy_solution.csv").read_bytes()
    assert eyepacs.SOLUTION.checksum == f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize(
    ("source", "counts"),
    [
        ("aptos2019", [3662]),
        ("ddr", [6835 - 575, 2733 - 230, 4105 - 346]),
        ("deepdrid", [1200, 400]),
        ("idrid", [330, 83, 103]),
        ("retinamnist", [1080, 120, 400]),
    ],
)
def test_the_expected_counts_sum_to_the_published_sizes(source, counts):
    expected = load_source(source).expected(real_params(source))
    sizes = [sum(split) for split in expected.values()]
    assert ([sum(sizes)] if len(counts) == 1 else sizes) == counts


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(0, 30), min_size=5, max_size=5).filter(any),
    st.builds(SplitFractions, val=st.floats(0, 0.45), test=st.floats(0, 0.45), seed=st.integers(0, 5)),
    st.integers(0, 10**6),
)
def test_expected_counts_after_splitting_are_computed_in_advance(counts, shares, first):
    grades = [grade for grade, count in enumerate(counts) for _ in range(count)]
    entries = [GradedFile(f"{first + i}", Path(), grade, None, "", "unknown") for i, grade in enumerate(grades)]
    found = Counter((each.split, each.grade) for each in assign_splits(entries, shares))
    for split, expected in expected_counts({None: tuple(counts)}, shares).items():
        assert expected == tuple(found[split, grade] for grade in range(5))


def test_idrid_is_read_in_its_official_layout():
    found = read("idrid", root=str(write_copy("idrid")))
    assert Counter(each.split for each in found) == {"train": 16, "val": 4, "test": 6}
    by_id = {each.image_id: each for each in found}
    assert by_id["test/IDRiD_002"].path.as_posix().endswith("b. Testing Set/IDRiD_002.jpg")
    assert by_id["train/IDRiD_002"].path.as_posix().endswith("a. Training Set/IDRiD_002.jpg")


def test_idrids_photographs_have_the_expected_counts():
    if not (DATA / "idrid/labels.csv").exists():
        pytest.skip("IDRiD is not at ../shared/data/idrid")
    found = read("idrid", root=str(DATA / "idrid"))
    counts = Counter((each.split, each.grade) for each in found)
    expected = idrid.expected(real_params("idrid"))
    assert {split: tuple(counts[split, grade] for grade in range(5)) for split in expected} == expected
    assert {each.image_id.split("/")[0] for each in found if each.split == "test"} == {"test"}


def test_messidor2_has_pairs_of_eyes_without_the_ungradable(capsys):
    found = read("messidor2", root=str(write_copy("messidor2")))
    assert "1 images that its graders call ungradable are excluded" in capsys.readouterr().out
    assert len(found) == 23
    assert Counter(each.eye for each in found) == {"left": 11, "right": 12}
    assert len({each.patient for each in found}) == 12
    by_id = {each.image_id: each for each in found}
    assert by_id["IM000001"].patient == "IM000000"
    assert by_id["IM000001"].path.name == "IM000001.JPG"


def test_messidor2_accepts_the_column_names_of_kaggles_copies():
    table = next(write_copy("messidor2").rglob("messidor_data.csv"))
    found = names(read("messidor2", root="copy"))
    header, rest = table.read_text().split("\n", 1)
    header = header.replace("image_id", "id_code").replace("adjudicated_dr_grade", "diagnosis")
    table.write_text(f"{header}\n{rest}")
    assert names(read("messidor2", root="copy")) == found


def test_messidor2_without_pairs_has_unknown_patients():
    write_copy("messidor2")
    Path("copy/messidor-2.csv").unlink()
    with pytest.raises(InputError, match=r"must have one file messidor-2\.csv below copy, but there is none"):
        read("messidor2", root="copy")
    assert {each.patient for each in read("messidor2", root="copy", pairs="")} == {""}


def test_messidor2_with_a_photograph_outside_the_pairs_is_refused():
    write_copy("messidor2")
    lines = Path("copy/messidor-2.csv").read_text().splitlines()
    Path("copy/messidor-2.csv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(InputError, match=r"each image must have its row in data\.pairs, but 20051020_1022"):
        read("messidor2", root="copy")


def test_deepdrid_has_the_grade_of_the_eye_and_the_official_split(capsys):
    found = {each.image_id: each for each in read("deepdrid", root=str(write_copy("deepdrid")))}
    assert names([found[i] for i in ("1_l1", "1_r2", "5_l2", "7_r1")]) == [
        ("1_l1", 1, "train", "1", "left"),
        ("1_r2", 2, "train", "1", "right"),
        ("5_l2", 0, "val", "5", "left"),
        ("7_r1", 3, "test", "7", "right"),
    ]
    assert "8_r1" not in found
    assert "2 images that its graders call ungradable are excluded" in capsys.readouterr().out


def test_ddr_leaves_out_the_ungradable_and_other_parts(capsys):
    found = read("ddr", root=str(write_copy("ddr")))
    assert Counter(each.split for each in found) == {"train": 7, "val": 5, "test": 5}
    assert "2 images" in capsys.readouterr().out
    assert all("DR_grading" in each.path.as_posix() for each in found)
    assert names(read("ddr", root="copy/DR_grading")) == names(found)


def test_retinamnist_has_the_pixels_of_medmnist():
    path = DATA / "retinamnist/retinamnist.npz"
    if not path.exists():
        pytest.skip("RetinaMNIST is not at ../shared/data/retinamnist")
    found = read("retinamnist", root=str(path.parent))
    counts = Counter((each.split, each.grade) for each in found)
    expected = load_source("retinamnist").expected(real_params("retinamnist"))
    assert {split: tuple(counts[split, grade] for grade in range(5)) for split in expected} == expected
    arrays = np.load(path)
    pixels = np.stack([np.asarray(Image.open(each.path)) for each in found if each.split == "val"])
    np.testing.assert_array_equal(pixels, arrays["val_images"])
    assert [each.grade for each in found if each.split == "test"] == arrays["test_labels"][:, 0].tolist()


def test_a_damaged_file_of_arrays_is_refused_in_one_sentence():
    path = write_copy("retinamnist") / "retinamnist.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"retinamnist\.npz must be MedMNIST's file, but is damaged"):
        read("retinamnist", root="copy")


def rewrite(name: str, old: str, new: str) -> None:
    path = Path("copy", name)
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda: rewrite("train.csv", "diagnosis", "level"), "must have a column 'diagnosis', but has id_code, level"),
        (lambda: rewrite("train.csv", ",4", ",mild"), "must be 0, 1, 2, 3 or 4, but 000000000004 has 'mild', 0+9 has"),
        (lambda: write_photograph(Path("copy/train_2/000000000003.jpg")), "one file below data.root, but 0+3 has 2"),
        (lambda: shutil.copy("copy/train.csv", "copy/train_images"), "one file train.csv below copy, but there are 2"),
        (
            lambda: Path("copy/train.csv").write_bytes(b"\xff\xfe"),
            "must have a header and a row per image, but copy/train.csv has no rows",
        ),
    ],
)
def test_a_copy_with_another_layout_is_refused_in_one_sentence(harm, words):
    write_copy("aptos2019")
    harm()
    with pytest.raises(InputError, match=words) as caught:
        read("aptos2019", root="copy")
    assert "\n" not in str(caught.value)


def test_a_table_may_be_zipped_as_by_kaggle():
    expected = names(read("aptos2019", root=str(write_copy("aptos2019"))))
    Path("packed").mkdir()
    Path("copy/train.csv").rename("packed/train.csv")
    Path("copy/train.csv.zip").write_bytes(zipped(Path("packed")))
    assert names(read("aptos2019", root="copy")) == expected


def test_defects_of_single_rows_are_passed_on_to_the_checks():
    write_copy("aptos2019")
    rewrite("train.csv", "000000000001,1", "000000000001,5")
    rewrite("train.csv", "000000000002", "000000000000")
    Path("copy/train_images/000000000003.png").unlink()
    found = read("aptos2019", root="copy")
    assert [each.image_id[-1] for each in found[:4]] == ["0", "1", "0", "3"]
    assert found[1].grade == 5
    assert not found[3].path.exists()
