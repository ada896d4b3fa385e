"""Unpacking archives: only the requested files, no unsafe names or sizes, and nothing incomplete."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmark.common.errors import InputError
from benchmark.sources import _archive
from benchmark.sources._archive import JoinedFiles, unpack

FILES = {
    "set/a.jpeg": np.random.default_rng(1).bytes(40_000),
    "set/deep/b.jpeg": np.random.default_rng(2).bytes(3_000),
    "labels.csv": b"image,level\na,0\n",
}


def write_zip(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set/", "")
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def cut(path: Path, size: int) -> list[Path]:
    """Split a file into numbered parts."""
    data = path.read_bytes()
    path.unlink()
    parts = [path.with_name(f"{path.name}.{i + 1:03d}") for i in range(-(-len(data) // size))]
    for i, part in enumerate(parts):
        part.write_bytes(data[i * size : (i + 1) * size])
    return parts


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", [10**6, 7_000])
def test_an_archive_is_unpacked_whole_or_in_parts(tmp_path, size):
    unpack(cut(write_zip(tmp_path / "set.zip"), size), tmp_path / "out")
    assert contents(tmp_path / "out") == FILES


def test_parts_are_read_as_one_file(tmp_path):
    data = np.random.default_rng(0).bytes(1000)
    (tmp_path / "x").write_bytes(data)
    with io.BufferedReader(JoinedFiles(cut(tmp_path / "x", 300))) as joined:
        for begin, end in [(0, 1000), (250, 350), (299, 301), (900, 1000), (1000, 1000)]:
            joined.seek(begin)
            assert joined.read(end - begin) == data[begin:end]
        assert joined.seek(-10, io.SEEK_END) == 990


def test_only_requested_files_are_written(tmp_path):
    unpack([write_zip(tmp_path / "set.zip")], tmp_path / "out", keep=lambda name: name.endswith(".csv"))
    assert list(contents(tmp_path / "out")) == ["labels.csv"]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "set/../../evil", "C:\\evil", "..\\evil", "C:/evil"])
def test_names_outside_the_target_are_refused(tmp_path, name):
    archive = write_zip(tmp_path / "set.archive", {"labels.csv": b"x", name: b"evil"})
    with pytest.raises(InputError, match="leads out of the folder") as caught:
        unpack([archive], tmp_path / "in" / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "in" / "out").exists()
    assert not list(tmp_path.rglob("*evil*"))


def test_links_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc")
    with pytest.raises(InputError, match="'link' is a link or a special file"):
        unpack([tmp_path / "set.zip"], tmp_path / "out")


def test_a_decompression_bomb_is_refused_before_anything_is_written(tmp_path):
    bomb = write_zip(tmp_path / "bomb", {f"{i}": bytes(20_000_000) for i in range(2)})
    with pytest.raises(InputError, match="grows to more than"):
        unpack([bomb], tmp_path / "out")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 1_000_000


def test_an_archive_larger_than_any_data_set_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_archive, "MAX_BYTES", 10_000)
    with pytest.raises(InputError, match="grows to more than 10,000 bytes"):
        unpack([write_zip(tmp_path / "set.zip")], tmp_path / "out")


def test_a_repeated_name_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", b"2")
    with pytest.raises(InputError, match="'a' occurs twice"):
        unpack([tmp_path / "set.zip"], tmp_path / "out")


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "other"])
def test_a_damaged_archive_is_refused_in_one_sentence_and_leaves_no_target(tmp_path, damage):
    path = write_zip(tmp_path / "set.archive")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 100] = bytes(100)
    changed = {"truncated": data[:middle], "changed": data, "empty": b"", "other": b"<html>log in</html>"}
    path.write_bytes(changed[damage])
    with pytest.raises(InputError, match=r"must be a complete zip file, but set\.archive is not") as caught:
        unpack([path], tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out*"))


def test_an_archive_with_a_password_is_refused_in_one_sentence(tmp_path):
    path = write_zip(tmp_path / "set.zip")
    data = bytearray(path.read_bytes())
    for begin in (data.find(b"PK\3\4set/a") + 6, data.find(b"PK\1\2") + 8):
        data[begin] |= 1
    at = -1
    while (at := data.find(b"PK\1\2", at + 1)) >= 0:
        data[at + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="must be a complete zip"):
        unpack([path], tmp_path / "out")


def test_a_killed_run_is_resumed(tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "set.zip")
    copy, written = shutil.copyfileobj, []

    def killed(source, target, length):
        if written:
            target.write(b"half")
            raise KeyboardInterrupt
        written.append(target.name)
        copy(source, target, length)

    monkeypatch.setattr(_archive.shutil, "copyfileobj", killed)
    with pytest.raises(KeyboardInterrupt):
        unpack([archive], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    first = next(path for path in (tmp_path / "out.partial").rglob("*.jpeg"))
    stamp = first.stat().st_mtime_ns
    (first.parent / ".c.jpeg.1.partial").write_bytes(b"left by a process that was killed")
    monkeypatch.setattr(_archive.shutil, "copyfileobj", copy)
    unpack([archive], tmp_path / "out")
    assert contents(tmp_path / "out") == FILES
    assert (tmp_path / "out" / "set/a.jpeg").stat().st_mtime_ns == stamp


def test_a_full_disk_is_reported_in_one_sentence(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_archive.shutil, "copyfileobj", full)
    with pytest.raises(InputError, match=r"No space left on device.*free space"):
        unpack([write_zip(tmp_path / "set.zip")], tmp_path / "out")


def test_files_of_a_rejected_or_killed_archive_are_never_taken_for_those_of_the_right_one(tmp_path):
    wrong = FILES | {"set/a.jpeg": bytes(40_000)}
    right = write_zip(tmp_path / "right.zip")
    unpack([write_zip(tmp_path / "wrong.zip", wrong)], tmp_path / "out")
    (tmp_path / "out").replace(tmp_path / "out.partial")  # As if the extraction had been killed before its last step.
    unpack([right], tmp_path / "out")
    assert contents(tmp_path / "out") == FILES
    (tmp_path / "out").replace(tmp_path / "out.partial")
    with pytest.raises(InputError, match="leads out of the folder"):
        unpack([write_zip(tmp_path / "bad.zip", {"../evil": b""})], tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()
