"""Reference results: the facts of this machine that they contain, and their comparison with a rebuild."""

from __future__ import annotations

import shutil

import pytest
import yaml

from benchmark.common.files import read_json, write_json
from benchmark.report.verification.reference_results import MADE_BY, compare_kept, keep
from benchmark.settings.loading import load_params
from benchmark.statistics.verdicts import judged_by
from tests.conftest import ROOT, tiny_params


@pytest.fixture
def rebuilt(tmp_path, monkeypatch):
    """Make a rebuild of photographs at some path, and enter its folder."""

    def make(home, kappa=0.7):
        root = tmp_path / home / "eyes"
        folder = tmp_path / home / "project"
        (folder / "reports/tables").mkdir(parents=True)
        shutil.copytree(ROOT / "experiments/published", folder / "experiments/published")
        (folder / "reports/figures").mkdir()
        (folder / "reports/figures/ablation.png").write_bytes(b"png")
        raw = tiny_params()
        raw["data"] |= {"root": str(root)}
        (folder / "params.yaml").write_text(yaml.safe_dump(raw))
        (folder / "reports/tables/checks.csv").write_text(f"check,path,kappa\nfundus,{root}/1_left.png,{kappa}\n")
        (folder / "reports/tables/checks.md").write_text(f"| fundus | {root}/1_left.png | {kappa} |\n")
        monkeypatch.chdir(folder)
        return folder

    return make


def test_no_path_of_this_machine_is_kept(rebuilt, tmp_path):
    folder = rebuilt("one")
    keep(folder / "kept")
    texts = [path.read_text() for path in (folder / "kept").iterdir() if path.suffix != ".png"]
    assert not any(str(tmp_path) in text for text in texts)
    assert yaml.safe_load((folder / "kept/params.yaml").read_text())["data"]["root"] == "/path/to/eyes"
    assert "fundus,/path/to/eyes/1_left.png,0.7" in (folder / "kept/checks.csv").read_text()


@pytest.mark.parametrize(("kappa", "same"), [(0.7, True), (0.6, False)])
def test_photographs_that_lie_elsewhere_are_held_against_the_same_results(rebuilt, kappa, same):
    kept = rebuilt("one") / "results/eyes"
    keep(kept)
    rebuilt("two", kappa)
    compared = compare_kept(results=kept.parent)
    assert compared.folder == kept
    assert (compared.first is None) == same
    assert compared.cells == 3


def test_reference_results_name_the_claims_and_rules_that_judged_them(rebuilt):
    kept = rebuilt("one") / "results/eyes"
    keep(kept)
    assert "rules" not in str(compare_kept(results=kept.parent))
    made = read_json(kept / MADE_BY)
    assert {name: made[name] for name in judged_by()} == judged_by()
    write_json(kept / MADE_BY, made | {"rules_sha256": "0" * 16})
    assert "; other claims or rules judged those" in str(compare_kept(results=kept.parent))
    write_json(kept / MADE_BY, {name: value for name, value in made.items() if name not in judged_by()})
    assert "rules that judged those were not recorded" in str(compare_kept(results=kept.parent))


def test_other_parameters_are_no_rebuild_of_them(rebuilt):
    kept = rebuilt("one") / "results/eyes"
    keep(kept)
    folder = rebuilt("two")
    raw = yaml.safe_load((folder / "params.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump(raw | {"seeds": [7]}))
    assert compare_kept(results=kept.parent) is None


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("experiments/results/*/params.yaml")), ids=lambda path: path.parent.name
)
def test_kept_parameters_are_valid_today(path):
    load_params(path)


def test_the_kept_phantom_results_belong_to_the_default_parameters():
    assert load_params(ROOT / "experiments/results/phantom/params.yaml") == load_params(ROOT / "params.yaml")
