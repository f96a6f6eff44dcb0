"""The report is one file that says what it was told, escapes what it was told, and asks no network for anything."""

import html
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from intertwine.errors import ArgumentError
from intertwine.symmetry import explain
from intertwine.tour import rectangle, which_o2
from intertwine.viz import markup
from intertwine.viz.html_report import Report, environment

pytest.importorskip("plotly")

from intertwine.viz import loss_curves, surface
from intertwine.viz.theme import DARK

VOID = {"meta", "link", "br"}


class Outline(HTMLParser):
    """What a browser would see: nesting, attributes and the text of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open += [tag] if tag not in VOID else []
        self.scripts += [""] if tag == "script" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def script(self, key: str) -> dict[str | None, str]:
        """The text of the scripts that have an attribute, by its value."""
        pairs = zip(self.all("script"), self.scripts, strict=True)
        return {attrs[key]: text for attrs, text in pairs if key in attrs}


def read(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert not outline.open
    return outline


def report() -> Report:
    made = Report("Tour & more", "Two stories.")
    story = made.add_section("First", "Does it fall?", result="It falls to 10⁻⁶.")
    story.text("Some **words** and `code`.\n\n- one\n- two").note("Remember.")
    story.figure(loss_curves({"</script><b>": np.geomspace(1, 1e-3, 9)}, floor=1e-4), "A loss <falling>.")
    story.table(["layer", "error"], [["Linear", "3e-16"], ["Gate", "1e-15"]], "Errors.")
    story.code("def f(x):\n    return x < 1  # a comment")
    made.add_section("Second").figure(surface(np.ones((2, 2, 3)), np.ones((2, 2))))
    return made.footnote("Seed 0.")


def test_the_page_is_well_formed_and_says_everything() -> None:
    page = read(report().html(plotly_js="window.Plotly = {};"))
    for words in (
        "Tour & more",
        "Does it fall?",
        "It falls to 10⁻⁶.",
        "Remember.",
        "A loss <falling>.",
        "3e-16",
        "Seed 0.",
    ):
        assert words in page.text
    assert [attrs["id"] for attrs in page.all("section")] == ["story-1", "story-2"]
    targets = {(attrs["href"] or "") for attrs in page.all("a")}
    assert {"#story-1", "#story-2"} <= targets
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_a_phone_is_welcome() -> None:
    page = read(report().html(plotly_js=""))
    assert any(
        attrs.get("name") == "viewport" and "width=device-width" in (attrs["content"] or "")
        for attrs in page.all("meta")
    )


def test_figures_arrive_whole() -> None:
    """Each figure has a place, and its data survive being put into a page, even with `</script>` in a name."""
    page = read(report().html(plotly_js=""))
    places = [attrs["id"] for attrs in page.all("div") if attrs.get("class") == "plot"]
    data = [
        (attrs["data-for"], text)
        for attrs, text in zip(page.all("script"), page.scripts, strict=True)
        if "data-for" in attrs
    ]
    assert places == [key for key, _ in data] == ["figure-1-2", "figure-2-0"]
    specs = [json.loads(text) for _, text in data]
    assert specs[0]["data"][0]["name"] == "</script><b>"
    assert specs[1]["data"][0]["type"] == "surface"


def test_nothing_is_loaded_from_anywhere() -> None:
    page = read(report().html(plotly_js=""))
    assert not [
        attrs for name, attrs in page.tags if attrs.get("src") or (name == "link" and attrs["href"] != "data:,")
    ]
    style_and_script = report().html(plotly_js="")
    assert "url(" not in style_and_script
    assert "@import" not in style_and_script


def test_the_file_holds_plotly_once(tmp_path: Path) -> None:
    path = report().write(tmp_path / "new" / "report.html")
    page = path.read_text("utf-8")
    assert 3e6 < path.stat().st_size < 8e6
    assert page.count("plotly.js v") == 1
    assert read(page).scripts[-1].count("newPlot") == 1


def test_dark_mode_knows_every_colour() -> None:
    page = read(report().html(plotly_js=""))
    (dark,) = [
        text for attrs, text in zip(page.all("script"), page.scripts, strict=True) if attrs.get("id") == "dark-colours"
    ]
    assert json.loads(dark) == DARK


def test_a_result_may_come_late() -> None:
    made = Report("Tour")
    story = made.add_section("First")
    assert "What happens" not in made.html(plotly_js="")
    story.result = "It worked."
    assert "It worked." in read(made.html(plotly_js="")).text


def test_rows_have_one_cell_per_column() -> None:
    with pytest.raises(ArgumentError, match="header of 2 got a row with 1 cells"):
        Report("Tour").add_section("First").table(["a", "b"], [["1"]])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("<b>x</b><script>", "<b>x</b>&lt;script&gt;"),
        ("`x**2` and **y**", "<code>x**2</code> and <b>y</b>"),
        ("[us](https://example.org)", '<a href="https://example.org">us</a>'),
        ("at 1e-4", 'at <span class="whole">1e-4</span>'),
        ("[x](https://example.org/1e-4)", '<a href="https://example.org/1e-4">x</a>'),
        ("[us](javascript:alert)", "[us](javascript:alert)"),
        ('[x](https://a"onclick=1)', '<a href="https://a&quot;onclick=1">x</a>'),
    ],
)
def test_marks_mean_something_and_nothing_else_does(text: str, wanted: str) -> None:
    assert markup.inline(text) == wanted


def test_code_is_shown_as_typed() -> None:
    source = 'def f(x):\n    """Says "<hi>"."""\n    return x & 1  # π'
    marked = markup.code(source)
    assert html.unescape(re.sub(r"<[^>]+>", "", marked)) == source
    assert '<span class="k">return</span>' in marked
    assert markup.code("$ make demo (") == "<pre><code>$ make demo (</code></pre>"


PRINTED = """IMPOSSIBLE for any map
 input  : symmetry D4 in SO(3), 8 elements; residual 8.3e-01
          axes: C4 z, C2 x

rank  irrep  component
1     2      x² − y²
–     1      z < y
"""


def test_printed_tables_scroll_and_sentences_wrap() -> None:
    """A table is one block that keeps its lines; a sentence goes on below its own beginning; no word is changed."""
    marked = markup.printed(PRINTED)
    assert html.unescape(re.sub(r"<[^>]+>", "", marked)) == PRINTED
    (rows,) = re.findall(r'<span class="rows">(.*?)</span>', marked, re.S)
    assert rows == "rank  irrep  component\n1     2      x² − y²\n–     1      z &lt; y\n"
    assert re.findall(r'<span class="hang" style="--lead: (\d+)ch"> +(\w+)', marked) == [
        ("10", "input"),
        ("16", "axes"),
    ]
    assert '<span class="whole">8.3e-01</span>' in marked


def test_every_kind_of_answer_in_the_tour_keeps_its_columns() -> None:
    """Whatever has columns scrolls; what is a sentence does not, be it as long as it may."""
    _, orders = rectangle.square_to_rectangle_asked()
    for answer in (orders, which_o2.named_flip(), explain("O(2) in O(3)", degree=2)):
        text = str(answer)
        rows = "".join(re.findall(r'<span class="rows">(.*?)</span>', markup.printed(text), re.S))
        assert html.unescape(rows).splitlines() == [line for line in text.splitlines() if "  " in line.strip()]
        assert rows
    for answer in (which_o2.blind_network(), which_o2.achiral_shape(), rectangle.square_to_rectangle_asked()[0]):
        assert "rows" not in markup.printed(str(answer))


def test_the_style_scrolls_rows_and_lets_labels_out() -> None:
    style = (files("intertwine.viz") / "assets" / "report.css").read_text("utf-8")
    rules = dict(re.findall(r"^([.\w ]+) \{ (.*?) \}", style, re.M))
    assert {"white-space: pre", "overflow-x: auto", "display: block"} <= {r.strip() for r in rules[".rows"].split(";")}
    assert "overflow: visible" in rules[".plot svg"]


def test_the_environment_names_versions() -> None:
    line = environment(["numpy", "no-such-package"])
    assert f"numpy {np.__version__}" in line
    assert "no-such-package" not in line
