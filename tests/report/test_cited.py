"""Figures in prose: made of the csv beside them, or checked against it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark.cli.main import main
from benchmark.common.errors import InputError
from benchmark.report.cited import renewed, unsupported
from tests.made.paths import ROOT
from tests.made.texts import TEXTS

CSV = """\
pixels,column,split,mean,sd,finding
40,MSE scores,val,0.6254,0.015,inconclusive
40,CE prob.,val,-0.0001,0.061,holds here
80,MSE scores,val,0.8021,,inconclusive
80,MSE scores,test,0.7,0.01,inconclusive
"""


def block(spec: str, body: str = "stale\n") -> str:
    return f"Before.\n\n<!-- cite\n{spec}\n-->\n{body}<!-- end -->\n\nAfter.\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(CSV)


def table(spec: str) -> list[str]:
    return renewed(block(spec), Path()).split("-->\n")[1].split("<!-- end")[0].splitlines()


def test_a_block_shows_the_lines_it_asks_for():
    assert table('csv: a.csv\nwhere: {split: val, pixels: 40}\ncolumns: {output: "{column}", kappa: "{mean:.3f}"}') == [
        "| output | kappa |",
        "| --- | --- |",
        "| MSE scores | 0.625 |",
        "| CE prob. | 0.000 |",
    ]


def test_a_block_may_spread_lines_over_columns():
    spec = 'csv: a.csv\nwhere: {split: [val]}\ncolumns: {input: "{pixels} px"}\nacross: "{column}"\n'
    spec += 'cell: "{mean:.2f} ± {sd:.3f}"'
    assert table(spec) == [
        "| input | MSE scores | CE prob. |",
        "| --- | --- | --- |",
        "| 40 px | 0.63 ± 0.015 | 0.00 ± 0.061 |",
        # An empty number, and a line that there is not.
        "| 80 px | - | - |",
    ]


def test_a_block_may_count_equal_lines():
    assert table('csv: a.csv\ncolumns: {found: "{finding}"}\ncount: lines')[2:] == [
        "| inconclusive | 3 |",
        "| holds here | 1 |",
    ]


def test_what_is_renewed_stays_as_it_is_and_the_rest_is_untouched():
    once = renewed(block('csv: a.csv\ncolumns: {kappa: "{mean:.3f}"}'), Path())
    assert renewed(once, Path()) == once
    assert once.startswith("Before.\n\n<!-- cite\n")
    assert once.endswith("<!-- end -->\n\nAfter.\n")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ('csv: b.csv\ncolumns: {a: "{mean}"}', "b.csv, which does not exist"),
        ('csv: a.csv\ncolumns: {a: "{kappa}"}', "'kappa' is none"),
        ('csv: a.csv\nwhere: {seed: 0}\ncolumns: {a: "{mean}"}', "'seed' is none"),
        ('csv: a.csv\nwhere: {pixels: 50}\ncolumns: {a: "{mean}"}', "none has {'pixels': 50}"),
        (
            'csv: a.csv\ncolumns: {a: "{pixels}"}\nacross: "{column}"\ncell: "{mean}"',
            "one line of a.csv, but some have",
        ),
        ("csv: a.csv", "`columns` must be given, but is missing: add it"),
        ('csv: a.csv\ncolumns: {a: "{mean}"}\nacross: "{split}"', "`across` needs `cell`"),
        ('csv: a.csv\ncolumns: {a: "{mean}"}\nrows: 3', "Unexpected keyword"),
        ("csv: [", "must be valid YAML"),
    ],
)
def test_a_wrong_block_is_one_sentence(spec, words):
    with pytest.raises(InputError, match=re.escape(words)):
        renewed(block(spec), Path())


SHOWN = '<!-- cite\ncsv: a.csv\ncolumns: {a: "{mean}"}\n-->\n| 0.625 ± 0.015 | inconclusive |\n<!-- end -->\n'


@pytest.mark.parametrize(
    ("prose", "found"),
    [
        ("Kappa is 0.625.", []),
        ("Kappa is 0.626, and 0.625.", ["0.626"]),
        ("The difference is -0.1 (n = 83).", ["0.1"]),
        ("It is inconclusive.", []),
        ("It is not reproduced, so not inconclusive.", ["not reproduced"]),
        ("It holds\nhere.", ["holds here"]),
        ("Python 3.11 <!-- facts: 3.11 -->", []),
        ("Run `x=0.5` as in [0.3](https://example.org/0.7), version 1.2.3.", ["0.3"]),
        ("```\n0.9\n```\n", []),
        ("A reproduction of reproducibility.", []),
    ],
)
def test_prose_says_nothing_that_no_block_shows(prose, found):
    assert unsupported(f"{prose}\n\n{SHOWN}") == found


def test_the_command_renews_a_file_and_names_what_its_prose_alone_says(capsys):
    Path("a.md").write_text(block('csv: a.csv\ncolumns: {kappa: "{mean:.3f}"}').replace("After", "Of 0.802 and 0.5"))
    assert main(["cite", "a.md"]) == 1
    assert "a.md: its prose says 0.5, which no block shows" in capsys.readouterr().out
    Path("a.md").write_text(Path("a.md").read_text().replace(" and 0.5", ""))
    assert main(["cite", "a.md"]) == 0
    assert "| 0.802 |" in Path("a.md").read_text()
    assert main(["cite", "none.md"]) == 2


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_the_texts_say_is_what_the_tables_say(path):
    text = path.read_text(encoding="utf-8")
    assert renewed(text, path.parent) == text, f"run `fundusbench cite {path.relative_to(ROOT)}`"
    assert unsupported(text) == []


def test_the_results_show_tables():
    assert all(
        "<!-- cite" in path.read_text(encoding="utf-8") for path in TEXTS if path.parent.parent.name == "results"
    )
