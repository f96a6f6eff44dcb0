"""Modules in a row: reps chain when the row is built, not when it runs."""

import pytest
import torch
from torch import nn as plain

from intertwine import nn, ops
from intertwine.catalog import O2, O3, SO3
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.fields import Displacements, Edges, PointFeatures
from intertwine.testing import equivariance_error

HIDDEN = O2.rep("4x0e + 2x1")


def test_a_user_builds_a_network() -> None:
    net = nn.Sequential(
        nn.Linear(O2.rep("1x0e + 1x1 + 1x2"), HIDDEN),
        nn.NormActivation(HIDDEN),
        nn.Linear(HIDDEN, O2.rep("5x0e")),
        plain.LayerNorm(5),
        plain.Sequential(plain.Linear(5, 16), plain.SiLU(), plain.Dropout(0.1)),
        plain.Linear(16, 2),
        nn.Linear(O2.rep("2x0e"), O2.rep("1x0e")),
    )
    assert net.rep_in == O2.rep("1x0e + 1x1 + 1x2")
    assert net.rep_out == O2.rep("1x0e")
    assert equivariance_error(net.double().eval()) < 1e-13
    assert len(net) == 7
    assert net[1] is list(net)[1]
    assert "NormActivation(4x0e + 2x1 → 4x0e + 2x1, O(2))" in repr(net)


def test_plain_modules_give_invariants() -> None:
    net = nn.Sequential(nn.Linear(HIDDEN, O2.rep("3x0e")), plain.Linear(3, 7))
    assert net.rep_out == O2.rep("7x0e")
    assert net(torch.randn(2, 3, 8)).shape == (2, 3, 7)


def test_building_leaves_plain_modules_alone() -> None:
    """The trial run that finds the width updates no statistics, changes no mode and draws no random numbers."""
    norm = plain.BatchNorm1d(3)
    frozen = plain.Sequential(plain.Linear(3, 3), norm, plain.Dropout(0.5))
    norm.eval()
    before = torch.random.get_rng_state()
    nn.Sequential(nn.Gate(O2.rep("3x0e")), frozen)
    assert torch.equal(before, torch.random.get_rng_state())
    assert norm.num_batches_tracked == 0
    assert not norm.training
    assert frozen.training


def test_rows_that_do_not_chain() -> None:
    with pytest.raises(
        RepMismatchError, match=r"Module 1 \(NormActivation\) takes 4x0e of O\(2\), but the one before give"
    ):
        nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.NormActivation(O2.rep("4x0e")))
    with pytest.raises(RepMismatchError, match=r"takes 1x1 of SO\(3\), but the one before gives 1x1 of O\(2\)"):
        nn.Sequential(nn.Linear(HIDDEN, O2.rep("1x1")), nn.NormActivation(SO3.rep("1x1")))
    with pytest.raises(
        ArgumentError, match=r"Module 1 \(ReLU\) is not equivariant, but would meet 4x0e \+ 2x1 of O\(2\)"
    ):
        nn.Sequential(nn.Linear(HIDDEN, HIDDEN), plain.ReLU())
    with pytest.raises(ArgumentError, match="Linear does not take 4 channels: "):
        nn.Sequential(nn.Linear(HIDDEN, O2.rep("4x0e")), plain.Linear(5, 2))
    with pytest.raises(ArgumentError, match="but got Linear first"):
        nn.Sequential(plain.Linear(5, 2))
    with pytest.raises(ArgumentError, match="but got no modules first"):
        nn.Sequential()
    with pytest.raises(
        ArgumentError, match=r"Module 0 \(TensorProduct\) takes 2 inputs, but Sequential hands one tensor on"
    ):
        nn.Sequential(nn.TensorProduct(HIDDEN, HIDDEN, HIDDEN))
    with pytest.raises(RepMismatchError, match=r"Module 1 \(PointConv\) takes features of 1x1 of O\(2\) per"):
        nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.PointConv(O2.rep("1x1"), HIDDEN))
    in_space = nn.PointConv(HIDDEN, HIDDEN, action=O3.rep("1o").restrict(O3.subgroup("Cinfv")))
    with pytest.raises(RepMismatchError, match=r"see the same vectors, but theirs are moved by 1x1, 1x\[1o"):
        nn.Sequential(nn.PointConv(HIDDEN, HIDDEN, degree=1), in_space)


def test_layers_on_edges_share_what_depends_on_edges_alone() -> None:
    """A row of them, with plain layers between, is their composition; it is a layer on edges itself."""
    torch.manual_seed(0)
    first = nn.DepthwiseConv(HIDDEN, ["0e", "1"], degree=1, hidden=(5,))
    mixed = nn.Linear(first.rep_out, HIDDEN)
    inner = nn.Sequential(first, mixed)
    last = nn.PointConv(HIDDEN, O2.rep("3x0e"), degree=2, hidden=(4,))
    net = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), inner, last, plain.Linear(3, 2)).double()
    assert net.fields_in == (PointFeatures(HIDDEN), Edges(), Displacements(O2.defining))
    assert net.field_out == PointFeatures(O2.rep("2x0e"))
    assert net.edge_layers == [first, last]
    x, positions = torch.randn(4, HIDDEN.dim).double(), torch.randn(4, 2).double()
    edges = torch.tensor([[0, 1, 2, 3, 3], [1, 2, 0, 0, 1]])
    vectors = positions[edges[1]] - positions[edges[0]]
    expected = net[3](last(mixed(first(net[0](x), edges, vectors)), edges, vectors))
    torch.testing.assert_close(net(x, edges, vectors), expected)
    torch.testing.assert_close(net(x, ops.graph(edges, 4), vectors), expected)
    geometry = net.geometry(edges, vectors, 4)
    assert geometry.harmonics.shape == (5, 5)
    torch.testing.assert_close(net(x, geometry), expected)
    with pytest.raises(ShapeError, match=r"takes edges as one tensor of shape \(2, E\) or as a Graph"):
        net(x)
    with pytest.raises(ArgumentError, match="no vectors beside it, but got that of 4 points and vectors"):
        net(x, geometry, vectors)
    with pytest.raises(ArgumentError, match=r"holds no layers on edges, so that it takes features alone: net\(x\)"):
        net[:1](x, edges, vectors)


def test_functions_are_no_modules() -> None:
    words = r"number 1 is {}, a \w+\. Wrap a function in nn\.Activation or a torch module such as torch\.nn\.ReLU\(\)"
    for wrong, name in ((torch.relu, "relu"), (plain.ReLU, "ReLU"), (torch.zeros(1), r"tensor\(\[0\.\]\)")):
        with pytest.raises(ArgumentError, match=words.format(name)):
            nn.Sequential(nn.Linear(HIDDEN, O2.rep("4x0e")), wrong)


def test_pseudoscalars_are_no_invariants() -> None:
    with pytest.raises(ArgumentError, match="would meet 1x0e \\+ 1x0o"):
        nn.Sequential(nn.Activation(O3.rep("1x0e + 1x0o")), plain.Tanh())


def test_rows_in_rows() -> None:
    inner = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.NormActivation(HIDDEN))
    net = nn.Sequential(inner, inner, nn.Linear(HIDDEN, O2.rep("1x1")))
    assert equivariance_error(net.double()) < 1e-13
    assert len(list(net.parameters())) == 4  # weight, bias, bias of the norms, once each; weight


def test_slices_are_networks() -> None:
    """What stands before a head is of interest by itself: `net[:-1]` runs, with the weights of `net`."""
    head = nn.heads.GroupElement(O2)
    net = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.NormActivation(HIDDEN), nn.Linear(HIDDEN, head.rep_in), head)
    x = torch.randn(5, HIDDEN.dim)
    assert isinstance(net[:-1], nn.Sequential)
    assert torch.equal(head(net[:-1](x)), net(x))
    assert not head.degenerate(net[:-1](x)).all()


def test_another_order_of_the_same_blocks_is_said_to_be_one() -> None:
    with pytest.raises(RepMismatchError, match="the same blocks in another order"):
        nn.Sequential(nn.Linear(HIDDEN, O2.rep("2x1 + 4x0e")), nn.NormActivation(HIDDEN))
