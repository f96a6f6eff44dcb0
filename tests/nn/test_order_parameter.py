"""A learned input that breaks a symmetry: what training finds is what group theory says."""

import numpy as np
import pytest
import torch
from torch.func import functional_call

from intertwine import nn
from intertwine.catalog import O2, O3
from intertwine.errors import ArgumentError, ShapeError
from intertwine.symmetry import curie_check, harmonic_coefficients, order_parameters
from intertwine.testing import equivariance_error
from tests.registry import close
from tests.symmetry.clouds import SQUARE

MOVES = torch.tensor(SQUARE * [-0.5, 0.5, 0.0])
EXTRA = O3.rep("1x0o + 1x1o + 1x1e + 1x2e + 1x2o")
EDGES = torch.ones(4, 4).fill_diagonal_(0).nonzero().T
VECTORS = torch.tensor(SQUARE)[EDGES[1]] - torch.tensor(SQUARE)[EDGES[0]]


class Mover(torch.nn.Module):
    """Equal points that move; an order parameter beside their features."""

    def __init__(self) -> None:
        super().__init__()
        radial = nn.radial.SmoothFiniteBasis(cutoff=2.0, number=6)
        self.gate = nn.Gate(O3.rep("8x0e + 4x1o + 2x1e + 2x2e"))
        self.breaking = nn.LearnedOrderParameter(O3.rep("1x0e"), EXTRA)
        self.first = nn.PointConv(self.breaking.rep_out, self.gate.rep_in, radial)
        self.last = nn.PointConv(self.gate.rep_out, O3.rep("1x1o"), radial)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        x = self.gate(self.first(self.breaking(torch.ones(4, 1, dtype=vectors.dtype)), EDGES, vectors))
        return self.last(x, EDGES, vectors)


def trained(steps: int = 150) -> tuple[Mover, list[float]]:
    torch.manual_seed(0)
    net, losses = Mover().double(), []
    weights = [p for name, p in net.named_parameters() if name != "breaking.value"]
    optimisers = [torch.optim.Adam(weights, lr=0.02), torch.optim.SGD([net.breaking.value], lr=1.0)]
    for _ in range(steps):
        loss = ((net(VECTORS) - MOVES) ** 2).mean()
        net.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        losses.append(float(loss.detach()))
    return net, losses


def test_training_finds_the_missing_order_parameter() -> None:
    """At 0 the floor holds; then x² − y² grows, and nothing grows that breaks more than the target does."""
    net, losses = trained()
    report = curie_check(SQUARE, MOVES.numpy(), rep_out=O3.rep("1x1o"))
    assert losses[0] >= report.floor - 1e-12
    assert losses[-1] < 1e-2 * report.floor
    found = {label: w.numpy() for label, w in net.breaking.found().items()}
    wanted = harmonic_coefficients(lambda r: r[0] ** 2 - r[1] ** 2, 2)
    assert abs(found["2e"] @ wanted) > 0.1
    for irrep in EXTRA.copies:
        fixed = report.K.fixed(irrep)
        close(fixed @ (fixed.T @ found[irrep.label]), found[irrep.label], 1e-10)  # all of it is fixed by D2h
    assert not found["0o"].any()
    assert abs(found["1o"]).max() < 1e-10


def test_the_gradient_at_the_plateau_points_to_what_group_theory_names() -> None:
    """Its share in 2e lies along x² − y²; other order parameters of the table, which do not help, get none."""
    torch.manual_seed(1)
    net = Mover().double()

    def model(w: torch.Tensor) -> torch.Tensor:
        return functional_call(net, {"breaking.value": w}, (VECTORS,))

    report = curie_check(SQUARE, MOVES.numpy(), rep_out=O3.rep("1x1o"))
    table = order_parameters(report, model=model, rep=EXTRA)
    best = table[0]
    assert (best.irrep.label, best.polynomial) == ("2e", "x² − y²")
    assert best.gradient == pytest.approx(1, abs=1e-9)  # EXTRA has no other order parameter
    idle = [p for p in table if p not in table.working]
    assert idle
    assert max(p.gradient for p in idle) < 1e-20
    assert "gradient" in str(table)
    assert table.to_dict()["order_parameters"][0]["gradient"] == best.gradient


def test_the_gradient_is_asked_for_in_words() -> None:
    report = curie_check(SQUARE, MOVES.numpy(), rep_out=O3.rep("1x1o"))
    with pytest.raises(ArgumentError, match="pass rep="):
        order_parameters(report, model=lambda w: w)
    with pytest.raises(ShapeError, match="prediction of shape"):
        order_parameters(report, model=lambda w: w, rep=EXTRA)
    with pytest.raises(ArgumentError, match="does not depend"):
        order_parameters(report, model=lambda w: torch.zeros(4, 3), rep=EXTRA)


def test_the_network_keeps_the_symmetries_of_what_it_learned() -> None:
    """It commutes with the elements that fix w, and with all when w is moved along."""
    rep, extra = O2.rep("2x1"), O2.rep("1x0o + 1x2")
    net = nn.Sequential(nn.LearnedOrderParameter(rep, extra), nn.Linear(rep + extra, O2.rep("1x1 + 1x2"))).double()
    assert equivariance_error(net) < 1e-12  # w = 0
    net.layers[0].value.data = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    x = torch.randn(5, 4, dtype=torch.float64)
    g = torch.tensor([[-1.0, 0.0], [0.0, 1.0]], dtype=torch.float64).numpy()
    move = [torch.as_tensor(r.matrix(g)) for r in (rep, net.rep_out)]
    close(net(x @ move[0].T).detach(), (net(x) @ move[1].T).detach(), 1e-12)
    assert equivariance_error(net) > 0.01

    def jointly(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return functional_call(net, {"layers.0.value": w}, (x,))

    w = net.layers[0].value.detach()
    assert equivariance_error(jointly, (x, w), (rep, extra), net.rep_out) < 1e-12


def test_a_field_has_a_vector_for_each_point() -> None:
    layer = nn.LearnedOrderParameter(O3.rep("1x0e"), O3.rep("1x1o"), sites=4)
    assert layer(torch.ones(2, 4, 1)).shape == (2, 4, 4)
    assert layer.found()["1o"].shape == (4, 3)
    with pytest.raises(ShapeError, match="4 points"):
        layer(torch.ones(2, 3, 1))
    with pytest.raises(ArgumentError, match="1 or more sites"):
        nn.LearnedOrderParameter(O3.rep("1x0e"), O3.rep("1x1o"), sites=0)


def test_the_penalty_is_the_length_of_each_irrep() -> None:
    layer = nn.LearnedOrderParameter(O3.rep("1x0e"), O3.rep("1x1o + 1x2e"))
    layer.penalty().backward()
    assert not layer.value.grad.any()  # finite, and nothing to do, at 0
    layer.value.data = torch.tensor([3.0, 4, 0, 1, 0, 0, 0, 0])
    assert float(layer.penalty().detach()) == pytest.approx(6)


def test_copies_of_an_irrep_are_found_as_their_sum() -> None:
    layer = nn.LearnedOrderParameter(O3.rep("1x0e"), O3.rep("2x1o"))
    layer.value.data = torch.arange(6.0)
    first, second = O3.rep("2x1o").split(torch.arange(6.0))[0]
    np.testing.assert_allclose(layer.found()["1o"], first + second)
