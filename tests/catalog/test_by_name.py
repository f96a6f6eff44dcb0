"""Groups by name."""

import pytest

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.notation import CRYSTALLOGRAPHIC, Name, family, find, hermann_mauguin, is_proper
from intertwine.errors import ArgumentError, LabelError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SO(2)", SO2),
        ("so2".upper(), SO2),
        ("Cinf", point_group("Cinf")),  # the names of point groups are those of groups of 3 × 3 matrices
        ("C∞", point_group("Cinf")),
        ("O(2)", O2),
        ("O2", O2),
        ("Dinf", point_group("Dinf")),
        ("Cinfv", point_group("Cinfv")),
        ("C∞v", point_group("Cinfv")),
        ("SO(3)", SO3),
        (" O( 3 ) ", O3),
        ("C8", cyclic(8)),
        ("C1", cyclic(1)),
        ("D8", dihedral(8)),
        ("D12", dihedral(12)),
        ("C4v", point_group("C4v")),
        ("C_4v", point_group("C4v")),
        ("D∞h", group("Dinfh")),
        ("D4 in space", point_group("D4")),
        ("S2", point_group("Ci")),
        ("C1h", point_group("Cs")),
        ("C3i", point_group("S6")),
        ("V", point_group("D2")),
        ("S4", point_group("S4")),  # four elements: the symmetric group is Sym(4)
        ("Sym(4)", symmetric(4)),
        ("C2×O(2)", cyclic(2) * O2),
        ("C2 x O(2)", cyclic(2) * O2),
        ("C_4", cyclic(4)),
        ("C_{3v}", point_group("C3v")),
        ("C₃ᵥ", point_group("C3v")),
        ("Dooh", point_group("Dinfh")),
        ("D_{\\infty h}", point_group("Dinfh")),
        ("Kh", O3),
        ("m-3m", point_group("Oh")),
        ("m3̄m × O(2)", point_group("Oh") * O2),
        ("C2 * O(2) * Oh", cyclic(2) * (O2 * point_group("Oh"))),
    ],
)
def test_groups_are_found_by_name(name: str, expected: CatalogGroup) -> None:
    assert group(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        "U(1)",
        "C",
        "C0",
        "C-1",
        "D1.5",
        "C08",
        "SO(4)",
        "c8",
        "Dinfv",
        "S3",
        "S5",
        "Sym(0)",
        "C2×",
        "C2×U(1)",
        "Ti",
        None,
    ],
)
def test_unknown_names_are_explained(name: str) -> None:
    with pytest.raises(LabelError, match="There is no group called ") as said:
        group(name)
    assert repr(name) in str(said.value)
    assert "'SO(2)', 'O(2)', 'SO(3)', 'O(3)'" in str(said.value)


@pytest.mark.parametrize("name", ["", "C", "C4x", "S5", "S0", "Oi", "Dinfd", "Sinf", "Sym(3)", "SO(4)", None])
def test_unknown_point_groups_are_explained(name: str) -> None:
    with pytest.raises(LabelError, match=r"There is no point group called .* Names are Cn, Cnv, Cnh, S2n") as said:
        point_group(name)
    assert repr(name) in str(said.value)
    assert ("S5 is C5h. The permutations of 5 things are tw.symmetric(5)." in str(said.value)) == (name == "S5")


@pytest.mark.parametrize(
    ("name", "meant"), [("C3V", "C3v"), ("oh", "Oh"), ("dinfh", "Dinfh"), ("so(3)", "SO3"), ("Z4", "C4"), ("Foo", None)]
)
def test_what_may_have_been_meant(name: str, meant: str | None) -> None:
    for ask in (group, point_group, O3.subgroup, point_group("Oh").subgroup):
        with pytest.raises(LabelError) as said:
            ask(name)
        assert (f" Did you mean {meant!r}?" in str(said.value)) == (meant is not None)


@pytest.mark.parametrize("make", [cyclic, dihedral, symmetric])
@pytest.mark.parametrize("n", [0, -3, 4.0, "4", True, None])
def test_orders_are_positive_integers(make: object, n: object) -> None:
    make(4)  # what is known already must not let an equal key through
    make(1)
    with pytest.raises(ArgumentError) as said:
        make(n)
    assert f"n = {n!r}" in str(said.value)


def test_orders_and_names() -> None:
    assert (dihedral(8).order, cyclic(8).order, str(dihedral(8)), str(cyclic(8))) == (16, 8, "D8", "C8")
    assert [str(G) for G in (SO2, O2, SO3, O3)] == ["SO(2)", "O(2)", "SO(3)", "O(3)"]
    assert [repr(G) for G in (SO2, O3, cyclic(8))] == ["tw.SO2", "tw.O3", "tw.cyclic(8)"]
    assert dihedral(3).irrep("0o").expression == "tw.dihedral(3).rep('1x0o')"
    assert repr(O3.irrep("1o")) == "tw.O3.irrep('1o')"


@pytest.mark.parametrize(
    ("typed", "plain", "title", "own"),
    [
        ("C∞v", "Cinfv", "Cinfv", "Cinfv"),
        ("Dooh", "Dooh", "Dinfh", "Dinfh"),
        ("SO(2)", "SO2", "Cinf", "Cinf"),
        ("O(2)", "O2", None, None),
        ("S3", "S3", None, None),
        ("Doo d", "Dood", None, None),
        ("SO(3)", "SO3", "SO3", "SO3"),
        ("2", "2", "C2", None),  # a listed subgroup of two elements has this for its own name
        ("m3̄m", "m3̄m", "Oh", None),
    ],
)
def test_a_name_is_read(typed: str, plain: str, title: str | None, own: str | None) -> None:
    assert find(typed) == Name(plain, title, own)


@pytest.mark.parametrize("title", [*CRYSTALLOGRAPHIC, "I", "Ih", "Cinfv", "Dinfh", "SO3", "O3"])
def test_both_spellings_of_a_point_group_are_read_alike(title: str) -> None:
    assert find(title) == Name(title, title, title)
    assert find(hermann_mauguin(title)).title == title
    assert is_proper(title) == point_group(title).is_proper
    assert (family(title)[0] == "") == (title[0] in "TOI" or title in ("SO3", "O3"))
