"""Normalisers of the textbook, in any pose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.symmetry import normaliser
from intertwine.symmetry.inputs.normaliser import canonical
from tests.registry import SUBGROUPS, close, seeds, subgroups

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


def normalises(g: np.ndarray, H: Subgroup) -> np.ndarray:
    """Whether elements g `(..., n, n)` of the parent have g H g⁻¹ = H, from the generators of H."""
    g, generators = np.asarray(g)[..., None, :, :], H.embed(H.group.generators)
    return np.asarray(H.contains(g @ generators @ g.swapaxes(-1, -2), 1e-6).all(-1))


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


def test_canonical_names() -> None:
    assert canonical(O3.subgroup("C1v", axis=(1, 0, 0), mirror=(0, 1, 0))).name == "Cs"
    close(np.abs(canonical(O3.subgroup("C1v")).frame.array[:, 2]), np.array([0.0, 1, 0]))
    assert [canonical(O3.subgroup(name, **SKEW)).name for name in CONTINUOUS] == list(CONTINUOUS)
