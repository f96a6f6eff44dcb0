"""Normalisers of the textbook, in any pose; complements, and what they decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.symmetry import complement, normaliser
from intertwine.symmetry.inputs.normaliser import canonical, ideal_exists, normalises, pair_normaliser
from tests.registry import SUBGROUPS, close, seeds, subgroups
from tests.symmetry.posed import NAMES

SKEW = {"axis": (1.0, -2.0, 0.5), "mirror": (1.0, 1.0, 0.0)}
CONTINUOUS = ("Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh", "SO(3)", "O(3)")
TEXTBOOK = {
    "O(3)": "C1 Ci SO(3) O(3)",
    "Dinfh": "Cs C2 C3 C6 C2h C3h C4h S4 S6 S8 Cinf Cinfv Cinfh Dinf Dinfh",
    "D4h": "C2v D2d",
    "D6h": "C3v D3 D3h D3d",
    "D8h": "C4v D4 D4h D4d",
    "D10h": "C5v D5 D5h",
    "D12h": "C6v D6 D6h",
    "Oh": "D2 D2h T Td Th O Oh",
    "Ih": "I Ih",
}
IN_SO3 = {"SO(3)": "C1 SO(3)", "Dinf": "C2 C5 Cinf Dinf", "D6": "D3", "D12": "D6", "O": "D2 T O", "I": "I"}
EACH = [(name, wanted) for wanted, names in TEXTBOOK.items() for name in names.split()]
ROTATIONS = [(name, wanted) for wanted, names in IN_SO3.items() for name in names.split()]
SUPPORTED = [H for H in SUBGROUPS if H.parent in (SO2, O2, SO3, O3) or H.parent.is_finite]


def elements_of(H: Subgroup, seed: int = 0) -> np.ndarray:
    """All elements of a finite subgroup, or generators and random ones."""
    h = H.group.elements() if H.group.is_finite else np.concatenate([H.group.generators, H.group.sample(9, seed)])
    return H.embed(h)


@pytest.mark.parametrize(("name", "wanted"), EACH)
def test_the_textbook(name: str, wanted: str) -> None:
    assert normaliser(O3.subgroup(name, **SKEW)).name == wanted
    assert normaliser(O3.subgroup(name)).name == wanted


@pytest.mark.parametrize(("name", "wanted"), ROTATIONS)
def test_rotations_only(name: str, wanted: str) -> None:
    assert normaliser(SO3.subgroup(name, **SKEW)).name == wanted


def test_the_plane() -> None:
    assert normaliser(O2.subgroup("C5")).name == normaliser(O2.subgroup("SO(2)")).name == "O(2)"
    assert normaliser(SO2.subgroup("C5")).name == "SO(2)"
    turned = normaliser(O2.subgroup("D3", mirror=0.2))
    assert turned.name == "D6"
    assert normalises(turned.embed(turned.group.elements()), O2.subgroup("D3", mirror=0.2)).all()


@pytest.mark.parametrize("H", SUPPORTED, ids=lambda H: repr(H).removeprefix("tw."))
def test_it_holds_the_subgroup_and_moves_it_onto_itself(H: Subgroup) -> None:
    N = normaliser(H)
    assert N.parent == H.parent
    assert N.contains(elements_of(H), 1e-6).all()
    assert normalises(elements_of(N), H).all()


@pytest.mark.parametrize("parent", [O3, SO3], ids=str)
@given(data=st.data(), seed=seeds)
def test_nothing_else_does(parent: object, data: st.DataObject, seed: int) -> None:
    """Random elements of the parent, and elements near those of N, normalise H only if they lie in N."""
    H = data.draw(subgroups(parent))  # type: ignore[arg-type]
    N = normaliser(H)
    assert normalises(elements_of(N, seed), H).all()
    tried = np.concatenate([O3.sample(20, seed) if parent == O3 else SO3.sample(20, seed), special(H)])
    np.testing.assert_array_equal(normalises(tried, H), N.contains(tried, 1e-5))


def special(H: Subgroup) -> np.ndarray:
    """Elements of every large group on the axes of H: those that have a chance to normalise it."""
    frame, parent = canonical(H).frame.array, H.parent
    axes = {"axis": tuple(frame[:, 2]), "mirror": tuple(frame[:, 0])}
    names = ("O", "I", "D24", "Dinf") if parent == SO3 else ("Oh", "Ih", "D24h", "Dinfh")
    return np.concatenate([elements_of(parent.subgroup(name, **axes)) for name in names])  # type: ignore[attr-defined]


def test_finite_parents() -> None:
    Oh, S4 = point_group("Oh"), symmetric(4)
    assert normaliser(Oh.subgroup("C4")).name == "D4h"
    assert normaliser(Oh.subgroup("D3d")).name == "D3d"  # D6h does not lie in Oh
    assert normaliser(dihedral(8).subgroup("D2")).name == "D4"
    assert normaliser(cyclic(8).subgroup("C2")).name == "C8"
    sylow = next(H for H in S4.subgroups() if H.group.order == 3)
    assert normaliser(sylow).group.order == 6
    inner = O3.subgroup("Cinfv").compose(O2.subgroup("D4"))  # however it was made
    assert normaliser(inner).name == "D8h"
    with pytest.raises(ArgumentError, match="Normalisers are found in"):
        normaliser(point_group("Dinfh").subgroup("C3v"))


# complements ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_complements_of_point_groups(name: str) -> None:
    """All finite normalisers have one: K ∩ H = 1, |K| |H| = |N|, and the products are all different."""
    H = O3.subgroup(name, **SKEW)
    N, K = normaliser(H), complement(H)
    if not N.group.is_finite:
        assert (K is None) == (name not in ("C1", "Ci", "Cs"))
        return
    assert K is not None
    h, k = elements_of(H), elements_of(K)
    products = np.einsum("aij,bjk->abik", k, h).reshape(-1, 3, 3)
    assert len(products) == N.group.order
    assert N.contains(products, 1e-6).all()
    distances = np.abs(products[:, None] - products).max((-1, -2)) + 9 * np.eye(len(products))
    assert distances.min() > 1e-3
    assert complement(H, within=N).name == K.name


@pytest.mark.parametrize("parent", [O3, SO3, O2, SO2], ids=str)
def test_complements_in_continuous_normalisers(parent: object) -> None:
    """Every element of N is a product of one of K and one of H; only 1 is in both."""
    for H in parent.subgroups(4):  # type: ignore[attr-defined]
        N, K = normaliser(H), complement(H)
        if N.group.is_finite or K is None:
            continue
        finite, other = (K, H) if K.group.is_finite else (H, K)
        assert other.contains(elements_of(finite), 1e-6).sum() == 1
        for g in N.embed(N.group.sample(20, 1)):
            assert other.contains(elements_of(finite).swapaxes(-1, -2) @ g, 1e-6).sum() == 1


def test_complements_elsewhere() -> None:
    assert complement(cyclic(8).subgroup("C4")) is None
    assert complement(cyclic(6).subgroup("C2")).name == "C3"  # type: ignore[union-attr]
    with pytest.raises(ArgumentError, match="does not lie in"):
        complement(O3.subgroup("C3v"), within=O3.subgroup("Td"))  # the axis of C3v is z, those of Td are diagonals
    with pytest.raises(ArgumentError, match="not a normal subgroup"):
        complement(O3.subgroup("C2"), within=O3.subgroup("T"))
    with pytest.raises(ArgumentError, match="for the normaliser of the subgroup only"):
        complement(O3.subgroup("C2"), within=O3.subgroup("Cinfv"))


# pairs ----------------------------------------------------------------------------------------------------------------


def test_partial_breaking_of_the_square() -> None:
    """Long in x or long in y: D8h would exchange them with the diagonals, so D4h is left of it."""
    square, rectangle, diagonal = O3.subgroup("D4h"), O3.subgroup("D2h"), O3.subgroup("D2h", mirror=(1, 1, 0))
    assert pair_normaliser(square, rectangle).name == pair_normaliser(square, diagonal).name == "D4h"
    assert pair_normaliser(square, O3.subgroup("C4v")).name == "D8h"
    assert pair_normaliser(square, O3.subgroup("Cs", axis=(1, 0, 0))).name == "D4h"  # turns it to the mirror across y
    assert ideal_exists(square, rectangle)
    with pytest.raises(ArgumentError, match="does not lie in"):
        pair_normaliser(square, O3.subgroup("C3"))


@pytest.mark.parametrize("name", ["D4h", "Td", "C6v", "D3d", "D2"])
def test_pairs_hold_what_moves_a_subgroup_to_a_conjugate(name: str) -> None:
    """n is in N(H, K) if and only if n K n⁻¹ = h K h⁻¹ for some h in H."""
    H = O3.subgroup(name)
    N, h = normaliser(H), elements_of(H)
    n = elements_of(N)
    for listed in point_group(name).subgroups():
        k = elements_of(listed)  # a subgroup of O(3) too: the group is in its standard setting
        K = O3.subgroup(listed.name, axis=tuple(listed.frame.array[:, 2]), mirror=tuple(listed.frame.array[:, 0]))
        images, conjugates = (g[:, None] @ k @ g[:, None].swapaxes(-1, -2) for g in (n, h))
        sums = [np.sort((m.reshape(len(m), -1, 9) @ np.arange(1, 10) ** 0.5).round(6), 1) for m in (images, conjugates)]
        expected = (np.abs(sums[0][:, None] - sums[1]).max(-1) < 1e-5).any(1)
        np.testing.assert_array_equal(pair_normaliser(H, K).contains(n, 1e-6), expected)


@pytest.mark.parametrize("name", ["C4", "C6", "C4h", "S4", "S8", "Cs", "Ci", "C6h"])
def test_pairs_in_continuous_normalisers(name: str) -> None:
    """All of N takes each subgroup to itself; and an ideal set exists if what rotates with the axis is kept."""
    H = O3.subgroup(name, **SKEW)
    N, axis = normaliser(H), canonical(H).frame.array
    turns = elements_of(H)[np.linalg.det(elements_of(H)) > 0]
    for listed in point_group(name).subgroups():
        K = O3.subgroup(listed.name, axis=tuple(axis[:, 2]), mirror=tuple(axis[:, 0]))
        assert H.contains(elements_of(K), 1e-6).all()
        assert normalises(N.embed(N.group.sample(9)), K).all()
        assert ideal_exists(H, K) == bool(K.contains(turns, 1e-6).all())


def test_canonical_names() -> None:
    assert canonical(O3.subgroup("C1v", axis=(1, 0, 0), mirror=(0, 1, 0))).name == "Cs"
    close(np.abs(canonical(O3.subgroup("C1v")).frame.array[:, 2]), np.array([0.0, 1, 0]))
    assert [canonical(O3.subgroup(name, **SKEW)).name for name in CONTINUOUS] == list(CONTINUOUS)
