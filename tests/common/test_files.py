"""Errors of reading and writing files are one sentence, regardless of the library that raises them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmark.cli.main import main
from benchmark.common.errors import InputError
from benchmark.common.files import atomic, read_json, write_json


class SafetensorError(Exception):
    """Replacement of the error of safetensors, which does not derive from OSError."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), r"No space left on device\): free space"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "free space"),
        (OSError(errno.EFBIG, os.strerror(errno.EFBIG)), r"File too large\): raise the limit of `ulimit -f`"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), r"No space left on device\): free space"),
    ],
)
def test_a_full_disk_is_reported_with_file_and_fix(tmp_path, error, words):
    with pytest.raises(InputError, match=rf"report\.json must be written.*{words}"), atomic(tmp_path / "report.json"):
        raise error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [ValueError("of ours"), FileNotFoundError(errno.ENOENT, "none", "another.csv")])
def test_other_errors_pass_through(tmp_path, error):
    with pytest.raises(type(error), match=str(error.args[-1])), atomic(tmp_path / "report.json"):
        raise error


def test_an_impossible_path_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file/report.json", tmp_path / "folder"):
        with pytest.raises(InputError, match=f"{path} must be written, but cannot be .*: correct the path"):
            write_json(path, {})


@pytest.mark.parametrize("command", [["check", "--source", "phantom"], ["fetch"], ["prepare"], ["track"]])
def test_every_command_reports_a_read_only_folder(command, tmp_path, monkeypatch, capsys):
    from tests.factories.paths import ROOT

    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    if command == ["prepare"]:
        Path("data").mkdir()
        Path("data/manifest.csv").write_text("image_id,path,patient,eye,grade,split,sha256,width,height,source\n")
    make = Path.mkdir

    def refuse(self, *arguments, **options):
        if not self.absolute().exists() and self.absolute().is_relative_to(tmp_path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))
        make(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    if command == ["track"]:
        Path("runs").touch()
    code = main(command)
    err = capsys.readouterr().err
    assert code == (0 if command == ["track"] else 2), err
    assert command == ["track"] or "Read-only file system" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("content", [b"", b"{", b"\x00\xff" * 40])
def test_damaged_json_is_reported(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run\.json must be valid JSON, but is damaged"):
        read_json(tmp_path / "run.json")


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    steps = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor):
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append("replace"), replace(self, to)))
    write_json(tmp_path / "run.json", {})
    assert steps == [f".run.json.{os.getpid()}.partial", "replace", tmp_path.name]


@pytest.mark.parametrize("umask", [0o022, 0o027])
def test_the_mode_of_a_file_follows_the_umask_whatever_library_writes_it(tmp_path, umask):
    before = os.umask(umask)
    try:
        with atomic(tmp_path / "model.safetensors") as partial:
            save_file({"x": np.zeros(3)}, partial)
    finally:
        os.umask(before)
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == 0o666 & ~umask
