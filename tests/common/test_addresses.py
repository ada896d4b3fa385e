"""No output contains a password of an address, whatever characters it has."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.common.addresses import shown_address, unquoted_secret, without_secrets
from benchmark.common.errors import InputError
from benchmark.report.verification import reference_results
from benchmark.settings.loading import parse_params
from benchmark.tracking import provenance, server
from benchmark.tracking.replay import SyncReport
from tests.conftest import tiny_params

FORMS = {
    "as written": "{scheme}://bench:{raw}@127.0.0.1:1/runs",
    "quoted": "{scheme}://bench:{quoted}@127.0.0.1:1/runs",
    "a token for a user": "{scheme}://{quoted}@127.0.0.1:1/runs",
    "in the query": "{scheme}://bench@127.0.0.1:1/runs?password={quoted}&connect_timeout=1",
    "in the query, as written": "{scheme}://127.0.0.1:1/runs?password={raw}",
    "without a scheme": "bench:{raw}@127.0.0.1:1/runs",
    "without a database": "{scheme}://bench:{quoted}@127.0.0.1:1",
}
PASSWORDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=8).map(lambda text: f"S3C{text}RET")
ADDRESSES = st.builds(
    lambda form, scheme, password: FORMS[form].format(scheme=scheme, raw=password, quoted=quote(password, safe="")),
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(["postgresql", "postgresql+psycopg", "http", "nonsense"]),
    PASSWORDS,
)
MADE_BY_FIELDS = ("cpu", "gpu", "git_commit", "git_dirty", "packages")
repeated = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def hides(text: str) -> bool:
    return "S3C" not in text and "RET" not in text


@given(ADDRESSES)
def test_an_address_is_shown_without_its_password(address):
    assert hides(shown_address(address))
    assert hides(without_secrets(f"cannot open {address}/api", address))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sqlite:///sweep.db", "sqlite:///sweep.db"),
        ("sqlite:////home/me@work/50%25/mlflow.db", "sqlite:////home/me%40work/50%25/mlflow.db"),
        ("postgresql://bench:pw@host:5432/runs?sslmode=require", "postgresql://host:5432/runs"),
        ("http://me:pw@host/mlflow", "http://host/mlflow"),
        ("http://127.0.0.1:nan", "http://127.0.0.1:nan"),
        ("localhost:5000", "localhost:5000"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dpw", "mssql+pyodbc:///"),
    ],
)
def test_the_rest_of_an_address_is_shown(address, shown):
    assert shown_address(address) == shown
    assert not unquoted_secret(address)


@repeated
@given(address=ADDRESSES)
def test_the_errors_of_a_sweep_hide_the_password(address):
    from benchmark.sweep.study import open_storage

    if "://" in address and not address.startswith("http"):
        with pytest.raises(InputError) as caught:
            open_storage(address)
        assert hides(str(caught.value))


@repeated
@given(address=ADDRESSES.filter(lambda address: not address.startswith("http")))
def test_the_warnings_and_the_ui_of_mlflow_hide_the_password(address):
    from benchmark.tracking.connection import connect

    with pytest.raises(InputError) as caught:
        connect(address)
    assert hides(str(caught.value))


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(FORMS))
def test_what_a_server_that_does_not_answer_leaves_behind_hides_the_password(form, tmp_path, monkeypatch):
    from benchmark.tracking.connection import attempt

    address = FORMS[form].format(scheme="http", raw="S3C/?#@'RET", quoted=quote("S3C/?#@'RET", safe=""))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    synced = SyncReport({}, attempt(tmp_path, lambda client: None), shown_address(address))
    assert synced.warning
    assert hides(synced.warning)
    run = SimpleNamespace(key="k", parameter_hash="p", parameters_resolved={}, seed=0)
    run.data = SimpleNamespace(hash="d", model_dump=lambda mode: {})
    monkeypatch.setattr(provenance, "finished_runs", lambda *_: {"basenet/mse": [run]})
    monkeypatch.setattr(provenance, "_describe", lambda *_: {})
    provenance.write(tmp_path, parse_params(tiny_params()), synced)
    written = (tmp_path / "reports/provenance.json").read_text()
    assert json.loads(written)["mlflow"]["warning"]
    assert hides(written)


def test_the_arguments_of_the_ui_hide_the_address(tmp_path, monkeypatch, capsys):
    ran = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://bench:S3CRET@127.0.0.1:1/runs")
    monkeypatch.setattr(server, "connect", lambda uri: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(server.threading, "Thread", lambda **_: SimpleNamespace(start=lambda: None))

    @contextmanager
    def started(arguments, env):
        ran.append((arguments, env))
        yield SimpleNamespace(wait=int)

    monkeypatch.setattr(server.subprocess, "Popen", started)
    with pytest.raises(SystemExit):
        server.ui(port=0)
    ((arguments, environment),) = ran
    assert hides(" ".join(arguments))
    assert environment["MLFLOW_BACKEND_STORE_URI"] == os.environ["MLFLOW_TRACKING_URI"]
    assert hides(capsys.readouterr().out)


@repeated
@given(address=ADDRESSES)
def test_kept_parameters_hide_the_password(address, tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    raw = {"seeds": [1], "sweep": {"storage": address, "trials": 12}}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(reference_results, "environment", lambda: dict.fromkeys(MADE_BY_FIELDS))
        patch.setattr(reference_results, "judged_by", dict[str, str])
        Path("reports/tables").mkdir(parents=True)
        Path("reports/figures").mkdir()
        Path("reports/figures/ablation.png").write_bytes(b"png")
        Path("reports/tables/a.csv").write_text("a\n1\n")
        Path("reports/tables/a.md").write_text("a\n")
        Path("params.yaml").write_text(yaml.safe_dump(raw))
        reference_results.keep(Path("kept"))
        kept = Path("kept/params.yaml").read_text()
    assert hides(kept)
    assert yaml.safe_load(kept) == {"seeds": [1], "sweep": {"storage": shown_address(address), "trials": 12}}
