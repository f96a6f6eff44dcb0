"""Reports: one HTML file with words and interactive figures, that works without a network and on a phone."""

from __future__ import annotations

import html
import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from intertwine.errors import ArgumentError, MissingExtraError
from intertwine.viz import markup
from intertwine.viz.program import Program
from intertwine.viz.theme import DARK

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, eq=False)
class _Figure:
    figure: go.Figure
    caption: str

    def html(self, key: str) -> str:
        # JSON within a script element must not close that element.
        spec = (self.figure.to_json() or "{}").replace("</", "<\\/")
        height = int(self.figure.layout.height or 380)
        words = markup.inline(self.caption)
        label = html.escape(self.caption or "figure", quote=True)
        return (
            f'<figure><div class="plot" id="{key}" role="img" aria-label="{label}" style="height:{height}px"></div>'
            f'<script type="application/json" data-for="{key}">{spec}</script>'
            f"{f'<figcaption>{words}</figcaption>' if words else ''}</figure>"
        )


@dataclass(eq=False)
class Story:
    """One story of a report: words, figures, tables and code, in the order in which they were added.

    Make one with `Report.add_section`. The question stands under the title, the result in the summary on top of the
    page. Texts may bear the marks that `intertwine.viz.markup` knows; everything else in them is escaped. Each method
    returns the story.

    >>> Story("Vectors").text("A vector **turns**.").title
    'Vectors'
    """

    title: str
    question: str = ""
    result: str = ""
    _blocks: list[str | _Figure] = field(default_factory=list, repr=False)

    def text(self, words: str) -> Story:
        """Add paragraphs: a blank line ends one, and lines that begin with "- " are a list."""
        self._blocks.append(markup.paragraphs(words))
        return self

    def note(self, words: str) -> Story:
        """Add a remark that is set apart: the one thing to remember."""
        self._blocks.append(f'<aside class="note">{markup.paragraphs(words)}</aside>')
        return self

    def figure(self, figure: go.Figure, caption: str = "") -> Story:
        """Add an interactive figure with a caption below it."""
        self._blocks.append(_Figure(figure, caption))
        return self

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> Story:
        """Add a table of formatted texts; raises `ArgumentError` where a row has not as many cells as the header."""
        wrong = [len(row) for row in rows if len(row) != len(header)]
        if wrong:
            raise ArgumentError(
                f"A header of {len(header)} got a row with {wrong[0]} cells under it. Pass one cell per column."
            )
        self._blocks.append(markup.table(header, rows, caption))
        return self

    def code(self, source: str | Program) -> Story:
        """Add Python code as it would be typed, or a program that can be copied whole."""
        self._blocks.append(markup.program(source) if isinstance(source, Program) else markup.code(source))
        return self

    def printed(self, text: str) -> Story:
        """Add what a call printed."""
        self._blocks.append(markup.printed(text))
        return self

    def html(self, number: int) -> str:
        """The section as HTML; `number` counts the sections from 1 and is part of the names of its figures."""
        body = "\n".join(
            block.html(f"figure-{number}-{i}") if isinstance(block, _Figure) else block
            for i, block in enumerate(self._blocks)
        )
        asks = f'<p class="question">{markup.inline(self.question)}</p>' if self.question else ""
        title = f'<h2><span class="number">{number}</span>{markup.inline(self.title)}</h2>'
        return f'<section id="story-{number}">\n{title}\n{asks}\n{body}\n</section>'


@dataclass(eq=False)
class Report:
    """A page that tells stories with figures, written to one HTML file.

    The file holds all it needs: plotly.js once (that makes its 5 MB), the figures' data, the style. It asks nothing
    from any network, follows the reader's light or dark mode, and draws each figure when it comes into view. The table
    on top, of sections and their results, has the header `summary`.

    >>> report = Report("A tour", "Three tasks.")
    >>> _ = report.add_section("Square to rectangle", result="It gets stuck.").text("Why?")
    >>> "It gets stuck." in report.html(plotly_js="")
    True
    """

    title: str
    subtitle: str = ""
    summary: tuple[str, str] = ("Story", "What happens")
    _sections: list[Story] = field(default_factory=list, repr=False)
    _footnotes: list[str] = field(default_factory=list, repr=False)

    def add_section(self, title: str, question: str = "", result: str = "") -> Story:
        """A new section at the end of the page, to be filled by its methods."""
        self._sections.append(Story(title, question, result))
        return self._sections[-1]

    def footnote(self, words: str) -> Report:
        """Add a line to the end of the page: versions, seeds, run times, sources."""
        self._footnotes.append(words)
        return self

    def html(self, plotly_js: str | None = None) -> str:
        """The whole page, with the source of plotly.js; `MissingExtraError` where that is to come from no plotly."""
        assets = files("intertwine.viz") / "assets"
        style, script, page = ((assets / f"report.{kind}").read_text("utf-8") for kind in ("css", "js", "html"))
        plotly_js = _plotly_js() if plotly_js is None else plotly_js
        sections = list(enumerate(self._sections, 1))
        links = "".join(f'<a href="#story-{i}">{i} {markup.inline(story.title)}</a>' for i, story in sections)
        rows = [
            [f"[{i} {story.title}](#story-{i})", story.result or story.question]
            for i, story in sections
            if story.result or story.question
        ]
        summary = f'<div class="summary">{markup.table(self.summary, rows)}</div>' if rows else ""
        return page.format(
            title=html.escape(self.title),
            heading=markup.inline(self.title),
            subtitle=f'<p class="subtitle">{markup.inline(self.subtitle)}</p>' if self.subtitle else "",
            style=style,
            links=links,
            summary=summary,
            sections="\n".join(story.html(i) for i, story in sections),
            footnotes="".join(f"<li>{markup.inline(words)}</li>" for words in self._footnotes),
            dark=json.dumps(DARK),
            plotly=plotly_js.replace("</script", "<\\/script"),
            script=script,
        )

    def write(self, path: str | Path) -> Path:
        """Write the page to a file, making its folder where there is none; returns the path."""
        page = self.html()
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, "utf-8")
        return path


def environment(packages: Iterable[str] = ("intertwine", "torch", "numpy", "plotly")) -> str:
    """The versions that a result was made with, as a line for `Report.footnote`; what is not installed is left out.

    >>> environment(["numpy", "no-such-package"]).startswith("Python 3")
    True
    """
    lines = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return " · ".join([*lines, f"{platform.system()} {platform.machine()}"])


def _plotly_js() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError.of("plotly", "plot") from error
    return str(get_plotlyjs())
