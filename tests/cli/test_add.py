"""``fundusbench add``: files of predictions become a declared row, or are refused in one sentence before training."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmark.cli.add import with_row
from benchmark.cli.main import main
from benchmark.data.manifest import MANIFEST, ManifestRow, read_manifest, write_manifest
from benchmark.runs.declared import resolve_predictions
from benchmark.runs.predictions import PROBS
from benchmark.settings.composition import compose
from benchmark.settings.loading import load_params, parse_params
from tests.bad_inputs.running import is_one_sentence
from tests.factories.paths import ROOT

SPLITS = {"train": 10, "val": 6, "test": 8}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The committed parameters, a manifest of 24 patients, and predictions of one model in val.csv and test.csv."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    shutil.copytree(ROOT / "experiments/conf", "experiments/conf")
    rows = [
        ManifestRow(f"{split}_{n}_{eye}", "", f"{split}_{n}", eye, n % 5, split, "0", 9, 9, "phantom")
        for split, patients in SPLITS.items()
        for n in range(patients)
        for eye in ("left", "right")
    ]
    write_manifest(rows)
    for split in SPLITS:
        predicted(split).to_csv(f"{split}.csv", index=False)
    return tmp_path


def predicted(split: str, seed: int = 0) -> pd.DataFrame:
    """Return scores in an order of their own."""
    rows = pd.read_csv(MANIFEST).query(f"split == '{split}'")
    score = rows["grade"] + np.random.default_rng(seed).normal(0, 0.8, len(rows))
    return pd.DataFrame({"image": rows["image_id"] + ".jpeg", "score": score}).sample(frac=1, random_state=seed)


def add(*arguments: str, val: str = "val.csv", test: str = "test.csv") -> int:
    return main(["add", "mine", "--val", *val.split(), "--test", *test.split(), *arguments])


def declared() -> dict:
    return yaml.safe_load(Path("params.yaml").read_text())["systems"]["mine"]["predictions"]


def test_a_row_is_declared_where_repro_and_exp_run_read_it(capsys):
    before = Path("params.yaml").read_text()
    assert add("--eyes", "both", "--nets", "3", "--views", "2", "--source", "our net: 2026") == 0
    assert "mine: 1 run(s), copied to predictions/mine/" in capsys.readouterr().out
    facts = {"val": ["predictions/mine/val_0.csv"], "test": ["predictions/mine/test_0.csv"]}
    assert declared() == facts | {"eyes": "both", "nets": 3, "views": 2, "source": "our net: 2026"}
    assert Path("predictions/mine/val_0.csv").read_bytes() == Path("val.csv").read_bytes()
    # All else stays as it is, comments included.
    lines = Path("params.yaml").read_text().splitlines()
    assert [line for line in before.splitlines() if line not in lines] == []
    assert parse_params(compose(Path())).predicted == load_params().predicted
    assert Path("experiments/conf/config.yaml").read_text().count("#") == (
        ROOT / "experiments/conf/config.yaml"
    ).read_text().count("#")


def test_the_committed_files_keep_their_layout():
    section = {"val": ["predictions/mine/val_0.csv"], "test": ["predictions/mine/test_0.csv"]}
    for name in ("params.yaml", "experiments/conf/config.yaml"):
        text = (ROOT / name).read_text()
        kept = [line for line in with_row(text, "mine", section).splitlines() if "mine" not in line]
        assert kept == [line.replace("systems: {}", "systems:") for line in text.splitlines()]


def test_a_second_call_replaces_the_row():
    assert add("--nets", "3") == 0
    predicted("val", 1).to_csv("val.csv", index=False)
    assert add() == 0
    assert "nets" not in declared()
    assert Path("predictions/mine/val_0.csv").read_bytes() == Path("val.csv").read_bytes()


def test_a_smaller_addition_leaves_no_file_of_a_larger_one():
    predicted("val", 1).to_csv("val_b.csv", index=False)
    predicted("test", 1).to_csv("test_b.csv", index=False)
    assert add(val="val.csv val_b.csv", test="test.csv test_b.csv") == 0
    assert add() == 0
    assert sorted(path.name for path in Path("predictions/mine").iterdir()) == ["test_0.csv", "val_0.csv"]


def test_names_that_differ_in_case_alone_are_refused(capsys):
    assert add() == 0
    before = Path("params.yaml").read_text()
    assert main(["add", "Mine", "--val", "val.csv", "--test", "test.csv"]) == 2
    assert "'Mine' beside 'mine': choose another name" in capsys.readouterr().err
    assert Path("params.yaml").read_text() == before


def forms() -> dict[str, Callable[[pd.DataFrame], pd.DataFrame]]:
    """Forms of the same predictions, whose outputs are a score or probabilities."""

    def prob(table: pd.DataFrame) -> pd.DataFrame:
        near = np.exp(-((table["score"].to_numpy()[:, None] - np.arange(5)) ** 2))
        five = pd.DataFrame(near / near.sum(1, keepdims=True), columns=list(PROBS), index=table.index)
        return table[["image"]].join(five)

    return {
        "a score": lambda table: table,
        "grades": lambda table: table.assign(score=table["score"].round().clip(0, 4).astype(int)),
        "a submission": lambda table: table.assign(level=table.pop("score").round().clip(0, 4).astype(int)),
        "probabilities": prob,
    }


@pytest.mark.parametrize("form", forms())
def test_every_form_becomes_a_run_in_the_order_of_the_manifest(form):
    for split in ("val", "test"):
        forms()[form](predicted(split)).to_csv(f"{split}.csv", index=False)
    assert add() == 0
    (spec, given), *others = resolve_predictions(load_params(), "mine", read_manifest())
    assert not others
    assert spec.heads == (["prob"] if form == "probabilities" else ["score"])
    rows = [row for row in read_manifest() if row.split == "test"]
    predictions = given.predictions["test"]
    for name in ("image_id", "patient", "eye", "grade"):
        assert getattr(predictions, name).tolist() == [getattr(row, name) for row in rows]
    expected = predicted("test").set_index("image")["score"][[f"{row.image_id}.jpeg" for row in rows]].to_numpy()
    if form == "probabilities":
        assert (predictions.prob.argmax(1) == expected.round().clip(0, 4)).all()
    else:
        whole = expected.round().clip(0, 4) if form != "a score" else expected
        np.testing.assert_allclose(predictions.score, whole, rtol=1e-6)


def test_the_key_is_of_the_content_and_of_the_declared_facts():
    def key(*arguments: str) -> str:
        assert add(*arguments) == 0
        return next(resolve_predictions(load_params(), "mine", read_manifest()))[0].key

    first = key()
    shutil.move("val.csv", "renamed.csv")
    assert main(["add", "mine", "--val", "renamed.csv", "--test", "test.csv"]) == 0
    assert next(resolve_predictions(load_params(), "mine", read_manifest()))[0].key == first
    shutil.move("renamed.csv", "val.csv")
    assert key("--nets", "2") != first
    predicted("test", 1).to_csv("test.csv", index=False)
    assert key() != first


def test_one_file_may_hold_both_splits_and_several_files_several_seeds():
    both = pd.concat([predicted("val"), predicted("test")])
    both.to_csv("both.csv.gz", index=False)
    both.assign(score=both["score"] + 0.1).to_csv("again.csv", index=False)
    assert add("--seed", "3", "7", val="both.csv.gz again.csv", test="both.csv.gz again.csv") == 0
    files = ["predictions/mine/val_test_0.csv.gz", "predictions/mine/val_test_1.csv"]
    assert (declared()["val"], declared()["test"], declared()["seeds"]) == (files, files, [3, 7])
    runs = [spec for spec, _ in resolve_predictions(load_params(), "mine", read_manifest())]
    assert [run.name for run in runs] == ["mine/predictions/3", "mine/predictions/7"]


def test_an_array_has_the_order_of_the_manifest():
    for split in ("val", "test"):
        grade = np.array([row.grade for row in read_manifest() if row.split == split])
        np.save(f"{split}.npy", np.roll(np.eye(5), 1, axis=0)[grade] * 0.6 + 0.08)
    assert add(val="val.npy", test="test.npy") == 0


def truth(split: str) -> pd.DataFrame:
    rows = pd.read_csv(MANIFEST).query(f"split == '{split}'")
    return pd.DataFrame({"image": rows["image_id"], "level": rows["grade"]})


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "an image is missing": (lambda: predicted("val").iloc[1:], "lacks 1 of the 12 images of val, for instance"),
    "an image of another split": (
        lambda: pd.concat([predicted("val"), predicted("train").iloc[:2]]),
        "must hold val alone, but has 2 images of other splits, for instance 'train_",
    ),
    "the other split": (lambda: predicted("test"), "must hold val alone, but has 16 images of other splits"),
    "a foreign image": (
        lambda: pd.concat([predicted("val"), pd.DataFrame({"image": ["a_left"], "score": [1.5]})]),
        "every predicted image needs a label, but 1 of val.csv have none, for instance 'a_left'",
    ),
    "an image twice": (lambda: pd.concat([predicted("val"), predicted("val").iloc[:1]]), "an image may occur once"),
    "the labels": (lambda: truth("val"), "must differ from the labels in some image"),
    "scores that round to the labels": (
        lambda: truth("val").assign(score=lambda table: table.pop("level") + 0.2),
        "predictions must not be the truth, but val.csv agrees with all 12 labels of val",
    ),
    "no outputs": (lambda: predicted("val")[["image"]], "predictions need a column"),
    "no image": (lambda: predicted("val")[["score"]], "needs a column for the image"),
    "a gap": (lambda: predicted("val").assign(score=np.nan, other="x"), "predictions need a column"),
    "another output than test.csv": (
        lambda: (
            predicted("val")
            .assign(level=lambda table: table.pop("score").round().clip(0, 4).astype(int))
            .join(pd.DataFrame({name: [0.2] * 60 for name in PROBS}))[["image", *PROBS]]
        ),
        "both files of a run must hold the same output",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_and_nothing_is_changed(case, capsys):
    make, words = BAD[case]
    make().to_csv("val.csv", index=False)
    before = Path("params.yaml").read_text()
    assert add() == 2
    err = capsys.readouterr().err
    assert is_one_sentence(err), err
    assert words in err
    assert Path("params.yaml").read_text() == before
    assert not Path("predictions").exists()


ARGUMENTS = {
    "a name that is taken": (["add", "m2cnn"], "neither a method of `arms` nor one of"),
    "a system's name": (["add", "o_o"], "neither a method of `arms` nor one of"),
    **{
        f"the name {name!r}": (["add", name], f"a row's name must begin with a letter, .*, but got {name!r}: choose")
        for name in ("a/b", "../x", "", "12", "null", "on", "Off", "1e3")
    },
    "a file for two seeds": (
        ["add", "mine", "--val", "val.csv", "val.csv", "--test", "test.csv", "test.csv"],
        "each seed must have predictions of its own, but val.csv of seed 1 equals the file of seed 0 for val",
    ),
    "unequal numbers of files": (["add", "mine", "--seed", "1", "2"], r"has 1, 1 and the seeds \[1, 2\]"),
    "no network": (["add", "mine", "--nets", "0"], "nets"),
    "a wrong column": (["add", "mine", "--columns", "score=nothing"], "must name a column of the file"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_a_bad_argument_is_refused_in_one_sentence(case, capsys):
    (command, name, *rest), words = ARGUMENTS[case]
    assert main([command, name, "--val", "val.csv", "--test", "test.csv", *rest]) == 2
    err = capsys.readouterr().err
    assert is_one_sentence(err), err
    assert re.search(words, err)


DECLARED = {
    "a file elsewhere": ({"val": "val.csv", "test": "predictions/a"}, "must name files in predictions/"),
    "a file above": ({"val": "predictions/../val.csv", "test": "predictions/a"}, "must name files in predictions/"),
    "a seed twice": (
        {"val": ["predictions/a"] * 2, "test": ["predictions/b"] * 2, "seeds": [1, 1]},
        "a seed of its own",
    ),
    "no test file": ({"val": "predictions/a"}, "`systems.mine.predictions.test` must be given"),
    "an unknown fact": ({"val": "predictions/a", "test": "predictions/b", "eye": "one"}, "is not a parameter"),
    "a wrong fact": ({"val": "predictions/a", "test": "predictions/b", "eyes": "left"}, "'one' or 'both'"),
}


@pytest.mark.parametrize("case", DECLARED)
def test_a_bad_declaration_is_refused_by_every_command(case, capsys):
    section, words = DECLARED[case]
    raw = yaml.safe_load(Path("params.yaml").read_text())
    raw["systems"]["mine"] = {"predictions": section}
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    assert main(["train", "basenet"]) == 2
    err = capsys.readouterr().err
    assert is_one_sentence(err), err
    assert "params.yaml: `systems.mine.predictions" in err
    assert words in err


def test_a_system_is_trained_or_given(capsys):
    raw = yaml.safe_load(Path("params.yaml").read_text())
    raw["systems"]["huang"]["predictions"] = {"val": "predictions/a", "test": "predictions/b"}
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    assert main(["train"]) == 2
    assert "either trained or given by its predictions" in capsys.readouterr().err


@pytest.mark.slow
def test_a_file_that_was_damaged_later_is_refused_before_another_method_is_trained(capsys):
    assert add() == 0
    predicted("val").iloc[1:].to_csv("predictions/mine/val_0.csv", index=False)
    assert main(["train", "basenet"]) == 2
    err = capsys.readouterr().err
    assert is_one_sentence(err)
    assert "predictions/mine/val_0.csv lacks 1 of the 12 images of val" in err
    assert not Path("scratch").exists()
