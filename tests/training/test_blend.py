"""Systems from their networks to their last step: the inputs of each step, and the labels out of its reach."""

from __future__ import annotations

import json
import shutil
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.common.errors import InputError
from benchmark.common.fellows import MISSING
from benchmark.data.manifest import read_manifest, write_manifest
from benchmark.data.roles import assign_roles
from benchmark.dispatch import train
from benchmark.runs.consistency import check_run_consistency
from benchmark.runs.declared import find_runs, resolve_runs
from benchmark.runs.predictions import read_predictions
from benchmark.runs.results import read_result
from benchmark.runs.spec import views_read
from benchmark.runs.systems import step_nets
from benchmark.scoring.decision_rules.registry import apply_rule
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa
from benchmark.training import blend as blending
from benchmark.training.device import open_fabric
from models.systems.registry import SYSTEMS
from tests.factories.systems import SYSTEMS as SMALL
from tests.factories.systems import make_eyes, system_params

pytestmark = pytest.mark.slow

NAMES = tuple(SYSTEMS)


@pytest.fixture(scope="module")
def trained(shared_folder):
    """A function that finds the folder of a project in which a system was trained."""

    def find(name):
        def fill(folder):
            make_eyes(folder)
            with chdir(folder):
                train.run(system_params(name), [name])

        return shared_folder(f"blends-{name}", fill)

    return find


@pytest.fixture
def project(trained, tmp_path, monkeypatch):
    """A function that copies such a folder and enters the copy."""

    def enter(name):
        shutil.copytree(trained(name), tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return enter


def contents(root="runs"):
    return {str(p): p.read_bytes() for p in sorted(Path(root).rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_every_step_of_a_system_is_an_ordinary_run(project, name):
    project(name)
    params = system_params(name)
    runs = {run.arm: run for run in find_runs(params) if run.method == name}
    assert list(runs) == [*params.systems[name].nets, *SYSTEMS[name].steps]
    check_run_consistency(params, list(runs.values()))
    for arm, row in SYSTEMS[name].steps.items():
        folder, run = Path("runs", name, arm, "0"), runs[arm]
        assert {path.name for path in folder.iterdir()} == {
            "run.json",
            "holdout.csv",
            "val.csv",
            "test.csv",
            "model.safetensors",
        }
        assert run.members == [f"{name}/{net}" for net in step_nets(row, params.systems[name])]
        work = sum(runs[net].macs_per_image for net in step_nets(row, params.systems[name]))
        assert run.macs_per_image == work * (params.systems[name].tta_views if row.tta else 1)
        assert (run.tuned_thresholds is not None and run.tuned_thresholds.rule.endswith("tuned")) == SYSTEMS[name].tuned
        assert (run.tta_views == 0) == (not row.tta)
        for split, count in (("val", 32), ("test", 32)):
            assert len(read_predictions(folder / f"{split}.csv")) == count
        assert Path("records", name, arm, "0.json").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_trains_nothing_and_a_run_from_scratch_gives_the_same_bytes(project, name, capsys):
    project(name)
    before = contents()
    train.run(system_params(name), [name])
    assert "0 of them trained now" in capsys.readouterr().out
    shutil.rmtree("runs")
    shutil.rmtree("scratch")
    train.run(system_params(name), [name])
    assert contents() == before


@pytest.mark.parametrize("name", NAMES)
def test_interrupted_steps_are_completed_from_the_stored_views(project, name, monkeypatch):
    project(name)
    before = contents()
    rows = list(SYSTEMS[name].steps)
    for arm in rows[2:]:
        shutil.rmtree(Path("scratch/runs", name, arm))
    monkeypatch.setattr(blending, "predict_tta", None)  # No network may predict again.
    train.run(system_params(name), [name])
    assert contents() == before


def relabelled(change):
    """Change the labels of some images of the manifest."""
    rows = read_manifest()
    write_manifest([replace(row, grade=(row.grade + 2) % 5) if change(row) else row for row in rows])


def fitted(name, arm):
    """Fit a step on the present labels; return its state, thresholds, predictions on test, and the eyes."""
    params = system_params(name)
    spec = read_result(Path("runs", name, arm, "0"))
    manifest, fabric = read_manifest(), open_fabric(params.train)
    eyes = {role: blending.read_eyes(spec, role, manifest, fabric) for role in ("holdout", "test")}
    state, out_of_fold = blending.fit_blend(spec, eyes["holdout"])
    return state, blending.tune_thresholds(spec, out_of_fold), blending.predict_eyes(spec, state, eyes["test"]), eyes


ROWS = [(name, arm) for name in NAMES for arm in SYSTEMS[name].steps]


@pytest.mark.parametrize(("name", "arm"), ROWS)
def test_a_blend_sees_no_labels_but_those_of_holdout_patients(project, name, arm):
    project(name)
    roles = assign_roles(read_manifest(), system_params(name).systems[name].holdout_fraction)
    state, thresholds, answers, eyes = fitted(name, arm)
    assert {row.image_id for row in eyes["holdout"].data.rows} == {i for i, role in roles.items() if role == "holdout"}
    relabelled(lambda row: roles.get(row.image_id) != "holdout")
    # The split into roles is stratified by the labels, so keep the first one.
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr("benchmark.training.system_view.assign_roles", lambda manifest, fraction: roles)
        other, other_thresholds, other_answers, _ = fitted(name, arm)
    assert all(np.array_equal(state[key], other[key]) for key in state)
    assert other_thresholds == thresholds
    for output in ("score", "prob"):
        ours, theirs = getattr(answers, output), getattr(other_answers, output)
        assert (ours is None and theirs is None) or np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_the_fellow_eyes_label_is_out_of_reach(project, name):
    """The inputs of an eye depend neither on its fellow eye's label nor on its own."""
    project(name)
    arm = list(SYSTEMS[name].steps)[-1]
    spec = read_result(Path("runs", name, arm, "0"))
    eyes = blending.read_eyes(spec, "test", read_manifest(), open_fabric(system_params(name).train))
    before = blending.blend_inputs(spec, eyes)
    relabelled(lambda row: row.split == "test")
    after = blending.blend_inputs(
        spec, blending.read_eyes(spec, "test", read_manifest(), open_fabric(system_params(name).train))
    )
    assert np.array_equal(before, after)


@pytest.mark.parametrize("name", NAMES)
def test_networks_train_on_patients_outside_the_holdout(project, name, monkeypatch):
    project(name)
    params = system_params(name)
    roles = assign_roles(read_manifest(), params.systems[name].holdout_fraction)
    fit = sum(role == "fit" for role in roles.values())
    for net in params.systems[name].nets:
        folder = Path("runs", name, net, "0")
        lines = (folder / "history.csv").read_text().splitlines()
        assert int(lines[-1].split(",")[1]) == fit * read_result(folder).train.epochs
        assert read_result(folder).holdout.fit_images == fit
    weights = {net: Path("runs", name, net, "0/model.safetensors").read_bytes() for net in params.systems[name].nets}
    relabelled(lambda row: roles.get(row.image_id) != "fit")
    monkeypatch.setattr("benchmark.training.system_view.assign_roles", lambda manifest, fraction: roles)
    train.run(params, [name])
    assert {net: Path("runs", name, net, "0/model.safetensors").read_bytes() for net in weights} == weights


@pytest.mark.parametrize("name", NAMES)
def test_a_network_starts_from_its_declared_parent(project, name):
    project(name)
    params = system_params(name)
    for net, own in params.systems[name].nets.items():
        run = read_result(Path("runs", name, net, "0"))
        if own.parent:
            assert run.parent == f"{name}/{own.parent}"
            assert run.parent_key == read_result(Path("runs", name, own.parent, "0")).key
        else:
            assert (run.parent, run.parent_key) == ("", "")


@pytest.mark.parametrize("name", [name for name in NAMES if SYSTEMS[name].tuned])
def test_thresholds_are_tuned_on_out_of_fold_predictions(project, name):
    project(name)
    for arm in SYSTEMS[name].steps:
        folder = Path("runs", name, arm, "0")
        run, out_of_fold = read_result(folder), read_predictions(folder / "holdout.csv")

        def kappa(thresholds, run=run, predictions=out_of_fold):
            grades = apply_rule(run.tuned_thresholds.rule, predictions, thresholds)
            return quadratic_weighted_kappa(confusion_matrix(predictions.grade, grades))

        assert kappa(run.tuned_thresholds.values) >= kappa((0.5, 1.5, 2.5, 3.5))


@pytest.mark.parametrize("name", [name for name in NAMES if "shuffled" in SYSTEMS[name].steps])
def test_an_unrelated_eye_replaces_the_fellow_eye(project, name):
    project(name)
    fabric, manifest = open_fabric(system_params(name).train), read_manifest()
    shuffled = read_result(Path("runs", name, "shuffled", "0"))
    eyes = blending.read_eyes(shuffled, "val", manifest, fabric)
    both_eyes = shuffled.model_copy(update={"eyes": "both"})
    shuffled_inputs, inputs = (blending.blend_inputs(spec, eyes) for spec in (shuffled, both_eyes))
    width = inputs.shape[1] // 2
    assert np.array_equal(shuffled_inputs[:, :width], inputs[:, :width])
    assert (eyes.fellow != MISSING).all()
    assert (shuffled_inputs[:, width:] != inputs[:, width:]).any(1).mean() > 0.8


def test_a_blend_of_features_reads_mean_and_sd_over_the_views_of_both_eyes_and_the_side(project):
    project("o_o")
    eyes = {}
    for arm in ("fellow", "own_eye", "one_view"):
        spec = read_result(Path("runs/o_o", arm, "0"))
        eyes[arm] = (spec, blending.read_eyes(spec, "val", read_manifest(), open_fabric(system_params("o_o").train)))
    spec, both = eyes["fellow"]
    (views,) = both.outputs
    own = np.hstack([views["features"], views["features_sd"]])
    assert own.shape == (32, 2 * 16 * 2 * 2)
    assert (views["features_sd"] > 0).any()
    side = [row.eye == "right" for row in both.data.rows]
    expected = np.column_stack([own, own[both.fellow], side])
    assert np.array_equal(blending.blend_inputs(spec, both), expected)
    spec, alone = eyes["own_eye"]
    assert np.array_equal(blending.blend_inputs(spec, alone)[:, :-1], np.hstack([own, own]))
    # A single view has no standard deviation; the first step reads the score alone.
    spec, once = eyes["one_view"]
    assert "features_sd" not in once.outputs[0]
    assert blending.blend_inputs(spec, once).shape == (32, 1)


def test_the_views_of_a_network_are_predicted_once_for_all_steps(project, monkeypatch):
    project("min_pooling")
    specs = {spec.arm: spec for spec in resolve_runs(system_params("min_pooling"), read_manifest())}
    first, rows = specs["net_1"], [specs[arm] for arm in SYSTEMS["min_pooling"].steps]
    images = first.holdout.held_images + first.data.val + first.data.test
    # Of the plain images, those of val and test were predicted when the network was trained.
    kept = first.holdout.held_images
    assert [(blend.tta_views, shown) for blend, shown in views_read(rows)] == [(0, kept), (2, 2 * images)]
    before, done = contents("scratch/views"), []
    shutil.rmtree("scratch/views")
    manifest, fabric = read_manifest(), open_fabric(first.train)
    for net in ("net_1", "net_3"):
        readers = [spec for spec in rows if specs[net].name in spec.needs]
        blending.predict_views(specs[net], readers, manifest, fabric, done.append)
    found = contents("scratch/views")
    assert found.items() <= before.items()
    assert [number for number in done if number] == [kept, kept + 2 * images, 2 * images]
    # The blends themselves only compute the statistics of the photographs.
    monkeypatch.setattr(blending, "predict_tta", None)
    blending.complete_blends(rows, manifest, fabric, lambda number, words: None)
    assert contents("scratch/views") == before


def test_a_network_may_override_training_settings(project):
    project("o_o")
    nets = {"a_1": {"train": {"epochs": 5, "lr": 0.01}}}
    own = {name: net | nets.get(name, {}) for name, net in SMALL["o_o"]["nets"].items()}
    specs = {spec.arm: spec for spec in resolve_runs(system_params("o_o", nets=own), read_manifest())}
    before = {spec.arm: spec for spec in resolve_runs(system_params("o_o"), read_manifest())}
    assert (specs["a_1"].train.epochs, specs["a_1"].train.lr, specs["a_1"].train.batch_size) == (5, 0.01, 16)
    assert specs["a_2"].train == before["a_2"].train
    with pytest.raises(InputError, match="was trained with other parameters than"):
        check_run_consistency(system_params("o_o", nets=own), list(find_runs(system_params("o_o"))))


@pytest.mark.parametrize("name", NAMES)
def test_another_holdout_gives_other_runs(project, name):
    project(name)
    manifest = read_manifest()
    specs, others = (resolve_runs(system_params(name, holdout_fraction=share), manifest) for share in (0.3, 0.4))
    pairs = [(a, b) for a, b in zip(specs, others, strict=True) if a.method == name]
    assert all(a.key != b.key and a.data_hash != b.data_hash != a.data.hash for a, b in pairs)
    train.run(system_params(name), [name])
    with pytest.raises(InputError, match=r"holds out 0.3 of the train patients, but params.yaml declares 0.4"):
        check_run_consistency(system_params(name, holdout_fraction=0.4), list(find_runs(system_params(name))))


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_step_predicts_its_own_test_split_again_with_the_same_bytes(project, name):
    project(name)
    params, manifest = system_params(name), read_manifest()
    for arm in SYSTEMS[name].steps:
        folder = Path("runs", name, arm, "0")
        found = blending.predict_blend(read_result(folder), manifest, params.train, Path("data/packs"))
        own = read_predictions(folder / "test.csv")
        output = read_result(folder).heads[0]
        assert np.array_equal(getattr(found, output), getattr(own, output))


def test_a_network_on_a_shared_backbone_must_match_the_declared_backbone(project):
    project("zoom_in_net")
    params = system_params("zoom_in_net")
    results = list(find_runs(params))
    check_run_consistency(params, results)
    other = params.model_copy(update={"model": params.model.model_copy(update={"stride": 16})})
    with pytest.raises(InputError, match=r"zoom_in_net/m seed 0 was trained with model.stride 8, but .* declares 16"):
        check_run_consistency(other, results)


def test_a_blend_of_untrained_networks_is_refused(project):
    project("min_pooling")
    spec = read_result(Path("runs/min_pooling/ensemble/0"))
    shutil.rmtree("runs/min_pooling/net_3")
    shutil.rmtree("scratch/runs/min_pooling/net_3")
    with pytest.raises(InputError, match=r"ensemble seed 0 is made from min_pooling/net_3/0, which must be trained"):
        blending.read_eyes(spec, "val", read_manifest(), open_fabric(system_params("min_pooling").train))


def test_no_model_file_is_a_pickle(trained):
    for path in (trained("min_pooling") / "runs").rglob("*"):
        assert path.suffix in ("", ".csv", ".json", ".safetensors")
    run = json.loads((trained("min_pooling") / "runs/min_pooling/fellow/0/run.json").read_text())
    assert run["blend"]["name"] == "forest"
