"""Convolution in the frames of edges: the complete kernel at less cost."""

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, SO3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, UnreachableWarning
from intertwine.kernels import kernel_basis
from intertwine.nn.edge_frame import AXIS, EdgeFrames, FramedFeatures, axis_stabiliser, edge_turns
from intertwine.nn.radial import RadialBasis
from intertwine.reps.wigner import wigner_matrices

DIRECTIONS = torch.cat([torch.eye(3), -torch.eye(3), torch.tensor([[3.0, 1e-9, -4.0], [3.0, -1e-9, -4.0]])]).double()


def some_vectors(number: int) -> torch.Tensor:
    """Seeded vectors `(number, 3)`."""
    return torch.randn(number, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class Constant(RadialBasis):
    """One function of the distance: 1."""

    def forward(self, r: torch.Tensor) -> torch.Tensor:
        return torch.ones_like(r)[..., None]


def plain(layer: nn.SO2Conv) -> nn.SO2Conv:
    """The layer with radial weights 1."""
    layer = layer.double()
    with torch.no_grad():
        layer.radial.weights[0].fill_(1)
    return layer


def kernels(layer: nn.SO2Conv, vectors: torch.Tensor) -> torch.Tensor:
    """K(r) `(..., rep_out.dim, rep_in.dim)` along vectors `(E, 3)`: what arrives of each basis vector."""
    sent = torch.eye(layer.rep_in.dim, dtype=vectors.dtype)
    edges = torch.stack([torch.zeros(len(vectors), dtype=torch.long), torch.arange(1, len(vectors) + 1)])
    alone = [layer(torch.cat([x[None], x.new_zeros(len(vectors), len(x))]), edges, vectors)[1:] for x in sent]
    return torch.stack(alone, -1)


@pytest.mark.parametrize("vectors", [DIRECTIONS, some_vectors(7)], ids=["axes", "random"])
def test_turns_take_the_axis_to_the_vector(vectors: torch.Tensor) -> None:
    turns = edge_turns(2.5 * vectors)
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(turns @ vectors.new_tensor(AXIS), unit)
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3).double().expand_as(turns))
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(len(vectors)).double())


def test_frames_are_wigner_matrices() -> None:
    """Up to a constant change of basis that is the same for all vectors."""
    vectors = some_vectors(4)
    exact = wigner_matrices(tuple(range(7)), edge_turns(vectors))
    for label, matrices in EdgeFrames(O3.irreps(6)).double()(vectors, {}).items():
        basis = exact[int(label[:-1])].mT @ matrices
        torch.testing.assert_close(basis, basis[:1].expand_as(basis))
        torch.testing.assert_close(basis[0] @ basis[0].T, torch.eye(len(basis[0])).double())


@pytest.mark.parametrize(("G", "text"), [(O3, "2x0e + 1x1o + 2x2o + 1x3e + 1x1e"), (SO3, "1x2 + 3x1 + 1x4")], ids=str)
def test_features_in_a_frame_and_back(G: CatalogGroup, text: str) -> None:
    """Nothing is lost, and turning features and vectors about the axis acts in the frame as the stabiliser does."""
    rep = G.rep(text)
    framed, frames = FramedFeatures(rep, None), EdgeFrames([irrep for _, irrep in rep.terms]).double()
    x = torch.randn(len(DIRECTIONS), rep.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    along = frames(DIRECTIONS, {})
    torch.testing.assert_close(framed.out_of(framed.into(x, along), along), x)
    stabiliser = axis_stabiliser(G)
    (h,) = stabiliser.group.sample(1, seed=1)
    axis = frames(torch.tensor(AXIS).double().expand(len(x), 3), {})
    moved = x @ torch.from_numpy(rep.evaluate(stabiliser.embed(h))).T
    torch.testing.assert_close(
        framed.into(moved, axis), framed.into(x, axis) @ torch.from_numpy(framed.framed.evaluate(h)).T
    )


@pytest.mark.parametrize("G", [O3, SO3], ids=str)
def test_the_kernel_is_the_complete_one(G: CatalogGroup) -> None:
    """As many weights as the complete kernel has paths; and with `W = K(y)` the kernels agree in every direction."""
    rep_in, rep_out = G.harmonics(2) + 2 * G.defining, G.harmonics(3) + G.defining
    layer = plain(nn.SO2Conv(rep_in, rep_out, Constant(1.0, 1), hidden=()))
    basis = kernel_basis(G.defining, rep_in, rep_out)
    assert layer.weight.numel() == len(basis)
    coefficients = torch.randn(len(basis), dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def complete(vectors: torch.Tensor) -> torch.Tensor:
        return torch.einsum("k,ekoi->eoi", coefficients, torch.from_numpy(basis(vectors.numpy())))

    axis = torch.tensor([AXIS], dtype=torch.float64)
    columns = []
    for weight in torch.eye(layer.weight.numel(), dtype=torch.float64):
        layer.weight.data = weight
        columns.append(kernels(layer, axis).detach().flatten())
    wanted = complete(axis).flatten()
    matrix = torch.stack(columns, -1)
    layer.weight.data = torch.linalg.lstsq(matrix, wanted[:, None]).solution[:, 0]
    assert torch.linalg.matrix_rank(matrix) == len(basis)
    directions = torch.cat([DIRECTIONS, some_vectors(5)])
    torch.testing.assert_close(kernels(layer, directions), complete(directions), rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_restricted_kernel_is_equivariant(order: int) -> None:
    rep = O3.harmonics(3)
    layer = nn.SO2Conv(rep, rep, Constant(1.0, 1), order=order, hidden=()).double()
    assert max(irrep.degree for _, irrep in layer.framed_in.framed.terms) == order
    vectors = torch.cat([DIRECTIONS, some_vectors(3)])
    for g in O3.sample(3, seed=0):
        matrix, turn = torch.from_numpy(rep.evaluate(g)), torch.from_numpy(g)
        moved = matrix @ kernels(layer, vectors) @ matrix.T
        torch.testing.assert_close(kernels(layer, vectors @ turn.T), moved, rtol=0, atol=1e-12)


def test_derivatives_where_the_frames_change() -> None:
    """The frames jump at y = 0 and are made otherwise at the poles; the kernel and its derivatives are smooth."""
    layer = nn.SO2Conv(O3.harmonics(2), O3.harmonics(2), hidden=(4,)).double()
    edges = torch.tensor([[0, 1, 2, 0], [1, 2, 0, 0]])
    vectors = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [1.0, 1e-13, 2.0]]).double()
    x = torch.randn(3, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    given = (x.requires_grad_(), vectors.requires_grad_())
    assert torch.autograd.gradcheck(lambda x, r: layer(x, edges, r), given)
    assert torch.autograd.gradgradcheck(lambda x, r: layer(x, edges, r), given)


def test_an_edge_without_direction_sends_nothing() -> None:
    layer = nn.SO2Conv(O3.harmonics(2), O3.harmonics(2)).double()
    x = torch.randn(2, 9, dtype=torch.float64, requires_grad=True)
    vectors = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    out = layer(x, torch.tensor([[0, 1], [1, 1]]), vectors)
    assert not out.any()
    gradients = torch.autograd.grad(out.sum(), (x, vectors), create_graph=True)
    assert all(not g.any() for g in gradients)


def test_layers_share_frames() -> None:
    small, large = nn.SO2Conv(O3.harmonics(1), O3.harmonics(1)), nn.SO2Conv(O3.harmonics(1), O3.harmonics(3))
    edges, vectors = torch.tensor([[0, 1], [1, 0]]), some_vectors(2).float()
    shared = nn.edge_geometry([small, large], edges, vectors, 2)
    assert sorted(shared.frames) == ["0e", "1o", "2e", "3o"]
    x = torch.randn(2, 4)
    for layer in (small, large):
        torch.testing.assert_close(layer(x, shared), layer(x, edges, vectors))
        torch.testing.assert_close(layer(x, nn.edge_geometry([small], edges, vectors, 2)), layer(x, edges, vectors))


def test_variance_where_parts_are_missing() -> None:
    """A scalar reaches one part in five of degree 2; the output has unit variance all the same."""
    torch.manual_seed(0)
    layer = nn.SO2Conv(O3.rep("64x0e"), O3.rep("256x2e"), Constant(1.0, 1), hidden=())
    edges = torch.stack([torch.arange(64), torch.arange(64)])
    out = layer(torch.randn(64, 64), edges, torch.randn(64, 3))
    assert 0.8 < out.square().mean().item() < 1.2


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Frames along edges are for SO\(3\) and O\(3\), but got the group O\(2\)"):
        nn.SO2Conv(O2.rep("1x0e"), O2.rep("1x0e"))
    with pytest.raises(ArgumentError, match="order of SO2Conv is an integer from 0 on, or None, but got -1"):
        nn.SO2Conv(O3.rep("1x0e"), O3.rep("1x0e"), order=-1)
    with pytest.raises(RepMismatchError, match=r"got reps of O\(3\), SO\(3\)"):
        nn.SO2Conv(O3.rep("1x1o"), SO3.rep("1x1"))
    with pytest.raises(ArgumentError, match="which is all of its output"):
        nn.SO2Conv(O3.rep("1x0e"), O3.rep("1x0o"))
    with pytest.warns(UnreachableWarning, match="to 1x1e: these outputs stay zero"):
        nn.SO2Conv(O3.rep("1x0e"), O3.rep("1x1o + 1x1e"))


def test_an_empty_graph() -> None:
    empty = nn.SO2Conv(O3.harmonics(2), O3.rep(""))
    assert empty(torch.randn(3, 9), torch.tensor([[0, 1], [1, 2]]), torch.randn(2, 3)).shape == (3, 0)
    layer = nn.SO2Conv(O3.harmonics(2), O3.harmonics(1))
    assert layer(torch.randn(3, 9), torch.zeros(2, 0, dtype=torch.long), torch.zeros(0, 3)).shape == (3, 4)
    assert np.isclose(layer(torch.randn(3, 9), torch.zeros(2, 0, dtype=torch.long), torch.zeros(0, 3)).sum().item(), 0)
