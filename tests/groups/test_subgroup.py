"""The laws of a subgroup, for every name, axis and mirror of the registry and for random ones."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.spatial import axis_rotation
from intertwine.errors import ArgumentError, ElementError, LabelError, RepMismatchError
from intertwine.groups import Subgroup
from intertwine.reps import parse_rep
from tests.registry import (
    PLANAR,
    POINT_GROUPS,
    SKEW,
    SU2,
    close,
    each_subgroup,
    evaluate,
    reps,
    seeds,
    some,
    subgroups,
)


def check_membership(subgroup: Subgroup, seed: int) -> None:
    """The elements of the subgroup are told from those of the parent that are as far away as they can be."""
    inside, others = subgroup.embed(some(subgroup.group, seed)), some(subgroup.parent, seed)
    assert subgroup.contains(inside).all()
    assert subgroup.contains(inside[0]).shape == ()
    assert subgroup.contains(torch.tensor(inside, dtype=torch.float32)).all()
    assert not subgroup.contains(2 * inside).any()
    if subgroup.group.is_finite:
        distances = np.abs(others[:, None] - subgroup.embed(subgroup.group.elements())).max((-1, -2)).min(1)
        assert (subgroup.contains(others) == (distances < 1e-6)).all()


def check_embedding(subgroup: Subgroup, seed: int) -> None:
    """The embedding is a faithful homomorphism into the parent."""
    h = some(subgroup.group, seed)
    inside = subgroup.embed(h)
    assert subgroup.parent.contains(inside).all()
    close(inside[:, None] @ inside, subgroup.embed(h[:, None] @ h))
    close(inside.swapaxes(-1, -2), subgroup.embed(h.swapaxes(-1, -2)))
    close(subgroup.embed(np.eye(subgroup.group.dim)), np.eye(subgroup.parent.dim))
    distances, moved = (np.abs(x[:, None] - x).max((-1, -2)) for x in (h, inside))
    assert ((moved > 1e-6) == (distances > 1e-6)).all()


@each_subgroup
def test_embedding_is_a_homomorphism(subgroup: Subgroup) -> None:
    check_embedding(subgroup, seed=0)


@given(subgroups(), seeds)
def test_embedding_is_a_homomorphism_for_any_axis(subgroup: Subgroup, seed: int) -> None:
    check_embedding(subgroup, seed)


# membership -----------------------------------------------------------------------------------------------------------


@each_subgroup
def test_elements_of_the_subgroup_are_told_from_others(subgroup: Subgroup) -> None:
    check_membership(subgroup, seed=0)
    proper = subgroup.group != subgroup.parent
    if proper and not subgroup.parent.is_finite:
        outside = ~subgroup.contains(subgroup.parent.sample(20, 1))
        # O(3) holds SO(3), and O(2) holds SO(2), as half of its elements
        half = len(subgroup.group.lie_generators) == len(subgroup.parent.lie_generators)
        assert outside.any() if half else outside.all()
    if proper and subgroup.parent.is_finite:
        assert subgroup.contains(subgroup.parent.elements()).sum() == subgroup.group.order


@given(subgroups(), seeds)
def test_elements_are_told_from_others_for_any_axis(subgroup: Subgroup, seed: int) -> None:
    check_membership(subgroup, seed)


def test_which_copy_a_flip_lies_in() -> None:
    mirror, turn = np.diag([1.0, -1.0, 1.0]), np.diag([1.0, -1.0, -1.0])
    both = np.stack([mirror, turn, np.eye(3), -np.eye(3)])
    np.testing.assert_array_equal(O3.subgroup("Cinfv").contains(both), [True, False, True, False])
    np.testing.assert_array_equal(O3.subgroup("Dinf").contains(both), [False, True, True, False])
    np.testing.assert_array_equal(O3.subgroup("Dinfh").contains(both), [True, True, True, True])
    np.testing.assert_array_equal(O3.subgroup("SO(3)").contains(both), [False, True, True, False])
    assert not O3.subgroup("Cinfv").contains(np.full((3, 3), np.nan))
    with pytest.raises(ElementError, match=r"of shape \(\.\.\., 3, 3\), but got an array of shape \(2, 2\)"):
        O3.subgroup("Cinfv").contains(np.eye(2))


def test_membership_has_a_tolerance() -> None:
    cone, g = O3.subgroup("Cinfv", axis=SKEW), O3.subgroup("Cinfv", axis=SKEW).embed(O2.sample(5, 1))
    off = axis_rotation(0, 1e-4) @ g
    assert not cone.contains(off).any()
    assert cone.contains(off, tolerance=1e-3).all()


# restriction ----------------------------------------------------------------------------------------------------------


@each_subgroup
def test_restriction_keeps_the_matrices(subgroup: Subgroup) -> None:
    parent = subgroup.parent
    rep = parent.rep("2x" + " + 1x".join(parent.labels(2))) + parent.defining
    if parent.dim in (2, 3):
        rep = rep + parent.harmonics(2) * parent.defining
    restricted = rep.restrict(subgroup)
    h = some(subgroup.group)
    assert restricted.group == subgroup.group
    close(restricted.matrix(h), rep.matrix(subgroup.embed(h)))


@given(st.data(), seeds)
def test_restriction_keeps_the_matrices_for_any_axis(data: st.DataObject, seed: int) -> None:
    subgroup, rep = data.draw(subgroups()), data.draw(reps(O3))
    h = some(subgroup.group, seed)
    close(rep.restrict(subgroup).matrix(h), rep.matrix(subgroup.embed(h)))


CHAINS = [
    (O3.subgroup("SO(3)"), SO3.subgroup("Dinf", axis=SKEW)),
    (O3.subgroup("SO(3)", axis=SKEW), SO3.subgroup("C5", axis=(0, 1, 1))),
    (O3.subgroup("Cinfv", axis=SKEW), O2.subgroup("D4", mirror=0.3)),
    (O3.subgroup("Cinfv"), O2.subgroup("SO(2)")),
    (O3.subgroup("Dinf", mirror=(1, 1, 0)), O2.subgroup("D3")),
    (O3.subgroup("D6", axis=(1, 0, 0)), dihedral(6).subgroup("D2", mirror=np.pi / 6)),
    (O2.subgroup("D8", mirror=0.1), dihedral(8).subgroup("C4")),
    (O2.subgroup("SO(2)"), SO2.subgroup("C6")),
    (SO2.subgroup("C6"), cyclic(6).subgroup("C3")),
]


@pytest.mark.parametrize(("outer", "inner"), CHAINS, ids=lambda subgroup: str(subgroup).replace(" ", ""))
def test_restriction_composes(outer: Subgroup, inner: Subgroup) -> None:
    whole = inner.within(outer)
    check_embedding(whole, seed=1)
    rep = outer.parent.harmonics(3) + outer.parent.rep("2x" + outer.parent.labels(1)[1])
    stepwise, direct = rep.restrict(outer).restrict(inner), rep.restrict(whole)
    h = some(inner.group)
    close(whole.embed(h), outer.embed(inner.embed(h)))
    close(stepwise.matrix(h), direct.matrix(h))
    assert stepwise.irreps == direct.irreps
    check_membership(whole, seed=1)


def test_three_subgroups_in_a_row_associate() -> None:
    a, b, c = O3.subgroup("SO(3)", axis=SKEW), SO3.subgroup("Dinf"), O2.subgroup("D4", mirror=0.2)
    h = some(c.group)
    close(c.within(b).within(a).embed(h), c.within(b.within(a)).embed(h))
    check_membership(c.within(b).within(a), seed=2)
    check_membership(c.within(b.within(a)), seed=2)


def test_a_composed_subgroup_says_where_it_lies() -> None:
    pyramid = O2.subgroup("D4").within(O3.subgroup("Cinfv"))
    assert str(pyramid) == "D4 in Cinfv in O(3)"  # not the D4 of O(3), whose flips are half-turns
    assert "It lies in O(3) through Cinfv." in pyramid.describe()
    h = some(pyramid.group)
    close(pyramid.embed(h), O3.subgroup("C4v").embed(h))


def test_the_frame_does_not_change_the_content() -> None:
    """Conjugate subgroups restrict a rep to equivalent reps."""
    for name in ("Cinf", "Cinfv", "Dinf", "Dinfh", "C3v", "D2"):
        contents = {
            O3.harmonics(4).restrict(O3.subgroup(name, axis=axis)).irreps for axis in [(0, 0, 1), SKEW, (1, 1, 0)]
        }
        assert len(contents) == 1


# geometry -------------------------------------------------------------------------------------------------------------


@given(st.data())
def test_axes_and_mirrors_lie_where_they_were_put(data: st.DataObject) -> None:
    """Rotations and mirrors of a cone keep its axis; half-turns reverse it. The reference flip keeps the reference."""
    axis, mirror = np.array([0.2, -1.0, 0.4]), np.array(data.draw(st.sampled_from([(1, 0, 0), (0, 1, 2), (-1, 0, 3)])))
    cone = O3.subgroup("Cinfv", axis=axis, mirror=mirror)
    turn = O3.subgroup("Dinf", axis=axis, mirror=mirror)
    flip = np.diag([1.0, -1.0])
    across = mirror - (mirror @ axis) / (axis @ axis) * axis
    close(cone.embed(some(O2)) @ axis, np.tile(axis, (len(some(O2)), 1)))
    close(cone.embed(flip) @ across, across)
    close(turn.embed(flip) @ across, across)
    close(turn.embed(flip) @ axis, -axis)
    close(np.linalg.det(cone.embed(flip)), -1.0)
    close(np.linalg.det(turn.embed(flip)), 1.0)
    close(cone.embed(flip), turn.embed(flip) @ (np.eye(3) - 2 * np.outer(axis, axis) / (axis @ axis)))


def test_rotations_turn_counter_clockwise_about_the_axis() -> None:
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    for name in ("Cinf", "Cinfv", "Dinf", "C4", "C4v", "D4"):
        close(O3.subgroup(name).embed(quarter), [[0, -1, 0], [1, 0, 0], [0, 0, 1]])


def test_a_planar_mirror_keeps_its_line() -> None:
    for mirror, line in ((0.3, (np.cos(0.3), np.sin(0.3))), ((-1, 2), (-1, 2)), (None, (1, 0))):
        flip = O2.subgroup("D1", mirror=mirror).embed(np.diag([1.0, -1.0]))
        close(flip @ line, line)
        close(np.linalg.det(flip), -1.0)


# words ----------------------------------------------------------------------------------------------------------------


KINDS = ("vector", "pseudovector")


@each_subgroup
def test_the_words_are_true(subgroup: Subgroup) -> None:
    """What `describe` says about vectors and pseudovectors is what restriction gives."""
    words = subgroup.describe()
    plain = re.sub(r"half-turn|-gon|(?<=escnn) (id|is) [^;]*$", "", words)
    assert "-" not in plain  # a minus sign is −
    assert words.startswith(f"{subgroup.name} is a")
    assert not words.count("{")
    if subgroup.parent not in (SO2, O2, SO3, O3, *PLANAR, *POINT_GROUPS):
        return  # nothing is said of vectors
    vector, pseudovector = (re.search(rf"A {kind} \([^)]+\) restricts to ([^:.]+)[:.]", words) for kind in KINDS)
    if vector:
        assert parse_rep(subgroup.group, vector[1]) == subgroup.parent.defining.restrict(subgroup).irreps
    else:
        assert subgroup.name in ("O(3)", "SO(3)")
    if pseudovector and pseudovector[1] != "the same":
        assert parse_rep(subgroup.group, pseudovector[1]) == O3.rep("1x1e").restrict(subgroup).irreps
    elif pseudovector:
        assert O3.rep("1x1e").restrict(subgroup).irreps == O3.rep("1x1o").restrict(subgroup).irreps
    else:
        assert subgroup.parent != O3 or not vector


def test_a_cone_is_described() -> None:
    assert O3.subgroup("C∞v", axis=(0, 0, -2)).describe() == "\n".join(
        [
            "Cinfv is a copy of O(2) inside O(3): the symmetry of a cone.",
            "Its main axis is −z. It holds the rotations about −z by every angle.",
            "Its flips are mirrors (determinant −1) whose planes contain −z. The reference flip is the mirror that "
            "contains −z and x: (x, y, z) → (x, −y, z).",
            "A vector (1o) restricts to 0e + 1: −z stays, (x, −y) turns. A pseudovector (1e) restricts to 0o + 1: "
            "−z changes sign under the mirrors.",
            "Do not mistake it for Dinf, the other copy of O(2), whose flips are half-turns. "
            "Cinfv does not lie in SO(3).",
            "Data whose flips send y → −y and keep z: Cinfv; flips that also send z → −z: Dinf.",
            "Other names: Hermann–Mauguin ∞m, escnn id ('cone', -1) (with its own axes).",
        ]
    )


@pytest.mark.parametrize(
    ("subgroup", "advice"),
    [
        (O3.subgroup("Dinf"), "flips send y → −y and keep z: Cinfv; flips that also send z → −z: Dinf."),
        (O3.subgroup("C2v", axis=(1, 0, 0)), "flips send z → −z and keep x: C2v; flips that also send x → −x: D2."),
        (SO3.subgroup("D3", axis=(1, 1, 0)), "flips keep a: C3v; flips that reverse a: D3."),
        (O3.subgroup("C4v", mirror=(1, 1, 0)), "flips keep z: C4v; flips that send z → −z: D4."),
    ],
    ids=str,
)
def test_the_words_advise_which_copy_to_take(subgroup: Subgroup, advice: str) -> None:
    assert f"Data whose {advice}" in subgroup.describe().splitlines()
    assert " It does not" not in subgroup.describe()


def test_a_planar_subgroup_is_described() -> None:
    assert dihedral(8).subgroup("D2", mirror=(1, 1)).describe() == "\n".join(
        [
            "D2 is a subgroup of D8 with 4 elements.",
            "It holds the rotations about the origin by multiples of 180°.",
            "Its reference flip is the mirror that keeps the line at 45° from the x axis: (x, y) → (y, x).",
            "A vector (1) restricts to 1e + 1o: the part along that line and the part across it change sign "
            "independently.",
            "Its id in escnn is (2, 2).",
        ]
    )


# values ---------------------------------------------------------------------------------------------------------------


@each_subgroup
def test_subgroups_are_values(subgroup: Subgroup) -> None:
    same = [copy.deepcopy(subgroup), pickle.loads(pickle.dumps(subgroup)), evaluate(subgroup)]
    assert all(other == subgroup and hash(other) == hash(subgroup) for other in same)
    assert all(other.describe() == subgroup.describe() for other in same)


def test_composed_subgroups_are_values() -> None:
    whole = O2.subgroup("D4", mirror=0.3).within(O3.subgroup("Cinfv", axis=SKEW))
    for other in (copy.deepcopy(whole), pickle.loads(pickle.dumps(whole)), evaluate(whole)):
        assert other == whole
    assert whole != O2.subgroup("D4").within(O3.subgroup("Cinfv", axis=SKEW))


def test_different_positions_differ() -> None:
    assert O3.subgroup("Cinfv") == O3.subgroup("C∞v", axis=(0, 0, 3), mirror=(1, 0, 5))
    assert O3.subgroup("Cinfv") != O3.subgroup("Dinf")
    assert O3.subgroup("Cinfv") != O3.subgroup("Cinfv", axis=(0, 0, -1))
    assert O3.subgroup("Dinf") != SO3.subgroup("Dinf")


def test_embedding_takes_tensors() -> None:
    angle = torch.tensor(0.3, requires_grad=True)
    c, s = torch.cos(angle), torch.sin(angle)
    inside = O3.subgroup("Dinf", axis=SKEW).embed(torch.stack([torch.stack([c, -s]), torch.stack([s, c])]))
    assert inside.dtype == torch.float32
    inside[0, 0].backward()
    assert abs(angle.grad) > 0.1


# mistakes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: O3.subgroup("Q7"), LabelError, r"O\(3\) has no subgroup called 'Q7'\. Known names are"),
        (lambda: O3.subgroup("C0"), LabelError, "'C0'"),
        (lambda: O3.subgroup(None), LabelError, "None"),
        (lambda: O3.subgroup("O(2)"), LabelError, r"'Cinfv'\) for the copy whose flips are mirrors.*'Dinf'"),
        (lambda: SO3.subgroup("C3v"), LabelError, r"C3v holds maps of determinant −1.*Call tw\.O3\.subgroup\('C3v'\)"),
        (lambda: SO3.subgroup("O(3)"), LabelError, r"O\(3\) holds maps of determinant −1"),
        (lambda: SO2.subgroup("D2"), LabelError, r"SO\(2\) has no subgroup called 'D2'"),
        (lambda: dihedral(6).subgroup("D4"), LabelError, "where n divides 6"),
        (lambda: cyclic(6).subgroup("SO(2)"), LabelError, r"'SO\(2\)'"),
        (lambda: dihedral(6).subgroup("D3", mirror=0.1), LabelError, r"D6 has no mirror line at 0\.1 rad for D3"),
        (lambda: O2.subgroup("C4", mirror=0.1), ArgumentError, r"C4 has no mirrors, but got mirror=0\.1"),
        (lambda: O2.subgroup("D4", axis=(0, 0, 1)), ArgumentError, r"take mirror=…, not axis=…"),
        (lambda: O2.subgroup("D4", mirror=(0, 0)), ArgumentError, r"nonzero vector \(x, y\), but got \(0, 0\)"),
        (lambda: O2.subgroup("D4", mirror=np.nan), ArgumentError, "got .*nan"),
        (lambda: O3.subgroup("Cinfv", axis=(0, 0, 0)), ArgumentError, r"axis .* nonzero vector .* \(0, 0, 0\)"),
        (lambda: O3.subgroup("Cinfv", axis=(0, 1)), ArgumentError, r"\(0, 1\)"),
        (lambda: O3.subgroup("Cinfv", axis=(0, np.nan, 1)), ArgumentError, "got .*nan"),
        (lambda: O3.subgroup("Cinfv", mirror=0.3), ArgumentError, r"mirror of a subgroup .* 0\.3"),
        (
            lambda: O3.subgroup("Cinfv", mirror=(0, 0, 2)),
            ArgumentError,
            r"\(0, 0, 2\) is parallel to the axis \(0, 0, 1",
        ),
        (lambda: O3.subgroup("Dinfh").group.subgroup("C3h", axis=(1, 0, 0)), LabelError, "Dinfh has no subgroup C3h"),
        (lambda: point_group("Td").subgroup("Ci"), LabelError, r"Td has no subgroup Ci\. Call .*\.subgroups\(\)"),
        (lambda: point_group("Oh").subgroup("SO(3)"), LabelError, r"Oh has no subgroup SO\(3\)\. Call"),
        (lambda: point_group("D6h").subgroup("m-3m"), LabelError, r"D6h has no subgroup m-3m\. Call"),
        (lambda: point_group("O").subgroup("Td"), LabelError, "Td holds maps of determinant −1"),
        (lambda: point_group("Oh").subgroup("C4", axis=(1, 1, 1)), LabelError, "no subgroup C4 with these axes"),
        (
            lambda: symmetric(3).subgroup("6b"),
            LabelError,
            r"no subgroup called '6b'\. Its subgroups are 1,",
        ),
        (lambda: symmetric(3).subgroup("6", axis=(0, 0, 1)), ArgumentError, "have no axes and mirrors to choose"),
        (lambda: SU2.subgroup("C2"), ArgumentError, r"continuous and has no names for them\. Make one from"),
    ],
)
def test_wrong_names_and_directions_are_explained(call: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_subgroups_of_other_groups_are_refused() -> None:
    cone = O3.subgroup("Cinfv")
    with pytest.raises(RepMismatchError, match=r"Cinfv is a subgroup of O\(3\), but the rep belongs to SO\(3\)"):
        SO3.rep("1x1").restrict(cone)
    with pytest.raises(RepMismatchError, match=r"C4 is a subgroup of D8, but the embedding given is one of O\(2\)"):
        dihedral(8).subgroup("C4").within(cone)
    with pytest.raises(ElementError, match=r"not elements of D4"):
        O3.subgroup("C4v").embed([[0.6, -0.8], [0.8, 0.6]])


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1.0, 1e200])
def test_the_length_of_a_direction_does_not_matter(scale: float) -> None:
    axis = tuple(scale * v for v in SKEW)
    close(O3.subgroup("Cinfv", axis=axis).frame.array, O3.subgroup("Cinfv", axis=SKEW).frame.array)
