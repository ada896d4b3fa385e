"""How Sphinx makes the site: ``make docs`` writes it to docs/_build. Pages ask for nothing from elsewhere."""

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
    """A formula within a line, as MathML: browsers draw it without a script."""
    page.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def display(page: HTML5Translator, node: nodes.math_block) -> None:
    """A formula of its own."""
    page.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
