"""Downloads from Kaggle: with a replaced client, with the real client and a server on loopback, and failures."""

from __future__ import annotations

import io
import json
import sys
import types

import pytest
import requests

from benchmark.common.errors import InputError
from benchmark.sources._kaggle import competition_archive, competition_files
from tests.factories.loopback import serve
from tests.factories.sets import FakeApi


@pytest.fixture
def api(monkeypatch):
    fake = FakeApi({"b.zip.002": b"2", "b.zip.001": b"1", "a.csv": b"a", "b.zip.0011": b"x", "all": b"all"})
    monkeypatch.setitem(sys.modules, "kaggle", types.SimpleNamespace(api=fake))
    return fake


def refusal(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code, response.raw = status, io.BytesIO()
    return requests.HTTPError(f"{status} Client Error", response=response)


def test_matching_files_are_downloaded_in_the_order_of_their_names(api, tmp_path):
    paths = competition_files("eyes", r"b\.zip\.\d{3}", tmp_path / "new")
    assert paths == [tmp_path / "new/b.zip.001", tmp_path / "new/b.zip.002"]
    assert [path.read_bytes() for path in paths] == [b"1", b"2"]


def test_all_files_are_downloaded_as_one_archive(api, tmp_path):
    assert competition_archive("eyes", tmp_path / "new").read_bytes() == b"all"


def test_a_missing_token_is_reported_with_the_fix(api, tmp_path, capsys):
    def page_of_help() -> None:
        print("Authentication required\n" * 20)
        sys.exit(1)

    api.authenticate = page_of_help
    with pytest.raises(InputError, match=r"no valid token: create one at https://.*KAGGLE_API_TOKEN") as caught:
        competition_archive("eyes", tmp_path)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("status", [401, 403])
def test_rules_that_were_not_accepted_are_reported(api, tmp_path, status):
    api.fault = refusal(status)
    with pytest.raises(
        InputError, match=r"accept them with the token's account at https://www\.kaggle\.com/c/eyes/rules"
    ):
        competition_files("eyes", "x", tmp_path)


def test_any_other_error_is_reported_in_one_sentence(api, tmp_path):
    api.fault = requests.ConnectionError("no\nroute")
    with pytest.raises(InputError, match=r"did not \(no route\): fetch again"):
        competition_archive("eyes", tmp_path)


def test_a_missing_client_is_reported_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kaggle", None)
    with pytest.raises(InputError, match=r"install the extra `\.\[kaggle\]`, or download the files by hand"):
        competition_archive("eyes", tmp_path)


def test_files_that_kaggle_no_longer_has_are_reported(api, tmp_path):
    with pytest.raises(InputError, match="lists none like z"):
        competition_files("eyes", "z", tmp_path)
    api.competition_download_file = lambda *_, **__: None
    with pytest.raises(InputError, match=r"gave no a\.csv"):
        competition_files("eyes", r"a\.csv", tmp_path)


SERVICE = "/v1/competitions.CompetitionApiService"


@pytest.fixture
def kaggle_server(monkeypatch, tmp_path):
    """The real client with a made-up key, and a server that replaces Kaggle."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    import kaggle
    import kagglesdk.kaggle_env as environment

    monkeypatch.setattr(kaggle.api, "config_values", {})
    with serve() as loopback:
        monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, loopback.url)
        yield loopback


def test_the_real_client_lists_and_downloads(kaggle_server, tmp_path):
    kaggle_server.files["/bucket/labels.csv.zip"] = b"PK" * 1000
    listed = {"files": [{"name": "labels.csv.zip", "totalBytes": 2000, "creationDate": "2015-02-17T00:00:00Z"}]}
    kaggle_server.answers[f"{SERVICE}/ListDataFiles"] = json.dumps(listed)
    kaggle_server.redirects[f"{SERVICE}/DownloadDataFile"] = f"{kaggle_server.url}/bucket/labels.csv.zip?signed=1"
    (path,) = competition_files("eyes", r"labels\.csv\.zip", tmp_path / "new")
    assert path.read_bytes() == b"PK" * 1000


@pytest.mark.slow
def test_the_real_client_resumes_an_interrupted_download(kaggle_server, tmp_path):
    data = bytes(range(256)) * 20_000
    kaggle_server.files["/bucket/archive.zip"] = data
    kaggle_server.redirects[f"{SERVICE}/DownloadDataFiles"] = f"{kaggle_server.url}/bucket/archive.zip"
    kaggle_server.cuts = [3_000_000]
    assert competition_archive("eyes", tmp_path / "new").read_bytes() == data


def test_a_refusal_of_the_real_client_is_reported_in_one_sentence(kaggle_server, tmp_path):
    kaggle_server.statuses = [403]
    with pytest.raises(InputError, match="accept them with the token's account"):
        competition_archive("eyes", tmp_path)
