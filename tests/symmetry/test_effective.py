"""What networks really commute with: the numbers of the founding case, and of Schur's lemma."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine.catalog import O3, SO2, SO3
from intertwine.errors import ArgumentError
from intertwine.symmetry import effective_symmetry

SHAPES = O3.harmonics(3)
INPUTS = SHAPES.restrict(O3.subgroup("Cinf"))
HIDDEN = SO2.rep("8x0 + 8x1 + 8x2 + 8x3")
CANDIDATES = {
    "mirror": SHAPES.matrix(np.diag([1.0, -1.0, 1.0])),
    "half-turn": SHAPES.matrix(np.diag([1.0, -1.0, -1.0])),
    "inversion": SHAPES.matrix(-np.eye(3)),
}


def layers(*reps: object) -> nn.Sequential:
    """Linear layers with norm activations between them."""
    torch.manual_seed(0)
    parts: list[torch.nn.Module] = []
    for a, b in pairwise(reps):
        parts += [nn.Linear(a, b), nn.NormActivation(b)]
    return nn.Sequential(*parts[:-1])


def test_the_so2_network_of_norms_is_blind_to_the_mirror() -> None:
    """Its invariants read the 4 coefficients with m = 0 of 16, which the mirror keeps; its vectors read m = 1."""
    found = effective_symmetry(layers(INPUTS, HIDDEN, HIDDEN, SO2.rep("4x0 + 1x1")), candidates=CANDIDATES)
    assert found.read == {"0": 4, "1": 6}
    verdicts = {(c.name, c.irrep): (c.holds, c.invariant) for c in found.candidates}
    assert verdicts.pop(("mirror", "0")) == (True, True)
    assert not any(holds for holds, _ in verdicts.values())
    assert found.lie_errors[0] < 1e-12
    assert found.algebra == found.declared_dimension == 1
    assert found.larger
    assert "outputs of type 0 read 4 of 16 directions of the input; 12 are ignored" in str(found)


def test_degree_two_tensors_turn_in_five_dimensions() -> None:
    """Linear layers and norms on copies of degree 2 commute with SO(5): they cannot tell prolate from oblate."""
    rep = SO3.rep("8x2")
    found = effective_symmetry(layers(SO3.rep("3x2"), rep, rep, SO3.rep("1x2")))
    assert (found.declared_dimension, found.algebra, found.extra) == (3, 10, 7)
    assert found.gap[0] > 1e-6 > 1e-12 > found.gap[1]


def test_a_product_of_the_input_with_itself_is_a_homogeneous_map() -> None:
    product = nn.TensorProduct(INPUTS, INPUTS, SO2.rep("4x0 + 2x1")).double()
    found = effective_symmetry(lambda x: product(x, x), rep_in=INPUTS, rep_out=product.rep_out, candidates=CANDIDATES)
    assert found.read == {"0": 16, "1": 16}
    assert found.homogeneous
    assert found.extra == 0
    assert not found.larger


def test_the_model_is_left_as_it_came() -> None:
    model = layers(INPUTS, HIDDEN, SO2.rep("1x0")).float().train()
    effective_symmetry(model)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.training


def test_a_broken_declaration_shows() -> None:
    rep = SO2.rep("1x0 + 1x1")
    found = effective_symmetry(torch.sin, rep_in=rep, rep_out=rep)
    assert found.lie_errors[0] > 0.05
    assert "does NOT hold" in str(found)


def test_it_is_for_programs_too() -> None:
    found = effective_symmetry(layers(INPUTS, HIDDEN, SO2.rep("1x0")), candidates=CANDIDATES)
    assert json.loads(json.dumps(found.to_dict()))["larger"] is True


def test_mistakes_are_explained() -> None:
    product = nn.TensorProduct(INPUTS, INPUTS, SO2.rep("1x0"))
    with pytest.raises(ArgumentError, match="has 2 inputs"):
        effective_symmetry(product)
    with pytest.raises(ArgumentError, match="The candidate flip is a matrix"):
        effective_symmetry(layers(INPUTS, HIDDEN, SO2.rep("1x0")), candidates={"flip": np.eye(3)})
