"""Photographs graded by finished runs: exactly as the runs' own splits were, whatever is between them."""

from __future__ import annotations

import csv
import json
import os
import shutil
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from PIL import Image
from sklearn.metrics import cohen_kappa_score

from benchmark.cli.main import main
from benchmark.data import fetch, prepare
from benchmark.data.manifest import read_manifest, write_manifest
from benchmark.dispatch import train
from benchmark.evaluation.photographs import summarise
from benchmark.runs.predictions import PROBS, read_predictions
from benchmark.settings.loading import parse_params
from tests.conftest import tiny_params

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(shared_folder):
    """A phantom with two runs of one arm, trained for an epoch, and one of another."""
    return shared_folder("photographs", fill)


def fill(folder):
    raw = tiny_params()
    raw["prepare"]["encoding"] = "jpeg"
    raw["arms"] = {stage: dict(list(raw["arms"][stage].items())[:1]) for stage in ("basenet", "basenet_mt")}
    raw["train"]["epochs"] = 1
    with chdir(folder):
        Path("params.yaml").write_text(json.dumps(raw))
        params = parse_params(raw)
        fetch.run(params)
        prepare.run(params)
        train.run(params)


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def graded(capsys, *arguments):
    code = main(["predict", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_photograph_of_a_split_gets_the_same_prediction_as_in_the_split(project, capsys):
    test = [row for row in read_manifest() if row.split == "test"]
    code, printed = graded(capsys, *(row.path for row in test), "--run", "basenet_mt/small/1")
    own = read_predictions(project / "runs/basenet_mt/small/1/test.csv")
    assert code == 0
    assert [row.image_id for row in test] == own.image_id.tolist()
    answers = printed["photographs"]
    # Both are float32; a batch of another length may round the last bit otherwise.
    np.testing.assert_allclose([answer["score"] for answer in answers], own.score, rtol=1e-5)
    np.testing.assert_allclose([[answer[name] for name in PROBS] for answer in answers], own.prob, rtol=1e-5)
    assert all(answer["score_sd"] is None and answer["runs"] == 1 for answer in answers)
    assert "drawn eyes" in printed["limits"]


def test_an_arm_gives_mean_and_sd_over_its_seeds(project, capsys):
    row = next(row for row in read_manifest() if row.split == "test")
    _, printed = graded(capsys, row.path, "--arm", "basenet_mt/small")
    own = [read_predictions(project / f"runs/basenet_mt/small/{seed}/test.csv") for seed in (0, 1)]
    scores = [predictions.score[list(predictions.image_id).index(row.image_id)] for predictions in own]
    (answer,) = printed["photographs"]
    assert answer["score"] == pytest.approx(np.mean(scores), rel=1e-5)
    assert answer["score_sd"] == pytest.approx(np.std(scores, ddof=1), rel=1e-3)
    assert (answer["runs"], printed["graded_by"]) == (2, "basenet_mt/small, seeds 0, 1")
    assert answer["grade"] == int(np.clip(np.round(np.mean(scores)), 0, 4))


def test_files_that_are_no_fundus_images_are_reported_and_the_others_graded(project, capsys, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    photograph = next(row.path for row in read_manifest())
    grey = np.random.default_rng(0).integers(90, 160, (128, 128, 1), np.uint8).repeat(3, 2)
    Image.fromarray(grey).save(folder / "a.png")
    Image.new("RGB", (128, 128)).save(folder / "b.png")
    Image.open(photograph).resize((40, 40)).save(folder / "d.png")
    (folder / "c.jpg").write_text("not a photograph")
    code, printed = graded(capsys, str(folder), photograph)
    remarks = [answer["remark"] for answer in printed["photographs"]]
    assert code == 1
    assert remarks[0].startswith("looks like no fundus: its corners are not dark")
    assert remarks[1:] == [
        "is black",
        "cannot be read: the file is not a JPEG, PNG or TIFF",
        "is too small: it has 40 x 40 pixels, but 100 per side are needed",
        "",
    ]
    assert [answer["grade"] is None for answer in printed["photographs"]] == [True, True, True, True, False]
    assert main(["predict", str(folder / "*.png"), photograph]) == 1
    lines = list(filter(None, capsys.readouterr().out.splitlines()))
    assert len(lines) == 3 + 3  # The runs, the header and the graded photograph; three that were not graded.
    assert "looks like no fundus" in lines[3]


def test_a_thumbnail_is_graded_with_a_remark_by_runs_of_thumbnails_alone(project, capsys):
    rows = read_manifest()
    small = [str(resized(row.path, side)) for row, side in zip(rows, (64, 40), strict=False)]
    assert [one["grade"] for one in graded(capsys, *small)[1]["photographs"]] == [None, None]
    # The manifest's sizes are those of the files, but no part of its identity.
    write_manifest([replace(row, width=64, height=64) for row in rows])
    code, printed = graded(capsys, *small)
    first, second = printed["photographs"]
    assert code == 1
    assert first["grade"] is not None
    assert "it has 64 x 64 pixels" in first["remark"]
    assert second["remark"] == "is too small: it has 40 x 40 pixels, but 64 per side are needed"


def resized(path: str, side: int) -> Path:
    """Write a photograph at another size to the working folder."""
    Image.open(path).resize((side, side)).save(f"{side}.png")
    return Path(f"{side}.png")


def test_what_a_folder_holds_besides_photographs_does_not_lose_the_others(project, capsys, tmp_path):
    """A name that is not UTF-8 or has control characters, a dangling link, a folder, and a file of macOS."""
    photograph, folder = next(row.path for row in read_manifest()), tmp_path / "images"
    (folder / "folder.jpg").mkdir(parents=True)
    for name in (b"\xff.jpg", b"\x1b[2J.jpg"):
        shutil.copy(photograph, os.fsencode(folder) + b"/" + name)
    (folder / "._x.jpg").write_bytes(b"metadata")
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    named = {
        str(folder / "\\x1b[2J.jpg"): "",
        str(folder / "dangling.jpg"): "cannot be read: No such file or directory",
        str(folder / "\\udcff.jpg"): "",
    }
    assert main(["predict", str(folder), "--out", str(tmp_path / "x.csv")]) == 1
    with (tmp_path / "x.csv").open(encoding="utf-8") as stream:
        assert {line["image"]: line["remark"] for line in csv.DictReader(stream)} == named
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
    code, printed = graded(capsys, str(folder))
    assert (code, [each["image"] for each in printed["photographs"]]) == (1, list(named))


def test_score_reads_what_predict_writes(project, capsys, tmp_path):
    photographs = [row.path for row in read_manifest() if row.split == "test"]
    assert main(["predict", *photographs, "--arm", "basenet_mt/small", "--out", str(tmp_path / "x.csv")]) == 0
    lines = [f"{row.path},{row.grade}\n" for row in read_manifest() if row.split == "test"]
    (tmp_path / "labels.csv").write_text("".join(["image,level\n", *lines]))
    capsys.readouterr()
    assert main(["score", str(tmp_path / "x.csv"), "--labels", str(tmp_path / "labels.csv"), "--json"]) == 0
    assert {row["rule"] for row in json.loads(capsys.readouterr().out)["scores"]} >= {"argmax", "nearest"}


def test_predict_writes_a_table_with_all_columns(project, capsys, tmp_path):
    photograph = next(row.path for row in read_manifest())
    assert main(["predict", photograph, "--arm", "basenet_mt/small", "--out", str(tmp_path / "x.csv")]) == 0
    (line,) = csv.DictReader((tmp_path / "x.csv").open())
    assert (line["image"], line["runs"], line["graded_by"]) == (photograph, "2", "basenet_mt/small, seeds 0, 1")
    assert sum(float(line[name]) for name in PROBS) == pytest.approx(1)
    assert main(["predict", photograph, "--out", str(tmp_path / "x.json")]) == 0
    assert json.loads((tmp_path / "x.json").read_text())["photographs"][0]["image"] == photograph


def test_predict_draws_the_saliency_overlay(project, capsys, tmp_path):
    photograph = next(row.path for row in read_manifest())
    assert main(["predict", photograph, "--run", "basenet_mt/small/1", "--overlay", str(tmp_path / "x.png")]) == 0
    drawn = np.asarray(Image.open(tmp_path / "x.png").convert("RGB")).astype(int)
    half = drawn.shape[1] // 2
    # The right half is the left one with the overlay.
    assert np.abs(drawn[150:450, :half] - drawn[150:450, -half:]).mean() > 5
    assert main(["predict", photograph, photograph.replace("left", "right"), "--overlay", "x.png"]) == 2
    assert "--overlay draws one photograph, but 2 are given" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing.jpg"], "'nothing.jpg' finds none"),
        (["data", "--arm", "m2cnn/mid"], "--arm takes an arm that has finished runs, one of basenet/"),
        (["data", "--run", "basenet/mse_small/9"], "must contain a finished run"),
        (["data", "--overlay", "x.jpg"], "ends in .png"),
        (["data", "--out", "x.txt"], "ends in .csv or .json"),
    ],
)
def test_missing_inputs_are_refused(project, capsys, arguments, sentence):
    assert main(["predict", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_without_a_score_the_most_probable_grade_is_taken():
    prob = np.array([[[0.1, 0.6, 0.1, 0.1, 0.1]], [[0.5, 0.2, 0.1, 0.1, 0.1]]])
    (answer,) = summarise({"prob": prob}, "prob")
    assert (answer["grade"], answer["score"], answer["runs"]) == (1, None, 2)
    assert [answer[name] for name in PROBS] == pytest.approx([0.3, 0.4, 0.1, 0.1, 0.1])


def test_an_exported_network_grades_like_its_run_and_its_card_has_its_kappa(project, tmp_path, monkeypatch, capsys):
    photographs = [row.path for row in read_manifest() if row.split == "test"][:3]
    expected = graded(capsys, *photographs, "--run", "basenet_mt/small/0")[1]["photographs"]
    photographs = [str(Path(path).absolute()) for path in photographs]
    assert main(["export", "basenet_mt/small/0", "--out", str(tmp_path / "made/small")]) == 0
    labels = {row.image_id: row.grade for row in read_manifest()}
    test = read_predictions(Path("runs/basenet_mt/small/0/test.csv"))
    shutil.rmtree(project / "runs")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    found = graded(capsys, *photographs, "--folder", "made/small")[1]["photographs"]
    assert [row | {"image": ""} for row in found] == [row | {"image": ""} for row in expected]
    assert sorted(path.name for path in Path("made/small").iterdir()) == ["README.md", "model.safetensors", "run.json"]
    card = ModelCard.load(Path("made/small/README.md"))
    kappa = cohen_kappa_score(
        [labels[image] for image in test.image_id],
        np.clip(np.rint(test.score), 0, 4).astype(int),
        labels=range(5),
        weights="quadratic",
    )
    values = {(one.dataset_split, one.metric_name.split()[3]): one.metric_value for one in card.data.eval_results}
    assert values["test", "score"] == pytest.approx(kappa, abs=1e-4)
    assert f"| test | score | {len(test)} |" in card.text
    assert "nothing is claimed of real ones" in card.text
    assert not any(row.image_id in card.text for row in read_manifest(project / "data/manifest.csv")), "no image id"
    assert main(["export", "x/y/0", "--out", str(tmp_path / "other")]) == 2


def test_an_export_refuses_a_folder_that_exists_and_a_run_that_was_changed(project, capsys):
    assert main(["export", "basenet_mt/small/0", "--out", "runs"]) == 2
    assert "runs exists: name another" in capsys.readouterr().err
    Path("runs/basenet_mt/small/0/val.csv").write_text("")
    assert main(["export", "basenet_mt/small/0", "--out", "made"]) == 2
    assert "val.csv was changed" in capsys.readouterr().err
    assert not Path("made").exists()


def test_a_submission_has_one_grade_per_image_in_the_columns_of_the_contest(project, capsys):
    photographs = [row.path for row in read_manifest() if row.split == "test"][:3]
    answers = graded(capsys, *photographs, "--run", "basenet/mse_small/0", "--submission", "sub.csv")[1]["photographs"]
    rows = list(csv.DictReader(Path("sub.csv").read_text().splitlines()))
    expected = [
        {"image": Path(path).stem, "level": str(one["grade"])} for path, one in zip(photographs, answers, strict=True)
    ]
    assert rows == expected
    Path("broken.jpg").write_bytes(b"")
    assert main(["predict", photographs[0], "broken.jpg", "--run", "basenet/mse_small/0", "--submission", "s.csv"]) == 2
    assert "broken cannot be graded: leave them out" in capsys.readouterr().err
    assert not Path("s.csv").exists()
