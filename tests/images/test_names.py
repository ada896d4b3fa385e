"""Names of photographs as tables write them."""

from __future__ import annotations

import pytest

from benchmark.images.names import image_id, stem


@pytest.mark.parametrize(
    ("name", "expected", "bare"),
    [
        ("17_left", "17_left", "17_left"),
        ("17_left.jpeg", "17_left", "17_left"),
        ("17_left.PNG", "17_left", "17_left"),
        ("sub/x.1", "sub/x.1", "x.1"),
        ("sub/x.1.tiff", "sub/x.1", "x.1"),
        ("./sub//x.jpg", "sub/x", "x"),
        ("C:\\eyes\\test\\x.tif", "C:/eyes/test/x", "x"),
        ("test\\x", "test/x", "x"),
        ("/data/x.jpg", "/data/x", "x"),
        (".jpg", ".jpg", ".jpg"),
        ("x.csv", "x.csv", "x.csv"),
    ],
)
def test_an_id_has_neither_an_extension_nor_backslashes(name, expected, bare):
    assert (image_id(name), stem(name)) == (expected, bare)
