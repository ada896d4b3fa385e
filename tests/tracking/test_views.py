"""Saved views and verdicts in MLflow's UI, also in a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page

from benchmark.runs.run import Holdout, PluginChoice
from benchmark.runs.spec import BlendRun
from benchmark.settings.params import Params
from benchmark.tracking import views
from benchmark.tracking.entries import group_key
from benchmark.tracking.replay import sync
from models.system_settings import AffineAugment
from tests.factories.paths import ROOT
from tests.factories.tracking import client_of, fill, runs_of, spec_of
from tests.tracking.test_server import served

pytestmark = pytest.mark.slow

JUDGED = """kind,part,split,finding,a,evidence
ordering,448x448: M2CNN scores > Multi-Task scores,val,holds here,m2cnn/mid score
ordering,448x448: M2CNN prob. > Multi-Task prob.,val,inconclusive,m2cnn/mid prob
ordering,all,val,inconclusive,m2cnn/mid score
ordering,test set: M2CNN > Huang et al. 2023,test,does not hold here,m2cnn/mid score,ours
number,"M2CNN, val set",val,not comparable: other data,m2cnn/mid score
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, empty_database: Path, params: Params) -> Path:
    """A project with verdicts that was synchronised once; tests must not change it."""
    root = tmp_path_factory.mktemp("judged")
    shutil.copy(empty_database, root / "mlflow.db")
    fill(root, params)
    (root / "statistics").mkdir()
    (root / "statistics/verdicts.csv").write_text(JUDGED)
    (root / "experiments").symlink_to(ROOT / "experiments")
    changed = yaml.safe_load((ROOT / "params.yaml").read_text())
    changed["losses"]["ce_mse"]["weight"] = 0.5
    (root / "params.yaml").write_text(yaml.safe_dump(changed))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        sync(root, params)
    return root


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each project's store is the one in its folder."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_group_is_tagged_with_the_verdicts_on_its_arm(judged: Path) -> None:
    tags = {run.info.run_name: run.data.tags for run in runs_of(judged, "group")}
    assert tags["m2cnn/mid"]["verdict"] == "holds here 1, inconclusive 1"
    assert "448x448: M2CNN prob. > Multi-Task prob. (val): inconclusive" in tags["m2cnn/mid"]["verdicts"]
    assert "verdict" not in tags["basenet_mt/small"]
    found = client_of(judged).search_runs(
        [runs_of(judged)[0].info.experiment_id], "tags.verdict LIKE '%holds here%' AND tags.method = 'm2cnn'"
    )
    assert [run.info.run_name for run in found] == ["m2cnn/mid"]


def test_the_columns_of_each_view_exist_in_its_runs(judged: Path) -> None:
    for _, kind, metrics, tags in views.VIEWS.values():
        runs = runs_of(judged, kind)
        assert set(metrics) <= {name for run in runs for name in run.data.metrics}
        assert set(tags) - {"flags"} <= {name for run in runs for name in run.data.tags}


def test_the_seeds_of_a_blend_share_a_group(params: Params) -> None:
    def key(seed: int, tta_views: int) -> str:
        like = spec_of(params, "m2cnn", "mid", seed)
        shared = like.model_dump(include={"seed", "data", "size", "pixels", "train", "prepared", "code_sha256"})
        blend = BlendRun(
            **shared,
            method="min_pooling",
            arm="ensemble",
            heads=["prob"],
            blend=PluginChoice(name="forest", parameters={"trees": 10}),
            tuned=True,
            member_pixels=[24],
            members=["min_pooling/net_1"],
            member_keys=[f"key of seed {seed}"],
            tta_views=tta_views,
            augment=AffineAugment(),
            eyes="both",
            statistics=True,
            missing="copy",
            holdout=Holdout(fraction=0.2, fit_images=8, held_images=2, sha256="ab"),
        )
        return group_key(blend, [0, 1])

    assert key(0, 4) == key(1, 4) != key(1, 8)


def test_a_group_has_the_parameters_of_its_runs_and_says_what_differs_from_the_default(judged: Path) -> None:
    (group,) = [run for run in runs_of(judged, "group") if run.info.run_name == "m2cnn/mid"]
    assert group.data.tags["differs"] == "losses.ce_mse.weight 0.5 (default 1)"
    assert (group.data.params["train.epochs"], group.data.params["seeds"]) == ("5", "0 1")
    assert "seed" not in group.data.params


def test_an_experiment_with_other_seeds_has_a_group_of_its_own(project: Path, params: Params) -> None:
    fill(project, params)
    first = sync(project, params)
    before = {run.info.run_id: run.data for run in runs_of(project, "group")}
    again = sync(project, params.model_copy(update={"seeds": [0]}))
    groups = {run.info.run_id: run.data for run in runs_of(project, "group")}
    assert all(groups[run_id].metrics == data.metrics for run_id, data in before.items()), "never overwritten"
    added = [data for run_id, data in groups.items() if run_id not in before]
    assert {(data.tags["arm"], data.metrics["seeds"]) for data in added} == {("basenet_mt/small", 1), ("m2cnn/mid", 1)}
    assert set(again.runs.items()) < set(first.runs.items()), "the runs themselves are shared"


def test_a_view_that_a_user_changed_stays(judged: Path) -> None:
    client, (experiment,) = client_of(judged), {run.info.experiment_id for run in runs_of(judged)}
    tags = client.get_experiment(experiment).tags
    assert views.missing_views(tags) == {}
    for key, (title, *_) in views.VIEWS.items():
        envelope = json.loads(tags[f"{views.TAG}{key}"])
        assert (envelope["name"], json.loads(envelope["state"])["orderByAsc"]) == (title, False)
    assert list(views.missing_views({f"{views.TAG}arms": "changed"})) == [f"{views.TAG}runs"]


def headers(page: Page) -> list[str]:
    """Return the names of the table's columns from left to right, without groups of columns."""
    boxes = "all => all.map(one => [one.getBoundingClientRect().x, one.innerText.trim()])"
    found = sorted(page.locator("[role=columnheader]").evaluate_all(boxes))
    return [name for name in dict.fromkeys(name for _, name in found) if name not in ("", "Metrics", "Tags")]


def test_the_ui_opens_with_the_arms_their_kappas_and_verdicts(judged: Path) -> None:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not installed: `make browser` installs it")
    from playwright.sync_api import sync_playwright

    (experiment,) = {run.info.experiment_id for run in runs_of(judged)}
    page_of = f"#/experiments/{experiment}/runs?workflowType=machine_learning&{views.PARAMETER}="
    with served(judged) as uri, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for key, names in (
            ("arms", ["m2cnn/mid", "basenet_mt/small"]),
            ("runs", ["m2cnn/mid/0", "basenet_mt/small/1"]),
        ):
            page = browser.new_context(viewport={"width": 2200, "height": 900}).new_page()
            page.set_default_timeout(60_000)
            page.goto(f"{uri}/{page_of}{key}")
            for name in names:
                page.get_by_text(name, exact=True).first.wait_for()
            _, _, metrics, tags = views.VIEWS[key]
            shown = headers(page)
            first = shown.index(metrics[0])
            assert shown[first : first + len(metrics)] == list(metrics)
            assert set(shown) >= {*tags[:3]}
        browser.close()
