"""Features in the coordinates of their irreps: the change of basis that the rep states, and back."""

import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, dihedral
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.reps import Rep
from intertwine.testing import equivariance_error

D8 = dihedral(8)
REPS = [
    O2.rep("1x1 + 2x0e + 3x1 + 1x0o"),  # irreps, neither sorted nor gathered
    O2.rep("2x0e + 1x1"),
    D8.rep("2xregular + 1x1"),
    D8.rep("2xregular + 1x3").restrict(D8.subgroup("C4")),
    O3.rep("2x2e + 1x1o").restrict(O3.subgroup("Cinfv")),
    O2.rep("1x1 + 1x0o") * O2.rep("2x1"),
    O2.rep("1x0e")[:0],
]


@pytest.mark.parametrize("rep", REPS, ids=str)
def test_to_irreps_and_back(rep: Rep) -> None:
    x = torch.randn(3, rep.dim, dtype=torch.float64)
    there, back = nn.ToIrreps(rep).double(), nn.FromIrreps(rep).double()
    assert there.rep_out == back.rep_in == rep.irreps
    torch.testing.assert_close(there(x), x @ torch.tensor(rep.change_of_basis))
    torch.testing.assert_close(back(there(x)), x)


def test_restricted_features_fall_apart_on_a_grid() -> None:
    """Behind a restriction norms see each irrep of the subgroup by itself, and the way back leads to permutations."""
    hidden, subgroup = D8.rep("2xregular"), D8.subgroup("C8")
    restrict = nn.Restrict(hidden, subgroup)
    apart = nn.ToIrreps(restrict.rep_out)
    net = nn.Sequential(
        nn.Conv2d(D8.rep("1x0e"), hidden, 3, padding=1),
        restrict,
        apart,
        nn.NormActivation(apart.rep_out),
        nn.FromIrreps(restrict.rep_out),
        nn.Activation(restrict.rep_out),
        nn.GlobalPool(restrict.rep_out, action=restrict.action),
    ).double()
    assert len(net.layers[3].bias) == sum(m for m, irrep in apart.rep_out.terms if not irrep.is_trivial)
    assert equivariance_error(net).exact < 1e-10


def test_errors_say_where_to_put_it() -> None:
    hidden = D8.rep("2xregular")
    with pytest.raises(ShapeError, match=r"nn\.Pixelwise"):
        nn.ToIrreps(hidden)(torch.zeros(1, hidden.dim, 5, 6))
    with pytest.raises(RepMismatchError, match="before the one that pools over all of space, such as GlobalPool"):
        nn.Sequential(nn.Conv2d(hidden, hidden, 3), nn.GlobalPool(hidden), nn.Restrict(hidden, D8.subgroup("C4")))


@pytest.mark.parametrize("name", ["C1", "C2", "C4", "C8", "D1", "D4"])
def test_a_restricted_regular_rep_falls_into_regular_ones(name: str) -> None:
    """As many as the index says, which pools over the smaller group see one by one."""
    subgroup = D8.subgroup(name)
    rep = D8.rep("2xregular").restrict(subgroup)
    layer = nn.ToRegular(rep)
    assert layer.rep_out == 2 * (16 // subgroup.group.order) * subgroup.group.regular
    x = torch.randn(3, rep.dim, dtype=torch.float64)
    assert torch.equal(layer(x).sort(-1).values, x.sort(-1).values)
    pooled = nn.GroupPool(layer.rep_out)
    for h in subgroup.group.elements():
        moved = layer(x @ torch.tensor(rep.matrix(h)).T)
        torch.testing.assert_close(moved, layer(x) @ torch.tensor(layer.rep_out.matrix(h)).T)
        torch.testing.assert_close(pooled(moved), pooled(layer(x)))


def test_what_is_not_free_is_told() -> None:
    for rep in (D8.rep("2x1"), D8.quotient(D8.subgroup("D1")), D8.rep("1xregular + 1x0e")):
        with pytest.raises(ArgumentError, match="Use ToIrreps"):
            nn.ToRegular(rep)
    with pytest.raises(ArgumentError, match="finite group"):
        nn.ToRegular(O2.rep("1x0e"))
