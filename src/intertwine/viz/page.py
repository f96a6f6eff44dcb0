"""Figures side by side on a page of their own."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from intertwine.errors import ArgumentError
from intertwine.viz.theme import FONT, INK, PAPER

if TYPE_CHECKING:
    import plotly.graph_objects as go

SUFFIXES = (".html", ".htm")


def write_page(figures: Sequence[go.Figure], path: str | Path, title: str) -> Path:
    """Write interactive figures to one HTML file that needs no network; returns its path.

    They fill the window, side by side where there is room. Raises `ArgumentError` for a file that is not called .html,
    since the page is nothing else.
    """
    path = Path(path)
    check_page_name(path)
    parts = []
    for place, fig in enumerate(figures):
        fig.update_layout(height=None, modebar={"bgcolor": "rgba(0,0,0,0)"})  # the height is that of the page
        code = fig.to_html(full_html=False, include_plotlyjs=not place, default_height="100%", config=_CONFIG)
        parts.append(f"<figure>{code}</figure>")
    page = _PAGE.format(title=html.escape(title), style=_STYLE, figures="\n".join(parts))
    path.write_text(page, "utf-8")
    return path


def check_page_name(path: Path) -> None:
    """Raises `ArgumentError` for a file that is not called .html."""
    if path.suffix.lower() not in SUFFIXES:
        raise ArgumentError(
            f"Figures that can be turned are web pages, but {path.name or path} was asked for. Give a name that ends "
            f"in .html, such as {path.stem or 'figure'}.html; the page's camera button saves a picture."
        )


_CONFIG = {"responsive": True, "displaylogo": False}

_STYLE = f"""
body {{ margin: 0; min-height: 100vh; display: flex; flex-direction: column; background: {PAPER}; color: {INK};
  font-family: {FONT}; }}
h1 {{ margin: 0.8rem 1rem 0; font-size: 1.2rem; font-weight: 600; }}
main {{ flex: 1; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr));
  grid-auto-rows: minmax(26rem, 1fr); }}
figure {{ margin: 0; position: relative; }}
figure > div {{ position: absolute; inset: 0; }}
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<main>
{figures}
</main>
<script>// A figure is drawn before the next one is there, and takes its room.
addEventListener("load", () => dispatchEvent(new Event("resize")));</script>
</body>
</html>
"""
