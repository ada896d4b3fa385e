from __future__ import annotations

from benchmark.runs.history import numbers, read_history


def test_an_epoch_has_the_text_that_training_wrote_and_numbers_if_any(tmp_path):
    (tmp_path / "history.csv").write_text(
        "epoch,train_loss,val_kappa_score,val_kappa_prob\n1,0.50,nan,\n2,0.25,0.10,\n"
    )
    first, second = read_history(tmp_path)
    assert first == {"epoch": "1", "train_loss": "0.50", "val_kappa_score": "nan", "val_kappa_prob": ""}
    assert numbers(first) == {"epoch": 1.0, "train_loss": 0.5}
    assert numbers(second) == {"epoch": 2.0, "train_loss": 0.25, "val_kappa_score": 0.1}


def test_a_run_without_a_finished_epoch_has_an_empty_history(tmp_path):
    assert read_history(tmp_path) == []
