"""A checkpoint restores the whole state bit for bit, and is read without pickle."""

from __future__ import annotations

import pickle

import pytest
import torch
from timm.optim import create_optimizer_v2

from benchmark.training.checkpoint import Progress, load_checkpoint, save_checkpoint


def step(model, optimizer, seed):
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(seed))
    model(x).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def fresh(opt):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))
    return model, create_optimizer_v2(model, opt=opt, lr=0.05, weight_decay=0.01)


@pytest.mark.parametrize("opt", ["adamw", "sgd", "lamb", "rmsprop", "adafactor", "lion", "nadamw"])
def test_a_resumed_run_continues_bit_identically(tmp_path, opt):
    model, optimizer = fresh(opt)
    for seed in range(6):
        if seed == 3:
            save_checkpoint(tmp_path / "c.safetensors", model, optimizer, Progress(epoch=1, loss_sum=0.1 + 0.2))
        step(model, optimizer, seed)
    again, its_optimizer = fresh(opt)
    progress = load_checkpoint(tmp_path / "c.safetensors", again, its_optimizer)
    for seed in range(3, 6):
        step(again, its_optimizer, seed)
    assert progress == Progress(epoch=1, loss_sum=0.1 + 0.2)
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_progress_survives_saving_and_loading(tmp_path):
    model, optimizer = fresh("adamw")
    history = [{"train_loss": 1 / 3, "val_kappa_score": None}]
    progress = Progress(2, 7, 1.5, history, best_kappa=2 / 3, best_epoch=2, resumed=1, seconds=3.25)
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, progress)
    assert load_checkpoint(tmp_path / "c.safetensors", *fresh("adamw")) == progress


def test_a_checkpoint_is_no_pickle(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("pickle was used")

    model, optimizer = fresh("adamw")
    step(model, optimizer, 0)
    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, Progress())
    load_checkpoint(tmp_path / "c.safetensors", model, optimizer)
