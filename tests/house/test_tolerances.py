"""No test hangs on the last digits of a processor: tolerances are what float64 can carry."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

SMALLEST = 1e-14
"""Some tens of units of rounding (2.2e-16): what is left of numbers of size 1 after a few operations."""

SQUARES = (SMALLEST**2, 1e-17)
"""What floors and losses, which are squares, are compared with."""

NAMES = ("abs", "rel", "atol", "rtol", "tolerance")


def too_small(code: str) -> list[str]:
    """The tolerances in a piece of code that no float64 can keep, as `line: code`."""
    return [f"{node.lineno}: {ast.unparse(node)}" for node in ast.walk(ast.parse(code)) if not _can_be_kept(node)]


def _can_be_kept(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):
        below = [b for op, b in zip(node.ops, node.comparators, strict=True) if isinstance(op, ast.Lt | ast.LtE)]
        return all(value >= SMALLEST or _is_square(value) for value in _numbers(below))
    if not isinstance(node, ast.Call):
        return True
    named = {keyword.arg: list(_numbers([keyword.value])) for keyword in node.keywords if keyword.arg in NAMES}
    if "rel" in named and "abs" in named:  # the larger of both counts
        named.pop("abs" if max(named["rel"], default=0.0) >= SMALLEST else "rel")
    if "rtol" in named and "atol" in named:
        named.pop("atol" if max(named["rtol"], default=0.0) >= SMALLEST else "rtol")
    is_close = isinstance(node.func, ast.Name) and node.func.id == "close"
    plain = [*(value for values in named.values() for value in values), *(_numbers(node.args[2:]) if is_close else ())]
    return all(value >= SMALLEST or (is_close and _is_square(value)) for value in plain)


def _is_square(value: float) -> bool:
    return SQUARES[0] <= value <= SQUARES[1]


def _numbers(nodes: list[ast.expr]) -> Iterator[float]:
    """The positive numbers among expressions; zero asks for equality, and says so."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value > 0:
            yield node.value


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_tolerances_can_be_kept(path: Path) -> None:
    if path != Path(__file__):
        assert too_small(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "code",
    [
        "assert x == approx(floor, abs=1e-20)",
        "assert error < 1e-15",
        "assert error.max() <= 1e-30",
        "close(a, b, 1e-16)",
        "assert_allclose(a, b, rtol=0, atol=1e-15)",
        "assert_allclose(a, b, rtol=1e-16)",
    ],
)
def test_what_cannot_be_kept_is_noticed(code: str) -> None:
    assert too_small(code) == [f"1: {code.removeprefix('assert ')}".replace("x == approx", "approx")]


@pytest.mark.parametrize(
    "code",
    [
        "assert x == approx(floor, rel=1e-9, abs=1e-20)",
        "assert error < 1e-13",
        "assert floor < 1e-25",
        "assert floor > 1e-300",
        "close(loss, 0.0, 1e-20)",
        "close(a, b)",
        "assert_allclose(a, b, rtol=1e-12, atol=0)",
    ],
)
def test_what_can_be_kept_is_let_through(code: str) -> None:
    assert too_small(code) == []
