"""The shape of the code: short files, short functions, and none of the statements that surprise a user."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.house.source import (
    FILES,
    Function,
    body_length,
    every_file,
    for_typing_only,
    functions,
    imports,
    inside,
    name,
    parse,
    said,
)

OPTIONAL = {
    "ase",
    "geomstats",
    "lightning",
    "matplotlib",
    "plotly",
    "rich",
    "sklearn",
    "torchmetrics",
    "typer",
    "vesin",
}

STANDING_ON = (
    "intertwine.cli",
    "intertwine.training",
    "intertwine.interop.ase",
    "intertwine.interop.metatomic",
    "intertwine.interop.torchsim",
    "intertwine.interop.simulation",
    "intertwine.tour.ethanol",
)
"""Rooms and leaves that are about an optional package, and derive from its classes: nothing else imports them."""

Complaints = Iterator[tuple[ast.AST, str]]


def is_cli(module: str) -> bool:
    """Whether a module belongs to a command line, which may print and stands on typer and rich."""
    return "cli" in module.split(".")


def surprises(tree: ast.AST, module: str) -> Complaints:
    """Statements that a library should not contain."""
    for node in ast.walk(tree):
        match node:
            case ast.Assert():
                yield node, "assert vanishes under python -O; raise an exception of errors.py in a whole sentence"
            case ast.Global():
                yield node, "global makes module-level state mutable"
            case ast.ExceptHandler(type=None):
                yield node, "a bare except catches KeyboardInterrupt too; name the exception"
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                yield node, "import * hides where a name comes from"
            case ast.Call(func=ast.Name(id="breakpoint")):
                yield node, "a breakpoint was left behind"
            case ast.Call(func=ast.Name(id="print")) if not is_cli(module):
                yield node, "only the CLI prints; return the text, or warn"
            case ast.Raise(exc=ast.Name(id=error) | ast.Attribute(attr=error)) if error[0].isupper():
                yield node, f"{error} is raised without a message: say what came, what was expected, what to call"
            case ast.Raise(exc=ast.Call(args=[] | [ast.Constant(value="")] | [ast.JoinedStr(values=[])], keywords=[])):
                yield node, "the message is empty: say what came, what was expected, what to call"


def eager(tree: ast.AST, module: str) -> Complaints:
    """Imports of optional packages that run when the module is imported."""
    deferred = inside(Function | ast.Lambda, tree) | for_typing_only(tree)
    for node, target in imports(tree, module):
        if target.split(".")[0] in OPTIONAL and node not in deferred:
            yield node, f"{target} is optional: import it inside the function that needs it"


@every_file
def test_files_are_short(path: Path) -> None:
    """A file that does not fit into one reading holds two ideas."""
    assert len(path.read_text("utf-8").splitlines()) < 450


@every_file
def test_functions_are_short(path: Path) -> None:
    """A function longer than a screen cannot be checked by eye."""
    long = [
        (node, f"{node.name} has {body_length(node)} lines")
        for node in functions(parse(path))
        if body_length(node) > 60
    ]
    assert not long, said(path, long)


def test_the_median_function_is_tiny() -> None:
    """Most functions do one thing: that is what makes the few long ones bearable."""
    assert median(body_length(node) for path in FILES for node in functions(parse(path))) < 10


@every_file
def test_nothing_surprises(path: Path) -> None:
    """Each of these statements has ended in a user's bug report elsewhere."""
    complaints = list(surprises(parse(path), name(path)))
    assert not complaints, said(path, complaints)


@every_file
def test_optional_packages_are_imported_late(path: Path) -> None:
    """Whoever does not plot needs no plotting library."""
    complaints = list(eager(parse(path), name(path)))
    assert name(path).startswith(STANDING_ON) or not complaints, said(path, complaints)


@pytest.mark.parametrize(
    "code",
    [
        "assert x > 0",
        "def f():\n    global x",
        "try:\n    f()\nexcept:\n    pass",
        "from numpy import *",
        "breakpoint()",
        "print(1)",
        "raise ValueError",
        "raise errors.ShapeError",
        "raise ValueError()",
        "raise ValueError('') from None",
        "raise ValueError(f'')",
    ],
)
def test_a_surprise_is_noticed(code: str) -> None:
    assert list(surprises(ast.parse(code), "intertwine.nn.linear"))


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError(f'got {x}')",
        "raise error",
        "try:\n    f()\nexcept ValueError:\n    raise",
        "sprint(1)",
        "raise E.of(x=1)",
    ],
)
def test_no_surprise_where_there_is_none(code: str) -> None:
    assert not list(surprises(ast.parse(code), "intertwine.nn.linear"))


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("import plotly.graph_objects as go", 1),
        ("try:\n    from typer import Typer\nexcept ImportError:\n    pass", 1),
        ("class A:\n    import rich", 1),
        ("def f():\n    import plotly", 0),
        ("if TYPE_CHECKING:\n    import plotly", 0),
        ("import numpy", 0),
    ],
)
def test_an_eager_import_is_noticed(code: str, count: int) -> None:
    assert len(list(eager(ast.parse(code), "intertwine.viz.plot"))) == count


@pytest.mark.parametrize(
    ("body", "length"),
    [
        ("    '''Says.'''", 0),
        ("    '''Says\n    more.'''\n    x = (\n        1\n    )\n\n    return x", 5),
        ("    pass", 1),
    ],
)
def test_a_body_is_measured_without_its_docstring(body: str, length: int) -> None:
    (function,) = functions(ast.parse(f"def f():\n{body}"))
    assert body_length(function) == length
