"""Names of photographs as tables write them."""

from __future__ import annotations

import pytest

from benchmark.images.names import image_id, stem, why_unmatched


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
        ("Mu\u0308ller_left.jpg", "M\u00fcller_left", "M\u00fcller_left"),
        (".jpg", ".jpg", ".jpg"),
        ("x.csv", "x.csv", "x.csv"),
    ],
)
def test_an_id_has_neither_an_extension_nor_backslashes(name, expected, bare):
    assert (image_id(name), stem(name)) == (expected, bare)


@pytest.mark.parametrize(
    ("unmatched", "known", "words"),
    [
        ("2.01704E+16", "20170413102600028.jpg", "numbers such as 2.01704E+16"),
        ("20170413102600028", "2,01704E+16", "numbers such as 2.01704E+16"),
        ("20170413102600000", "20170413102600028.jpg", "keeps 15 digits"),
        ("20170413102600028", "20170413102600000", "keeps 15 digits"),
        ("7", "test/0007.png", "without leading zeros"),
        ("Feb-01", "2-1.png", "dates"),
        ("1_LEFT", "1_left.png", "upper and lower case"),
        ("1_left", "2_left", ""),
        ("", "", ""),
    ],
)
def test_why_names_match_none_is_recognised(unmatched, known, words):
    found = why_unmatched([unmatched], [known])
    assert words in found
    assert bool(found) == bool(words)
