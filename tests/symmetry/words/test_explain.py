"""Explanations say what is true, and answer the question that they are asked."""

import json

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO3, cyclic, dihedral, matrix_group, point_group, symmetric
from intertwine.errors import ArgumentError, LabelError
from intertwine.symmetry import Explanation, explain


def section(explanation: Explanation, title: str) -> str:
    """The text below a heading."""
    return next(part.text for part in explanation.sections if part.title == title)


def row(text: str, start: str) -> list[str]:
    """The cells of the line of a table that starts with some words."""
    line = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line[len(start) :].split("  ") if cell.strip()]


def test_the_question_of_the_two_copies_of_o2() -> None:
    """Which O(2)? What do its flips change? What becomes of a vector?"""
    found = explain("O(3)", "Cinfv", "Dinf")
    table = section(found, "Side by side")
    assert row(table, "a copy of") == ["O(2)", "O(2)"]
    assert row(table, "its flips are") == ["mirrors (determinant −1)", "half-turns (determinant +1)"]
    assert row(table, "reference flip") == ["(x, y, z) → (x, −y, z)", "(x, y, z) → (x, −y, −z)"]
    assert row(table, "under the flips") == ["z stays", "z is reversed"]
    assert row(table, "so the flips change") == ["y", "y and z"]
    assert row(table, "only rotations, so in SO(3)") == ["no", "yes"]
    assert row(table, "escnn id") == ["('cone', -1)", "(False, True, -1)"]
    assert row(section(found, "How irreps restrict"), "1o") == ["0e + 1", "0o + 1"]
    assert "(x, y, z) → (x, −y, z): take Cinfv." in section(found, "Which one is yours?")
    assert str(explain("O(2) in O(3)")) == str(found)


def test_a_finite_group_is_explained() -> None:
    text = str(explain("D6"))
    assert text.startswith("D6: a group with 12 elements\n")
    assert "It has 6 conjugacy classes and is not abelian." in text
    assert str(dihedral(6).character_table()) in text
    assert str(dihedral(6).lattice()) in text
    assert 'ask for "D6 in space"' in text


@pytest.mark.parametrize(
    "group",
    [O2, O3, SO3, cyclic(5), point_group("Td"), point_group("Dinfh"), symmetric(4), cyclic(2) * O2, point_group("D4")],
    ids=str,
)
def test_every_kind_of_group_is_explained(group: object) -> None:
    found = explain(group)
    assert str(group) in found.title
    assert [part.title for part in found.sections][:2] == ["", "Irreps"]
    assert found.sections[-1].title == "Subgroups"
    assert json.loads(json.dumps(found.to_dict()))["title"] == found.title


def test_groups_without_named_subgroups_say_so() -> None:
    su2 = matrix_group(lie=[np.diag([1j, -1j]), np.array([[0, 1], [-1, 0]])], name="SU(2)")
    assert "matrix_group(lie=…, discrete=…)" in section(explain(su2), "Subgroups")


def test_one_subgroup_is_described_with_its_branching() -> None:
    tilted = O3.subgroup("D3d", axis=(1, 1, 1))
    found = explain(tilted, degree=2)
    assert found.sections[0].text == tilted.describe()
    assert str(O3.branching(tilted, 2)) in found.sections[1].text
    assert str(explain(O3, tilted, degree=2)) == str(found)


def test_containment_is_said() -> None:
    assert "C4v lies in Cinfv." in str(explain("O(3)", "C4v", "Cinfv"))
    assert "Neither lies in the other" in str(explain("O(3)", "C4v", "D4"))
    oh = point_group("Oh")
    assert "None of them lies in another" in str(explain(oh, "D3d", "Td", "O"))


@pytest.mark.parametrize(
    ("things", "error", "words"),
    [
        ((), ArgumentError, "takes a group or its name"),
        ((7,), ArgumentError, "got 7"),
        (("Q7",), LabelError, "There is no group called 'Q7'"),
        (("O(3)", "Q7"), LabelError, "no subgroup called 'Q7'"),
        ((O3.subgroup("C4"), SO3.subgroup("C4")), ArgumentError, "these belong to different groups"),
        ((O3, SO3.subgroup("C4")), ArgumentError, "is not a subgroup of O"),
        (("Sym(3) in O(3)",), LabelError, "No subgroup of O"),
    ],
)
def test_mistakes_are_explained(things: tuple, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        explain(*things)


FUNCTIONS = {  # Cotton, Chemical Applications of Group Theory (1990), appendix IIA
    "C4v": "A1 z, x² + y², z² | A2 Rz | B1 x² − y² | B2 xy | E (x, y), (Rx, Ry), (xz, yz)",
    "C2v": "A1 z, x², y², z² | A2 Rz, xy | B1 x, Ry, xz | B2 y, Rx, yz",
    "D2h": "Ag x², y², z² | B1g Rz, xy | B2g Ry, xz | B3g Rx, yz | Au – | B1u z | B2u y | B3u x",
    "C3h": "A' Rz, x² + y², z² | E' (x, y), (x² − y², xy) | A'' z | E'' (Rx, Ry), (xz, yz)",
    "Td": "A1 x² + y² + z² | A2 – | E (2z² − x² − y², x² − y²) | T1 (Rx, Ry, Rz) | T2 (x, y, z), (xy, xz, yz)",
    "Oh": "A1g x² + y² + z² | A2g – | Eg (2z² − x² − y², x² − y²) | T1g (Rx, Ry, Rz) | T2g (xy, xz, yz) "
    "| A1u – | A2u – | Eu – | T1u (x, y, z) | T2u –",
    "Ih": "Ag x² + y² + z² | T1g (Rx, Ry, Rz) | T2g – | Gg – | Hg (2z² − x² − y², x² − y², xy, xz, yz) | Au – | "
    "T1u (x, y, z) | T2u – | Gu – | Hu –",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_stand_where_character_tables_have_them(name: str) -> None:
    rows = [line.split(maxsplit=1) for line in section(explain(name), "Functions").splitlines()[1:]]
    assert rows == [row.split(maxsplit=1) for row in FUNCTIONS[name].split(" | ")]


def test_chemists_get_mulliken_symbols() -> None:
    assert row(section(explain("O(3)", "C4v", "D4"), "How irreps restrict"), "1o") == ["A1 + E", "A2 + E"]
    assert str(explain("4mm in O(3)")) == str(explain("O(3)", "C4v"))
