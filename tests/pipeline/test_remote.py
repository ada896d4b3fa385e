"""Results between machines: two clones train a method each, a third takes both from the remote that they share."""

from __future__ import annotations

import pytest

from tests.pipeline.test_pipeline import contents

pytestmark = pytest.mark.slow


def test_what_two_clones_trained_a_third_does_not_train_again(clone, tmp_path):
    raw = clone.params() | {"seeds": [0], "systems": {}}
    clone.write_params(raw)
    clone.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    clone.commit()
    third = clone.copy(tmp_path / "third")
    clone.repro("prepare")
    trained = {}
    for number, method in enumerate(("basenet", "basenet_mt")):
        other = clone.copy(tmp_path / f"clone{number}")
        assert other.repro(f"train@{method}") == [f"train@{method}"]
        other.run("dvc", "push", "--run-cache")
        trained |= {f"{method}/{name}": data for name, data in contents(other.root / "runs" / method).items()}
    third.run("dvc", "pull", "--run-cache", "--allow-missing")
    # The photographs are drawn here anew: no stage hands them on, for terms of data sets may forbid it.
    assert third.repro("--pull", "train@basenet", "train@basenet_mt") == ["fetch"]
    assert contents(third.root / "runs") == trained
    assert len(trained) == 10
