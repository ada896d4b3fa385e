"""The page: its sources ship with the package, and no text of a table becomes markup."""

from __future__ import annotations

from dataclasses import replace

from hatchling.builders.wheel import WheelBuilder

from benchmark.report.page.page import HERE, to_page
from benchmark.report.tables import ablation
from tests.factories.paths import ROOT
from tests.factories.runs import ARMS


def test_templates_style_and_script_are_in_the_wheel():
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    files = {path.name for path in HERE.iterdir() if path.suffix in (".j2", ".css", ".js")}
    assert files == {"page.html.j2", "answers.html.j2", "tables.html.j2", "page.css", "page.js"}
    assert {f"benchmark/report/page/{name}" for name in files} <= shipped


def test_texts_are_escaped(read):
    inputs = read(seeds=[0], arms={"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}})
    table = replace(ablation.make(inputs), title="<b>", caption="a & b", notes=("<script>alert()</script>",))
    page = to_page([table], {"ablation": 'a "quoted" caption'}, inputs)
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page
    assert "&lt;script&gt;alert()" in page
    assert page.count("<script>") == 1
    assert 'alt="a &#34;quoted&#34; caption"' in page
