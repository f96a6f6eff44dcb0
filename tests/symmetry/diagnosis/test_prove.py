"""What is proved of a network holds; and the theorems of Schur's lemma come out, with their numbers."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from torch import Tensor
from torch import nn as plain

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, ShapeError
from intertwine.fields import Features, GridField, Index
from intertwine.reps import Rep
from intertwine.reps.harmonics import spherical_harmonics
from intertwine.rules import LinearRule
from intertwine.symmetry import Provable, prove
from intertwine.symmetry.diagnosis.cases import Trial
from intertwine.symmetry.diagnosis.motions import antisymmetric_commutant, direct_sum
from intertwine.symmetry.diagnosis.propagation import network_of
from intertwine.symmetry.diagnosis.prove import _found
from intertwine.symmetry.diagnosis.prover import Prover, extensions
from intertwine.testing import equivariance_error
from tests.registry import Q8
from tests.symmetry.networks import GROUPS, RandomNetwork

SEEDS = 12


def layers(*reps: Rep) -> nn.Sequential:
    """Linear layers with norm activations between them."""
    torch.manual_seed(0)
    parts: list[plain.Module] = []
    for a, b in pairwise(reps):
        parts += [nn.Linear(a, b), nn.NormActivation(b)]
    return nn.Sequential(*parts[:-1])


# whatever is proved, holds --------------------------------------------------------------------------------------------


def transformations(rep: Rep, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Matrices on an input of which a proof may speak: some act on all copies of an irrep alike, some do not."""
    irreps = [irrep for _, irrep in rep.isotypic]
    still = {irrep: np.eye(irrep.dim) for irrep in irreps}
    found = {"element": np.asarray(rep.matrix(rep.group.sample(1, int(rng.integers(99)))[0]))}
    for irrep in irreps:
        turns = antisymmetric_commutant(irrep)
        free = expm(np.tensordot(rng.normal(size=len(turns)), turns, 1))
        found[f"free {irrep}"] = direct_sum(rep, {**still, irrep: free})
        found[f"sign {irrep}"] = direct_sum(rep, {**still, irrep: -np.eye(irrep.dim)})
        found[f"orthogonal {irrep}"] = direct_sum(
            rep, {**still, irrep: np.linalg.qr(rng.normal(size=(irrep.dim,) * 2))[0]}
        )
    signs = {irrep: rng.choice([-1, 1]) * np.eye(irrep.dim) for irrep in irreps}
    found["signs"] = direct_sum(rep, signs)
    found["anything"] = np.linalg.qr(rng.normal(size=(rep.dim, rep.dim)))[0]
    return found


def violations(model: plain.Module, found: Provable, matrices: dict[str, np.ndarray]) -> float:
    """The largest amount by which outputs do not move as was proved."""
    rep, out = model.reps_in[0], model.rep_out
    x = torch.randn(6, rep.dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y, worst = model(x).detach().numpy(), 0.0
    size = max(np.abs(y).max(initial=0.0), 1.0)
    for name, matrix in matrices.items():
        moved = model(x @ torch.tensor(matrix).T).detach().numpy()
        for irrep, copies in out.copies.items():
            u = found.motions[name][irrep.label]
            if u is not None:
                before, after = (np.einsum("qi,idm->qdm", z, copies) for z in (y, moved))
                worst = max(worst, np.abs(after - np.einsum("de,qem->qdm", u, before)).max() / size)
    return float(worst)


def reading_violation(model: plain.Module, prover: Prover) -> float:
    """How much outputs change when inputs change that they are said not to read."""
    rep, out = model.reps_in[0], model.rep_out
    x, other = torch.randn(2, 6, rep.dim, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    worst = 0.0
    for irrep, copies in out.copies.items():
        read = [rep.copies[i] for n, i in prover.reads.get(irrep, frozenset()) if n == 0]
        keep = sum((np.einsum("idm,jdm->ij", c, c) for c in read), np.zeros((rep.dim, rep.dim)))
        mixed = x @ torch.tensor(keep) + other @ torch.tensor(np.eye(rep.dim) - keep)
        part = torch.tensor(np.array(copies.reshape(out.dim, -1)))
        y = model(x) @ part
        worst = max(
            worst, float((model(mixed) @ part - y).detach().abs().max()) / max(float(y.detach().abs().max()), 1.0)
        )
    return worst


def freedom_violation(model: plain.Module, prover: Prover, rng: np.random.Generator) -> float:
    """How much outputs fail to be a fixed function of those for the inputs under an element of a proved factor."""
    rep, out, worst = model.reps_in[0], model.rep_out, 0.0
    x = torch.randn(6, rep.dim, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    still = {irrep: np.eye(irrep.dim) for _, irrep in rep.isotypic}
    for irrep, copies in out.copies.items():
        y = np.einsum("qi,idm->qdm", model(x).detach().numpy(), copies)
        for factor, _ in prover.freedom(irrep).factors:
            turns = antisymmetric_commutant(factor)
            free = expm(np.tensordot(rng.normal(size=len(turns)), turns, 1))
            moved = model(x @ torch.tensor(direct_sum(rep, {**still, factor: free})).T).detach().numpy()
            z = np.einsum("qi,idm->qdm", moved, copies)
            grams = [
                np.einsum("qdm,qdn->qmn", a, a) for a in (y, z)
            ]  # an orthogonal matrix keeps the products of copies
            worst = max(worst, float(np.abs(grams[1] - grams[0]).max() / max(np.abs(grams[0]).max(), 1.0)))
    return worst


def prover_of(model: plain.Module) -> Prover:
    inputs = tuple(torch.randn(4, rep.dim, dtype=torch.float64) for rep in model.reps_in)
    network = network_of(Trial(model, tuple(map(Features, model.reps_in)), Features(model.rep_out), inputs))
    assert network is not None
    return Prover(network)


@pytest.mark.parametrize("G", GROUPS, ids=str)
def test_what_is_proved_holds(G: CatalogGroup) -> None:
    """Random networks of all layers, some with zero or equal weights, some with opaque parts: 1e-9 in all proofs."""
    proved, denied = 0, 0
    for seed in range(SEEDS):
        model, rng = RandomNetwork(G, seed), np.random.default_rng(seed)
        matrices = transformations(model.reps_in[0], rng)
        found, prover = prove(model, candidates=matrices), prover_of(model)
        assert "contradict" not in str(found), (seed, model.kinds)
        assert violations(model, found, matrices) < 1e-9, (seed, model.kinds)
        assert reading_violation(model, prover) < 1e-12, (seed, model.kinds)
        assert freedom_violation(model, prover, rng) < 1e-9, (seed, model.kinds)
        assert not found.equivariant or equivariance_error(model) < 1e-9, (seed, model.kinds)
        assert found.dimension >= found.declared * found.equivariant
        verdicts = [u is not None for motions in found.motions.values() for u in motions.values()]
        proved, denied = proved + sum(verdicts), denied + len(verdicts) - sum(verdicts)
    assert proved > 30
    assert denied > 30


def test_networks_of_our_layers_are_equivariant_by_construction() -> None:
    for G in GROUPS:
        for seed in range(SEEDS):
            model = RandomNetwork(G, seed)
            understood = not {"opaque", "special"} & {*model.kinds}
            found = prove(model, candidates={})
            assert found.equivariant or not understood, (G, seed, model.kinds)
            assert not (understood and found.opaque), (G, seed, model.kinds, found.opaque)


class Lying(nn.EquivariantModule):
    """A layer whose rule is not what it does."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x)

    def symmetry_rule(self) -> LinearRule:
        return LinearRule(self.rep_in, self.rep_out)


def test_a_false_proof_would_be_noticed() -> None:
    rep = SO2.rep("2x0 + 2x1")
    model = Lying(rep, rep)
    matrices = transformations(rep, np.random.default_rng(0))
    assert violations(model, _found(prover_of(model), matrices, ()), matrices) > 0.1
    assert freedom_violation(model, prover_of(model), np.random.default_rng(0)) > 0.01


class Cross(plain.Module):
    """A cross product that says that it is linear: equivariant, but even under inversion."""

    reps_in, rep_out = (SO3.rep("2x1"),), SO3.rep("1x1")

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.cross(*x.unflatten(-1, (3, 2)).unbind(-1))

    def symmetry_rule(self) -> LinearRule:
        return LinearRule(*self.reps_in, self.rep_out)


class Summing(nn.EquivariantModule):
    """An activation whose function is not one of each number: it permutes nothing."""

    def __init__(self) -> None:
        super().__init__(dihedral(4).regular, dihedral(4).regular)
        self.layer = nn.Activation(self.rep_in)
        self.layer.even = lambda z: z.cumsum(-1)  # after the constructor, which would refuse it

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


@pytest.mark.parametrize("model", [Lying(SO2.rep("2x1"), SO2.rep("2x1")), Cross(), Summing()])
def test_rules_that_numbers_contradict_prove_nothing(model: plain.Module) -> None:
    found = prove(model)
    assert (found.proofs, found.equivariant) == ((), False)
    assert "its numbers contradict its rules" in str(found)


# theorems -------------------------------------------------------------------------------------------------------------

CINF = O3.subgroup("Cinf")
SHAPES = O3.harmonics(4)
NORMS = layers(SHAPES.restrict(CINF), SO2.rep("8x0 + 8x1 + 8x2"), SO2.rep("8x0 + 8x1"), SO2.rep("4x0 + 1x1"))


def test_invariants_of_a_norm_network_cannot_see_the_mirror() -> None:
    """The mirror that contains the axis keeps every m = 0; the half-turn changes the sign of those of odd degree."""
    flips = {"mirror": np.diag([1.0, -1.0, 1.0]), "half-turn": np.diag([1.0, -1.0, -1.0]), "inversion": -np.eye(3)}
    found = prove(NORMS, candidates={name: SHAPES.matrix(g) for name, g in flips.items()})
    np.testing.assert_array_equal(found.motions["mirror"]["0"], [[1.0]])
    rest = [u for name, by in found.motions.items() for label, u in by.items() if (name, label) != ("mirror", "0")]
    assert all(u is None for u in rest)  # a vector of SO(2) has complex weights, which no mirror commutes with
    assert "PROVEN: outputs of type 0 read only the input's type 0: 5 of 25 numbers" in str(found)
    assert "PROVEN: outputs of type 0 do not see the mirror" in str(found)


@pytest.mark.parametrize(
    ("G", "rep", "dimension", "words"),
    [
        (SO3, "3x2", 10, "O(5) on type 2"),
        (SO3, "2x1 + 2x2", 13, "O(3) on type 1 × O(5) on type 2"),
        (SO2, "2x0 + 2x1 + 2x2", 2, "U(1) on type 1 × U(1) on type 2"),
        (cyclic(5), "2x1 + 1x2", 2, "U(1) on type 1 × U(1) on type 2"),
        (dihedral(4), "2x0o + 2x1", 1, "O(2) on type 1"),
        (Q8, "2x1", 3, "Sp(1) on type 1"),
        (group("T"), "2xE + 1xT", 4, "O(3) on type T × U(1) on type E"),
    ],
    ids=str,
)
def test_norm_networks_commute_with_a_classical_group_for_each_irrep(
    G: CatalogGroup, rep: str, dimension: int, words: str
) -> None:
    """O(d), U(d/2) or Sp(d/4) for irreps of real type R, C and H: the centraliser of their endomorphisms."""
    r = G.rep(rep)
    found = prove(layers(r, 2 * r, r))
    assert found.dimension == dimension
    assert words in str(found)


class Squared(plain.Module):
    """A linear map, then its product with itself, and the input again if it fits."""

    def __init__(self, rep_in: Rep, rep_out: Rep, residual: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(rep_in, rep_in)
        self.product = nn.TensorProduct(rep_in, rep_in, rep_out)
        self.residual, self.reps_in, self.rep_out = residual, (rep_in,), rep_out

    def forward(self, x: Tensor) -> Tensor:
        h = self.linear(x)
        y = self.product(h, h)
        return y + x if self.residual else y


def test_products_leave_only_what_respects_their_tables() -> None:
    """so(5) does not respect the product of two degree-2 tensors that is one; so(3) does. Invariants keep all of it."""
    assert prove(Squared(SO3.rep("3x2"), SO3.rep("3x2"))).dimension == 3
    assert prove(Squared(SO3.rep("3x2"), SO3.rep("1x0"))).dimension == 10
    assert prove(Squared(SO3.rep("2x1"), SO3.rep("2x1"))).dimension == 3


def test_parities_of_products() -> None:
    """True vectors multiply to 0e, 1e and 2e; with a vector added the parities do not fit, and mirrors break it."""
    vectors = SO3.rep("2x1")
    product = prove(Squared(vectors, SO3.rep("1x0 + 1x1 + 1x2")))
    assert "it commutes with O(3) (outputs: 0 even, 1 even, 2 even)" in str(product)
    mixed = prove(Squared(vectors, vectors, residual=True))
    assert [u for by in mixed.motions.values() for u in by.values()] == [None]
    pseudovectors = prove(Squared(vectors, vectors, residual=True), candidates={"trivial inversion": np.eye(6)})
    assert pseudovectors.motions["trivial inversion"]["1"] is not None


def test_functions_of_pseudoscalars_decide_about_parity() -> None:
    """Odd functions keep a change of sign, even ones remove it, others know no parity."""
    rep = SO3.rep("3x0")
    flip = {"flip": -np.eye(3)}
    motions = [
        prove(nn.Activation(rep, even=f), candidates=flip).motions["flip"]["0"]
        for f in (torch.tanh, torch.abs, torch.exp)
    ]
    np.testing.assert_array_equal(motions[0], [[-1.0]])
    np.testing.assert_array_equal(motions[1], [[1.0]])
    assert motions[2] is None
    assert prove(nn.Linear(rep, rep), candidates=flip).motions["flip"]["0"] is None  # a bias has no sign to change


def test_convolutions_on_points() -> None:
    """Vectors turn with the features; natural parities fit as long as no output has two."""
    even = nn.PointConv(SO3.rep("2x0"), SO3.rep("2x0 + 2x1"))
    assert prove(even).equivariant
    assert "it commutes with O(3) (outputs: 0 even, 1 odd)" in str(prove(even))
    both = nn.PointConv(SO3.rep("2x0 + 2x1"), SO3.rep("2x0 + 2x1"))
    found = prove(both)
    assert found.equivariant
    assert [u is None for u in next(iter(found.motions.values())).values()] == [False, True]
    assert prove(nn.PointConv(O2.rep("2x0e + 1x1"), O2.rep("1x0o + 2x1"))).equivariant


class Outputs(plain.Module):
    """Charges and positions of points to outputs of the whole, by two convolutions."""

    def __init__(self, out: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gate = nn.Gate(SO3.rep("4x0 + 4x1"))
        self.first = nn.PointConv(SO3.rep("2x0"), self.gate.rep_in, hidden=(4,))
        self.last = nn.PointConv(self.gate.rep_out, SO3.rep(out), hidden=(4,))
        self.reps_in, self.rep_out = (SO3.rep("2x0"), None, SO3.rep("1x1")), self.last.rep_out

    def forward(self, charges: Tensor, edges: Tensor, positions: Tensor) -> Tensor:
        vectors = positions[edges[1]] - positions[edges[0]]
        h = self.gate(self.first(charges, edges, vectors))
        return self.last(h, edges, vectors).sum(0)

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        x = torch.randn(batch, 5, generator=generator, dtype=torch.float64)
        return x[:, :2], torch.combinations(torch.arange(batch)).T, x[:, 2:]


def test_networks_on_graphs() -> None:
    """Rows of positions, differences and sums over points are understood; parities decide about mirrors.

    Two layers give energies that no mirror changes, but vectors of both parities: differences and cross products.
    """
    energies, forces = prove(Outputs("2x0")), prove(Outputs("2x1"))
    assert energies.opaque == forces.opaque == ()
    assert "it commutes with O(3) (outputs: 0 even)" in str(energies)
    assert forces.equivariant
    assert [u for by in forces.motions.values() for u in by.values()] == [None]


def test_inputs_may_be_numbers_and_words() -> None:
    """Field types say what is no tensor, and what lies on points; grids are refused in a sentence."""
    conv = nn.PointConv(SO3.rep("2x0"), SO3.rep("2x0 + 2x1")).double()
    fields = (*conv.fields_in, Index())
    example = (*conv.example_inputs(4, torch.Generator().manual_seed(0)), 3)
    found = prove(lambda x, e, v, n: n * conv(x, e, v), fields, conv.field_out, inputs=example)
    assert found.equivariant, str(found)
    image = GridField(O2.rep("1x0e"))
    with pytest.raises(ArgumentError, match="channels on the last axis"):
        prove(torch.relu, image, image)


def test_harmonics_move_as_the_convolution_believes() -> None:
    """Directions are lifted by the harmonics of O(3), in the coordinates that the layer uses."""
    r, g = np.random.default_rng(0).normal(size=(5, 3)), -O3.sample(1, 4)[0]
    moved = np.asarray(spherical_harmonics(range(4), r @ g.T))
    np.testing.assert_allclose(
        moved, np.asarray(spherical_harmonics(range(4), r)) @ O3.harmonics(3).matrix(g).T, atol=1e-9
    )


# what is not understood -----------------------------------------------------------------------------------------------


def test_fourier_layers_are_never_proved_to_ignore_anything() -> None:
    rep = SO2.rep("4x0 + 4x1 + 4x2")
    net = nn.Sequential(nn.Linear(rep, rep), nn.FourierActivation(rep), nn.Linear(rep, rep))
    found = prove(net)
    assert (found.proofs, found.opaque, found.equivariant) == ((), ("layers.1 (FourierActivation)",), False)


def test_invariants_take_any_function() -> None:
    """Plain torch may do what it likes with invariants; what it does with vectors ends the proof, by name."""
    rep = SO2.rep("2x0 + 2x1")
    to_scalars = nn.Linear(rep, SO2.rep("4x0"))
    assert prove(lambda x: torch.softmax(to_scalars(x).sin(), -1)[..., :3], rep, SO2.rep("3x0")).equivariant
    found = prove(lambda x: to_scalars(torch.sin(x)), rep, SO2.rep("4x0"))
    assert (found.equivariant, found.opaque) == (False, ("sin",))


def test_wrong_readings_are_noticed() -> None:
    """Numbers of one rep that are read as another."""
    first, second = (
        nn.Linear(SO2.rep("4x0"), SO2.rep("2x1 + 4x0").filter(keep="0")),
        nn.Linear(SO2.rep("2x1"), SO2.rep("1x1")),
    )
    found = prove(lambda x: second(first(x)), SO2.rep("4x0"), SO2.rep("1x1"))
    assert not found.equivariant
    assert "it reads 4x0 as 2x1" in str(found)


class InPlace(plain.Module):
    def __init__(self) -> None:
        super().__init__()
        self.reps_in, self.rep_out = (SO2.rep("2x1"),), SO2.rep("2x1")

    def forward(self, x: Tensor) -> Tensor:
        y = x * 1.0
        y.abs_()
        return y


class Noisy(InPlace):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rand_like(x[..., :1])


class Branching(InPlace):
    def forward(self, x: Tensor) -> Tensor:
        return x if float(x.sum()) > 0 else -x


@pytest.mark.parametrize("model", [InPlace, Noisy, Branching])
def test_code_that_a_graph_does_not_show_is_not_followed(model: type[InPlace]) -> None:
    """Changes in place, chance, and branches on values."""
    found = prove(model())
    assert (found.proofs, found.equivariant) == ((), False)
    assert found.opaque


class Doubled(nn.Linear):
    """Somebody's layer that inherits a rule but computes something else."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).abs()


def test_rules_are_believed_only_of_what_computes_them() -> None:
    rep = SO2.rep("2x1")
    assert not prove(Doubled(rep, rep)).equivariant
    hooked = nn.Linear(rep, rep)
    hooked.register_forward_hook(lambda module, inputs, output: output.abs())
    assert not prove(hooked).equivariant


class Turned(plain.Identity):
    """Somebody's identity that is none, in code that a graph cannot follow."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(-1) if float(x.sum()) < 1e9 else x


def hooked(module: plain.Module, change: Callable[..., Tensor]) -> plain.Module:
    module.register_forward_hook(change)
    return module


def test_plain_modules_are_believed_only_as_torch_wrote_them() -> None:
    """Subclasses, hooks, and dropout that a function holds in train mode, small enough to do nothing in a few calls."""
    rep = SO2.rep("2x1")
    flipped = hooked(plain.Identity(), lambda module, inputs, output: output.flip(-1))
    for between in (Turned(), flipped, plain.Dropout(1e-6).train()):
        first = nn.Linear(rep, rep)
        found = prove(lambda x, first=first, between=between: between(first(x)), rep, rep)
        assert not found.equivariant, between
        assert found.opaque


def test_plain_modules_that_do_nothing_do_not_end_proofs() -> None:
    rep = SO2.rep("2x1")
    first, between = nn.Linear(rep, rep), plain.Identity().train()
    assert prove(lambda x: between(first(x)), rep, rep).equivariant
    assert prove(plain.Sequential(first, plain.Dropout(0.5), plain.Identity()).train(), rep, rep).equivariant


def test_hooks_cannot_smuggle_vectors_to_invariants() -> None:
    kept: list[Tensor] = []
    rep = SO2.rep("2x0 + 2x1")
    to_scalars, tap = nn.Linear(rep, SO2.rep("4x0")), hooked(plain.Tanh(), lambda m, x, y: kept.append(x[0]))
    last = hooked(plain.Tanh(), lambda m, x, y: y + kept[-1][..., 2:3])

    def model(x: Tensor) -> Tensor:
        tap(x)
        return last(to_scalars(x))

    found = prove(model, rep, SO2.rep("4x0"))
    assert not found.equivariant
    assert not found.proofs


def test_the_part_that_cannot_be_followed_is_named() -> None:
    rep = SO2.rep("2x1")
    model = plain.Sequential(nn.Linear(rep, rep), plain.Sequential(Turned(), nn.Linear(rep, rep)))
    assert prove(model, rep, rep).opaque == ("1.0 (Turned)",)


def test_layers_of_another_group_end_proofs() -> None:
    """O(3) layers in a network that is said to be one of SO(3); their biases are constants, not zeros."""
    first = nn.Linear(O3.rep("1x1o"), O3.rep("1x0e + 1x1o"))
    torch.nn.init.ones_(first.bias)
    product = nn.TensorProduct(first.rep_out, first.rep_out, O3.rep("1x1o"))
    beside = nn.Linear(2 * first.rep_out, O3.rep("1x1o"))
    for model in (
        lambda x: product(first(x), first(x)),
        lambda x: beside(torch.cat([first(x), first(x)], -1)),
    ):
        found = prove(model, SO3.rep("1x1"), SO3.rep("1x1"))
        assert (found.proofs, found.equivariant) == ((), False)
        assert "it reads 1x1 as 1x1o" in str(found)


def test_outputs_are_one_tensor_of_the_right_size() -> None:
    rep = SO3.rep("1x1")
    for model in (lambda x: {"forces": x}, lambda x: (x, x)):
        with pytest.raises(ShapeError, match=r"equivariance is asked of one tensor.*\['forces'\]"):
            prove(model, rep, rep)
    with pytest.raises(ShapeError, match="6 numbers on the last axis"):
        prove(lambda x: x, rep, SO3.rep("2x1"))


# larger groups --------------------------------------------------------------------------------------------------------


LARGER = [
    (SO3, O3),
    (SO2, O2),
    (cyclic(3), dihedral(3)),
    (cyclic(3), cyclic(6)),
    (cyclic(4), cyclic(8)),
    *[(group(name), group(name + "h")) for name in "TOI"],
]


@pytest.mark.parametrize(("G", "larger"), LARGER, ids=str)
def test_natural_elements_make_the_larger_group(G: CatalogGroup, larger: CatalogGroup) -> None:
    """The element normalises every irrep: `u ρ(g) u⁻¹` is the irrep at a conjugate element, so characters agree."""
    extension = next(e for e in extensions(G) if e.group == larger.name)
    for irrep in G.irreps(3):
        u = extension.on(irrep)
        if u is None:
            continue
        np.testing.assert_allclose(u @ u.T, np.eye(irrep.dim), atol=1e-12)
        g = G.generators[0]
        if "mirror" in extension.name:
            np.testing.assert_allclose(u @ irrep.matrix(g) @ u, irrep.matrix(g.T), atol=1e-12)
        elif "turn by 1/" in extension.name:
            np.testing.assert_allclose(u @ u, irrep.matrix(G.elements()[1] if len(g) else g), atol=1e-12)
        else:
            np.testing.assert_allclose(u @ irrep.matrix(g), irrep.matrix(g) @ u, atol=1e-12)


def test_candidates_have_the_size_of_the_inputs() -> None:
    with pytest.raises(ArgumentError, match="The candidate flip is a matrix"):
        prove(NORMS, candidates={"flip": np.eye(3)})


class _Halved(nn.PointConv):
    """Convolves otherwise than its parent, whose rule it inherits."""

    def convolve(self, x: torch.Tensor, geometry: nn.EdgeGeometry) -> torch.Tensor:
        return super().convolve(x, geometry) * torch.arange(self.rep_out.dim)


def test_a_convolution_that_convolves_otherwise_states_no_rule() -> None:
    rep = SO3.rep("1x0 + 1x1")
    assert nn.PointConv(rep, rep).symmetry_rule() is not None
    assert _Halved(rep, rep).symmetry_rule() is None
    assert not prove(_Halved(rep, rep)).equivariant
