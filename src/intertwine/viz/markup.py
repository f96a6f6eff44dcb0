"""Words, tables and code as HTML. Everything is escaped; only the marks named here mean anything."""

from __future__ import annotations

import html
import io
import keyword
import re
import tokenize
from collections.abc import Sequence
from itertools import groupby

from intertwine.viz.program import Program

TAGS = ("b", "i", "code", "sub", "sup", "br")

_TAG = re.compile(rf"&lt;(/?)({'|'.join(TAGS)})&gt;")
_LINK = re.compile(r"\[([^\]]+)\]\(((?:https://|#)[^\s)]+)\)")
_CODE = re.compile(r"(`[^`]+`)")
_POWER = re.compile(r"(?<![\w/.=-])\d[\d.]*e[-+]\d+")  # a line must not end within 1e-4
_BOLD = re.compile(r"\*\*([^*]+)\*\*")


def inline(text: str) -> str:
    """One line of text as HTML: `<b> <i> <code> <sub> <sup> <br>` are kept, as are a few marks; the rest is escaped.

    The marks are `` `code` ``, `**bold**` and `[words](https://address)` or `[words](#section)`.

    >>> inline("`r < 1` is **small** <b>indeed</b> <script>")
    '<code>r &lt; 1</code> is <b>small</b> <b>indeed</b> &lt;script&gt;'
    """
    pieces = _CODE.split(text)  # in code, stars and brackets are code
    return "".join(
        f"<code>{html.escape(piece[1:-1])}</code>" if i % 2 else _marked(piece) for i, piece in enumerate(pieces)
    )


def _marked(text: str) -> str:
    escaped = _TAG.sub(r"<\1\2>", html.escape(text, quote=True))
    return _BOLD.sub(r"<b>\1</b>", _LINK.sub(r'<a href="\2">\1</a>', _whole(escaped)))


def _whole(escaped: str) -> str:
    return _POWER.sub(r'<span class="whole">\g<0></span>', escaped)


def paragraphs(text: str) -> str:
    r"""Text as HTML: a blank line ends a paragraph, and lines that begin with "- " are a list.

    >>> paragraphs("Two things:\n\n- one\n- two")
    '<p>Two things:</p>\n<ul><li>one</li><li>two</li></ul>'
    """
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n".join(_paragraph([line.strip() for line in block.splitlines()]) for block in blocks)


def _paragraph(lines: list[str]) -> str:
    if all(line.startswith("- ") for line in lines):
        return f"<ul>{''.join(f'<li>{inline(line[2:])}</li>' for line in lines)}</ul>"
    return f"<p>{inline(' '.join(lines))}</p>"


def table(header: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """A table as HTML; cells that begin like numbers do not break. It scrolls sideways where it is too wide.

    >>> "<td class=n>0.5</td>" in table(["name", "loss"], [["a", 0.5]])
    True
    """
    head = "".join(f"<th>{inline(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(_cell(str(cell)) for cell in row)}</tr>" for row in rows)
    words = f'<p class="caption">{inline(caption)}</p>' if caption else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{words}'


def _cell(text: str) -> str:
    number = re.match(r"[-+−<≤~≈]?\s?[\d.]*\d", text)
    return f"<td{' class=n' if number else ''}>{inline(text)}</td>"


def code(source: str) -> str:
    """Python source as HTML, with keywords, strings, numbers and comments marked; other text is shown as it is.

    >>> code("x = 1  # one")
    '<pre><code>x = <span class="m">1</span>  <span class="c"># one</span></code></pre>'
    """
    source = source.strip("\n")
    try:
        marked = _highlight(source)
    except (tokenize.TokenError, SyntaxError):
        marked = html.escape(source)
    return f"<pre><code>{marked}</code></pre>"


def program(shown: Program) -> str:
    """A program as HTML: its imports, its helpers folded away, its main part; the page offers to copy it whole.

    >>> "<summary>its helpers: one</summary>" in program(Program("", "one = 1", "print(one)", ("one",)))
    True
    """
    names = ", ".join(shown.names)
    folded = f"<details><summary>its helpers: {names}</summary>{code(shown.helpers)}</details>" if names else ""
    imports = code(shown.imports) if shown.imports else ""
    return f'<div class="program">{imports}{folded}{code(shown.main)}</div>'


def printed(text: str) -> str:
    r"""What a program printed, as HTML: sentences wrap, each below its own beginning; tables scroll sideways instead.

    Lines with a gap of two spaces and more are a table's, but not those of the form "name : words".

    >>> printed("1 < 2")
    '<pre class="printed"><code>1 &lt; 2</code></pre>'
    >>> printed("a  b\n1  2")
    '<pre class="printed"><code><span class="rows">a  b\n1  2</span></code></pre>'
    """
    marked = "".join(
        f'<span class="rows">{html.escape("".join(run))}</span>' if is_table else "".join(map(_sentence, run))
        for is_table, run in groupby(text.splitlines(keepends=True), _is_row)
    )
    return f'<pre class="printed"><code>{marked}</code></pre>'


_GAP = re.compile(r"\S {2,}\S")
_LEAD = re.compile(r" *(?:\w[\w ]{0,11}: )?(?=\S)")  # what the words of a line stand behind: an indent, a name


def _is_row(line: str) -> bool:
    return bool(_GAP.search(line[len(_lead(line)) :]))


def _lead(line: str) -> str:
    lead = _LEAD.match(line)
    return lead[0] if lead else ""


def _sentence(line: str) -> str:
    words = _whole(html.escape(line))
    lead = len(_lead(line))
    return f'<span class="hang" style="--lead: {lead}ch">{words}</span>' if lead else words


_KINDS = {tokenize.COMMENT: "c", tokenize.STRING: "s", tokenize.NUMBER: "m"}


def _highlight(source: str) -> str:
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    pieces, done = [], 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = "k" if token.type == tokenize.NAME and keyword.iskeyword(token.string) else _KINDS.get(token.type)
        if kind:
            begin, end = (starts[row - 1] + column for row, column in (token.start, token.end))
            pieces += [html.escape(source[done:begin]), f'<span class="{kind}">{html.escape(source[begin:end])}</span>']
            done = end
    return "".join(pieces) + html.escape(source[done:])
