"""The public face is small, and everything on it says what it is and what it takes."""

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

import intertwine
from tests.house.source import FILES, SRC, name

Named = Iterator[tuple[str, Any]]

# Packages and top-level modules; a file within a package is that package's own business.
FACES = [name(path) for path in FILES if path.stem == "__init__" or path.parent == SRC]
PUBLIC = [module for module in FACES if "._" not in module]


def exported(module: ModuleType) -> Named:
    """The public functions and classes of a module that are ours."""
    for key in getattr(module, "__all__", [key for key in vars(module) if not key.startswith("_")]):
        value = getattr(module, key)
        ours = str(getattr(value, "__module__", "")).split(".")[0] == module.__name__.split(".")[0]
        if ours and (inspect.isclass(value) or inspect.isroutine(value)):
            yield f"{module.__name__}.{key}", value


def methods(cls: type) -> Named:
    """The public methods and properties of a class, and its `__init__`, from those of its bases that are ours."""
    for base in cls.__mro__:
        if base.__module__.split(".")[0] != cls.__module__.split(".")[0]:
            continue
        for key, value in vars(base).items():
            if not key.startswith("_") or key == "__init__":
                yield f"{base.__module__}.{base.__qualname__}.{key}", value


def function_of(value: Any) -> Callable[..., Any] | None:
    """The plain function behind a function, method or property; None for anything else."""
    match value:
        case property(fget=function) | cached_property(func=function):
            pass
        case classmethod() | staticmethod():
            function = value.__func__
        case _:
            function = value
    function = inspect.unwrap(function) if callable(function) else None
    return function if inspect.isfunction(function) else None


def unannotated(function: Callable[..., Any], *, bound: bool) -> list[str]:
    """The parameters (and "return") of a function that lack an annotation; a bound one's first needs none."""
    signature = inspect.signature(function)
    bare = [
        key for key, parameter in list(signature.parameters.items())[bound:] if parameter.annotation is parameter.empty
    ]
    return bare + ["return"] * (signature.return_annotation is signature.empty)


def inherits_words(cls: type, key: str) -> bool:
    """Whether a method overrides one that says what it means: what help() and the API reference then show."""
    functions = (function_of(vars(base).get(key)) for base in cls.__mro__)
    return any(function is not None and function.__doc__ for function in functions)


def complaints(named: Named, cls: type | None = None) -> Iterator[str]:
    """What is missing from public things and from their methods, in words."""
    for label, value in named:
        if inspect.isclass(value) and cls is None:
            if not value.__doc__:
                yield f"{label} has no docstring"
            yield from complaints(methods(value), value)
        elif function := function_of(value):
            silent = not function.__doc__ and not (cls and inherits_words(cls, function.__name__))
            if silent and not label.endswith("__init__"):
                yield f"{label} has no docstring"
            for bare in unannotated(function, bound=cls is not None and not isinstance(value, staticmethod)):
                yield f"{label} does not annotate {bare}"


def test_the_face_is_small() -> None:
    """A newcomer can learn 45 names; beyond that a name belongs to a room."""
    assert len(intertwine.__all__) == len(set(intertwine.__all__)) <= 45


def test_the_face_exists() -> None:
    """A name that is promised but not there breaks `from intertwine import name`."""
    assert not [key for key in intertwine.__all__ if not hasattr(intertwine, key)]


@pytest.mark.parametrize("module", PUBLIC)
def test_public_things_say_what_they_are(module: str) -> None:
    """Help and signatures are the documentation that is always at hand."""
    missing = sorted(set(complaints(exported(import_module(module)))))
    assert not missing, "\n".join(missing)


def test_silence_is_noticed() -> None:
    module = ModuleType("house")
    code = """
def silent(x, *more: int): ...
def fine(x: int) -> int:
    "Says."
class Silent:
    def __init__(self, x): ...
    @property
    def shape(self): "Says."
    @staticmethod
    def make(x) -> None: "Says."
class Fine(Silent):
    "Says."
    def call(self, x: int) -> int: "Says."
class Heir(Fine):
    "Says."
    def call(self, x: int) -> int: ...
    def more(self) -> None: ...
"""
    exec(code, vars(module))
    inherited = ["__init__ does not annotate x", "__init__ does not annotate return", "make does not annotate x"]
    assert set(complaints(exported(module))) == {
        "house.silent has no docstring",
        "house.silent does not annotate x",
        "house.silent does not annotate return",
        "house.Silent has no docstring",
        "house.Silent.shape does not annotate return",
        "house.Heir.more has no docstring",
        *(f"house.Silent.{text}" for text in inherited),
    }
