"""The search space of a sweep: its parameters, its first trials, and the refused settings."""

from __future__ import annotations

import optuna
import pytest

from benchmark.common.errors import InputError
from benchmark.settings.loading import parse_params
from benchmark.sweep.space import check_space, enqueued, published, read_values, suggest, variant, with_space
from tests.factories.sweep import WEIGHT, sweep_params
from tests.settings.test_params import ROOT, composed

RANGE = {"low": 0.01, "high": 100.0, "log": True}
ZERO = RANGE | {"zero": True}


def of_space(space, **changes):
    return sweep_params(space=space, **changes)


def test_a_flag_names_the_space_and_a_study_of_its_own():
    given = ["train.lr=1e-4:1e-2:log", f"{WEIGHT}=0.01:100:log:zero", "train.opt=adamw,sgd"]
    sweep = with_space(sweep_params(), given).sweep
    assert {name: rule.model_dump(exclude_defaults=True) for name, rule in sweep.space.items()} == {
        "train.lr": {"low": 1e-4, "high": 1e-2, "log": True},
        WEIGHT: {"low": 0.01, "high": 100.0, "log": True, "zero": True},
        "train.opt": {"choices": ["adamw", "sgd"]},
    }
    assert sweep.study == "lr_weight_opt"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train.lr", "--space takes NAME=LOW:HIGH"),
        ("train.lr=1:2:ln", "--space takes NAME=LOW:HIGH"),
        ("train.lr=a:b", "--space train.lr=a:b breaks a rule"),
        ("train.lr=2:1", "`low` must be below `high`"),
    ],
)
def test_a_wrong_flag_is_refused_in_one_sentence(text, words):
    with pytest.raises(InputError, match=words):
        with_space(sweep_params(), [text])


@pytest.mark.parametrize("sweep", sorted(p.stem for p in (ROOT / "experiments/conf/sweep").glob("*.yaml")))
@pytest.mark.parametrize("scale", ["tiny", "paper"])
def test_every_sweep_profile_is_valid_at_every_scale(sweep, scale):
    check_space(parse_params(composed(f"sweep={sweep}", f"scale={scale}")))


def test_the_paper_s_weight_is_the_first_trial_and_zero_the_second_at_any_configured_weight():
    params = of_space({WEIGHT: ZERO})
    other = params.model_copy(update={"losses": {**params.losses, "ce_mse": {"weight": 3.0}}})
    assert published(other) == {WEIGHT: 1.0}
    first, second = enqueued(other).values()
    assert list(enqueued(other)) == ["paper", "zero"]
    assert read_values(first, other.sweep.space) == {WEIGHT: 1.0}
    assert read_values(second, other.sweep.space) == {WEIGHT: 0.0}


def test_an_unpublished_parameter_starts_from_params_yaml():
    params = of_space({WEIGHT: RANGE, "train.lr": {"low": 0.001, "high": 0.1, "log": True}})
    assert published(params) == {WEIGHT: 1.0, "train.lr": params.train.lr}
    assert list(enqueued(params)) == ["paper"]


def test_drawn_values_are_read_back_from_optuna():
    params = of_space(
        {WEIGHT: ZERO, "train.batch_size": {"low": 8, "high": 32}, "train.opt": {"choices": ["adamw", "sgd"]}}
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        trial = study.ask()
        values = suggest(trial, params)
        assert read_values(trial.params, params.sweep.space) == values
        assert isinstance(values["train.batch_size"], int)
        study.tell(trial, 0.0)
    weights = [read_values(trial.params, params.sweep.space)[WEIGHT] for trial in study.trials]
    assert 0.0 in weights
    assert min(weight for weight in weights if weight) >= 0.01


def test_a_variant_changes_only_the_swept_parameters_and_the_seeds():
    params = sweep_params(epochs=7)
    changed = variant(params, {WEIGHT: 0.25, "model.dropout": 0.5}, [5])
    assert (changed.losses["ce_mse"]["weight"], changed.model.dropout) == (0.25, 0.5)
    assert (changed.train.epochs, changed.seeds) == (7, [5])
    assert changed.data == params.data
    assert (changed.arms, changed.train.lr) == (params.arms, params.train.lr)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space": {"losses.ce_mse.wieght": RANGE}}, ["wieght", "did you mean `losses.ce_mse.weight`"]),
        ({"space": {"train.lrr": RANGE}}, ["'train.lrr'", "`train.lr`"]),
        ({"space": {"losses.smooth_l1.beta": RANGE}}, ["its arm uses", "beta"]),
        ({"space": {"sizes.mid": {"low": 16, "high": 32}}}, ["its arm uses", "sizes.mid"]),
        ({"space": {"train.epochs": {"low": 2, "high": 9}}}, ["compared by epoch", "sweep.epochs"]),
        (
            {"space": {"train.lr": {"low": 0.001, "high": 100.0}}},
            ["sweep.space.train.lr", "100.0", "less than or equal"],
        ),
        ({"space": {WEIGHT: {"low": 2.0, "high": 4.0}}}, ["published value", "excludes 1.0"]),
        ({"space": {}}, ["sweep.space", "is empty"]),
        ({"arm": "basenet/mse_small"}, ["sweep.head", "mse trains score"]),
        ({"arm": "basenet/none"}, ["an arm must be one of", "basenet/none"]),
    ],
)
def test_a_wrong_space_is_refused_in_one_sentence_before_anything_runs(changes, words):
    with pytest.raises(InputError) as caught:
        check_space(sweep_params(**changes))
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space": {WEIGHT: {"low": 1.0}}}, "needs `low` and `high`, or `choices`"),
        ({"space": {WEIGHT: RANGE | {"choices": [1.0]}}}, "needs `low` and `high`, or `choices`"),
        ({"space": {WEIGHT: {"low": 2.0, "high": 1.0}}}, "`low` must be below `high`"),
        ({"space": {WEIGHT: {"low": 0.0, "high": 1.0, "log": True}}}, "`zero: true` adds 0"),
        ({"space": {WEIGHT: {"low": 1.0, "high": 2.0, "zero": True}}}, "requires a logarithmic range"),
        (
            {"seeds": [1, 2], "retrain_seeds": [2, 3]},
            r"retrain_seeds must not be among `seeds`, which the search selects by, but \[2\]",
        ),
        ({"seeds": [1, 1]}, "seeds must differ"),
        ({"trials": 0}, "sweep.trials"),
        ({"study": "a/b"}, "sweep.study"),
        ({"pipeline": ["other"]}, "pipeline must be empty or hold the study's name"),
        ({"prune_bellow": 3}, "did you mean `prune_below`"),
    ],
)
def test_wrong_sweep_settings_are_refused_when_parameters_are_loaded(changes, words):
    with pytest.raises(InputError, match=words):
        sweep_params(**changes)
