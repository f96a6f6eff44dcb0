"""Branching tables with polynomials: the parts are what the subgroup makes of them."""

import json

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO3, group
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.symmetry import branching, explain
from intertwine.symmetry.words.branching import branches
from intertwine.symmetry.words.polynomials import component_name, harmonic_coefficients


def parts(subgroup: Subgroup, label: str, degree: int = 3) -> list[tuple[str, tuple[str, ...]]]:
    return [(b.part, b.polynomials) for b in branching(subgroup, degree).branches if b.irrep == label]


def test_the_two_copies_of_o2_in_space() -> None:
    """A vector keeps its z in the cone, and z changes sign with the half-turns."""
    assert parts(O3.subgroup("Cinfv"), "1o") == [("0e", ("z",)), ("1", ("x", "y"))]
    assert parts(O3.subgroup("Dinf"), "1o") == [("0o", ("z",)), ("1", ("x", "y"))]
    assert parts(O3.subgroup("Cinfv"), "2e")[0] == ("0e", ("x² + y² − 2z²",))


def test_the_order_parameters_of_the_square() -> None:
    """x² − y² is of type B1g of D4h, xy of type B2g: what the founding task is about."""
    assert ("B1g", ("x² − y²",)) in parts(O3.subgroup(group("D4h")), "2e")
    assert ("B2g", ("xy",)) in parts(O3.subgroup(group("D4h")), "2e")


def test_trivial_parts_are_what_the_subgroup_fixes() -> None:
    for name in ("Cinfv", "D4h", "Td", "C3v"):
        subgroup = O3.subgroup(name)
        for irrep in O3.irreps(4):
            invariants = sum(part.is_trivial for part, _ in branches(irrep, subgroup))
            elements, weights = subgroup.group.quadrature(4)
            mean = np.tensordot(weights, irrep.evaluate(subgroup.embed(elements)), 1)
            assert invariants == round(float(np.trace(mean)))


def test_all_components_are_named_once() -> None:
    for subgroup in (O3.subgroup("Oh"), SO3.subgroup("D3"), O2.subgroup("D3"), group("Oh").subgroup("D4h")):
        table = branching(subgroup, 3)
        for irrep in subgroup.parent.irreps(3):
            assert sum(len(b.polynomials) for b in table.branches if b.irrep == irrep.label) == irrep.dim
        assert str(table).splitlines()[0].startswith(str(subgroup.parent))
        json.dumps(table.to_dict())


@pytest.mark.parametrize(
    ("label", "vector", "name"),
    [
        ("0e", [1.0], "1"),
        ("0o", [1.0], "pseudoscalar"),
        ("1e", [1.0, 0, 0], "x (pseudo)"),
        ("2e", harmonic_coefficients(lambda r: r[0] * r[1], 2), "xy"),
    ],
)
def test_components_in_space(label: str, vector: list[float], name: str) -> None:
    assert component_name(O3.irrep(label), np.asarray(vector)) == name


def test_components_in_the_plane() -> None:
    assert component_name(O2.irrep("2"), np.array([0.0, 1.0])) == "xy"
    assert component_name(O2.irrep("0o"), np.array([1.0])) == "pseudoscalar"
    assert component_name(group("Td").irrep("E"), np.array([0.5, 0.25])) == "0.5 0.25"


def test_ids_of_escnn_are_explained() -> None:
    """As tuples, and as the text that a user copies; the cone and the half-turns side by side."""
    assert str(explain(("cone", -1))) == str(explain("O(3)", "Cinfv")) == str(explain("('cone', -1)"))
    text = str(explain(("cone", -1), (False, True, -1)))
    assert "a twisted cylinder" in text
    assert "z is reversed" in text
    assert "1o  0e: z  |  1: x, y" in str(explain(("cone", -1)))
    assert "Td" in str(explain("fulltetra"))
    with pytest.raises(ArgumentError, match="from 0 on, but got -1"):
        explain("D3", degree=-1)
