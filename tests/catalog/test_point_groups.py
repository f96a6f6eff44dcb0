"""Point groups against published tables: names, orders, characters by Mulliken symbol, branching of O(3).

`tests/data_files/point_groups.json` holds the 32 crystallographic groups, I and Ih, as other programs have them, with a
3 × 3 matrix for each class (see its "about" and "label_notes"). Where its axes are not ours a turn by 30° or an
exchange of axes leads there, and for I and Ih what `recognise` finds. The symbols that depend on axes: in D2 and D2h,
B1, B2, B3 are even under the half-turn about z, y, x; in C_nv, 1 is even and 2 odd under the mirror that contains x; in
D_n, D_nh, D_nd, likewise for the half-turn about x. Only C6v is written otherwise there: B1 and B2 exchanged.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from intertwine.catalog import O3, point_group, symmetric
from intertwine.catalog.notation import CRYSTALLOGRAPHIC, from_hermann_mauguin, hermann_mauguin
from intertwine.catalog.point_subgroups import PointGroup
from intertwine.catalog.recognise import recognise
from intertwine.groups.finite import closure
from intertwine.reps.decomposition import multiplicities
from intertwine.reps.irrep import matrix_trace
from tests.registry import close

TABLES = json.loads((Path(__file__).parents[1] / "data_files" / "point_groups.json").read_text())
GROUPS, BRANCHING = TABLES["groups"], TABLES["branching"]

each_table = pytest.mark.parametrize("name", GROUPS)


def test_all_crystallographic_groups_are_there() -> None:
    assert {*CRYSTALLOGRAPHIC, "I", "Ih"} == {*GROUPS}
    assert len(CRYSTALLOGRAPHIC) == 32


@each_table
def test_order_and_other_names(name: str) -> None:
    row = GROUPS[name]
    assert point_group(name).order == row["order"]
    ours = {"I": "532", "Ih": "−5−32/m"}.get(name) or hermann_mauguin(name)  # 235, m−3−5 in the International Tables
    assert ours == row["hermann_mauguin"].replace("-", "−")


@each_table
def test_hermann_mauguin_symbols_name_groups(name: str) -> None:
    for symbol in (hermann_mauguin(name), hermann_mauguin(name).replace("−", "-")):
        assert point_group(symbol) == point_group(name) == O3.subgroup(point_group(symbol)).group
        assert O3.subgroup(symbol) == O3.subgroup(name)


def test_spellings_of_hermann_mauguin_symbols() -> None:
    spelled = "m3m m3̄m m-35 532 ∞m ∞/mm ∞∞ ∞∞m −82m -10 1022 8mm"
    meant = "Oh Oh Ih I Cinfv Dinfh SO3 O3 D4d C5h D10 C8v"
    assert [point_group(symbol) for symbol in spelled.split()] == [point_group(name) for name in meant.split()]
    assert from_hermann_mauguin("-4m2") is None  # the half-turns of D2d as we place it are about x
    assert symmetric(3).subgroup("2").group.dim == 3  # an order, and no symbol there
    assert "main axis" not in str(symmetric(3).branching("2", 1))


def test_symbols_of_other_groups() -> None:
    names = ("I", "Ih", "Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh", "SO3", "O3", "S8", "D4d", "C5h", "D5d", "D5h", "C8v")
    symbols = "235 m−3−5 ∞ ∞m ∞/m ∞2 ∞/mm 2∞ m−∞ −8 −82m −10 −5m −10m2 8mm"
    assert " ".join(map(hermann_mauguin, names)) == symbols


@cache
def classes_in_our_frame(name: str) -> np.ndarray:
    """The representatives of the table's classes, turned into the standard setting where they are not in it."""
    G = point_group(name)
    matrices = np.array([row["matrix"] for row in GROUPS[name]["classes"]], dtype=float)
    u, _, v = np.linalg.svd(matrices)  # the table's numbers are rounded
    matrices = u @ v
    for frame in FRAMES if name[0] != "I" else [recognise(closure(matrices))[1]]:
        if G.contains(turned := frame.T @ matrices @ frame, 1e-9).all():
            return turned
    raise AssertionError(f"No frame takes the table of {name} to ours.")


FRAMES = [  # the identity first
    *closure(np.array([[[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 1]]], dtype=float)),
    np.array([[np.sqrt(0.75), -0.5, 0], [0.5, np.sqrt(0.75), 0], [0, 0, 1]]),  # by 30° about z
]


@each_table
def test_characters(name: str) -> None:
    """Every symbol has its characters, class by class; and classes are classes."""
    G, row = point_group(name), GROUPS[name]
    g = classes_in_our_frame(name)
    table = G.table
    sizes = {int(table.index(h)): len(c) for c in table.classes for h in [table.elements[c[0]]]}
    where = {int(i): c for c in table.classes for i in c}
    found = [where[int(table.index(h))] for h in g]
    assert [len(c) for c in found] == [entry["size"] for entry in row["classes"]]
    assert len(sizes) == len(g)
    assert {*G.labels(99)} == {*row["irreps"]}
    for label, expected in row["irreps"].items():
        irrep = G.irrep({"B1": "B2", "B2": "B1"}.get(label, label) if name == "C6v" else label)
        assert (irrep.dim, irrep.type) == (expected["dim"], expected["type"])
        close(irrep.character(g), np.array(expected["chi"], dtype=float), 1e-6)


@each_table
@pytest.mark.parametrize("name_is", ["group", "subgroup"])
def test_branching_of_the_irreps_of_o3(name: str, name_is: str) -> None:
    """As characters of the group of 3 × 3 matrices, and by `restrict` where that is the subgroup's own group."""
    G = point_group(name)
    assert isinstance(G, PointGroup)
    H = O3.subgroup(name)
    for label, expected in BRANCHING[name].items():
        rep = O3.rep(f"1x{label}")
        if name_is == "group":
            g = G.elements()
            content = multiplicities(G, g, np.full(len(g), 1 / len(g)), matrix_trace(rep.matrix(g)), int(G.order))
        else:
            content = rep.restrict(H).isotypic
        if content[0][1].group != G:  # C_n, C_nv, D_n restrict to planar groups, whose labels are others
            assert sorted(m * i.dim for m, i in content) == sorted(m * G.irrep(x).dim for x, m in expected.items())
            continue
        assert {irrep.label: count for count, irrep in content} == expected
