"""An edit of params.yaml by hand is never lost by a new composition without a word."""

from __future__ import annotations

import copy
import shutil
import subprocess

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.common.errors import InputError
from benchmark.settings.composition import compose, edits, flags, guard
from tests.made.paths import ROOT

pytestmark = pytest.mark.slow

DEFAULT = compose(ROOT)


@pytest.fixture
def project(tmp_path):
    """The profiles, and params.yaml as they compose it."""
    shutil.copytree(ROOT / "experiments/conf", tmp_path / "experiments/conf")
    write(tmp_path, DEFAULT)
    return tmp_path


def write(root, raw):
    (root / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))


def edited(raw, **changes):
    """A copy with keys, given with double underscores for dots, set."""
    result = copy.deepcopy(raw)
    for name, value in changes.items():
        *path, last = name.split("__")
        section = result
        for part in path:
            section = section[part]
        section[last] = value
    return result


def test_what_was_composed_is_composed_anew_without_a_word(project):
    for overrides in ([], ["scale=paper", "seeds=[4]"], ["train.epochs=1"], []):
        assert guard(project, overrides) == ""
        write(project, compose(project, overrides))


def test_an_edit_stops_with_the_flag_that_keeps_it(project):
    write(project, edited(DEFAULT, train__epochs=7))
    with pytest.raises(InputError, match=r"edited by hand.*add -S train\.epochs=7; or run `dvc repro`"):
        guard(project, ["seeds=[1]"])
    assert guard(project, ["seeds=[1]", "train.epochs=7"]) == ""


def test_an_edit_of_what_flags_composed_names_those_flags_too(project):
    guard(project, ["scale=paper", "seeds=[4]"])
    held = edited(compose(project, ["scale=paper", "seeds=[4]"]), train__batch=8)
    write(project, held)
    assert compose(project, edits(held, project)) == held
    with pytest.raises(InputError, match=r"-S scale=paper -S train\.batch=8 -S 'seeds=\[4\]'"):
        guard(project, [])


def test_a_value_that_is_given_anew_is_no_loss(project):
    write(project, edited(DEFAULT, train__epochs=7, data__seed=3))
    assert guard(project, ["train.epochs=9", "data=idrid"]) == ""


def test_another_data_set_written_under_transfer_is_kept_by_one_flag(project):
    held = edited(DEFAULT, transfer={"again": DEFAULT["data"] | {"seed": 1, "name": "it's again"}})
    write(project, held)
    (flag,) = edits(held, project)
    assert flag.startswith("+transfer.again=")
    assert compose(project, [flag]) == held


def test_a_removed_file_is_composed_anew(project):
    (project / "params.yaml").unlink()
    assert guard(project, []) == ""


@pytest.mark.parametrize("text", ["- a list", "", "train: ["])
def test_a_file_without_parameters_is_refused_in_a_sentence(project, text):
    (project / "params.yaml").write_text(text)
    with pytest.raises(InputError, match=r"params\.yaml must"):
        guard(project, [])


def test_an_edit_that_git_holds_is_told_and_not_stopped(project):
    write(project, edited(DEFAULT, train__epochs=7))
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    for command in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "state")):
        subprocess.run(["git", *command], cwd=project, check=True)
    assert "add -S train.epochs=7" in guard(project, [])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs"), exclude_characters="$"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c.d"]), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["train.epochs", "transfer", "sweep.space", "arms.basenet", "new"]), VALUES, max_size=3
    ),
    st.sets(st.sampled_from(["seeds", "tracking"]), max_size=2),
)
def test_the_flags_compose_what_is_held(changes, removed):
    held = edited(DEFAULT, **{name.replace(".", "__"): value for name, value in sorted(changes.items())})
    held = {key: value for key, value in held.items() if key not in removed}
    assert compose(ROOT, flags(held, DEFAULT)) == held
