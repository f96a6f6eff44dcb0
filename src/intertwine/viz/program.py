"""Code that can be copied: classes and functions of a module, with everything of that module that they need."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_REMARK = re.compile(r"  # (?:type: ignore|noqa)\S*")  # what only checkers read
_IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Program:
    r"""A program in three parts, one after the other in a file.

    >>> str(Program("import math", "", "turn = 2 * math.pi"))
    'import math\n\n\nturn = 2 * math.pi'
    """

    imports: str  # what it takes from elsewhere
    helpers: str  # the definitions that the main part needs
    main: str  # the definitions that it is about
    names: tuple[str, ...] = ()  # the names that the helpers define

    def __str__(self) -> str:
        return "\n\n\n".join(filter(None, (self.imports, self.helpers, self.main)))


def program_of(*things: Callable[..., Any]) -> Program:
    """Classes and functions of one module as a program that runs wherever this package is installed.

    What else of their module they need comes along, in turn with what that needs, in the order of the module; what
    the module imports is imported.

    >>> program_of(program_of).names
    ('_REMARK', '_IMPORTS', 'Program', '_defined', '_alias', '_source', '_spaced', '_imports')
    """
    source = _REMARK.sub("", inspect.getsource(inspect.getmodule(things[0])))  # type: ignore[arg-type]
    home = {name: statement for statement in ast.parse(source).body for name in _defined(statement)}
    shown = [thing.__name__ for thing in things]
    needed, waiting = {"annotations"}, list(shown)  # those of __future__ are needed without being named
    while waiting:
        name = waiting.pop()
        if name in home and name not in needed:
            needed.add(name)
            waiting += [node.id for node in ast.walk(home[name]) if isinstance(node, ast.Name)]
    parts = {
        name: _source(statement, source.splitlines())
        for name, statement in home.items()
        if name in needed and not isinstance(statement, _IMPORTS)
    }
    names = tuple(name for name in parts if name not in shown)
    helpers, main = (_spaced(parts[name] for name in some) for some in (names, shown))
    return Program(_imports(home.values(), needed), helpers, main, names)


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module gives a meaning to."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return [_alias(alias) for alias in statement.names] if isinstance(statement, _IMPORTS) else []


def _alias(alias: ast.alias) -> str:
    return alias.asname or alias.name.split(".")[0]


def _source(statement: ast.stmt, lines: list[str]) -> str:
    """The lines of a statement, with its decorators and the comment behind it."""
    first = min([statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", ()))])
    return "\n".join(lines[first - 1 : statement.end_lineno])


def _spaced(parts: Iterable[str]) -> str:
    """Definitions with two blank lines between; those of a line each stand together."""
    some = list(parts)
    more = [("\n\n\n" if "\n" in before + after else "\n") + after for before, after in pairwise(some)]
    return "".join(some[:1] + more)


def _imports(statements: Iterable[ast.stmt], needed: set[str]) -> str:
    """The imports that give the needed names their meaning, in the groups in which the module has them."""
    text, end = "", 0
    for statement in dict.fromkeys(statements):
        if isinstance(statement, _IMPORTS):
            gap, end = statement.lineno > end + 1, statement.end_lineno or 0
            text += "\n" * (gap and not text.endswith("\n\n"))
            statement.names = [alias for alias in statement.names if _alias(alias) in needed]
            text += f"{ast.unparse(statement)}\n" if statement.names else ""
    return text.strip()
