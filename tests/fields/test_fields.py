"""Field types move tensors as groups do: the laws of an action, and what points, edges and grids add to them."""

import copy
import pickle

import numpy as np
import pytest
import torch

import intertwine as tw
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.fields import (
    Displacements,
    EdgeFeatures,
    Edges,
    Features,
    FieldType,
    GridField,
    Index,
    PointFeatures,
    Positions,
    as_field,
    example_inputs,
)
from tests.registry import GROUPS

GRAPH = (PointFeatures(O3.rep("2x0e + 1x1o")), PointFeatures(), Edges(), Displacements(O3.defining), EdgeFeatures())
CLOUD = (Positions(SO2.defining), PointFeatures(SO2.rep("1x2")), EdgeFeatures(SO2.rep("2x1")))
FIELDS = [Features(O2.rep("2x0e + 1x1")), *GRAPH, *CLOUD, GridField(O2.rep("1x0e + 1x1")), GridField(O3.defining)]


def made(*fields: FieldType) -> tuple[torch.Tensor, ...]:
    return example_inputs(fields, 3, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("field", FIELDS, ids=repr)
def test_examples_are_such_tensors_and_values_travel(field: FieldType) -> None:
    (x,) = made(field)
    field.check(x)
    assert eval(repr(field), {"tw": tw}) == field == pickle.loads(pickle.dumps(field)) == copy.deepcopy(field)
    assert hash(field) == hash(copy.deepcopy(field))
    assert str(field)


@pytest.mark.parametrize("field", [f for f in FIELDS if f.group is not None], ids=repr)
def test_exact_elements_act_as_a_group(field: FieldType) -> None:
    """A(g) A(h) = A(gh), lengths stay, and the identity does nothing."""
    (x,) = made(field)
    elements = field.exact_elements(tuple(x.shape))
    for g, h in zip(elements[:8], elements[-8:], strict=True):
        assert field.is_exact(g @ h, tuple(x.shape))
        torch.testing.assert_close(field.act(g, field.act(h, x)), field.act(g @ h, x))
        torch.testing.assert_close(field.act(g, x).norm(), x.norm())
    assert torch.equal(field.act(np.eye(len(elements[0])), x), x)
    assert field.act(elements[-1], x.float()).dtype == torch.float32


@pytest.mark.parametrize("G", GROUPS, ids=str)
def test_features_and_vectors_move_by_their_rep(G: tw.Group) -> None:
    rep, g = 2 * G.defining, G.sample(1)[0]
    (x,) = made(Features(rep))
    torch.testing.assert_close(Features(rep).act(g, x), x @ torch.tensor(rep.matrix(g)).T)
    assert torch.equal(PointFeatures(rep).act(g, x), EdgeFeatures(rep).act(g, x))


@pytest.mark.parametrize(
    ("G", "shape", "count"),
    [
        (O2, (5, 5), 8),
        (O2, (4, 4), 8),
        (O2, (4, 5), 4),
        (SO2, (5, 5), 4),
        (SO2, (5, 4), 2),
        (O3, (4, 4, 4), 48),
        (SO3, (3, 3, 3), 24),
        (O3, (3, 4, 4), 16),
        (O3, (3, 4, 5), 8),
        (dihedral(6), (5, 5), 4),
        (cyclic(8), (5, 5), 4),
        (point_group("Td"), (5, 5, 5), 24),
        (point_group("D3d"), (5, 5, 5), 4),
    ],
    ids=str,
)
def test_which_elements_map_a_grid_to_itself(G: tw.Group, shape: tuple[int, ...], count: int) -> None:
    """The symmetries of the square are 8, of the cube 48; those of a group are what both share."""
    found = GridField(G.rep(f"1x{G.trivial}")).exact_elements((1, 1, *shape))
    assert len(found) == count
    assert G.contains(found).all()


def test_a_group_may_turn_the_grid_by_another_action() -> None:
    """By twice the angle: then turns by 45° are quarter turns of the image, 8 of them with all half turns."""
    field = GridField(SO2.rep("1x1"), SO2.rep("1x2"))
    (x,) = made(field)
    assert len(field.exact_elements(tuple(x.shape))) == 8
    quarter = SO2.rep("1x1").matrix(np.array([[0.0, -1.0], [1.0, 0.0]]))
    half = field.act(np.array([[np.sqrt(0.5), -np.sqrt(0.5)], [np.sqrt(0.5), np.sqrt(0.5)]]), x)
    assert half.shape == x.shape
    torch.testing.assert_close(
        field.act(quarter, x), torch.rot90(x.flip(1) * torch.tensor([-1.0, 1])[:, None, None], 2, (2, 3))
    )


def test_images_turn_as_on_a_screen() -> None:
    """Rows run down: a quarter turn is counterclockwise, as rot90, and a mirror y → −y exchanges rows."""
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    square, field = x[..., :3], GridField(O2.rep("1x0e"))
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert torch.equal(field.act(quarter, square), torch.rot90(square, 1, (2, 3)))
    assert torch.equal(field.act(np.diag([1.0, -1.0]), x), x.flip(2))
    assert torch.equal(field.act(-np.eye(2), x), x.flip(2, 3))
    arrows = torch.stack([torch.ones(3, 3), torch.zeros(3, 3)])[None]  # along x
    turned = GridField(O2.defining).act(quarter, arrows)
    assert torch.equal(turned, arrows.flip(1))  # along y


@pytest.mark.parametrize(("G", "n"), [(O2, 2), (O3, 3), (cyclic(16), 2), (point_group("I"), 3)], ids=str)
def test_between_pixels_linear_fields_move_exactly(G: tw.Group, n: int) -> None:
    """Linear interpolation is exact on linear functions: the field r ↦ r stays, for every g, away from the rim."""
    axis = torch.arange(11, dtype=torch.float64) - 5
    downwards = torch.meshgrid(*(n - 1) * (-axis,), axis, indexing="ij")
    field, position = GridField(G.defining), torch.stack(downwards[::-1])[None]
    inner = (slice(None), slice(None), *n * (slice(4, -4),))
    for g in G.sample(4, seed=1):
        torch.testing.assert_close(field.act(g, position)[inner], position[inner])


def test_both_ways_to_move_a_grid_agree_where_both_can() -> None:
    field = GridField(O3.rep("1x0o + 1x1e"))
    x = torch.randn(2, 4, 4, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for g in field.exact_elements(tuple(x.shape)):
        torch.testing.assert_close(field._interpolated(g, x), field._exchanged(g, x))


def test_points_take_new_numbers_and_edges_follow() -> None:
    """The same graph, told otherwise: displacements still join the points that edges number."""
    fields = (Positions(O3.defining), Edges(), Displacements(O3.defining), PointFeatures(), EdgeFeatures())
    r, edges, v, kinds, lengths = made(*fields)
    order = torch.tensor([2, 0, 1])
    moved = [field.relabel(x, order) for field, x in zip(fields, (r, edges, v, kinds, lengths), strict=True)]
    assert torch.equal(moved[0][moved[1][1]] - moved[0][moved[1][0]], moved[2])
    assert torch.equal(moved[0], r[order])
    assert torch.equal(moved[3], kinds[order])
    assert torch.equal(moved[4], lengths.flip(0))
    assert torch.equal(fields[0].relabel(r[None], order), r[None][:, order])
    for field, x in ((Features(O3.defining), r), (Index(), 3)):
        assert field.relabel(x, order) is x


def test_translations_move_positions_alone() -> None:
    shift = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    for field, x in zip(GRAPH, made(*GRAPH), strict=True):
        assert field.translate(x, shift) is x
    (r,) = made(Positions(O3.defining))
    assert torch.equal(Positions(O3.defining).translate(r, shift), r + shift)
    assert Positions(O3.defining).translate(r.float(), shift).dtype == torch.float32


def test_what_reps_mean() -> None:
    assert as_field(O2.rep("1x1")) == as_field(O2.irrep("1")) == Features(O2.rep("1x1"))
    assert as_field(None) == Index()
    assert as_field(Edges()) == Edges()
    assert Features(O2.rep("1x1")) != PointFeatures(O2.rep("1x1"))
    assert GridField(O2.rep("1x1"), O2.defining) == GridField(O2.rep("1x1"))
    assert GridField(O2.rep("1x1"), O2.rep("1x2")) != GridField(O2.rep("1x1"))
    with pytest.raises(ArgumentError, match=r"A rep was expected, but got '1x1'"):
        as_field("1x1")


def test_mistakes_are_named() -> None:
    image = GridField(O2.rep("3x0e"))
    for field, x, words in (
        (image, torch.zeros(1, 2, 5, 5), r"Input 0 has the rep 3x0e of O\(2\), 3 numbers on axis 1, but got .* \(1, 2"),
        (image, torch.zeros(1, 3, 5), r"Input 0 holds images \(B, C, −y, x\), but got a tensor of shape \(1, 3, 5\)"),
        (image, torch.zeros(3, 5, 5), r"Call x\[None\] for a grid without a batch"),
        (image, torch.zeros(1, 5, 5, 3), r"3 numbers on axis 1, .* Call x\.movedim\(-1, 1\)"),
        (Features(O2.rep("3x0e")), torch.zeros(1, 3, 5, 5), r"last axis, .* pass tw\.fields\.GridField\(rep\)"),
        (Features(O2.rep("3x0e")), torch.zeros(1, 4), "Check the reps and the inputs"),
        (image, [[1.0]], "is a tensor, but got a list"),
        (image, torch.zeros(1, 3, 5, 5, dtype=torch.uint8), r"got a tensor of torch\.uint8\. Call x\.double\(\)"),
        (GridField(O3.rep("1x0e")), torch.zeros(1, 1, 5, 5), r"volumes \(B, C, −z, −y, x\)"),
        (Positions(O3.defining), torch.zeros(3), r"in rows, but got a tensor of shape \(3,\)"),
        (Edges(), torch.zeros(2, 5), r"integers \(2, E\) that number points, but got a tensor of torch\.float32"),
        (Edges(), torch.zeros(3, 5, dtype=torch.long), r"shape \(3, 5\)"),
        (Edges(), 3, "but got 3"),
        (Features(O3.defining), [1.0], r"is a tensor, but got a list\. Call torch\.as_tensor"),
    ):
        with pytest.raises(ShapeError, match=words):
            field.check(x, "Input 0")
    with pytest.raises(ArgumentError, match="rep of dimension 2 or 3, but got 2x1o"):
        Positions(O3.rep("2x1o"))
    with pytest.raises(ArgumentError, match="rep of dimension 2 or 3"):
        GridField(tw.symmetric(4).rep("1x[4]"))
    with pytest.raises(RepMismatchError, match=r"3x0e of O\(2\) and the action 1x1 of SO\(2\)"):
        GridField(O2.rep("3x0e"), SO2.defining)
    with pytest.raises(ArgumentError, match="that nothing moves names no group"):
        Index().exact_elements((3,))
    with pytest.raises(ArgumentError, match="cannot be made up"):
        example_inputs((Index(),), 3, torch.Generator())
    with pytest.raises(ArgumentError, match="do not belong to one cloud"):
        made(Positions(O3.defining), Displacements(O2.defining))
