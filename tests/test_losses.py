"""Every loss through one interface, and the paper's formulas against hand-made sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.losses import LOSSES, load_loss

GRADE = torch.tensor([0, 1, 2, 3, 4, 0])


def outputs(seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return {
        "score": (torch.randn(6, generator=generator) * scale).requires_grad_(),
        "prob": (torch.randn(6, 5, generator=generator) * scale).requires_grad_(),
    }


@pytest.mark.parametrize("name", LOSSES)
class TestEveryLoss:
    def test_it_is_a_finite_scalar_and_reaches_exactly_its_heads(self, name):
        given = outputs()
        loss = load_loss(name)(given, GRADE, **LOSSES[name].defaults)
        assert loss.shape == ()
        assert torch.isfinite(loss)
        loss.backward()
        assert {head for head, value in given.items() if value.grad is not None} == set(LOSSES[name].heads)

    def test_it_needs_no_other_head(self, name):
        given = {head: value for head, value in outputs().items() if head in LOSSES[name].heads}
        load_loss(name)(given, GRADE, **LOSSES[name].defaults)

    def test_a_right_answer_costs_less_than_a_wrong_one(self, name):
        loss = load_loss(name)
        right = {"score": GRADE.float(), "prob": torch.eye(5)[GRADE] * 9}
        wrong = {"score": (GRADE.float() + 2) % 5, "prob": torch.eye(5)[(GRADE + 2) % 5] * 9}
        assert loss(right, GRADE, **LOSSES[name].defaults) < loss(wrong, GRADE, **LOSSES[name].defaults)

    def test_it_is_computed_in_float32_whatever_comes_in(self, name):
        given = {head: value.bfloat16() for head, value in outputs().items()}
        assert load_loss(name)(given, GRADE, **LOSSES[name].defaults).dtype == torch.float32

    def test_extreme_outputs_stay_finite(self, name):
        assert torch.isfinite(load_loss(name)(outputs(scale=1e4), GRADE, **LOSSES[name].defaults))


def test_the_multi_task_loss_is_the_papers_sum():
    given = outputs()
    prob = given["prob"].detach().softmax(1).numpy()
    score = given["score"].detach().numpy()
    l1 = -np.mean(np.log(prob[np.arange(6), GRADE]))
    l2 = np.mean((score - GRADE.numpy()) ** 2)
    for weight in (0.0, 0.3, 1.0):
        loss = load_loss("ce_mse")(given, GRADE, weight=weight)
        assert float(loss) == pytest.approx(l1 + weight * l2, rel=1e-5)
