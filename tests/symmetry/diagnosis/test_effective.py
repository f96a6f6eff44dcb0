"""What networks really commute with: the numbers of the founding case, and of Schur's lemma."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.fields import Features, GridField, PointFeatures, Positions
from intertwine.symmetry import effective_symmetry
from intertwine.symmetry.diagnosis import commutant
from intertwine.symmetry.diagnosis.motions import direct_sum
from tests.symmetry.networks import GROUPS, RandomNetwork

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
    assert found.idle == 96  # pairs (X, Y) that move the 6 directions that nothing reads: 97 in all
    assert found.larger


def plain_network(size: int, out: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(size, 8), torch.nn.Tanh(), torch.nn.Linear(8, out))


FINITE = [dihedral(4), cyclic(3), point_group("Oh"), symmetric(3), symmetric(3) * cyclic(2)]


@pytest.mark.parametrize("G", FINITE, ids=str)
def test_the_elements_of_a_finite_group_are_tried(G: CatalogGroup) -> None:
    """A plain network has no continuous symmetries either, and is not equivariant for that."""
    rep = G.defining + G.rep(f"1x{G.trivial}")
    found = effective_symmetry(plain_network(rep.dim, rep.dim), G, rep, rep)
    errors = dict(found.element_errors)
    assert len(found.element_errors) == G.order
    assert errors.pop("the identity") < 1e-12
    assert min(errors.values()) > 1e-2
    assert not found.holds
    assert f"; {int(G.order) - 1} of {int(G.order)} that were tried fail (measured)" in str(found)
    right = effective_symmetry(layers(rep, 3 * rep, rep))
    assert right.holds
    assert max(error for _, error in right.element_errors) < 1e-12


def test_mirrors_fail_where_rotations_hold() -> None:
    """The derivative along rotations sees one component only: elements of the others are tried, and named."""

    def turned(x: torch.Tensor) -> torch.Tensor:  # by an angle: commutes with rotations, not with mirrors
        return torch.stack([x[:, 0] - 0.3 * x[:, 1], x[:, 1] + 0.3 * x[:, 0]], -1)

    vector = O2.rep("1x1")
    found = effective_symmetry(turned, reps_in=vector, rep_out=vector)
    assert max(found.lie_errors) < 1e-12
    assert not found.holds
    expected = 2 * 0.3 / 1.09**0.5
    for name, error in found.element_errors:
        assert error == pytest.approx(expected if "mirror" in name else 0, abs=1e-9)
    assert "its elements do NOT hold: the mirror y → −y has the error 5.7e-01" in str(found)
    assert effective_symmetry(turned, reps_in=SO2.rep("1x1"), rep_out=SO2.rep("1x1")).holds
    G = cyclic(2) * O2
    both = G.defining
    found = effective_symmetry(lambda x: torch.cat([x[:, :2], turned(x[:, 2:])], -1), reps_in=both, rep_out=both)
    failing = [name for name, error in found.element_errors if error > 1e-6]
    assert failing
    assert all("mirror" in name and name.endswith("of O(2)") for name in failing)


def test_steps_have_no_derivative_to_judge_them_by() -> None:
    vector, scalar = O3.rep("1x1o"), O3.rep("1x0e")
    found = effective_symmetry(lambda x: torch.sign(x[:, :1]), reps_in=vector, rep_out=scalar)
    assert max(found.lie_errors) == 0
    assert not found.holds
    assert any(name.startswith("the rotation") and error > 0.1 for name, error in found.element_errors)


def test_degree_two_tensors_turn_in_five_dimensions() -> None:
    """Linear layers and norms on copies of degree 2 commute with SO(5): they cannot tell prolate from oblate."""
    rep = SO3.rep("8x2")
    found = effective_symmetry(layers(SO3.rep("3x2"), rep, rep, SO3.rep("1x2")))
    assert (found.declared_dimension, found.algebra, found.extra) == (3, 10, 7)
    assert found.gap[0] > 1e-6 > 1e-12 > found.gap[1]
    assert found.proven_dimension == 10


def test_each_degree_turns_by_itself() -> None:
    """so(3) for vectors and so(5) for degree 2; with norms alone at the end even each of the two copies, 2·3 + 2·10."""
    rep, hidden = SO3.rep("2x1 + 2x2"), SO3.rep("8x1 + 8x2")
    found = effective_symmetry(layers(rep, hidden, hidden, rep))
    assert (found.declared_dimension, found.algebra, found.proven_dimension) == (3, 13, 13)
    shallow = effective_symmetry(nn.Sequential(nn.Linear(rep, rep), nn.NormActivation(rep)))
    assert (shallow.algebra, shallow.proven_dimension) == (26, 13)  # what is proved is a lower bound


def test_a_product_stops_it() -> None:
    """so(3) and the scaling of a homogeneous map are left: 4."""
    rep = SO3.rep("3x2")
    torch.manual_seed(0)
    linear, product = nn.Linear(rep, rep), nn.TensorProduct(rep, rep, SO3.rep("2x2"))
    found = effective_symmetry(lambda x: product(linear(x), linear(x)), reps_in=rep, rep_out=product.rep_out)
    assert (found.algebra, found.homogeneous, found.extra, found.proven_dimension) == (4, True, 0, 3)
    assert not found.larger


def test_proofs_and_measurements_stand_side_by_side() -> None:
    """The founding case in words: what is certain, what was measured, and what helps."""
    found = effective_symmetry(layers(INPUTS, HIDDEN, HIDDEN, SO2.rep("4x0 + 1x1")), candidates=CANDIDATES)
    proven = {(c.name, c.irrep) for c in found.candidates if c.proven}
    assert proven == {("mirror", "0")}
    text = str(found)
    assert "Sequential, declared SO(2): PROVEN, every part commutes with it." in text
    assert (
        "outputs of type 0 read 4 of 16 directions of the input; 12 are ignored (PROVEN: only the input's type 0"
        in text
    )
    assert "mirror: outputs of type 0 do not see it (PROVEN, measured residual" in text
    assert "half-turn: outputs of type 0 neither follow nor ignore it (measured: residual" in text
    assert "remedy" in text


@pytest.mark.parametrize("G", GROUPS, ids=str)
def test_what_is_proved_is_also_measured(G: CatalogGroup) -> None:
    """Random networks of all layers, trivial weights too: candidates that pass every part hold to rounding."""
    for seed in range(5):
        model = RandomNetwork(G, seed)
        rep = model.reps_in[0]
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=len(rep.isotypic))
        flips = {i: s * np.eye(i.dim) for (_, i), s in zip(rep.isotypic, signs, strict=True)}
        candidates = {"element": rep.matrix(G.sample(1, seed)[0]), "signs": direct_sum(rep, flips)}
        found = effective_symmetry(model, candidates=candidates)
        assert all(c.residual < 1e-9 for c in found.candidates if c.proven), (seed, model.kinds)
        assert found.about("group") == () or max(found.lie_errors, default=0.0) < 1e-9
        reading = {
            proof.output: int(proof.statement.split(": ")[1].split(" of ")[0]) for proof in found.about("reading")
        }
        assert all(found.read[label] <= count for label, count in reading.items())


def test_large_inputs_are_searched_for_rotations_of_copies() -> None:
    """Too many unknowns for all matrices: the phase of each frequency of the output is its own."""
    wide = SO2.rep("8x0 + 8x1 + 8x2 + 8x3")
    found = effective_symmetry(layers(wide, wide, wide, SO2.rep("4x0 + 1x1 + 2x2")))
    assert not found.searched_all
    assert (found.inputs, found.declared_dimension, found.algebra, found.idle) == (56, 1, 2, 8)
    assert (found.extra, found.proven_dimension) == (1, 2)


def test_the_founding_case_by_rotations_of_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six phases of the coefficients and one of the output: four solutions, three of which move what is ignored."""
    monkeypatch.setattr(commutant, "UNKNOWNS", 0)
    found = effective_symmetry(layers(INPUTS, HIDDEN, HIDDEN, SO2.rep("4x0 + 1x1")), candidates={})
    assert (found.algebra, found.idle, found.declared_dimension) == (1, 3, 1)


def test_few_outputs_do_not_invent_symmetries() -> None:
    """Enough inputs are drawn to determine all unknowns, however few the outputs are."""
    rep = SO3.rep("8x1")
    torch.manual_seed(0)
    product = nn.TensorProduct(rep, rep, SO3.rep("1x0"))
    mixed = nn.Sequential(nn.Linear(SO3.rep("1x0"), SO3.rep("1x0")))
    found = effective_symmetry(lambda x: mixed(product(x, x)), reps_in=rep, rep_out=mixed.rep_out)
    assert found.algebra == 276 + 1  # so(24) of a quadratic form in 24 numbers, and scaling


def test_several_inputs_lie_side_by_side() -> None:
    """The cross product of two vectors: pseudovectors come out of true ones."""
    product = nn.TensorProduct(SO3.rep("1x1"), SO3.rep("1x1"), SO3.rep("1x1"))
    found = effective_symmetry(product)
    assert found.inputs == 6
    assert [(c.name.split(",")[0], c.irrep, c.invariant, c.proven) for c in found.candidates] == [
        ("inversion", "1", True, True)
    ]
    assert "it commutes with O(3) (outputs: 1 even)" in str(found)


def test_parity_that_does_not_fit_is_measured() -> None:
    """A vector beside a cross product: with two vectors neither even nor odd, with one the product is zero."""
    verdicts = []
    for count in (1, 2):
        rep = SO3.rep(f"{count}x1")
        torch.manual_seed(0)
        linear, product = nn.Linear(rep, rep), nn.TensorProduct(rep, rep, SO3.rep("1x1"))
        last = nn.Linear(rep, SO3.rep("1x1"))
        model = lambda x, linear=linear, product=product, last=last: product(linear(x), x) + last(x)  # noqa: E731
        (candidate,) = effective_symmetry(model, reps_in=rep, rep_out=product.rep_out).candidates
        verdicts.append((candidate.proven, candidate.holds))
    assert verdicts == [(False, True), (False, False)]


def test_a_product_of_the_input_with_itself_is_a_homogeneous_map() -> None:
    product = nn.TensorProduct(INPUTS, INPUTS, SO2.rep("4x0 + 2x1")).double()
    found = effective_symmetry(lambda x: product(x, x), reps_in=INPUTS, rep_out=product.rep_out, candidates=CANDIDATES)
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
    found = effective_symmetry(torch.sin, reps_in=rep, rep_out=rep)
    assert found.lie_errors[0] > 0.05
    assert "does NOT hold" in str(found)


def test_it_is_for_programs_too() -> None:
    found = effective_symmetry(layers(INPUTS, HIDDEN, SO2.rep("1x0")), candidates=CANDIDATES)
    assert json.loads(json.dumps(found.to_dict()))["larger"] is True


def test_mistakes_are_explained() -> None:
    product = nn.TensorProduct(INPUTS, INPUTS, SO2.rep("1x0"), shared_weights=False)
    with pytest.raises(ArgumentError, match="1 of the 3 inputs of this one have no rep"):
        effective_symmetry(product)
    vector = O3.rep("1x1o")
    for centre in (lambda r: r - r.mean(0), lambda r: r.mean(0)):  # of clouds: rows see one another
        with pytest.raises(ArgumentError, match=r"call equivariance_report\(model, batch"):
            effective_symmetry(centre, reps_in=vector, rep_out=vector)
    with pytest.raises(RepMismatchError, match="The declared group is O"):
        effective_symmetry(nn.Linear(INPUTS, HIDDEN), declared=O2)
    with pytest.raises(ArgumentError, match="The candidate flip is a matrix"):
        effective_symmetry(layers(INPUTS, HIDDEN, SO2.rep("1x0")), candidates={"flip": np.eye(3)})


def test_a_cloud_is_one_row_of_numbers() -> None:
    """An energy of charges and distances of three points does not see translations, nor the inversion."""
    scalar, vector = SO3.rep("1x0"), SO3.rep("1x1")
    types, cloud = (PointFeatures(scalar), Positions(vector)), (torch.ones(3, 1), torch.ones(3, 3))

    def energy(charges: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        return (charges * charges.T * torch.exp(-((r[:, None] - r) ** 2).sum(-1))).sum().reshape(1, 1)

    found = effective_symmetry(energy, None, types, Features(scalar), inputs=cloud)
    assert found.holds
    assert (found.inputs, found.read) == (3 + 9, {"0": 3 + 6})
    assert (found.declared_dimension, found.algebra) == (3, 4)  # and larger charges: it is quadratic in them
    assert [(c.holds, c.invariant) for c in found.candidates] == [(True, True)]
    tilted = lambda charges, r: energy(charges, r) + r[:, 2:].sum(0, keepdim=True)  # noqa: E731
    assert not effective_symmetry(tilted, None, types, Features(scalar), inputs=cloud).holds


def test_a_graph_is_one_row_of_numbers() -> None:
    conv = nn.PointConv(SO3.rep("1x0"), SO3.rep("1x0 + 1x1"), hidden=(4,))
    found = effective_symmetry(conv, inputs=conv.example_inputs(2, torch.Generator().manual_seed(0)), samples=8)
    assert found.holds
    assert found.about("group")
    assert found.inputs == 2 + 3 * 2
    image = GridField(O2.rep("1x0e"))
    with pytest.raises(ArgumentError, match="Of grids call equivariance_report"):
        effective_symmetry(torch.relu, None, image, image)


def test_models_that_read_nothing_have_no_fewer_symmetries() -> None:
    """Constants and zeros: nothing is searched where nothing is read, and nothing is missing."""
    rep = SO2.rep("1x1")
    for model, out in ((lambda x: 0 * x, rep), (lambda x: torch.ones_like(x), SO2.rep("2x0"))):
        found = effective_symmetry(model, reps_in=rep, rep_out=out)
        assert found.extra == 0
        assert "less than declared" not in str(found)
    with pytest.raises(ArgumentError, match="gave NaN or infinity"):
        effective_symmetry(lambda x: 0 * x / 0, reps_in=rep, rep_out=rep)
