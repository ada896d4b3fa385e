"""Sphinx configuration: ``make docs`` writes the site to docs/_build. Pages load nothing from other hosts."""

from __future__ import annotations

from importlib.metadata import version as installed

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "fundusbench"
author = "the fundusbench maintainers"
version = release = installed("fundusbench")
html_title = f"fundusbench {version}"

extensions = ["myst_parser", "sphinx_argparse_cli"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
nitpicky = True


def inline(page: HTML5Translator, node: nodes.math) -> None:
    """Render an inline formula as MathML, which browsers draw without a script."""
    page.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def display(page: HTML5Translator, node: nodes.math_block) -> None:
    """Render a displayed formula as MathML."""
    page.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register the MathML renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
