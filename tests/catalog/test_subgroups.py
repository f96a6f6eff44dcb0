"""Which subgroups a group has, what they are called, where they lie, and which contains which: against known facts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.point_subgroups import family_names
from intertwine.catalog.recognise import recognise
from intertwine.errors import ArgumentError, ElementError, RepMismatchError
from intertwine.groups import Subgroup
from intertwine.groups.rotations import axis_rotation, random_rotations
from intertwine.symmetry.words.escnn import escnn_id
from tests.registry import BINARY_T, Q8, SKEW, close, evaluate, groups, reps, seeds, some, subgroups

# how many there are ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "classes"),
    [
        *((symmetric(n), count) for n, count in enumerate((1, 2, 4, 11, 19), 1)),  # OEIS A000638
        pytest.param(symmetric(6), 56, marks=pytest.mark.slow),
        *((point_group(name), n) for name, n in {"Oh": 33, "Ih": 22, "O": 11, "I": 9, "T": 5, "Td": 11}.items()),
        *((point_group(name), n) for name, n in {"D6h": 32, "D4h": 27, "C2v": 5, "C1": 1}.items()),
        (Q8, 6),
        (BINARY_T, 7),  # 1, 2, 3, 4, 6, Q8 and itself
        (Q8 * cyclic(3), 12),  # coprime orders: those of both
        (dihedral(4), 8),
        (cyclic(12), 6),
    ],
    ids=str,
)
def test_the_number_of_classes(group: CatalogGroup, classes: int) -> None:
    found = group.subgroups()
    assert len(found) == classes
    orders = [H.group.order for H in found]
    assert orders == sorted(orders)
    assert (orders[0], orders[-1]) == (1, group.order)
    assert all(group.order % order == 0 for order in orders)  # Lagrange


def every_subgroup(group: CatalogGroup) -> tuple[set[frozenset[int]], np.ndarray]:
    """All subgroups as sets of numbers of elements, by adding one element after the other; and all conjugates."""
    g = group.elements()
    flat = g.reshape(len(g), -1)

    def number(matrices: np.ndarray) -> np.ndarray:
        return np.argmax(matrices.reshape(*matrices.shape[:-2], -1) @ flat.T, -1)

    products, conjugates = number(g[:, None] @ g), number(g[:, None] @ g @ g[:, None].swapaxes(-1, -2))
    found, waiting = {frozenset([0])}, [frozenset([0])]
    while waiting:
        small = waiting.pop()
        for a in range(len(g)):
            large = {*small, a}
            while len(more := large | {int(i) for i in products[np.ix_([*large], [*large])].flat}) > len(large):
                large = more
            if frozenset(large) not in found:
                found.add(frozenset(large))
                waiting.append(frozenset(large))
    return found, conjugates


@pytest.mark.parametrize(
    "group",
    [*map(point_group, ("O", "D4h", "Th", "D3h", "D4d", "S8")), symmetric(4), dihedral(6), BINARY_T, Q8 * cyclic(2)],
    ids=str,
)
def test_the_lattice_by_brute_force(group: CatalogGroup) -> None:
    """Each class is there once, and one lies above another exactly when a conjugate lies in it."""
    every, conjugates = every_subgroup(group)
    lattice, g = group.lattice(), group.elements()
    orbits = []
    for H in lattice.subgroups:
        inside = np.abs(g[:, None] - H.embed(H.group.elements())).max((-1, -2)).min(1) < 1e-9
        members = np.flatnonzero(inside)
        assert len(members) == H.group.order
        orbits.append({frozenset(row.tolist()) for row in conjugates[:, members]})
    assert sum(map(len, orbits)) == len(set.union(*orbits)) == len(every)
    for i, small in enumerate(orbits):
        for j, large in enumerate(orbits):
            assert lattice.contains(j, i) == any(a <= b for a in small for b in large)


@pytest.mark.parametrize(
    ("group", "maximal"),
    [
        (point_group("Oh"), "D3d D4h O Td Th"),
        (point_group("Ih"), "D3d D5d I Th"),
        (point_group("O"), "D3 D4 T"),
        (point_group("I"), "D3 D5 T"),
        (point_group("Td"), "C3v D2d T"),
        (point_group("D6h"), "C6h C6v D2h D3d D3d D3h D3h D6"),
        (O3, "Dinfh Ih Oh SO(3)"),
        (SO3, "Dinf I O"),
        (O2, "D4 D5 D6 SO(2)"),  # of those with at most six turns
        (SO2, "C4 C5 C6"),
    ],
    ids=str,
)
def test_maximal_subgroups(group: CatalogGroup, maximal: str) -> None:
    lattice = group.lattice()
    top = len(lattice.subgroups) - 1
    found = sorted(lattice.subgroups[i].name for i in lattice.maximal(top))
    assert found == sorted(maximal.split())
    assert str(lattice).splitlines()[0] == "C1  contains nothing else"


def test_an_unknown_lattice_is_explained() -> None:
    with pytest.raises(ArgumentError, match=r"The lattice of Dinfh is not known.*subgroups\(\).*contains\(g\)"):
        point_group("Dinfh").lattice()
    with pytest.raises(ArgumentError, match="The subgroups of a group of 5040 elements are not listed: the limit is"):
        symmetric(7).subgroups()


def test_subgroups_of_continuous_groups() -> None:
    """Families up to a number of turns, no class twice."""
    assert {H.name for H in O3.subgroups(6)} == {*family_names(6)}
    assert len(O3.subgroups(6)) == 3 + 7 * 5 + 14
    assert all((np.linalg.det(H.embed(H.group.generators)) > 0).all() for H in SO3.subgroups(6))
    for name in ("Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh"):
        G = point_group(name)
        for H in G.subgroups(5):
            assert G.contains(H.embed(some(H.group))).all()
    names = [H.name for H in point_group("Dinfh").subgroups(4)]
    assert [names.count(name) for name in ("C2", "Cs", "C2v", "C2h", "D2", "Ci")] == [2, 2, 2, 2, 1, 1]


# names and places -----------------------------------------------------------------------------------------------------

NAMES = [name for name in family_names(7) if "inf" not in name and name not in ("SO(3)", "O(3)")]


@pytest.mark.parametrize("name", NAMES)
def test_a_group_is_recognised_in_any_pose(name: str) -> None:
    """With noise too: the name, and the rotation from the standard setting."""
    g, rng = point_group(name).elements(), np.random.default_rng(0)
    for pose in (np.eye(3), *random_rotations(3, 1)):
        moved = (pose @ g @ pose.T)[rng.permutation(len(g))] + rng.uniform(-1e-8, 1e-8, g.shape)
        title, frame = recognise(moved)
        assert title == name
        close(frame.T @ frame, np.eye(3))
        close(np.linalg.det(frame), 1.0)
        back = frame.T @ moved @ frame
        assert np.abs(back[:, None] - g).max((-1, -2)).min(1).max() < 1e-6


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, "inf"])
@pytest.mark.parametrize("parent", [O3, point_group("O(3)")], ids=str)
def test_the_reference_direction_is_x(parent: CatalogGroup, n: int | str) -> None:
    """C_nv holds the mirror y → −y; D_n, D_nd and D_nh hold the half-turn about x; n-fold turns are about z: any n."""
    mirror, turn, level = np.diag([1.0, -1, 1]), np.diag([1.0, -1, -1]), np.diag([1.0, 1, -1])
    assert parent.subgroup(f"C{n}v").contains(mirror, 1e-12)
    for name in [f"D{n}", f"D{n}h", *([f"D{n}d"] if n != "inf" else [])]:
        H = parent.subgroup(name)
        assert H.contains(turn, 1e-12), name
        assert H.contains(level, 1e-12) == name.endswith("h"), name
        if n != "inf":
            around = axis_rotation(2, 2 * np.pi / int(n))
            assert H.contains(around, 1e-12), name
            assert H.group.order == 2 * int(n) * (1 if name == f"D{n}" else 2), name


@pytest.mark.parametrize("name", ["Oh", "Ih", "D6h", "Th", "D4d", "S8", "C6v", "D5h"])
def test_subgroups_are_where_they_say(name: str) -> None:
    """In the group, and with the name, axis and reference direction that it is called by."""
    G = point_group(name)
    for H in G.subgroups():
        assert G.contains(H.embed(H.group.elements())).all()
        assert recognise(H.embed(H.group.elements()))[0] == H.name
        assert evaluate(H) == H
        close(G.subgroup(H.name, H.frame.array[:, 2], H.frame.array[:, 0]).frame.array, H.frame.array)
    assert G.subgroup(name).group.order == G.order
    assert G.subgroup(name).contains(G.elements()).all()


def test_of_several_places_the_standard_one_is_taken() -> None:
    Oh = point_group("Oh")
    assert Oh.subgroup("C2") == Oh.subgroup("C2", axis=(0, 0, 1)) != Oh.subgroup("C2", axis=(1, 1, 0))
    close(np.abs(Oh.subgroup("C3v").frame.array[:, 2]), np.full(3, 3**-0.5))  # there is none about z


@pytest.mark.parametrize(
    ("name", "in_o3", "in_so3"),
    [
        ("C1", "(False, False, 1)", "(False, 1)"),
        ("Cinf", "(False, False, -1)", "(False, -1)"),
        ("C5", "(False, False, 5)", "(False, 5)"),
        ("Dinf", "(False, True, -1)", "(True, -1)"),
        ("D4", "(False, True, 4)", "(True, 4)"),
        ("SO3", "'so3'", "'so3'"),
        ("I", "(False, 'ico')", "'ico'"),
        ("O", "(False, 'octa')", "'octa'"),
        ("T", "(False, 'tetra')", "'tetra'"),
        ("O3", "'o3'", None),
        ("Ih", "(True, 'ico')", None),
        ("Oh", "(True, 'octa')", None),
        ("Th", "(True, 'tetra')", None),
        ("Td", "'fulltetra'", None),
        ("Ci", "(True, False, 1)", None),
        ("Cinfh", "(True, False, -1)", None),
        ("C4h", "(True, False, 4)", None),
        ("S6", "(True, False, 3)", None),
        ("Dinfh", "(True, True, -1)", None),
        ("D6h", "(True, True, 6)", None),
        ("D5d", "(True, True, 5)", None),
        ("D1d", "(True, True, 1)", None),
        ("Cinfv", "('cone', -1)", None),
        ("C3v", "('cone', 3)", None),
        ("Cs", "('cone', 1)", None),
        *((name, None, None) for name in ("C3h", "S4", "S8", "D1h", "D3h", "D2d", "D4d")),
    ],
)
def test_ids_in_escnn(name: str, in_o3: str | None, in_so3: str | None) -> None:
    """Its first entry says whether the inversion is there; what has mirrors without it is a cone or has no id."""
    assert escnn_id(name) == in_o3
    if in_so3:
        assert escnn_id(name, "SO(3)") == in_so3
    words = O3.subgroup(name).describe()
    assert ("no id in escnn" if in_o3 is None else f"escnn id {in_o3}") in words


@pytest.mark.parametrize(
    ("subgroup", "found"),
    [
        (cyclic(8).subgroup("C4"), "4"),
        (SO2.subgroup("C3"), "3"),
        (SO2.subgroup("SO(2)"), "-1"),
        (dihedral(8).subgroup("C4"), "(None, 4)"),
        (dihedral(8).subgroup("D4"), "(0, 4)"),
        (dihedral(8).subgroup("D4", mirror=np.pi / 8), "(1, 4)"),
        (dihedral(8).subgroup("D4", mirror=5 * np.pi / 8), "(1, 4)"),
        (O2.subgroup("C3"), "(None, 3)"),
        (O2.subgroup("SO(2)"), "(None, -1)"),
        (O2.subgroup("O(2)"), "(0.0, -1)"),
        (O2.subgroup("D3", mirror=0.25), "(0.5, 3)"),
    ],
)
def test_ids_of_planar_subgroups_in_escnn(subgroup: Subgroup, found: str) -> None:
    assert f"Its id in escnn is {found}." in subgroup.describe()


# moving and composing -------------------------------------------------------------------------------------------------


@given(subgroups(), seeds)
def test_conjugate_subgroups(subgroup: Subgroup, seed: int) -> None:
    """g H g⁻¹ holds g h g⁻¹ and no more, restricts to equivalent reps, and comes back."""
    g, h = subgroup.parent.sample(1, seed)[0], some(subgroup.group, seed)
    moved = subgroup.conjugate(g)
    close(moved.embed(h), g @ subgroup.embed(h) @ g.T)
    assert moved.contains(g @ subgroup.embed(h) @ g.T).all()
    rep = O3.rep("1x1o + 1x2e + 1x0o + 1x3e")
    assert rep.restrict(moved).irreps == rep.restrict(subgroup).irreps
    close(rep.restrict(moved).matrix(h), rep.matrix(moved.embed(h)))
    close(moved.conjugate(g.T).embed(h), subgroup.embed(h))
    assert evaluate(moved) == moved


@pytest.mark.parametrize(
    "subgroup",
    [
        O2.subgroup("D3", mirror=0.2),
        point_group("Oh").subgroup("C3v"),
        symmetric(4).subgroup("6"),
        (cyclic(2) * symmetric(3)).subgroup("2a"),
    ],
    ids=str,
)
def test_conjugate_subgroups_of_other_groups(subgroup: Subgroup) -> None:
    h = subgroup.group.elements()
    for g in subgroup.parent.sample(3, 1):
        moved = subgroup.conjugate(g)
        close(moved.embed(h), g @ subgroup.embed(h) @ g.T)
        assert moved.contains(g @ subgroup.embed(h) @ g.T).all()


def test_what_conjugates_is_one_element_of_the_parent() -> None:
    with pytest.raises(ElementError, match=r"not elements of SO\(3\)"):
        SO3.subgroup("C3").conjugate(-np.eye(3))
    with pytest.raises(ElementError, match=r"moved by one element, a matrix \(3, 3\), but got .* \(2, 3, 3\)"):
        O3.subgroup("C3").conjugate(O3.sample(2))


def test_composing_is_being_within() -> None:
    outer, inner = O3.subgroup("Cinfv", axis=SKEW), O2.subgroup("D4", mirror=0.3)
    assert outer.compose(inner) == inner.within(outer)
    twice = O3.subgroup("Oh", axis=SKEW).compose(point_group("Oh").subgroup("C3v"))
    h = some(twice.group)
    close(O3.rep("1x2e").restrict(twice).matrix(h), O3.rep("1x2e").matrix(twice.embed(h)))
    with pytest.raises(RepMismatchError, match=r"C3 is a subgroup of SO\(3\), but .* is one of O\(2\)"):
        outer.compose(SO3.subgroup("C3"))


@given(st.data(), seeds)
def test_restricting_to_a_listed_subgroup(data: st.DataObject, seed: int) -> None:
    """For any finite group and any rep of it."""
    G = data.draw(groups().filter(lambda G: G.order <= 48))
    H, rep = data.draw(st.sampled_from(G.subgroups())), data.draw(reps(G, 9))
    h = some(H.group, seed)
    close(rep.restrict(H).matrix(h), rep.matrix(H.embed(h)))
