"""Downloads are complete and verified, or fail with one sentence, however the connection behaves."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from benchmark.common.errors import InputError
from benchmark.sources import _download
from benchmark.sources._download import RemoteFile, download
from tests.factories.loopback import Loopback, serve

DATA = np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(_download, "WAITS", (0.0, 0.0, 0.0))
    with serve() as loopback:
        loopback.files["/set.zip"] = DATA
        yield loopback


def remote(server: Loopback, data: bytes = DATA, algorithm: str = "sha256") -> RemoteFile:
    digest = hashlib.new(algorithm, data).hexdigest()
    return RemoteFile(f"{server.url}/set.zip?download=1", "the set.zip", f"{algorithm}:{digest}")


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_file_is_downloaded_completely_and_once(server, tmp_path, algorithm):
    for _ in range(2):
        path = download(remote(server, algorithm=algorithm), tmp_path / "new")
        assert path.name == "the set.zip"
        assert path.read_bytes() == DATA
    assert len(server.requests) == 1
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["the set.zip"]


def test_an_interrupted_download_is_resumed(server, tmp_path):
    server.cuts = [1_000_000, 500_000]
    assert download(remote(server), tmp_path).read_bytes() == DATA
    begins = [int(asked.removeprefix("bytes=").rstrip("-") or 0) for _, asked in server.requests]
    assert len(begins) == 3
    assert begins == sorted(begins)
    assert begins[1] > 900_000
    assert begins[2] > 1_400_000


def test_the_partial_file_of_a_killed_run_is_resumed(server, tmp_path):
    (tmp_path / "the set.zip.partial").write_bytes(DATA[:2_000_000])
    (tmp_path / "the set.zip.partial.version").write_text(server.tag("/set.zip"))
    assert download(remote(server), tmp_path).read_bytes() == DATA
    assert server.requests == [("/set.zip", "bytes=2000000-")]
    assert [file.name for file in tmp_path.iterdir()] == ["the set.zip"]


def test_a_partial_file_that_is_complete_is_used(server, tmp_path):
    (tmp_path / "the set.zip.partial").write_bytes(DATA)
    (tmp_path / "the set.zip.partial.version").write_text(server.tag("/set.zip"))
    assert download(remote(server), tmp_path).read_bytes() == DATA


@pytest.mark.parametrize(("length", "version"), [(1000, '"older"'), (1000, None), (4_000_000, "same")])
def test_the_partial_file_of_another_version_is_discarded(server, tmp_path, length, version):
    (tmp_path / "the set.zip.partial").write_bytes(bytes(length))
    if version:
        known = server.tag("/set.zip") if version == "same" else version
        (tmp_path / "the set.zip.partial.version").write_text(known)
    assert download(remote(server), tmp_path).read_bytes() == DATA


def test_without_range_requests_the_file_is_downloaded_again(server, tmp_path):
    server.ranges = False
    server.cuts = [2_000_000]
    assert download(remote(server), tmp_path).read_bytes() == DATA
    assert len(server.requests) == 2


def test_without_etags_the_file_is_downloaded_again(server, tmp_path):
    server.tags = False
    server.cuts = [2_000_000]
    assert download(remote(server), tmp_path).read_bytes() == DATA
    assert [asked for _, asked in server.requests] == ["", ""]


def test_a_temporary_error_is_retried(server, tmp_path):
    server.statuses = [503, 429]
    assert download(remote(server), tmp_path).read_bytes() == DATA


def test_a_wrong_file_is_removed_and_reported(server, tmp_path):
    wanted = remote(server)
    server.files["/set.zip"] = b"a page that asks to log in"
    with pytest.raises(InputError, match=r"the set\.zip must have the checksum sha256:.*data\.root") as caught:
        download(wanted, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    server.files["/set.zip"] = DATA
    assert download(wanted, tmp_path).read_bytes() == DATA


def test_a_damaged_file_on_disk_is_downloaded_again(server, tmp_path):
    (tmp_path / "the set.zip").write_bytes(DATA[:-1])
    assert download(remote(server), tmp_path).read_bytes() == DATA


def test_a_missing_file_is_reported_without_a_retry(server, tmp_path):
    with pytest.raises(InputError, match=r"404.*data\.root"):
        download(RemoteFile(f"{server.url}/other.zip", "x", "sha256:0"), tmp_path)
    assert len(server.requests) == 1


def test_a_stalled_connection_is_closed_and_the_partial_file_kept(server, tmp_path):
    server.cuts = [500_000, 0, 0, 0, 0, 0]
    with pytest.raises(InputError, match="must be reachable, but was not in 4 attempts"):
        download(remote(server), tmp_path)
    assert 0 < (tmp_path / "the set.zip.partial").stat().st_size <= 500_000
    server.cuts = []
    assert download(remote(server), tmp_path).read_bytes() == DATA
    assert server.requests[-1][1]


def test_an_unreachable_server_is_reported_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "WAITS", (0.0,))
    with serve() as loopback:
        gone = loopback.url
    with pytest.raises(InputError, match="check the network"):
        download(RemoteFile(f"{gone}/x", "x", "sha256:0"), tmp_path)


def test_a_read_only_folder_is_reported_in_one_sentence(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="free some space"):
        download(remote(server), tmp_path / "file")
