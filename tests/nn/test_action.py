"""Features moved by elements that are tensors: the same as the rep's own matrices, with derivatives."""

import pytest
import torch

from intertwine.catalog import O3, group
from intertwine.errors import ShapeError
from intertwine.nn.action import ElementAction
from intertwine.reps import Rep
from tests.registry import close, each_rep, some


@each_rep
def test_it_moves_as_the_rep_does(rep: Rep) -> None:
    """For every group and kind of rep, forwards and back, one element for a whole cloud."""
    action, g = ElementAction(rep).double(), torch.tensor(some(rep.group, 1))
    x = torch.randn(len(g), 3, rep.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = torch.einsum("bij,bnj->bni", torch.tensor(rep.matrix(g.numpy())), x)
    close(action(g, x), moved)
    close(action(g, moved, inverse=True), x)
    close(action(g[0], x[0]), moved[0])


@pytest.mark.parametrize("name", ["SO(2)", "O(2)", "SO(3)", "O(3)", "Dinfh", "Oh"])
def test_derivatives(name: str) -> None:
    G = group(name)
    rep = G.harmonics(3)
    action, g = ElementAction(rep).double(), torch.tensor(G.sample(2)).requires_grad_()
    x = torch.randn(2, rep.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(action, (g, x))
    assert torch.autograd.gradgradcheck(action, (g, x))


def test_too_many_elements_are_named() -> None:
    with pytest.raises(ShapeError, match="cannot move features"):
        ElementAction(O3.rep("1x1o"))(torch.eye(3).expand(2, 4, 3, 3), torch.zeros(2, 3))
