"""Character tables and branching tables: the orthogonality relations, textbook names, known rows."""

import re

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.notation import CRYSTALLOGRAPHIC
from intertwine.errors import ArgumentError, LabelError, RepMismatchError
from intertwine.groups import Subgroup
from tests.registry import BINARY_T, Q8, close

_MORE = "C5 C7 C5v C8v C5h C7h S8 S10 S12 D5 D5h D8h D4d D5d I Ih"
SCHOENFLIES = [point_group(name) for name in (*CRYSTALLOGRAPHIC, *_MORE.split())]
FINITE: list[CatalogGroup] = [
    *SCHOENFLIES,
    *map(cyclic, (1, 4, 7)),
    *map(dihedral, (1, 4, 5)),
    *map(symmetric, (1, 2, 3, 4, 5)),
    cyclic(3) * cyclic(4),
    symmetric(3) * cyclic(2),
    Q8 * cyclic(3),
    Q8,
    BINARY_T,
]
each_group = pytest.mark.parametrize("group", FINITE, ids=str)


# characters -----------------------------------------------------------------------------------------------------------


@each_group
def test_rows_are_orthogonal(group: CatalogGroup) -> None:
    """Σ size χ_i χ_j / order = δ_ij times the size of the real type."""
    table = group.character_table()
    sizes, values = np.array([c.size for c in table.classes]), table.values.array
    types = [{"R": 1, "C": 2, "H": 4}[irrep.type] for irrep in table.irreps]
    close((values * sizes) @ values.T / group.order, np.diag(types).astype(float))


@each_group
def test_all_irreps_and_classes_are_there(group: CatalogGroup) -> None:
    """Complex irreps are as many as classes; the squares of their dimensions add up to the order."""
    table = group.character_table()
    assert sum(c.size for c in table.classes) == group.order
    complex_rows = {"R": 1, "C": 2, "H": 1}
    assert sum(complex_rows[irrep.type] for irrep in table.irreps) == len(table.classes)
    assert sum(irrep.dim**2 // len(irrep.endomorphisms) for irrep in table.irreps) == group.order
    assert sorted(table.irreps, key=lambda i: i.key) == list(group.irreps(int(group.order)))


@each_group
def test_the_first_class_is_the_identity(group: CatalogGroup) -> None:
    table = group.character_table()
    assert table.classes[0].size == 1
    close(table.classes[0].element.array, np.eye(group.dim))
    assert table.values.array[:, 0].tolist() == [irrep.dim for irrep in table.irreps]
    assert table.irreps[0].is_trivial


@each_group
def test_values_are_those_of_all_members(group: CatalogGroup) -> None:
    table, numbers = group.character_table(), group.table
    for j, found in enumerate(table.classes):
        first = numbers.index(found.element.array)
        (members,) = [m for m in numbers.classes if first in m]
        assert len(members) == found.size
        for i, irrep in enumerate(table.irreps):
            close(irrep.character(numbers.elements[members]), table.values.array[i, j])


@each_group
def test_classes_have_different_names(group: CatalogGroup) -> None:
    names = [c.name for c in group.character_table().classes]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("group", SCHOENFLIES, ids=str)
def test_schoenflies_symbols_mean_what_they_say(group: CatalogGroup) -> None:
    """C_nᵏ turns by 2π k/n; S_nᵏ turns and reflects k times; σ is a mirror; σh lies across the main axis."""
    digits = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    for found in group.character_table().classes:
        g = found.element.array
        letter, n, k = re.match(r"([ECSσi])(\d*)([⁰¹²³⁴⁵⁶⁷⁸⁹]*)", found.name).groups()
        angle = 2 * np.pi * int(k.translate(digits) or 1) / int(n or 1)
        proper = {"E": True, "C": True}.get(letter, False)
        assert letter != "S" or int(k.translate(digits) or 1) % 2 == 1
        expected = {"E": 3, "i": -3, "σ": 1, "C": 1 + 2 * np.cos(angle), "S": 2 * np.cos(angle) - 1}[letter]
        close(np.array([np.trace(g), np.linalg.det(g)]), np.array([expected, 1.0 if proper else -1.0]))
        if found.name == "σh" and group.name[0] not in "TO":
            close(g, np.diag([1.0, 1, -1]))


TEXTBOOK = {
    "C1": "A",
    "Ci": "Ag Au",
    "Cs": "A' A''",
    "C2": "A B",
    "D2": "A B1 B2 B3",
    "D2h": "Ag B1g B2g B3g Au B1u B2u B3u",
    "C3 T": "A E",
    "C4 S4": "A B E",
    "C6": "A B E1 E2",
    "C2h": "Ag Bg Au Bu",
    "C3h": "A' E' A'' E''",
    "C4h": "Ag Bg Eg Au Bu Eu",
    "C6h": "Ag Bg E1g E2g Au Bu E1u E2u",
    "S6": "Ag Eg Au Eu",
    "C2v": "A1 A2 B1 B2",
    "D3 C3v": "A1 A2 E",
    "D4 C4v D2d": "A1 A2 B1 B2 E",
    "D6 C6v": "A1 A2 B1 B2 E1 E2",
    "D3d": "A1g A2g Eg A1u A2u Eu",
    "D3h": "A1' A2' E' A1'' A2'' E''",
    "D4h": "A1g A2g B1g B2g Eg A1u A2u B1u B2u Eu",
    "D6h": "A1g A2g B1g B2g E1g E2g A1u A2u B1u B2u E1u E2u",
    "T": "A E T",
    "Th": "Ag Eg Tg Au Eu Tu",
    "O Td": "A1 A2 E T1 T2",
    "Oh": "A1g A2g Eg T1g T2g A1u A2u Eu T1u T2u",
}


def test_the_irreps_of_the_32_point_groups_in_the_order_of_textbooks() -> None:
    """Altmann & Herzig 1994."""
    expected = {name: row for names, row in TEXTBOOK.items() for name in names.split()}
    assert expected.keys() == set(CRYSTALLOGRAPHIC)
    for name, row in expected.items():
        assert " ".join(irrep.label for irrep in point_group(name).character_table().irreps) == row


CLASSES = {
    "C4": "E C4 C2 C4³",
    "C6h": "E C6 C3 C2 C3² C6⁵ i σh S6 S3 S3⁵ S6⁵",
    "S6": "E C3 C3² i S6 S6⁵",
    "C2v": "E C2 σv σv'",
    "C6v": "E 2C6 2C3 C2 3σv 3σd",
    "D2h": "E C2 C2' C2'' i σh σv σv'",
    "D2d": "E C2 2C2' 2S4 2σd",
    "D3h": "E 2C3 3C2 σh 2S3 3σv",
    "D3d": "E 2C3 3C2 i 2S6 3σd",
    "D4h": "E 2C4 C2 2C2' 2C2'' i σh 2S4 2σv 2σd",
    "D4d": "E 2C4 C2 4C2' 2S8 2S8³ 4σd",
    "D5h": "E 2C5 2C5² 5C2 σh 2S5 2S5³ 5σv",
    "D5d": "E 2C5 2C5² 5C2 i 2S10 2S10³ 5σd",
    "D6h": "E 2C6 2C3 C2 3C2' 3C2'' i σh 2S6 2S3 3σv 3σd",
    "Th": "E 4C3 3C2 4C3² i 3σh 4S6 4S6⁵",
    "Oh": "E 6C4 8C3 3C2 6C2' i 3σh 8S6 6S4 6σd",
    "Ih": "E 12C5 20C3 12C5² 15C2 i 12S10 20S6 12S10³ 15σ",
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_stand_in_the_order_of_their_turns(name: str) -> None:
    """Symbols are those of Cotton 1990, appendix; turns come first, by their angles, then i, σh, S and the others."""
    found = point_group(name).character_table().classes
    assert " ".join(str(c).replace(" ", "") for c in found) == CLASSES[name]


@pytest.mark.parametrize(
    ("name", "symbol", "element", "even"),
    [
        ("C2v", "σv", (1, -1, 1), "A1 B1"),
        ("C2v", "σv'", (-1, 1, 1), "A1 B2"),
        ("C4v", "σv", (1, -1, 1), "A1 B1"),
        ("C6v", "σv", (1, -1, 1), "A1 B1"),
        ("D2", "C2", (-1, -1, 1), "A B1"),
        ("D2", "C2'", (1, -1, -1), "A B3"),
        ("D2", "C2''", (-1, 1, -1), "A B2"),
        ("D4", "C2'", (1, -1, -1), "A1 B1"),
        ("D6", "C2'", (1, -1, -1), "A1 B1"),
        ("D2h", "σh", (1, 1, -1), "Ag B1g B2u B3u"),
        ("D2h", "σv", (1, -1, 1), "Ag B2g B1u B3u"),
        ("D2h", "σv'", (-1, 1, 1), "Ag B3g B1u B2u"),
        ("D4h", "σv", (1, -1, 1), "A1g B1g A2u B2u"),
        ("D2d", "C2'", (1, -1, -1), "A1 B1"),
    ],
)
def test_symbols_of_classes_agree_with_mullikens_numbers(
    name: str, symbol: str, element: tuple[int, ...], even: str
) -> None:
    """Mulliken 1955: which half-turn or mirror the irreps of one dimension are even under, with x the reference."""
    table, g = point_group(name).character_table(), np.diag(element).astype(float)
    (column,) = (i for i, c in enumerate(table.classes) if c.name == symbol)
    finite = point_group(name).table
    (conjugates,) = (finite.elements[m] for m in finite.classes if finite.index(g) in m)
    assert np.abs(conjugates - table.classes[column].element.array).max((1, 2)).min() < 1e-9
    rows = zip(table.irreps, table.values.array[:, column], strict=True)
    assert " ".join(irrep.label for irrep, value in rows if irrep.dim == 1 and value > 0) == even


PRINTED = {
    point_group("C3v"): """
C3v  E  2 C3  3 σv
A1   1     1     1
A2   1     1    −1
E    2    −1     0
""",
    point_group("Td"): """
Td  E  8 C3  3 C2  6 S4  6 σd
A1  1     1     1     1     1
A2  1     1     1    −1    −1
E   2    −1     2     0     0
T1  3     0    −1     1    −1
T2  3     0    −1    −1     1
""",
    point_group("T"): """
T  E  4 C3  3 C2  4 C3²
A  1     1     1      1
E  2    −1     2     −1
T  3     0    −1      0
E: type C, the sum of two complex conjugate irreps
""",
    point_group("S4"): """
S4  E  C2  S4  S4³
A   1   1   1    1
B   1   1  −1   −1
E   2  −2   0    0
E: type C, the sum of two complex conjugate irreps
""",
    point_group("C3h"): """
C3h  E  C3  C3²  σh  S3  S3⁵
A'   1   1    1   1   1    1
E'   2  −1   −1   2  −1   −1
A''  1   1    1  −1  −1   −1
E''  2  −1   −1  −2   1    1
E', E'': type C, the sum of two complex conjugate irreps
""",
    point_group("I"): """
I   E  12 C5  20 C3  12 C5²  15 C2
A   1      1      1       1      1
T1  3      φ      0     1−φ     −1
T2  3    1−φ      0       φ     −1
G   4     −1      1      −1      0
H   5      0     −1       0      1
""",
    symmetric(3): """
Sym(3)   [1,1,1]  3 [2,1]  2 [3]
[3]            1        1      1
[2,1]          2        0     −1
[1,1,1]        1       −1      1
""",
    Q8: """
Q8  1  order 2  2 order 4  2 order 4'  2 order 4''
0   1        1          1           1            1
1   4       −4          0           0            0
2a  1        1         −1          −1            1
2b  1        1          1          −1           −1
2c  1        1         −1           1           −1
1: type H, twice a complex irrep
""",
}


@pytest.mark.parametrize("group", PRINTED, ids=str)
def test_how_tables_print(group: CatalogGroup) -> None:
    assert str(group.character_table()) == PRINTED[group].strip()


@pytest.mark.parametrize("group", [SO2, O3, point_group("Dinfh"), cyclic(2) * O2], ids=str)
def test_continuous_groups_have_no_table(group: CatalogGroup) -> None:
    with pytest.raises(ArgumentError, match=r"continuous and has infinitely many classes\. Call rep\.character\(g\)"):
        group.character_table()


# branching ------------------------------------------------------------------------------------------------------------

KNOWN = [
    (O3, "Cinfv", {"1o": "1x0e + 1x1", "1e": "1x0o + 1x1", "2o": "1x0o + 1x1 + 1x2", "3o": "1x0e + 1x1 + 1x2 + 1x3"}),
    (O3, "Dinf", {"0o": "1x0e", "1o": "1x0o + 1x1", "1e": "1x0o + 1x1", "2o": "1x0e + 1x1 + 1x2"}),
    (O3, "Oh", {"2e": "1xEg + 1xT2g", "3o": "1xT1u + 1xT2u + 1xA2u", "4e": "1xA1g + 1xT1g + 1xEg + 1xT2g"}),
    (O3, "Ih", {"0o": "1xAu", "2e": "1xHg", "3o": "1xT2u + 1xGu", "4e": "1xHg + 1xGg", "6e": "1xAg+1xT1g+1xHg+1xGg"}),
    (O3, "Ci", {"1o": "3xAu", "2e": "5xAg"}),
    (O3, "SO(3)", {"2o": "1x2", "2e": "1x2"}),
    (SO3, "T", {"1": "1xT", "2": "1xE + 1xT", "3": "1xA + 2xT"}),
    (SO2, "C3", {"1": "1x1", "2": "1x1", "3": "2x0"}),
    (point_group("Oh"), "Td", {"T1u": "1xT2", "A2u": "1xA1", "T1g": "1xT1"}),
    (symmetric(4), "6", {"[4]": "1x0", "[2,2]": "1x1", "[2,1,1]": "1x1 + 1x2"}),
]


@pytest.mark.parametrize(("group", "title", "rows"), KNOWN, ids=str)
def test_known_branching(group: CatalogGroup, title: str, rows: dict[str, str]) -> None:
    table = group.branching(title, 6)
    for label, expected in rows.items():
        assert table[label] == table.subgroup.group.rep(expected).irreps


CHAINS = [
    (O3.subgroup("Oh"), point_group("Oh").subgroup("C3v")),
    (O3.subgroup("Cinfv", axis=(1, 2, 0)), O2.subgroup("D3")),
    (SO3.subgroup("Dinf"), O2.subgroup("SO(2)")),
    (O3.subgroup("Ih"), point_group("Ih").subgroup("Th")),
    (point_group("Oh").subgroup("Th"), point_group("Th").subgroup("T")),
    (dihedral(8).subgroup("D4"), dihedral(4).subgroup("C4")),
]


@pytest.mark.parametrize(("outer", "inner"), CHAINS, ids=str)
def test_branching_keeps_dimensions_and_composes(outer: Subgroup, inner: Subgroup) -> None:
    """Step by step or at once: the same irreps."""
    group = outer.parent
    steps, at_once = group.branching(outer, 4), group.branching(outer.compose(inner), 4)
    for irrep, rep in steps.rows:
        assert rep.dim == irrep.dim
        assert rep == irrep.irreps.restrict(outer).irreps
        assert at_once[irrep.label] == rep.restrict(inner).irreps
    assert [irrep for irrep, _ in steps.rows] == list(group.irreps(4))


@pytest.mark.parametrize(
    ("group", "subgroup", "title"),
    [
        (O3, "Cinfv", "O(3) → Cinfv, a copy of O(2) with main axis z"),
        (O3, "Oh", "O(3) → Oh with main axis z"),
        (O3, "Ci", "O(3) → Ci"),
        (O3, O3.subgroup("C3v", axis=(3, 4, 0)), "O(3) → C3v, a copy of D3 with main axis (0.6, 0.8, 0)"),
        (O2, "SO(2)", "O(2) → SO(2)"),
        (symmetric(3), "2", "Sym(3) → 2"),
        (O3, O3.subgroup("Cinfv", axis=(1, 0, 0)).compose(O2.subgroup("D4")), "O(3) → D4 in Cinfv, a copy of D4"),
    ],
    ids=str,
)
def test_titles_of_branching_tables(group: CatalogGroup, subgroup: Subgroup | str, title: str) -> None:
    assert str(group.branching(subgroup, 1)).splitlines()[0] == title


def test_branching_of_all_irreps_needs_no_degree() -> None:
    assert len(point_group("Oh").branching("D4h").rows) == 10
    assert str(O3.branching("Oh")) == str(O3.branching("Oh", 3))


def test_how_branching_prints() -> None:
    lines = str(point_group("Oh").branching("C4v", 9)).splitlines()
    assert lines[1:4] == ["A1g  0e", "A1u  0o", "T1g  0o + 1"]
    assert len(lines) == 11


def test_mistakes_are_explained() -> None:
    table = O3.branching("Oh", 2)
    with pytest.raises(ArgumentError, match=r"The table ends before 3e\. Call branching with a larger degree"):
        table["3e"]
    with pytest.raises(LabelError, match=r"O\(3\) has no irrep '3'"):
        table["3"]
    for degree in (-1, 1.5, "2"):
        with pytest.raises(ArgumentError, match=f"integer from 0 on, but got {degree!r}"):
            O3.branching("Oh", degree)
    with pytest.raises(RepMismatchError, match=r"C3 is a subgroup of SO\(3\), but the rep belongs to O\(3\)"):
        O3.branching(SO3.subgroup("C3"), 2)
    with pytest.raises(LabelError, match="no subgroup called 'Q'"):
        O3.branching("Q", 2)
