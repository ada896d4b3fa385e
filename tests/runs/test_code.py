"""Edits of the code, and the runs of the default parameters whose keys they change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.common import code as hashing
from benchmark.data.manifest import ManifestRow
from benchmark.runs import code
from benchmark.runs.declared import resolve_runs
from benchmark.runs.spec import ArmRun, BlendRun, NetworkRun, RunSpec
from benchmark.settings.loading import load_params
from tests.factories.paths import ROOT

MANIFEST = [
    ManifestRow(f"{split}{i}", "", f"{split}{i}", "left", i % 5, split, f"{split}{i}", 9, 9, "made")
    for split in ("train", "val", "test")
    for i in range(20)
]

MAE = """
from models.losses.registry import LossInfo

ABOUT = LossInfo(title="MAE", head_names=("regression",))


def loss(outputs, grade):
    return (outputs["score"] - grade).abs()
"""


class Project:
    """A copy of the project's code for editing, and the runs that the default parameters declare with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params = load_params(ROOT / "params.yaml")
        self.before = self.runs()

    def runs(self) -> dict[str, RunSpec]:
        code._sha256.cache_clear()
        return {spec.name: spec for spec in resolve_runs(self.params, MANIFEST)}

    def changed(self) -> list[RunSpec]:
        """Return the runs whose keys differ from those with the unchanged code."""
        return [spec for name, spec in self.runs().items() if spec.key != self.before[name].key]

    def closure(self, spec: RunSpec) -> list[str]:
        return [str(path) for path in hashing.closure(*code.roots_of(spec), without=code.OUTSIDE)]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("code")
    for package in ("benchmark", "models"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "PROJECT", folder)
        patch.chdir(folder)
        yield Project(folder)
    code._sha256.cache_clear()


@pytest.fixture
def edit(project):
    """A function that edits a file of the copy; the file is restored after the test."""
    kept: dict[Path, str | None] = {}

    def write(path: str, change: Callable[[str], str]) -> None:
        file = project.folder / path
        old = file.read_text() if file.exists() else None
        kept.setdefault(file, old)
        new = change(old or "")
        assert new != old
        compile(new, path, "exec")
        file.write_text(new)

    yield write
    for file, text in kept.items():
        file.unlink() if text is None else file.write_text(text)


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return change


def added(text: str) -> Callable[[str], str]:
    return lambda old: f"{old}\n{text}\n"


NONE: dict[str, tuple[str, Callable[[str], str]]] = {
    "a new loss": ("models/losses/mae.py", added(MAE)),
    "a new head": ("models/heads/bounded.py", added(MAE)),
    "a head that no arm has": ("models/heads/coral.py", added("X = 1")),
    "a loss that no arm has": ("models/losses/smooth_l1.py", added("X = 1")),
    "a mapping of weights that no arm starts from": ("models/weights/efficientnet_pytorch.py", added("X = 1")),
    "the progress display": ("benchmark/jobs/display.py", added("X = 1")),
    "the queue": ("benchmark/jobs/queue.py", added("X = 1")),
    "the local engine": ("benchmark/jobs/local_engine.py", added("X = 1")),
    "the Ray engine": ("benchmark/jobs/ray_engine.py", added("X = 1")),
    "the start of distributed processes": ("benchmark/dispatch/launch.py", added("X = 1")),
    "the stage that trains": ("benchmark/dispatch/train.py", added("X = 1")),
    "a default of the sweep": ("benchmark/settings/sweep.py", replaced("= 12", "= 13")),
    "a setting of MLflow": ("benchmark/settings/params.py", replaced("= 300.0", "= 301.0")),
    "an error of the loop": (
        "benchmark/training/loop.py",
        replaced("must stay finite", "must be finite"),
    ),
    "an error of the network": ("models/network.py", replaced("msg = (", 'msg = "" or (')),
    "a comment": ("benchmark/training/loop.py", added("# A comment.")),
    "a docstring": ("benchmark/training/loop.py", replaced('"""Training of one run', '"""Training of a run')),
    "a local variable outside": ("benchmark/statistics/bootstrap.py", added("X = 1")),
    "the report": ("benchmark/report/report.py", added("X = 1")),
    "the plan": ("benchmark/cli/plan.py", added("X = 1")),
    "the wording of a run's label": ("benchmark/runs/labels.py", replaced("cell(s)", "cells")),
    "the run store": ("benchmark/runs/run_store.py", added("X = 1")),
}
"""Edits that change no key."""


@pytest.mark.parametrize("name", NONE)
def test_an_edit_that_affects_no_numbers_changes_no_key(project, edit, name):
    edit(*NONE[name])
    assert [spec.name for spec in project.changed()] == []


def of_loss(*names: str) -> Callable[[RunSpec], bool]:
    """Select the trained runs with one of some losses."""
    return lambda spec: isinstance(spec, ArmRun | NetworkRun) and spec.loss.name in names


def of_blend(*names: str) -> Callable[[RunSpec], bool]:
    """Select the blends of some kinds."""
    return lambda spec: isinstance(spec, BlendRun) and spec.blend.name in names


def of_system(*names: str) -> Callable[[RunSpec], bool]:
    """Select the runs of some systems."""
    return lambda spec: spec.method in names


def tuned_scores(spec: RunSpec) -> bool:
    """Select the blends that predict scores, of the only such system with tuned thresholds."""
    return isinstance(spec, BlendRun) and spec.method == "reformed_gamblers"


SOME: dict[str, tuple[str, Callable[[RunSpec], bool]]] = {
    "the loop": ("benchmark/training/loop.py", lambda spec: True),
    "the network": ("models/network.py", lambda spec: True),
    "the pins": ("benchmark/common/numerics.py", lambda spec: True),
    "the preparation of pixels": ("benchmark/images/fov.py", lambda spec: True),
    "test-time views": ("benchmark/training/tta.py", lambda spec: isinstance(spec, BlendRun)),
    "the fit of blends": ("benchmark/training/blend.py", lambda spec: isinstance(spec, BlendRun)),
    "a loss": ("models/losses/mse.py", of_loss("mse", "ce_mse")),
    "a loss that uses another": ("models/losses/ce_mse.py", of_loss("ce_mse")),
    "a head": ("models/heads/softmax.py", of_loss("ce", "ce_mse")),
    "a head of one system": ("models/heads/staircase.py", of_system("reformed_gamblers")),
    "a decision rule": ("benchmark/scoring/decision_rules/tuned.py", tuned_scores),
    **{
        f"the system {name}": (f"models/systems/{name}.py", of_system(name))
        for name in ("min_pooling", "o_o", "reformed_gamblers", "zoom_in_net", "huang")
    },
    "a blend": ("models/blends/forest.py", of_blend("forest")),
    "a blend that uses another": ("models/blends/elastic_net.py", of_blend("elastic_net", "elastic_nets")),
    "a colour normalisation": ("benchmark/images/colour_normalisation/graham.py", of_system("min_pooling")),
}
"""Edits with the runs that they change directly; the runs that depend on these change, too."""


def with_descendants(runs: dict[str, RunSpec], first: Callable[[RunSpec], bool]) -> list[str]:
    found: set[str] = set()
    for spec in runs.values():
        if first(spec) or found & set(spec.needs):
            found.add(spec.name)
    return [name for name in runs if name in found]


@pytest.mark.parametrize("name", SOME)
def test_an_edit_changes_the_keys_of_exactly_the_runs_it_affects(project, edit, name):
    path, first = SOME[name]
    edit(path, added("X = 1"))
    assert [spec.name for spec in project.changed()] == with_descendants(project.before, first)


def kinds(project: Project) -> dict[str, RunSpec]:
    """Return one run of each kind."""
    names = ("m2cnn/mid/0", "min_pooling/net_1/0", "min_pooling/ensemble/0", "zoom_in_net/c/0", "o_o/fellow/0")
    return {name: project.before[name] for name in names}


@pytest.mark.slow
def test_every_file_of_the_import_closure_is_hashed(project, edit):
    for spec in kinds(project).values():
        roots = code.roots_of(spec)
        before = code._sha256(roots)
        for path in project.closure(spec):
            text = (project.folder / path).read_text()
            (project.folder / path).write_text(f"{text}\nX = 1\n")
            code._sha256.cache_clear()
            assert code._sha256(roots) != before, path
            (project.folder / path).write_text(text)


ABOVE = {"cli", "dispatch", "evaluation", "jobs", "report", "sources", "statistics", "sweep", "tracking"}
"""Packages that start, show or read runs."""


def test_the_training_core_imports_nothing_that_starts_shows_or_reads_runs(project):
    for name, spec in kinds(project).items():
        files = project.closure(spec)
        assert not {path.split("/")[1] for path in files} & ABOVE, name
        settings = {path for path in files if path.startswith("benchmark/settings/")}
        assert settings == {"benchmark/settings/__init__.py", "benchmark/settings/training.py"}


def test_every_excluded_file_is_imported_and_has_a_reason(project):
    reached = {str(path) for spec in kinds(project).values() for path in hashing.closure(*code.roots_of(spec))}
    assert set(code.OUTSIDE) <= reached
    assert all(code.OUTSIDE.values())


PLUGINS = ("models/losses/", "models/heads/", "models/weights/", "models/blends/", "models/systems/")


def test_a_run_hashes_the_plugins_that_it_names_and_no_others(project):
    named = {
        name: [path for path in project.closure(spec) if path.startswith(PLUGINS) and Path(path).stem != "registry"]
        for name, spec in kinds(project).items()
    }
    files = {name: [path for path in paths if not path.endswith("__init__.py")] for name, paths in named.items()}
    assert files["m2cnn/mid/0"] == [
        "models/heads/regression.py",
        "models/heads/softmax.py",
        "models/losses/ce.py",
        "models/losses/ce_mse.py",
        "models/losses/mse.py",
    ]
    assert files["min_pooling/ensemble/0"] == ["models/blends/forest.py", "models/systems/min_pooling.py"]
