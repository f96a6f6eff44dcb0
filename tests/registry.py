"""The groups, reps and subgroups that the laws run over.

A law is one test over a list of this file; to have a new group obey all laws, add a row. For more than rows can say
there are hypothesis strategies: `groups`, `irreps`, `reps`, `subgroups`.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group, matrix_group, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.point_subgroups import family_names
from intertwine.errors import LabelError
from intertwine.groups import Group, Subgroup
from intertwine.reps import Irrep, Rep

PAULI = np.array([[[1j, 0], [0, -1j]], [[0, 1], [-1, 0]], [[0, 1j], [1j, 0]]])
"""i σ for the Pauli matrices σ: the quaternions i, j, k, and a basis of the Lie algebra of SU(2)."""

Q8 = matrix_group(discrete=PAULI[:2], name="Q8")
SU2 = matrix_group(lie=PAULI, name="SU(2)")
O2_BY_MATRICES = matrix_group(lie=[[[0, -1], [1, 0]]], discrete=[np.diag([1, -1])], name="O(2) by matrices")
BINARY_T = matrix_group(discrete=[PAULI[0], PAULI[1], (np.eye(2) + PAULI.sum(0)) / 2], name="2T")
MATRIX_GROUPS: list[CatalogGroup] = [Q8, SU2, O2_BY_MATRICES, BINARY_T]

_AXIAL = "C4 C3v C4v C2h C3h C4h S4 S6 S8 D2 D3 D2h D3h D6h D2d D3d D4d D5d Cs Ci Cinf Cinfv Cinfh Dinf Dinfh"
POINT_GROUPS = [point_group(name) for name in f"{_AXIAL} T Td Th O Oh I Ih".split()]
PRODUCTS: list[CatalogGroup] = [
    cyclic(2) * O2,
    cyclic(3) * cyclic(4),  # two irreps of complex type: their product splits
    SO2 * SO2,
    cyclic(2) * SO3,
    symmetric(3) * cyclic(2),
    Q8 * cyclic(3),
    cyclic(3) * Q8,
    Q8 * Q8,
]
PLANAR: list[CatalogGroup] = [SO2, O2, *map(cyclic, (1, 2, 3, 4, 5, 8)), *map(dihedral, (1, 2, 3, 4, 5, 6, 8))]
GROUPS: list[CatalogGroup] = [
    *PLANAR,
    SO3,
    O3,
    *POINT_GROUPS,
    *map(symmetric, (1, 2, 3, 4, 5)),
    *PRODUCTS,
    *MATRIX_GROUPS,
]
FINITE = [g for g in GROUPS if g.is_finite]
CONTINUOUS = [g for g in GROUPS if not g.is_finite]
NAMED = [g for g in GROUPS if "matrix_group" not in repr(g)]

SKEW = (1.0, -2.0, 0.5)  # an axis in no special position

# Parent, names, and directions: axis and mirror in space, mirror in the plane.
_SUBGROUPS: list[tuple[CatalogGroup, str, list[dict]]] = [
    (O3, "Cinf Cinfv Cinfh Dinf Dinfh C1 C2 C3 C4 C1v C2v C3v C6v D1 D2 D3 D4 SO(3) O(3)", [{}, {"axis": SKEW}]),
    (O3, "Cinfv Dinf C3v D3 Dinfh", [{"axis": (1, 0, 0)}, {"mirror": (0, 1, 1)}, {"axis": SKEW, "mirror": (1, 1, 0)}]),
    (O3, "Cs Ci C2h C3h S4 S6 D1h D2h D3h D1d D2d D3d T Td Th O Oh I Ih", [{}, {"axis": SKEW}]),
    (O3, "D3h D2d Td I", [{"axis": (1, 0, 0), "mirror": (0, 1, 1)}, {"axis": SKEW, "mirror": (1, 1, 0)}]),
    (SO3, "T O I", [{}, {"axis": SKEW, "mirror": (0, 0, 1)}]),
    (point_group("Dinfh"), "Cinfv Dinf Cinfh C3v D4 S4 D3d", [{}]),
    (point_group("Oh"), "D4h D4", [{"axis": (1, 0, 0)}]),
    (SO3, "Cinf Dinf C1 C2 C5 D1 D2 D5 SO(3)", [{}, {"axis": SKEW, "mirror": (0, 0, 1)}]),
    (O2, "SO(2) C1 C2 C4 O(2) D1 D2 D5", [{}]),
    (O2, "O(2) D1 D4", [{"mirror": 0.3}, {"mirror": (-1, 2)}]),
    (SO2, "SO(2) C1 C2 C5", [{}]),
    (cyclic(8), "C8 C4 C2 C1", [{}]),
    (dihedral(8), "D8 D4 D2 D1 C8 C2 C1", [{}]),
    (dihedral(8), "D4 D2 D1", [{"mirror": np.pi / 8}]),
    (dihedral(6), "D3", [{"mirror": np.pi / 6}, {"mirror": np.pi / 2}]),
]
_LISTED = [*map(point_group, ("Th", "Oh", "D3h", "D4d", "S8")), symmetric(4), symmetric(3) * cyclic(2), Q8, BINARY_T]
SUBGROUPS: list[Subgroup] = [
    *(
        parent.subgroup(name, **directions)
        for parent, names, rows in _SUBGROUPS
        for directions in rows
        for name in names.split()
    ),
    *(subgroup for parent in _LISTED for subgroup in parent.subgroups()),
]


FAMILIES = {O3: ("C1v", "D1", "D1d", "D1h", *family_names(7)), SO3: ("D1", *(H.name for H in SO3.subgroups(7)))}
"""The names of the subgroups of SO(3) and of O(3), with at most seven turns about an axis."""


def _ancestor(group: CatalogGroup) -> Subgroup | None:
    """A subgroup of O(3), in a skew position, whose abstract group is the given one."""
    name = {"SO(2)": "Cinf", "O(2)": "Cinfv"}.get(group.name, group.name)
    try:
        found = O3.subgroup(name, axis=SKEW, mirror=(0, 1, 1))
    except LabelError:
        return None
    return found if found.group == group else None


def _reps_of(group: CatalogGroup) -> Iterator[Rep]:
    """One rep of every kind: a sum out of order, harmonics, regular, a tensor product, a restricted rep."""
    labels = group.labels(2)[:6]
    yield group.rep(" + ".join(f"{1 + i % 3}x{label}" for i, label in enumerate(labels[::-1])) + f" + 1x{labels[0]}")
    if group.dim in (2, 3):
        yield group.harmonics(3)
    if group.is_finite and group.order <= 12:
        yield 2 * group.regular + group.defining
    if group.dim <= 4:
        yield 2 * (group.defining * (group.defining + group.irrep(labels[0])))
    if (ancestor := _ancestor(group)) is not None:
        yield O3.rep("2x1o + 1x2e").restrict(ancestor)


REPS: list[Rep] = [rep for g in GROUPS for rep in _reps_of(g)]

each_group = pytest.mark.parametrize("group", GROUPS, ids=str)
each_finite_group = pytest.mark.parametrize("group", FINITE, ids=str)
each_continuous_group = pytest.mark.parametrize("group", CONTINUOUS, ids=str)
each_named_group = pytest.mark.parametrize("group", NAMED, ids=str)
each_rep = pytest.mark.parametrize("rep", REPS, ids=lambda rep: f"{rep.group}:{rep}".replace(" ", "").replace("⊗", "*"))
each_subgroup = pytest.mark.parametrize("subgroup", SUBGROUPS, ids=lambda subgroup: repr(subgroup).removeprefix("tw."))


# hypothesis -----------------------------------------------------------------------------------------------------------


def groups() -> st.SearchStrategy[CatalogGroup]:
    """Any group, finite ones of any order up to 24 too."""
    orders = st.integers(1, 12)
    return st.one_of(st.sampled_from(GROUPS), orders.map(cyclic), orders.map(dihedral))


def irreps(group: CatalogGroup, degree: int = 3) -> st.SearchStrategy[Irrep]:
    """An irrep of a group up to a degree."""
    return st.sampled_from(group.irreps(degree))


def reps(group: CatalogGroup, degree: int = 3, terms: int = 4) -> st.SearchStrategy[Rep]:
    """A sum of irreps of a group in any order, equal ones apart or together."""
    term = st.tuples(st.integers(1, 3), irreps(group, degree))
    return st.lists(term, max_size=terms).map(lambda rows: Rep(group, tuple(rows)))


def directions() -> st.SearchStrategy[tuple[float, float, float]]:
    """A direction in space, never too short."""
    number = st.floats(-2, 2, allow_nan=False, width=32)
    return st.tuples(number, number, number).filter(lambda v: np.linalg.norm(v) > 0.1)


@st.composite
def subgroups(draw: st.DrawFn, parent: CatalogGroup = O3) -> Subgroup:
    """A subgroup of O(3) or SO(3) of any family, with any axis and reference direction."""
    axis = draw(directions())
    mirror = draw(directions().filter(lambda v: np.linalg.norm(np.cross(axis, v)) > 0.05))
    return parent.subgroup(draw(st.sampled_from(FAMILIES[parent])), axis=axis, mirror=mirror)


seeds = st.integers(0, 2**31)


# helpers --------------------------------------------------------------------------------------------------------------


def close(a: np.ndarray, b: np.ndarray | float, tolerance: float = 1e-10) -> None:
    """Fails unless two arrays have one shape and agree to an absolute tolerance; a number stands for any shape."""
    b = b if np.ndim(b) else np.full(np.shape(a), b)
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def some(group: Group, seed: int = 0) -> np.ndarray:
    """Elements that no law should fail on: all of a small group, else the generators, products and random ones."""
    if group.order <= 16:
        return group.elements()
    generators = group.generators
    return np.concatenate([generators, generators[:1] @ generators[-1], group.sample(3, seed)])


def average(group: CatalogGroup, degree: int, values: np.ndarray) -> np.ndarray:
    """The Haar average of values `(q, ...)` on the quadrature of a degree."""
    return np.tensordot(group.quadrature(degree)[1], values, 1)


class Face:
    """What `import intertwine as tw` offers to a printed expression: `eval(repr(x), {"tw": Face})` gives x back."""

    SO2, O2, SO3, O3 = SO2, O2, SO3, O3
    cyclic, dihedral, group = map(staticmethod, (cyclic, dihedral, group))
    matrix_group, point_group, symmetric = map(staticmethod, (matrix_group, point_group, symmetric))


def evaluate(x: object) -> object:
    """What the printed form of a value evaluates to."""
    return eval(repr(x), {"tw": Face})
