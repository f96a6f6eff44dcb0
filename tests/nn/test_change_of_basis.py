"""Features in the coordinates of their irreps: the change of basis that the rep states, and back."""

import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, dihedral
from intertwine.errors import RepMismatchError, ShapeError
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
    with pytest.raises(RepMismatchError, match="put the layer before the one that pools over all of space"):
        nn.Sequential(nn.Conv2d(hidden, hidden, 3), nn.GlobalPool(hidden), nn.Restrict(hidden, D8.subgroup("C4")))
