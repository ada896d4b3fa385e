"""Requirements on every compared system and every blend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from benchmark.images.colour_normalisation.registry import NORMALISATIONS
from benchmark.scoring.decision_rules.registry import DECISION_RULES
from models.blends.registry import BLENDS, load_blend
from models.losses.registry import LOSSES
from models.settings import Model
from models.stochastic import count_noise, set_noise
from models.system_network import build_system_network
from models.system_settings import AffineAugment, Net
from models.systems.registry import SYSTEMS, geometry, load_system
from tests.factories.systems import SIZES
from tests.factories.systems import SYSTEMS as SMALL

SHARED = Model(backbone="test_resnet", stride=8)
NETS = [(system, net) for system in SYSTEMS for net in SMALL[system]["nets"]]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_declares_existing_plugins_and_settings(name):
    entry = SYSTEMS[name]
    assert entry.colour_normalisation in NORMALISATIONS
    assert entry.loss in LOSSES
    assert {row.blend for row in entry.steps.values()} <= set(BLENDS)
    assert not set(entry.nets) & set(entry.steps)
    ladder = [row for row in entry.steps.values() if not row.control]
    assert (ladder[0].tta, ladder[0].eyes) == (False, "one")
    assert ladder[0].nets in ("first", "last")
    controls = {row.eyes for row in entry.steps.values() if row.control}
    assert controls >= {"one", "shuffled"} or all(row.eyes == "one" for row in ladder)
    assert set(entry.train_only_augment) <= set(AffineAugment.model_fields)


@pytest.mark.parametrize(("system", "net"), NETS)
def test_a_network_predicts_for_images_of_its_input_size(system, net):
    settings, heads = SMALL[system]["nets"][net], LOSSES[SYSTEMS[system].loss].heads
    torch.manual_seed(0)
    network = build_system_network(f"{system}/{net}", SHARED, settings["blocks"], settings["width"], heads).to(
        memory_format=torch.channels_last
    )
    side = geometry(system, net, Net(**settings), SIZES[settings["size"]]).input_px
    x = torch.rand(3, 3, side, side)
    set_noise(network, torch.rand(3, count_noise(network)))
    outputs = network.predict(network.train()(x))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        name: {"score": (3,), "prob": (3, 5)}[name] for name in heads
    }
    sum(value.sum() for value in network(x).values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.requires_grad)
    # Some networks have frozen parts, but never all.
    assert any(p.requires_grad for p in network.parameters())
    set_noise(network, None)
    assert all(torch.equal(a, b) for a, b in zip(network.eval()(x).values(), network(x).values(), strict=True))


@pytest.mark.parametrize("name", SYSTEMS)
def test_columns_depend_on_each_eye_alone(name):
    prob = np.random.default_rng(0).dirichlet(np.ones(5), (2, 6)).astype(np.float32)
    outputs = [{"prob": each, "score": each @ np.arange(5, dtype=np.float32)} for each in prob]
    all_of_them = load_system(name).columns(outputs, None)
    some = load_system(name).columns([{key: value[2:4] for key, value in each.items()} for each in outputs], None)
    assert all_of_them.dtype == np.float32
    assert np.array_equal(all_of_them[2:4], some)


WIDTHS = {"elastic_net": 1, "elastic_nets": 3, "fusion": 32}
"""Number of columns per eye in the tests of blends that predict scores; 1 for the others."""


def columns(name, n=60, seed=0):
    """Return columns of noisy grades: scores for blends that predict scores, else the probabilities of both eyes."""
    rng = np.random.default_rng(seed)
    grade = np.arange(n) % 5
    if BLENDS[name].head == "score":
        scores = grade[:, None] + rng.normal(0, 0.5, (n, 2 * WIDTHS.get(name, 1)))
        return np.column_stack([scores, np.arange(n) % 2]).astype(np.float32), grade.astype(np.int64)
    prob = np.exp(-((np.arange(5) - grade[:, None] - rng.normal(0, 0.5, (n, 1))) ** 2))
    prob /= prob.sum(1, keepdims=True)
    return np.hstack([prob, prob]).astype(np.float32), grade.astype(np.int64)


def parameters(name):
    few = {key: min(value, 20) for key, value in BLENDS[name].defaults.items()}
    # A few dozen updates need larger steps.
    return few | ({"lr": 0.02} if "lr" in few else {})


@pytest.mark.parametrize("name", BLENDS)
def test_a_blend_restored_from_its_state_predicts_the_same(name):
    x, grade = columns(name)
    blend, entry = load_blend(name), BLENDS[name]
    state = blend.fit(x, grade, 7, **parameters(name))
    answer = blend.predict(state, x)
    again = blend.fit(x, grade, 7, **parameters(name))
    assert save(state) == save(again)
    assert np.array_equal(blend.predict(load(save(state)), x), answer)
    assert answer.dtype == np.float32
    assert answer.shape == {"prob": (60, 5), "score": (60,)}[entry.head]
    assert (DECISION_RULES[entry.rule].head, DECISION_RULES[entry.rule].thresholds) == (entry.head, "tuned")
    if entry.head == "prob":
        assert np.allclose(answer.sum(1), 1, atol=1e-6)
    expected = answer @ np.arange(5) if entry.head == "prob" else answer
    assert np.corrcoef(expected, grade)[0, 1] > 0.7


@pytest.mark.parametrize("name", BLENDS)
def test_a_blends_prediction_does_not_depend_on_other_eyes(name):
    x, grade = columns(name)
    blend = load_blend(name)
    state = blend.fit(x, grade, 7, **parameters(name))
    assert np.allclose(blend.predict(state, x[10:13]), blend.predict(state, x)[10:13], atol=1e-6)


@pytest.mark.parametrize("name", [name for name, entry in BLENDS.items() if entry.learns])
def test_a_blend_can_be_fitted_without_examples_of_a_grade(name):
    x, grade = columns(name)
    there = grade != 3
    blend = load_blend(name)
    answer = blend.predict(blend.fit(x[there], grade[there], 0, **parameters(name)), x)
    assert np.isfinite(answer).all()
    if BLENDS[name].head == "prob":
        assert (answer[:, 3] == 0).all()
