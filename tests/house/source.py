"""The library as text: what the house rules read."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import UnionType

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "intertwine"

FILES = sorted(SRC.rglob("*.py"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    """The dotted name of a file's module: `src/intertwine/nn/linear.py` is `intertwine.nn.linear`."""
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC.parent)))


@cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"), path.name)


def inside(kind: UnionType, tree: ast.AST) -> set[ast.AST]:
    """Every node that stands somewhere inside a node of the kind."""
    return {
        node for outer in ast.walk(tree) if isinstance(outer, kind) for node in ast.walk(outer) if node is not outer
    }


def for_typing_only(tree: ast.AST) -> set[ast.AST]:
    """Every node that only a type checker executes: what stands under `if TYPE_CHECKING`."""
    guards = (node for node in ast.walk(tree) if isinstance(node, ast.If))
    guarded = (guard.body for guard in guards if ast.unparse(guard.test).endswith("TYPE_CHECKING"))
    return {node for body in guarded for statement in body for node in ast.walk(statement)}


def imports(tree: ast.AST, module: str, *, is_package: bool = False) -> Iterator[tuple[ast.AST, str]]:
    """Every import anywhere in a module, as (node, absolute dotted target).

    `from a import b` has the target `a.b`, since b may be a module; relative imports are resolved against `module`.
    `import_module("a")` counts too, where "a" is written out.
    """
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node, alias.name) for alias in names)
            case ast.ImportFrom(module=base, names=names, level=level):
                above = package[: len(package) + 1 - level] if level else []
                yield from ((node, ".".join([*above, *filter(None, [base]), alias.name])) for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(target)), *_],
            ):
                yield node, ".".join(package) + target if target.startswith(".") else target


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method of a module, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def body_length(function: Function) -> int:
    """The number of lines of a function's body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def said(path: Path, complaints: Iterable[tuple[ast.AST, str]]) -> str:
    """Complaints as lines that an editor can jump to."""
    return "\n".join(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {text}" for node, text in complaints)
