"""The linear layer: Schur's lemma with weights."""

import copy
import warnings

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, cyclic, dihedral
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError, UnreachableWarning
from intertwine.reps import Rep, intertwiners
from intertwine.testing import equivariance_error
from tests.registry import close, each_rep


def matrix(layer: nn.Linear) -> np.ndarray:
    """The matrix of a linear layer without its bias."""
    layer = copy.deepcopy(layer).double()
    if layer.bias is not None:
        layer.bias.data.zero_()
    return layer(torch.eye(layer.rep_in.dim, dtype=torch.float64)).detach().numpy().T


@each_rep
def test_its_matrix_is_an_intertwiner(rep: Rep) -> None:
    """Random weights give a map in the span of Hom(rep_in, rep_out), and reach all of it."""
    out = 2 * rep
    layer = nn.Linear(rep, out)
    known = intertwiners(rep, out)
    assert layer.weight.shape == (len(known),)
    found = matrix(layer)
    close(np.einsum("n,nij->ij", np.einsum("ij,nij->n", found, known), known), found, 1e-9)


def test_a_user_trains_one() -> None:
    """A linear layer learns the one linear map of vectors that commutes with rotations and mirrors: a multiple."""
    torch.manual_seed(0)
    layer = nn.Linear(O3.rep("1x1o"), O3.rep("1x1o"))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    x = torch.randn(50, 3)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (layer(x) - 2.5 * x).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 1e-6
    close(matrix(layer), 2.5 * np.eye(3), 1e-3)


def test_the_bias_is_on_invariants_alone() -> None:
    layer = nn.Linear(O3.rep("1x1o + 2x0e"), O3.rep("1x1o + 2x0e + 1x0e"))
    layer.bias.data.copy_(torch.tensor([1.0, 2.0, 3.0]))
    assert layer(torch.zeros(5)).tolist() == [0, 0, 0, 1, 2, 3]
    assert nn.Linear(O3.rep("1x1o"), O3.rep("1x1o")).bias is None
    assert nn.Linear(O3.rep("1x0e"), O3.rep("1x0e"), bias=False).bias is None


def test_the_bias_of_a_regular_rep_is_a_constant_function() -> None:
    layer = nn.Linear(dihedral(3).regular, dihedral(3).regular).double()
    layer.bias.data.fill_(6**0.5)
    close(layer(torch.zeros(6, dtype=torch.float64)).detach(), 1.0)
    assert equivariance_error(layer) < 1e-13


def test_grouping_changes_nothing() -> None:
    """1x1 + 1x1 and 2x1 are the same features up to order, and get the same maps with the same scales.

    Weights lie by output, input and endomorphism in the one, by endomorphism, input and output in the other.
    """
    for group, label in ((O2, "1"), (O3, "2e"), (SO2, "1"), (cyclic(5), "2")):
        apart, together = group.rep(f"1x{label} + 1x{label}"), group.rep(f"2x{label}")
        index = apart.index_of(together)
        a, b = nn.Linear(apart, apart), nn.Linear(together, together)
        with torch.no_grad():
            a.weight.copy_(b.weight.reshape(-1, 2, 2).permute(2, 1, 0).flatten())
        close(matrix(a)[np.ix_(index, index)], matrix(b))


def test_equal_names_with_different_bases_do_not_mix() -> None:
    """Vectors on cones about different axes print alike; a map between them turns one into the other."""
    first = O3.rep("1x1o").restrict(O3.subgroup("Cinfv", axis=(1, 1, 0)))
    second = O3.rep("1x1o").restrict(O3.subgroup("Cinfv", axis=(0, 1, 1)))
    assert str(first) == str(second)
    assert first != second
    assert equivariance_error(nn.Linear(first, second).double()) < 1e-13
    gate = nn.Gate(second + first)
    net = nn.Sequential(nn.Linear(first + second, gate.rep_in), gate, nn.Linear(gate.rep_out, 2 * first)).double()
    assert equivariance_error(net) < 1e-13
    with pytest.raises(RepMismatchError, match=r"They print alike, but are not the same: .*\(1, 1, 0\).*axis"):
        nn.Sequential(nn.Linear(second, second), nn.Linear(first, second))


def test_dead_outputs_are_named() -> None:
    with pytest.warns(
        UnreachableWarning, match=r"Linear: no path leads from its inputs \(2x1o\) to 3x0o \+ 1x2e: these"
    ) as record:
        layer = nn.Linear(O3.rep("2x1o"), O3.rep("3x0o + 1x1o + 1x2e"))
    assert record[0].filename == __file__  # it points at the user's line
    y = layer(torch.randn(4, 6))
    assert y[:, :3].eq(0).all()
    assert y[:, 6:].eq(0).all()


def test_invariants_that_the_input_lacks_are_constants() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = nn.Linear(O3.rep("2x1o"), O3.rep("2x0e + 1x1o"))
    assert layer(torch.randn(4, 6))[:, :2].eq(0).all()
    with pytest.warns(UnreachableWarning, match="to 2x0e"):
        nn.Linear(O3.rep("2x1o"), O3.rep("2x0e + 1x1o"), bias=False)


@pytest.mark.parametrize("out", ["1x1e", "2x0o + 1x2e", "3x0e"])
def test_nothing_to_learn_is_an_error(out: str) -> None:
    """A layer whose output does not depend on its input is a mistake, bias or not."""
    with pytest.raises(
        ArgumentError, match=r"no path leads from its inputs \(2x1o\) to .*, which is all of its output"
    ):
        nn.Linear(O3.rep("2x1o"), O3.rep(out))


def test_reps_of_dimension_0() -> None:
    """Empty features happen in generic code: when a filter keeps nothing."""
    layer = nn.Linear(O3.rep("2x1o"), O3.rep(""))
    assert layer(torch.randn(4, 6)).shape == (4, 0)


def test_mistakes_are_named() -> None:
    with pytest.raises(RepMismatchError, match=r"reps of O\(2\), O\(3\). Call rep.restrict\(subgroup\)"):
        nn.Linear(O2.rep("1"), O3.rep("1o"))
    with pytest.raises(ArgumentError, match="A rep was expected, but got '1x1'"):
        nn.Linear("1x1", O2.rep("1"))
    layer = nn.Linear(O2.rep("3x1"), O2.rep("1"))
    for shape in [(4, 5), (), (6, 4)]:
        with pytest.raises(ShapeError, match=r"Linear takes features of the rep 3x1 of O\(2\), 6 numbers on the last"):
            layer(torch.zeros(shape))


@pytest.mark.parametrize("features", [np.zeros((2, 3)), [0.0, 0.0, 0.0]])
def test_features_that_are_no_tensors(features: object) -> None:
    with pytest.raises(ShapeError, match=r"Linear takes features as a torch tensor, but got a (ndarray|list)"):
        nn.Linear(O3.rep("1x1o"), O3.rep("1x1o"))(features)
