"""Every loss through the common interface, and the paper's formulas compared with explicit sums."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score

from models.heads.registry import HEADS, load_head
from models.losses.registry import LOSSES, load_loss

GRADE = torch.tensor([0, 1, 2, 3, 4, 0])


def raw_shape(head):
    """Return the shape of a head's raw outputs for GRADE."""
    return load_head(head).build(5)(torch.randn(len(GRADE), 5)).shape


def outputs(name, seed=0, scale=1.0):
    """Return random raw outputs of the loss's heads."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {output: raw_shape(head) for output, head in LOSSES[name].heads.items()}
    return {
        output: (torch.randn(shape, generator=generator) * scale).requires_grad_() for output, shape in shapes.items()
    }


@cache
def fitted(name):
    """Return raw outputs for GRADE after gradient descent on the loss."""
    given = outputs(name)
    descent = torch.optim.Adam(given.values(), lr=0.1)
    for _ in range(400):
        descent.zero_grad()
        load_loss(name)(given, GRADE, **LOSSES[name].defaults).mean().backward()
        descent.step()
    return {output: value.detach() for output, value in given.items()}


@pytest.mark.parametrize("name", LOSSES)
class TestEveryLoss:
    def loss(self, name, given, grade=GRADE):
        return load_loss(name)(given, grade, **LOSSES[name].defaults)

    def test_the_loss_is_finite_has_the_declared_shape_and_reaches_each_head(self, name):
        given = outputs(name)
        loss = self.loss(name, given)
        assert loss.shape == ((6,) if LOSSES[name].per_image else ())
        assert torch.isfinite(loss).all()
        loss.mean().backward()
        assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in given.values())

    def test_a_right_answer_costs_less_than_a_wrong_one(self, name):
        assert self.loss(name, fitted(name)).mean() < self.loss(name, fitted(name), (GRADE + 2) % 5).mean()

    def test_the_loss_is_computed_in_float32_from_any_dtype(self, name):
        given = {head: value.bfloat16() for head, value in outputs(name).items()}
        assert self.loss(name, given).dtype == torch.float32

    def test_extreme_outputs_and_a_batch_of_one_grade_stay_finite(self, name):
        assert torch.isfinite(self.loss(name, outputs(name, scale=1e4))).all()
        for grade in (0, 4):
            assert torch.isfinite(self.loss(name, outputs(name), torch.full((6,), grade))).all()

    def test_descent_makes_its_heads_predict_the_grades(self, name):
        for output, raw in fitted(name).items():
            predicted = load_head(LOSSES[name].heads[output]).predict(raw)
            grade = predicted.argmax(1) if output == "prob" else predicted.round().clamp(0, 4).long()
            assert torch.equal(grade, GRADE)

    def test_its_heads_predict_different_outputs(self, name):
        assert len(LOSSES[name].heads) == len(LOSSES[name].head_names) > 0


@pytest.mark.parametrize("name", HEADS)
class TestEveryHead:
    def test_a_head_predicts_scores_or_probabilities(self, name):
        predicted = load_head(name).predict(torch.randn(raw_shape(name)))
        if HEADS[name].output == "score":
            assert predicted.shape == (6,)
        else:
            assert predicted.shape == (6, 5)
            assert (predicted >= 0).all()
            assert torch.allclose(predicted.sum(1), torch.ones(6), atol=1e-6)


def test_the_multi_task_loss_is_the_papers_sum():
    given = outputs("ce_mse")
    prob = given["prob"].detach().softmax(1).numpy()
    score = given["score"].detach().numpy()
    l1 = -np.mean(np.log(prob[np.arange(6), GRADE]))
    l2 = np.mean((score - GRADE.numpy()) ** 2)
    for weight in (0.0, 0.3, 1.0):
        loss = load_loss("ce_mse")(given, GRADE, weight=weight).mean()
        assert loss.item() == pytest.approx(l1 + weight * l2, rel=1e-5)


def test_soft_kappa_of_certain_predictions_is_one_minus_scikit_learns_kappa():
    predicted = torch.tensor([0, 2, 2, 4, 3, 1])
    loss = load_loss("soft_kappa")({"prob": torch.eye(5)[predicted] * 99}, GRADE)
    assert loss.item() == pytest.approx(1 - cohen_kappa_score(GRADE, predicted, weights="quadratic"), abs=1e-5)


def test_coral_is_the_sum_of_binary_cross_entropies():
    given = outputs("coral")
    levels = (GRADE[:, None] > torch.arange(4)).float()
    want = torch.nn.functional.binary_cross_entropy_with_logits(given["prob"], levels, reduction="none").sum(1)
    assert torch.allclose(load_loss("coral")(given, GRADE), want, atol=1e-6)


def test_cumulative_probabilities_out_of_order_are_corrected():
    prob = load_head("coral").predict(torch.tensor([[-1.0, 2.0, 0.0, -3.0]]))
    assert (prob >= 0).all()
    assert prob.sum().item() == pytest.approx(1)


def test_the_multi_task_loss_at_weight_0_equals_ce_and_trains_no_score():
    generator = torch.Generator().manual_seed(0)
    prob, score = torch.randn(16, 5, generator=generator), torch.randn(16, generator=generator)
    grade = torch.randint(0, 5, (16,), generator=generator)
    gradients = []
    for name, parameters in (("ce_mse", {"weight": 0.0}), ("ce", {})):
        outputs = {"prob": prob.clone().requires_grad_(), "score": score.clone().requires_grad_()}
        loss = load_loss(name)(outputs, grade, **parameters)
        assert torch.equal(loss, load_loss("ce")(outputs, grade))
        loss.mean().backward()
        gradients.append(outputs["prob"].grad)
        assert outputs["score"].grad is None or not outputs["score"].grad.any()
    assert torch.equal(*gradients)
