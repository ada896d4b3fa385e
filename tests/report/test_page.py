"""The page: its sources ship with the package, and no text of a table becomes markup."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import yaml
from hatchling.builders.wheel import WheelBuilder

from benchmark.common.files import write_text
from benchmark.report import PAGE
from benchmark.report.answer import answer, answer_text
from benchmark.report.page.page import HERE, blocks, split_caption, to_page
from benchmark.report.tables import ablation, systems
from benchmark.report.tables.registry import make_tables
from benchmark.settings.composition import CONF, compose
from benchmark.settings.loading import PARAMS
from tests.factories.paths import ROOT
from tests.factories.runs import ARMS


def test_templates_style_and_script_are_in_the_wheel():
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    files = {path.name for path in HERE.iterdir() if path.suffix in (".j2", ".css", ".js")}
    assert files == {"page.html.j2", "answers.html.j2", "tables.html.j2", "page.css", "page.js"}
    assert {f"benchmark/report/page/{name}" for name in files} <= shipped


def test_texts_are_escaped(read):
    inputs = read(seeds=[0], arms={"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}})
    table = replace(
        ablation.make(inputs), name="ablation", title="<b>", caption="a & b", notes=("<script>alert()</script>",)
    )
    page = to_page([table], {"ablation": 'a "quoted" caption'}, inputs)
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page
    assert "&lt;script&gt;alert()" in page
    assert page.count("<script>") == 1
    assert 'alt="a &#34;quoted&#34; caption"' in page


def test_the_answer_is_the_main_claims_the_rank_the_runs_and_the_differences(read):
    warning, claim, rank, ran, differs, page = answer_text(read(systems=("min_pooling",))).splitlines()
    assert warning == "Phantom results: no claim about real eyes."
    assert claim == (
        "M2CNN above BaseNet+MT on test: inconclusive, kappa +0.013 [-0.050, +0.077] (95 % interval; the paper prints "
        "+0.003)."
    )
    assert rank.startswith("Most probable rank of M2CNN on test: 2 of 2 with probability 75% (whole systems")
    assert rank.endswith("; the paper's: 4.")
    assert "arms with up to 3 seeds, trained on 80 images of phantom, tested on 100 images of 50 patients." in ran
    assert "px 40, 80, 128 (paper: 224, 448, 720)" in differs
    assert page == f"The page: {PAGE.resolve()}"


def test_the_head_and_every_caption_say_what_differs_from_the_default(change):
    inputs = change(seeds=[0, 1], arms={"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}})
    shutil.copytree(ROOT / "experiments/conf", CONF)
    write_text(PARAMS, yaml.safe_dump(compose(ROOT, ["losses.ce_mse.weight=0.5", "seeds=[0,1]"])))
    said = "Differs from the default: losses.ce_mse.weight 0.5 (default 1); seeds 0, 1 (default 0, 1, 2, 3, 4)."
    assert said in answer_text(inputs)
    tables = make_tables(inputs)
    assert all(table.caption.endswith(said) for table in tables)
    assert to_page(tables, {}, inputs).partition('id="board"')[0].count(said) == 1


def test_the_page_names_the_sizes_that_were_measured_and_all_three_splits(read):
    inputs = read(seeds=[0], arms={"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}})
    page = to_page([], {}, inputs)
    board = page.partition('id="board"')[2].partition("</section>")[0]
    assert "80 px: Multi-Task scores" in board
    assert "448x448" not in board
    data = page.partition('id="data"')[2].partition("</details>")[0]
    assert [data.count(f'<th scope="row">{split}</th>') for split in ("train", "val", "test")] == [1, 1, 1]


def test_a_blend_starts_from_the_outputs_of_its_networks(read):
    page = to_page([], {}, read(systems=("min_pooling",)))
    run = page.partition('id="runs/min_pooling/ensemble"')[2].partition("</article>")[0]
    assert "the outputs of 2 network(s)" in run


def test_a_long_group_is_folded_under_its_own_title_and_short_ones_are_together(read):
    table = systems.make(read(systems=("min_pooling",)))
    assert [title for title, _, _ in blocks(table)] == [""] * len({table.columns_of(row.group) for row in table.rows})
    row = table.rows[0]
    long = replace(table, rows=[row, *(replace(row, group="steps") for _ in range(4))], titles={})
    assert [title for title, _, _ in blocks(long)] == ["", "steps"]


def test_the_first_sentence_of_a_caption_is_shown_and_the_others_are_folded():
    assert split_caption("Kappa of prob. by size (n = 5). Bars: 95 %. More.") == (
        "Kappa of prob. by size (n = 5).",
        "Bars: 95 %. More.",
    )
    assert split_caption("Only one.") == ("Only one.", "")


def test_the_answer_gives_no_rank_to_the_paper_where_only_rows_of_others_are_ranked():
    row = SimpleNamespace(split="test", about="whole systems", method="mine", arm="predictions", estimate=1.0, rank=1)
    results = SimpleNamespace(
        data="labels", runs={"seed": pd.Series([0])}, arms=lambda: ["mine"], size_of=lambda _: "9 images"
    )
    inputs = SimpleNamespace(
        verdicts=[],
        differences=[],
        results=results,
        params=SimpleNamespace(trains=False),
        estimates=lambda *_: [row, row],
    )
    ((sentence, _),) = answer(inputs)
    assert sentence == (
        "Ran: nothing was trained here; 1 rows are predictions from files, on 9 images (labels of labels)."
    )
