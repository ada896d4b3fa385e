"""Packs: images are read back unchanged from any row, thread or process, and a partly written pack is never read."""

from __future__ import annotations

import io
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.common.errors import InputError
from benchmark.data.packs import FORMAT, Pack, PackRow, PackSpec, open_pack, write_pack
from benchmark.images.encoding import encode
from tests.factories.photographs import fundus_photograph

COUNT, SIZE = 37, 12


def images(count: int = COUNT, size: int = SIZE) -> np.ndarray:
    return np.stack(
        [fundus_photograph(size, size, (size / 2, size / 2, size / 2), 60 + i, seed=i) for i in range(count)]
    )


def rows(made: np.ndarray, encoding: str):
    return (PackRow(f"i/{i}", f"hash{i}", encode(image, encoding)) for i, image in enumerate(made))


@pytest.fixture(scope="module")
def packs(tmp_path_factory) -> dict[str, Pack]:
    folder = tmp_path_factory.mktemp("packs")
    for encoding in ("raw", "jpeg"):
        write_pack(folder / encoding, PackSpec(SIZE, encoding, "made"), rows(images(), encoding))
    return {encoding: open_pack(folder / encoding) for encoding in ("raw", "jpeg")}


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_a_pack_describes_its_content(packs, encoding):
    pack = packs[encoding]
    assert (len(pack), pack.size, pack.encoding) == (COUNT, SIZE, encoding)
    assert pack.spec == PackSpec(SIZE, encoding, "made")
    assert pack.image_ids == [f"i/{i}" for i in range(COUNT)]
    assert pack.sha256 == [f"hash{i}" for i in range(COUNT)]


@settings(deadline=None)
@given(indices=st.lists(st.integers(0, COUNT - 1), max_size=50))
def test_raw_images_are_read_in_the_requested_order(packs, indices):
    got = packs["raw"].gather(np.array(indices, np.int64))
    assert got.dtype == np.uint8
    assert np.array_equal(got, images()[indices].reshape(-1, SIZE, SIZE, 3))


@pytest.mark.slow
@settings(deadline=None)
@given(indices=st.lists(st.integers(0, COUNT - 1), max_size=20))
def test_jpeg_images_are_decoded_as_by_pillow(packs, indices):
    got = packs["jpeg"].gather(np.array(indices, np.int64))
    assert got.shape == (len(indices), SIZE, SIZE, 3)
    for image, index in zip(got, indices, strict=True):
        assert np.array_equal(image, np.asarray(Image.open(io.BytesIO(packs["jpeg"].stored(index)))))
        assert np.abs(image.astype(int) - images()[index]).mean() < 3


def test_a_jpeg_keeps_full_colour_resolution(packs):
    with Image.open(io.BytesIO(packs["jpeg"].stored(0))) as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3


@pytest.mark.parametrize("index", [-1, COUNT])
def test_a_row_out_of_range_is_refused(packs, index):
    with pytest.raises(IndexError, match=f"0 to {COUNT - 1}"):
        packs["raw"].gather(np.array([0, index]))


def test_the_file_is_memory_mapped(packs):
    """Opening a pack allocates no Arrow memory, because images stay in the mapped file."""
    before = pa.total_allocated_bytes()
    pack = open_pack(packs["raw"].path)
    assert pa.total_allocated_bytes() - before < COUNT * SIZE * SIZE * 3 / 10
    assert bytes(pack.stored(20)) == images()[20].tobytes()


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_threads_share_a_pack(packs, encoding):
    order = np.random.default_rng(0).permutation(COUNT)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda i: packs[encoding].gather(order[i : i + 1]), range(COUNT)))
    assert np.array_equal(np.concatenate(got), packs[encoding].gather(order))


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_processes_share_a_pack(packs, start):
    packs["jpeg"].gather(np.arange(3))  # The decoding threads run before the fork.
    with ProcessPoolExecutor(1, multiprocessing.get_context(start)) as pool:
        got = pool.submit(packs["jpeg"].gather, np.arange(5)).result(timeout=60)
    assert np.array_equal(got, packs["jpeg"].gather(np.arange(5)))
    assert pickle.loads(pickle.dumps(packs["raw"])).image_ids == packs["raw"].image_ids


def test_equal_rows_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        write_pack(tmp_path / name, PackSpec(SIZE, "raw", "made"), rows(images(), "raw"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_pack_may_be_empty(tmp_path):
    write_pack(tmp_path / "empty", PackSpec(SIZE, "raw", "made"), [])
    pack = open_pack(tmp_path / "empty")
    assert len(pack) == 0
    assert pack.gather(np.array([], np.int64)).shape == (0, SIZE, SIZE, 3)


def test_a_failed_write_leaves_the_previous_pack(tmp_path):
    path = tmp_path / "pack"
    write_pack(path, PackSpec(SIZE, "raw", "made"), rows(images(3), "raw"))

    def broken():
        yield from rows(images(20), "raw")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_pack(path, PackSpec(SIZE, "raw", "made"), broken())
    assert len(open_pack(path)) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["pack"]


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    def peak(count: int) -> int:
        image = bytes(64 * 64 * 3)
        pool = pa.default_memory_pool()
        start, most = pool.bytes_allocated(), 0

        def stream():
            nonlocal most
            for i in range(count):
                most = max(most, pool.bytes_allocated() - start)
                yield PackRow(str(i), "hash", image)

        write_pack(tmp_path / "pack", PackSpec(64, "raw", "made"), stream())
        return most

    assert peak(600) <= peak(60) + 64 * 64 * 3


def test_a_missing_pack_is_reported_with_the_command_that_writes_it(tmp_path):
    with pytest.raises(InputError, match=r"none\.arrow does not exist yet: run `fundusbench prepare`"):
        open_pack(tmp_path / "none.arrow")


@pytest.mark.parametrize("damage", ["text", "truncated", "other", "newer", "colour_normalisation"])
def test_a_file_other_than_a_pack_is_refused(tmp_path: Path, damage: str):
    path = tmp_path / "pack.arrow"
    write_pack(path, PackSpec(SIZE, "raw", "made"), rows(images(), "raw"))
    if damage == "text":
        path.write_text("image,level\n")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        metadata = {
            "format": FORMAT,
            "size": "12",
            "encoding": "raw",
            "recipe": "",
            "colour_normalisation": "plain",
            "crop": "1.0",
            "shrunk_from": "0",
        }
        metadata = {
            "newer": metadata | {"format": f"{FORMAT}1"},
            "colour_normalisation": metadata | {"colour_normalisation": "green"},
        }.get(damage)
        with pa.ipc.new_file(str(path), pa.schema([("image", pa.string())], metadata)):
            pass
    with pytest.raises(InputError, match=f"must be a pack of format {FORMAT}"):
        open_pack(path)
