"""How the site is built: `make docs`."""

import re

from intertwine import __version__

project = "intertwine"
author = "the intertwine authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"intertwine {version}"
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "groupwise"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
default_role = "code"  # docstrings write `code` as Markdown does

_CODE = re.compile(r"(`[^`]*`)")
_MARKS = re.compile(r"(?<!\*)\*(?!\*)|\||(?<=\w)_(?=\W|$)")


def _escape(_app, _what, _name, _object, _options, lines: list[str]) -> None:
    """Formulas in docstrings are plain text: bars and stars are no markup outside of code and examples."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = _CODE.split(line)
            lines[number] = "".join(part if i % 2 else _MARKS.sub(r"\\\g<0>", part) for i, part in enumerate(parts))


def setup(app) -> None:
    app.connect("autodoc-process-docstring", _escape, priority=900)
