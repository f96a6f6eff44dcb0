"""Imports run downwards: a room can be read, tested and replaced knowing only the rooms below it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import FILES, SRC, Function, every_file, for_typing_only, imports, inside, name, parse, said

BASE = {"errors", "_arrays"}
ALGEBRA = BASE | {"groups", "reps", "catalog"}

# The rooms that each room may import besides itself, lowest first. "intertwine" is the public face.
MAY_IMPORT = {
    "errors": set(),
    "_arrays": {"errors"},
    "rotations": BASE,
    "groups": BASE,
    "reps": BASE | {"groups"},
    "catalog": BASE | {"groups", "reps"},
    "plan": BASE,  # a plan knows no group
    "kernels": BASE | {"groups", "reps", "plan"},  # builds plans
    "ops": BASE | {"plan"},  # knows plans and tensors, never a group
    "fields": BASE | {"groups", "reps"},  # how a group moves a tensor
    "testing": BASE | {"groups", "reps", "fields"},  # the laws hold for every callable, not for our modules only
    "rules": BASE | {"groups", "reps"},  # what a layer is, as data: layers state it, symmetry reads it
    "symmetry": ALGEBRA | {"fields", "testing", "rules"},  # explains any callable, never how it was built
    "data": ALGEBRA,
    "viz": ALGEBRA,
    "nn": BASE
    | {"groups", "reps", "kernels", "plan", "ops", "fields", "rules"},  # without catalog: never knows which group
    "models": ALGEBRA | {"fields", "nn"},  # built from layers only
    # symmetry says what no model can fit before one is trained; viz draws the report.
    "training": ALGEBRA | {"nn", "models", "data", "testing", "fields", "symmetry", "viz"},
}
MAY_IMPORT["interop"] = MAY_IMPORT.keys() - {"training"}  # leaves
MAY_IMPORT["intertwine"] = {*MAY_IMPORT} - {"interop"}
# A leaf: nobody imports it, but those who run potentials, which ase does.
MAY_IMPORT["tour"] = {*MAY_IMPORT}
MAY_IMPORT["cli"] = {*MAY_IMPORT}
MAY_IMPORT["__main__"] = {"cli"}

# They know matrices, never tensors or devices, and so they serve jax, or no framework, as well.
WITHOUT_TORCH = BASE | {"rotations", "groups", "reps", "rules", "catalog", "kernels", "plan"}
NUMPY_ONLY = sys.stdlib_module_names | {"numpy", "scipy", "intertwine"}

EXCUSED = {
    # The tour loads data and figures, which no other command needs.
    ("intertwine.cli.tour", "intertwine.tour.run.STORIES"),
    ("intertwine.cli.tour", "intertwine.tour.run.run_tour"),
    # Story 7 stands on packages that not every installation has; without them the tour goes on.
    ("intertwine.tour.run", "intertwine.tour.ethanol"),
    ("intertwine.tour.run", "intertwine.tour.ethanol_section"),
    # Lightning and ase take seconds to load, which other commands need not wait for.
    ("intertwine.cli.train", "intertwine.training.configuration.read_configuration"),
    ("intertwine.cli.train", "intertwine.training.progress.error_words"),
    ("intertwine.cli.train", "intertwine.training.whole.train"),
    ("intertwine.cli.run", "intertwine.interop.ase.Calculator"),
    ("intertwine.cli.run", "intertwine.interop.simulation.relax"),
    ("intertwine.cli.run", "intertwine.interop.simulation.simulate"),
    # `describe` is a method because users look for it there, and sentences know every family of groups.
    ("intertwine.groups.subgroup", "intertwine.symmetry.words.subgroups.describe"),
}

Complaints = Iterator[tuple[ast.AST, str]]


def room(module: str) -> str:
    """The room of one of our modules: `intertwine.nn.linear` is in `nn`; a name that is no room comes from the face."""
    _, *rest = module.split(".")
    return rest[0] if rest and rest[0] in MAY_IMPORT else "intertwine"


def climbing(tree: ast.AST, module: str, *, is_package: bool = False) -> Complaints:
    """Imports from rooms that the module's room may not know."""
    here = room(module)
    for node, target in imports(tree, module, is_package=is_package):
        there = room(target)
        allowed = there in MAY_IMPORT[here] | {here} or (module, target) in EXCUSED
        if target.split(".")[0] == "intertwine" and not allowed:
            yield node, f"{here} may not import {there}; it may import {', '.join(sorted(MAY_IMPORT[here]))}"


def beyond_numpy(tree: ast.AST, module: str, *, is_package: bool = False) -> Complaints:
    """Imports of anything but numpy, scipy and the standard library that are there at run time."""
    for node, target in imports(tree, module, is_package=is_package):
        if target.split(".")[0] not in NUMPY_ONLY and node not in for_typing_only(tree):
            yield node, f"{room(module)} knows numpy only, but imports {target}"


def deferred(tree: ast.AST, module: str) -> Complaints:
    """Imports of our own inside functions: a sign that a file lies in the wrong place."""
    late = inside(Function, tree)
    for node, target in imports(tree, module):
        if node in late and target.split(".")[0] == "intertwine" and (module, target) not in EXCUSED:
            yield node, f"{target} is imported inside a function; let a file above both bring them together"


def circular(files: dict[str, ast.Module]) -> set[str]:
    """The modules of a room that import themselves through others, those under `TYPE_CHECKING` counted."""
    arrows = {
        module: {m for _, target in imports(tree, module) for m in (target, target.rpartition(".")[0]) if m in files}
        for module, tree in files.items()
    }
    below = {module: set(targets) for module, targets in arrows.items()}
    for module in files:
        waiting = [*below[module]]
        while waiting:
            new = arrows[waiting.pop()] - below[module]
            below[module] |= new
            waiting += new
    return {module for module, targets in below.items() if module in targets}


@pytest.mark.parametrize(
    "place", sorted({room(name(path)) for path in FILES if path.stem != "__init__"} - {"__main__"})
)
def test_a_room_is_read_from_below(place: str) -> None:
    """Where two files need each other, a reader can start at neither."""
    files = {name(path): parse(path) for path in FILES if room(name(path)) == place and path.stem != "__init__"}
    assert files
    assert not circular(files)
    late = [
        said(path, found) for path in FILES if name(path) in files and (found := [*deferred(parse(path), name(path))])
    ]
    assert not late, "\n".join(late)


def test_circles_and_late_imports_are_noticed() -> None:
    a, b, c = (f"intertwine.catalog.{letter}" for letter in "abc")
    files = {
        a: "from intertwine.catalog import b",
        b: "if TYPE_CHECKING:\n    from .c import C",
        c: "def f():\n    from intertwine.catalog.a import A",
    }
    trees = {module: ast.parse(code) for module, code in files.items()}
    assert circular(trees) == {a, b, c}
    assert [len([*deferred(tree, module)]) for module, tree in trees.items()] == [0, 0, 1]
    del trees[c]
    assert not circular(trees)


SYMMETRY = ("inputs", "words", "limits", "diagnosis")
"""The folders of `symmetry`, lowest first: what an input is, its names, what follows for outputs, and for models."""


@every_file
def test_the_folders_of_symmetry_import_downwards(path: Path) -> None:
    parts = name(path).split(".")
    if parts[1:2] != ["symmetry"] or parts[2:3] == []:
        return
    higher = SYMMETRY[SYMMETRY.index(parts[2]) + 1 :]
    found = {
        target.split(".")[2]
        for _, target in imports(parse(path), name(path))
        if target.startswith("intertwine.symmetry.")
    }
    assert not found & {*higher}, f"{path} imports from above it: {found & {*higher}}"


def test_every_room_is_in_the_table() -> None:
    """A room that the table does not name would obey no rule."""
    rooms = {path.stem for path in SRC.iterdir() if path.suffix == ".py" or any(path.rglob("*.py"))}
    assert rooms - {"__init__"} <= MAY_IMPORT.keys()


@every_file
def test_imports_run_downwards(path: Path) -> None:
    """An import upwards makes two rooms one: neither can then be understood alone."""
    complaints = list(climbing(parse(path), name(path), is_package=path.stem == "__init__"))
    assert not complaints, said(path, complaints)


@every_file
def test_algebra_knows_numpy_only(path: Path) -> None:
    """Groups, reps and kernels are mathematics in float64: a tensor or a device has no meaning there."""
    complaints = list(beyond_numpy(parse(path), name(path), is_package=path.stem == "__init__"))
    assert room(name(path)) not in WITHOUT_TORCH or not complaints, said(path, complaints)


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("intertwine.groups.group", "from intertwine.reps import Rep"),
        ("intertwine.groups.group", "from ..reps import Rep"),
        ("intertwine.reps.rep", "def f():\n    from .. import nn"),
        ("intertwine.ops.contract", "from intertwine import groups"),
        ("intertwine.nn.linear", "import intertwine as tw"),
        ("intertwine.nn.linear", "from intertwine import Rep"),
        ("intertwine.symmetry.limits.curie", "if TYPE_CHECKING:\n    from intertwine.nn import Linear"),
        ("intertwine.viz.plot", "import importlib\nimportlib.import_module('intertwine.nn')"),
        ("intertwine.models.encoder", "import intertwine.interop.e3nn"),
    ],
)
def test_climbing_is_noticed(module: str, code: str) -> None:
    assert list(climbing(ast.parse(code), module))


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("intertwine.nn.linear", "from intertwine.reps import Rep\nfrom . import norm\nimport torch"),
        ("intertwine.reps.rep", "from ..groups.group import Group"),
        ("intertwine.tour.vectors", "import intertwine as tw\nfrom intertwine import nn"),
        ("intertwine", "from . import nn, testing"),
    ],
)
def test_descending_is_fine(module: str, code: str) -> None:
    assert not list(climbing(ast.parse(code), module, is_package=module == "intertwine"))


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("import torch", 1),
        ("def f():\n    from torch import Tensor", 1),
        ("import numpy as np\nimport scipy.linalg\nimport math", 0),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from torch import Tensor", 0),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import torch", 1),
    ],
)
def test_torch_is_noticed(code: str, count: int) -> None:
    assert len(list(beyond_numpy(ast.parse(code), "intertwine.reps.rep"))) == count
