"""Tables of Markdown files are rendered from csv files, and prose has no number that they lack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark.cli.main import main
from benchmark.common.errors import InputError
from benchmark.report.doc_tables import render_tables, unsupported
from tests.factories.paths import ROOT
from tests.factories.texts import TEXTS

CSV = """\
pixels,column,split,mean,sd,finding
40,MSE scores,val,0.6254,0.015,inconclusive
40,CE prob.,val,-0.0001,0.061,holds here
80,MSE scores,val,0.8021,,inconclusive
80,MSE scores,test,0.7,0.01,inconclusive
"""


def block(spec: str, body: str = "stale\n") -> str:
    return f"Before.\n\n<!-- table\n{spec}\n-->\n{body}<!-- end -->\n\nAfter.\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(CSV)


def table(spec: str) -> list[str]:
    return render_tables(block(spec), Path()).split("-->\n")[1].split("<!-- end")[0].splitlines()


def test_a_block_shows_the_selected_rows():
    assert table('csv: a.csv\nwhere: {split: val, pixels: 40}\ncolumns: {output: "{column}", kappa: "{mean:.3f}"}') == [
        "| output | kappa |",
        "| --- | --- |",
        "| MSE scores | 0.625 |",
        "| CE prob. | 0.000 |",
    ]


def test_a_block_may_pivot_rows_into_columns():
    spec = 'csv: a.csv\nwhere: {split: [val]}\ncolumns: {input: "{pixels} px"}\nacross: "{column}"\n'
    spec += 'cell: "{mean:.2f} ± {sd:.3f}"'
    assert table(spec) == [
        "| input | MSE scores | CE prob. |",
        "| --- | --- | --- |",
        "| 40 px | 0.63 ± 0.015 | 0.00 ± 0.061 |",
        # An empty number, and a missing row.
        "| 80 px | - | - |",
    ]


def test_a_block_may_count_equal_rows():
    assert table('csv: a.csv\ncolumns: {found: "{finding}"}\ncount: lines')[2:] == [
        "| inconclusive | 3 |",
        "| holds here | 1 |",
    ]


def test_a_block_may_show_rows_of_several_files(tmp_path):
    (tmp_path / "b.csv").write_text("column,split,mean,note\nMSE scores,val,0.5,\n")
    assert table('csv: [b.csv, a.csv]\nwhere: {column: MSE scores, split: val}\ncolumns: {kappa: "{mean}"}')[2:] == [
        "| 0.5 |",
        "| 0.6254 |",
        "| 0.8021 |",
    ]


def test_rendering_is_idempotent_and_leaves_other_text_alone():
    once = render_tables(block('csv: a.csv\ncolumns: {kappa: "{mean:.3f}"}'), Path())
    assert render_tables(once, Path()) == once
    assert once.startswith("Before.\n\n<!-- table\n")
    assert once.endswith("<!-- end -->\n\nAfter.\n")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ('csv: b.csv\ncolumns: {a: "{mean}"}', "must exist, but b.csv does not"),
        ('csv: a.csv\ncolumns: {a: "{kappa}"}', "'kappa' is not one"),
        ('csv: a.csv\nwhere: {seed: 0}\ncolumns: {a: "{mean}"}', "'seed' is not one"),
        ('csv: [a.csv, b.csv]\ncolumns: {a: "{mean}"}', "must exist, but b.csv does not"),
        ('csv: a.csv\nwhere: {pixels: 50}\ncolumns: {a: "{mean}"}', "no row has pixels=50"),
        (
            'csv: a.csv\ncolumns: {a: "{pixels}"}\nacross: "{column}"\ncell: "{mean}"',
            "one row of a.csv, but some have",
        ),
        ("csv: a.csv", "`columns` must be given, but is missing: add it"),
        ('csv: a.csv\ncolumns: {a: "{mean}"}\nacross: "{split}"', "`across` needs `cell`"),
        ('csv: a.csv\ncolumns: {a: "{mean}"}\nrows: 3', "Unexpected keyword"),
        ("csv: [", "must be valid YAML"),
    ],
)
def test_a_wrong_block_is_one_sentence(spec, words):
    with pytest.raises(InputError, match=re.escape(words)):
        render_tables(block(spec), Path())


SHOWN = '<!-- table\ncsv: a.csv\ncolumns: {a: "{mean}"}\n-->\n| 0.625 ± 0.015 | inconclusive |\n<!-- end -->\n'


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
def test_numbers_and_verdicts_of_the_prose_must_be_in_a_block(prose, found):
    assert unsupported(f"{prose}\n\n{SHOWN}") == found


def test_the_command_updates_a_file_and_reports_unsupported_numbers(capsys):
    Path("a.md").write_text(block('csv: a.csv\ncolumns: {kappa: "{mean:.3f}"}').replace("After", "Of 0.802 and 0.5"))
    assert main(["render-docs", "a.md"]) == 1
    assert "a.md: '0.5' is in the prose but in no table block" in capsys.readouterr().out
    Path("a.md").write_text(Path("a.md").read_text().replace(" and 0.5", ""))
    assert main(["render-docs", "a.md"]) == 0
    assert "| 0.802 |" in Path("a.md").read_text()
    assert main(["render-docs", "none.md"]) == 2


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_documentation_agrees_with_its_tables(path):
    text = path.read_text(encoding="utf-8")
    assert render_tables(text, path.parent) == text, f"run `fundusbench render-docs {path.relative_to(ROOT)}`"
    assert unsupported(text) == []


def test_every_results_readme_has_a_table():
    assert all(
        "<!-- table" in path.read_text(encoding="utf-8") for path in TEXTS if path.parent.parent.name == "results"
    )
