"""A file of arrays is read as it was written, or set aside."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.common.sealed import read_sealed, write_sealed

ARRAYS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "number": np.array(2.5),
    "empty": np.zeros((0, 3)),
    "flags": np.array([True, False]),
}


@pytest.fixture
def path(tmp_path):
    write_sealed(tmp_path / "state.safetensors", ARRAYS, "epoch 1")
    return tmp_path / "state.safetensors"


def test_arrays_and_text_are_read_as_they_were_written(path):
    arrays, text = read_sealed(path)
    assert text == "epoch 1"
    assert arrays.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (value.dtype, value.shape)
        assert np.array_equal(arrays[name], value)


def test_a_missing_file_is_not_damaged(tmp_path):
    assert read_sealed(tmp_path / "none.safetensors") is None
    assert not list(tmp_path.iterdir())


def test_one_changed_byte_or_a_lost_end_anywhere_is_found(path, caplog):
    whole = path.read_bytes()
    flipped = (whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole)))
    for number, damaged in enumerate([*flipped, *(whole[:end] for end in range(0, len(whole), 7))]):
        path.write_bytes(damaged)
        assert read_sealed(path) is None, number
        assert path.with_name("state.safetensors.damaged").read_bytes() == damaged
        assert not path.exists()
    assert "state.safetensors is damaged" in caplog.records[0].getMessage()
