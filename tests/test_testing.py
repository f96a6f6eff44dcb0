"""The laws, as users call them, catch what breaks them."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor
from torch import nn as plain

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral
from intertwine.errors import ArgumentError, LawError, RepMismatchError, ShapeError
from intertwine.fields import Displacements, Edges, Features, GridField, Index, PointFeatures, Positions
from intertwine.reps import Rep
from intertwine.testing import ModuleReport, act, check_module, equivariance_error, law_elements

VECTOR, SCALARS = O3.rep("1x1o"), O3.rep("2x0e + 1x0o")


# equivariance of anything ---------------------------------------------------------------------------------------------


def test_functions_are_tried_too() -> None:
    """A user checks a plain function by saying what goes in and out."""
    cross = torch.linalg.cross
    assert equivariance_error(cross, reps_in=[VECTOR, VECTOR], rep_out=O3.rep("1x1e")) < 1e-14
    assert equivariance_error(cross, reps_in=[VECTOR, VECTOR], rep_out=VECTOR) > 0.1  # parity is noticed
    assert equivariance_error(lambda x: x.norm(dim=-1, keepdim=True), None, VECTOR, O3.rep("1x0e")) < 1e-14
    assert equivariance_error(torch.relu, None, VECTOR, VECTOR) > 0.1


def test_modules_of_plain_torch() -> None:
    module = plain.Linear(3, 3)
    assert equivariance_error(module, reps_in=VECTOR, rep_out=VECTOR) > 0.1
    with torch.no_grad():
        module.weight.copy_(2 * torch.eye(3))
        module.bias.zero_()
    assert equivariance_error(module, reps_in=VECTOR, rep_out=VECTOR) < 1e-6


def test_a_small_defect_is_measured() -> None:
    """The number is the defect over the size of the output."""

    def slightly(x: Tensor) -> Tensor:
        return x + 1e-4 * torch.tensor([1.0, 0, 0], dtype=x.dtype)

    x = torch.tensor([[0.0, 0, 2]], dtype=torch.float64)
    assert 1e-5 < equivariance_error(slightly, x, VECTOR, VECTOR) < 2e-4


def test_a_flip_is_tried() -> None:
    """What commutes with rotations alone is no O(2) map: generators are tried, not only random elements."""

    def turn(x: Tensor) -> Tensor:
        return torch.stack([-x[..., 1], x[..., 0]], -1)

    assert equivariance_error(turn, None, SO2.rep("1"), SO2.rep("1")) < 1e-14
    assert equivariance_error(turn, None, O2.rep("1"), O2.rep("1"), samples=0) > 0.5


def test_nan_is_no_equivariance() -> None:
    assert equivariance_error(lambda x: x / 0, None, VECTOR, VECTOR) == float("inf")
    assert equivariance_error(lambda x: 0 * x, None, VECTOR, VECTOR) == 0
    assert equivariance_error(lambda x: x, torch.zeros(0, 3), VECTOR, VECTOR) == 0


def test_inputs_in_the_dtype_of_the_parameters() -> None:
    layer = nn.Linear(VECTOR, VECTOR)
    assert equivariance_error(layer) < 1e-5
    assert equivariance_error(layer.double()) < 1e-14
    assert equivariance_error(layer, torch.randn(2, 5, 3)) < 1e-5
    assert equivariance_error(layer, (torch.randn(3),)) < 1e-5


def test_inputs_that_stay() -> None:
    """An input whose rep is None is left alone."""
    assert equivariance_error(lambda x, s: s * x, [torch.randn(4, 3), torch.randn(4, 1)], [VECTOR, None], VECTOR) < 1e-6


def test_the_seed_decides() -> None:
    values = [equivariance_error(torch.relu, None, VECTOR, VECTOR, seed=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


class Noisy(plain.Module):
    """A user's network with dropout and running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.reps_in, self.rep_out = (O3.rep("6x0e"),), O3.rep("6x0e")
        self.norm, self.drop = plain.BatchNorm1d(6), plain.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        if x.isnan().any():
            raise ValueError("no numbers came")
        return self.drop(self.norm(x))


def test_a_module_is_tried_in_eval_mode_and_left_as_it_came() -> None:
    """Dropout is no defect; statistics and the mode of every part stay, also when the module raises."""
    module = Noisy().train()
    module.drop.eval()
    modes, before = [part.training for part in module.modules()], copy.deepcopy(module.state_dict())
    assert equivariance_error(module) == 0
    with pytest.raises(ValueError, match="no numbers"):
        equivariance_error(module, torch.full((4, 6), torch.nan))
    assert [part.training for part in module.modules()] == modes == [True, True, False]
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    module.drop.train()
    assert equivariance_error(module) == 0
    rep = module.rep_out
    assert equivariance_error(lambda x: module(x), torch.randn(4, 6), rep, rep) > 0.1  # a function is called as it is


def test_a_function_that_writes_into_its_inputs_is_given_copies() -> None:
    x = torch.ones(2, 3)
    assert equivariance_error(lambda x: x.mul_(2), x, VECTOR, VECTOR) < 1e-6
    assert torch.equal(x, torch.ones(2, 3))


def test_outputs_that_are_no_tensor_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"gives a dict, but equivariance is asked of one tensor.*\['forces'\]"):
        equivariance_error(lambda x: {"forces": x}, None, VECTOR, VECTOR)


def test_complex_outputs_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"gives complex numbers, .* Return y\.real"):
        equivariance_error(lambda x: x + 1j * x, None, VECTOR, VECTOR)


def test_unknown_reps_are_asked_for() -> None:
    with pytest.raises(ArgumentError, match=r"The reps of Linear are not known. Pass reps_in=… "):
        equivariance_error(plain.Linear(3, 3))
    with pytest.raises(ArgumentError, match="The reps of relu are not known"):
        equivariance_error(torch.relu, reps_in=VECTOR)
    with pytest.raises(ArgumentError, match=r"Inputs of .* cannot be made up. Pass inputs=…"):
        equivariance_error(lambda x, s: x, None, [VECTOR, None], VECTOR)


def test_groups_are_not_mixed() -> None:
    """Elements of one group would say nothing about another."""
    words = (
        r"takes 1x1, a rep of SO\(3\), and gives 1x1o, a rep of O\(3\): .* one group\. Call rep\.restrict\(subgroup\)"
    )
    with pytest.raises(RepMismatchError, match=words):
        equivariance_error(lambda x: x, None, SO3.rep("1x1"), VECTOR)
    with pytest.raises(RepMismatchError, match=r"takes 1x1o, a rep of O\(3\), and gives 1x1, a rep of SO\(3\)"):
        equivariance_error(torch.linalg.cross, None, [SO3.rep("1x1"), None, VECTOR], SO3.rep("1x1"))


def test_reps_are_no_texts() -> None:
    for reps in (("1x1o", VECTOR), (["1x1o"], VECTOR), (VECTOR, "1x1o"), (3, VECTOR)):
        with pytest.raises(ArgumentError, match=r"A rep was expected, but got .*\. Make one with group\.rep"):
            equivariance_error(torch.relu, None, *reps)
    assert equivariance_error(lambda x: x, None, O3.irrep("1o"), O3.irrep("1o")) == 0


def test_a_rep_in_alone_says_what_goes_in() -> None:
    layer = plain.Linear(3, 3)
    layer.rep_in = layer.rep_out = VECTOR
    with torch.no_grad():
        layer.weight.copy_(2 * torch.eye(3))
        layer.bias.zero_()
    assert equivariance_error(layer) < 1e-6
    assert equivariance_error(layer, reps_in=O3.rep("3x0e"), rep_out=O3.rep("3x0e")) == 0  # what is given goes first


def test_forces_may_be_derivatives_taken_by_the_model_itself() -> None:
    """−∇ Σ |rᵢ − rⱼ|² is −2 Σ (rᵢ − rⱼ) for each point: it turns with the points."""

    def forces(r: Tensor) -> Tensor:
        r = r.requires_grad_()
        return -torch.autograd.grad(torch.pdist(r).pow(2).sum(), r)[0]

    r = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(forces(r.clone()), -2 * (5 * r - r.sum(0)))
    assert equivariance_error(forces, r, Positions(VECTOR), PointFeatures(VECTOR)) < 1e-13


def test_what_cannot_be_run_is_said_in_a_sentence() -> None:
    image, out = GridField(dihedral(4).rep("3x0e")), dihedral(4).rep("2x0e")
    fixed = plain.Sequential(plain.Flatten(), plain.Linear(3 * 64, 2))  # images of 8 x 8 alone
    with pytest.raises(ArgumentError, match=r"does not run on inputs that were made up .*, 33, 33\).*Pass inputs"):
        equivariance_error(fixed, image, out)
    assert equivariance_error(fixed, torch.randn(2, 3, 8, 8), image, out) > 0.1
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        equivariance_error(fixed, torch.randn(2, 3, 9, 9), image, out)
    with pytest.raises(ArgumentError, match=r"lies on the meta device, .* module\.to_empty"):
        equivariance_error(fixed.to("meta"), image, out)
    for given, kind in ((np.zeros((4, 3)), "ndarray"), ({"x": torch.zeros(4, 3)}, "dict"), (3, "int")):
        with pytest.raises(ShapeError, match=f"Input 0 of <lambda> is a tensor, but got a {kind}"):
            equivariance_error(lambda x: x, given, VECTOR, VECTOR)


def test_sizes_are_checked() -> None:
    with pytest.raises(
        ShapeError, match=r"Input 0 of <lambda> has the rep 1x1o of O\(3\), 3 numbers on the last axis, but"
    ):
        equivariance_error(lambda x: x, torch.zeros(4, 5), VECTOR, VECTOR)
    with pytest.raises(ShapeError, match=r"a tensor of shape \(\)"):
        equivariance_error(lambda x: x, torch.tensor(1.0), VECTOR, VECTOR)
    for wrong in (lambda x: x[..., :2], lambda x: x.sum(), lambda x: x[..., None].expand(4, 3, 3)[..., :2]):
        with pytest.raises(
            ShapeError, match=r"The output of <lambda> has the rep 1x1o of O\(3\), 3 numbers on the last"
        ):
            equivariance_error(wrong, None, VECTOR, VECTOR)
    with pytest.raises(ArgumentError, match=r"has 2 reps_in, but got 1 inputs\. Give one rep per input"):
        equivariance_error(torch.linalg.cross, torch.zeros(4, 3), [VECTOR, VECTOR], VECTOR)


def test_elements_to_try() -> None:
    g = law_elements(O3, samples=5, seed=1)
    assert len(g) == len(O3.generators) + 5
    assert O3.contains(g).all()
    x = torch.randn(4, 3)
    torch.testing.assert_close(act(VECTOR, g[3], x), x @ torch.tensor(g[3]).float().T)


# broken modules -------------------------------------------------------------------------------------------------------


class Identity(nn.EquivariantModule):
    """A right module, to be broken by those below."""

    def __init__(self, rep: Rep = SCALARS) -> None:
        super().__init__(rep, rep)
        self.weight = plain.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.to(x.dtype)


class Shifted(Identity):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1


class Unused(Identity):
    def __init__(self) -> None:
        super().__init__()
        self.spare = plain.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * self.spare.sum().to(x.dtype)


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] ** 2 * gradient


class Invisible(Identity):
    """Shares add up to one whatever the shift: its gradient is rounding alone."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = plain.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y * (y * self.shift).softmax(-1).sum(-1, keepdim=True)


class WrongGradient(Identity):
    def forward(self, x: Tensor) -> Tensor:
        return Cube.apply(super().forward(x))


class AlwaysDouble(Identity):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).double()


class Coarse(Identity):
    """Rounds in low precision where the input is not float64."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y if x.dtype == torch.float64 else y.bfloat16().to(x.dtype)


class RoundedTable(Identity):
    """A table that is a plain buffer loses its digits on the way through float32."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("third", torch.tensor(1 / 3), persistent=False)

    def double(self) -> "RoundedTable":
        super().double()
        self.third = torch.tensor(1 / 3, dtype=torch.float64) if not hasattr(self, "was_float") else self.third
        return self

    def float(self) -> "RoundedTable":
        self.was_float = True
        return super().float()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.third.to(x.dtype)


class NeedsABatch(Identity):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * x.abs().amax(0)


class RefusesNothing(Identity):
    def forward(self, x: Tensor) -> Tensor:
        if not len(x):
            raise ValueError("nothing came")
        return super().forward(x)


class OnlyDouble(Identity):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) @ torch.eye(3, dtype=torch.float64)


class AddsARow(Identity):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if len(x) else x.new_zeros(1, 3)


class Stateful(Identity):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.ones(3))


class Forgetful(Identity):
    """It comes out of a pickle as it was at the start."""

    def __deepcopy__(self, memo: dict) -> "Forgetful":
        twin = Forgetful().to(self.weight.dtype)
        twin.weight.data.copy_(self.weight + 1 if self.weight == 1 else self.weight)
        return twin

    def __reduce__(self) -> tuple:
        return Forgetful, ()


class Unpicklable(Identity):
    def __init__(self) -> None:
        super().__init__()
        self.function = lambda x: x


class Nearly(Identity):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1e-6


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Shifted(), r"Shifted is not equivariant: error \d\.\de[-+]\d\d, accepted 1.0e-10"),
        (Unused(), "Unused: the parameter spare gets no finite, nonzero gradient"),
        (Invisible(), "Invisible: the parameter shift gets no finite, nonzero gradient"),
        (WrongGradient(), "WrongGradient: a derivative is wrong"),
        (AlwaysDouble(), "AlwaysDouble: torch.float32 gives torch.float64"),
        (Coarse(), r"Coarse: torch.float32 gives torch.float32, off by .* \(accepted 1e-04\)"),
        (RoundedTable(), "RoundedTable: a table lost precision on the way through float32"),
        (NeedsABatch(), "NeedsABatch: an empty batch does not work. "),
        (RefusesNothing(), "RefusesNothing: an empty batch does not work. nothing came"),
        (OnlyDouble(), r"OnlyDouble does not run in torch\.float32\. expected "),
        (AddsARow(), r"AddsARow: an empty batch gave an output of shape \(1, 3\)"),
        (Stateful(), r"Stateful: the state dict holds \['table'\] besides its parameters"),
        (Forgetful(), "Forgetful: its pickle computes something else"),
        (Unpicklable(), "Unpicklable cannot be copied and pickled, as training on several GPUs does. "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, plain.Module) else "",
)
def test_broken_modules_are_caught(module: nn.EquivariantModule, message: str) -> None:
    with pytest.raises(LawError, match=message):
        check_module(module)


def test_a_right_module_passes() -> None:
    report = check_module(Identity())
    assert isinstance(report, ModuleReport)
    assert report.equivariance < 1e-14
    assert report.checks[0] == "equivariance"
    assert "derivatives" in report.checks
    assert str(report).startswith("Identity: equivariance error ")
    assert "derivatives" not in check_module(Identity(), gradients=False).checks


class Network(plain.Module):
    """A user's own network, of several inputs, which is no module of the library."""

    def __init__(self) -> None:
        super().__init__()
        self.product = nn.TensorProduct(VECTOR, O3.rep("2x0e + 1x1o"), O3.rep("4x0e + 2x1e"))
        self.last = nn.Linear(self.product.rep_out, O3.rep("1x1e"))
        self.reps_in, self.rep_out = (VECTOR, O3.rep("2x0e + 1x1o"), None), O3.rep("1x1e")

    def forward(self, x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        return scale * self.last(self.product(x, y))


class Runnable(Network):
    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return tuple(torch.randn(batch, n, generator=generator, dtype=torch.float64) for n in (3, 5, 1))


def test_a_network_of_ones_own() -> None:
    assert check_module(Runnable()).checks[-1] == "state, copies and pickles"
    assert equivariance_error(Runnable()) < 1e-5


def test_a_class_inside_a_function_is_copied_only() -> None:
    """Nothing can pickle it, which is not the module's fault."""

    class Local(Identity):
        pass

    assert check_module(Local()).checks[-1] == "state, copies"


def test_check_module_asks_for_attributes() -> None:
    """It has no argument for the reps and inputs, so it does not tell the user to pass them."""
    words = (
        r"Give the module the attributes reps_in \(a tuple, None where .*\) and rep_out, and a method example_inputs"
    )
    with pytest.raises(ArgumentError, match=rf"^The reps of Linear are not known\. {words}"):
        check_module(plain.Linear(3, 3))
    with pytest.raises(ArgumentError, match=rf"^Inputs of Network cannot be made up\. {words}"):
        check_module(Network())


def test_checking_changes_nothing() -> None:
    layer = nn.Linear(SCALARS, SCALARS).train()
    before = copy.deepcopy(layer.state_dict())
    check_module(layer)
    assert layer.training
    assert layer.weight.dtype == torch.float32
    assert layer.weight.grad is None
    assert all(torch.equal(before[key], value) for key, value in layer.state_dict().items())


def test_approximate_modules_state_their_bound() -> None:
    """A module that is only nearly equivariant passes with the bound that it promises, and not below."""
    assert 1e-8 < check_module(Nearly(), tolerance=1e-5).equivariance < 1e-5
    with pytest.raises(LawError, match="not equivariant"):
        check_module(Nearly())


def test_modules_without_output_or_parameters() -> None:
    check_module(nn.Gate(O3.rep("")))
    check_module(nn.Linear(O3.rep("1x0e"), O3.rep("")))


# tensors that are not features on the last axis -----------------------------------------------------------------------


class Blur(plain.Module):
    """The average over the four neighbours, with zeros outside: commutes with all symmetries of the square."""

    def forward(self, x: Tensor) -> Tensor:
        wide = plain.functional.pad(x, (1, 1, 1, 1))
        return (wide[..., 1:-1, 2:] + wide[..., 1:-1, :-2] + wide[..., 2:, 1:-1] + wide[..., :-2, 1:-1]) / 4


def gradient(x: Tensor) -> Tensor:
    """The gradient (∂x, ∂y) of an image: rows run down."""
    right, down = x.roll(-1, 3) - x.roll(1, 3), x.roll(-1, 2) - x.roll(1, 2)
    return torch.cat([right, -down], 1) / 2


def test_a_network_on_images_is_told_from_its_pixels() -> None:
    """The user asks two networks the same; only one of them is to blame, and pixels turned by 45° are not."""
    torch.manual_seed(0)
    for G in (dihedral(4), cyclic(8), O2):
        image = GridField(2 * G.rep(f"1x{G.trivial}"))
        exact = equivariance_error(Blur(), image, image)
        assert exact.exact < 1e-14
        assert (exact.floor > 0) == (dihedral(4) != G)
        assert exact < exact.floor + 1e-14  # it is the pixels' own
        cnn = equivariance_error(plain.Conv2d(2, 2, 3, padding=1), image, image)
        assert cnn.exact > 0.1
        assert cnn.exact > 2 * cnn.floor
    said = str(exact)
    assert "moving there and back between pixels changes them by" in said
    assert "under elements that map the grid to itself" in said


def test_fields_go_to_fields_and_features() -> None:
    """A gradient is a vector field; it is no pair of pictures. A mean over the image is a feature."""
    scalars, vectors = GridField(O2.rep("1x0e")), GridField(O2.defining)
    assert equivariance_error(gradient, scalars, vectors).exact < 1e-13
    assert equivariance_error(gradient, scalars, GridField(O2.rep("2x0e"))).exact > 0.1
    volume = GridField(O3.defining)
    assert equivariance_error(lambda x: x * x.norm(dim=1, keepdim=True), volume, volume, samples=2).exact < 1e-13
    middle = torch.linspace(-1, 1, 33, dtype=torch.float64)

    def dipole(x: Tensor) -> Tensor:
        return torch.stack([x.mean((1, 2)) @ middle, x.mean((1, 3)) @ -middle], -1)

    assert equivariance_error(dipole, scalars, O2.defining).exact < 1e-13


def test_inputs_may_be_given_with_field_types_in_any_place() -> None:
    x = torch.randn(2, 1, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    field = GridField(dihedral(4).rep("1x0e"))
    errors = [
        equivariance_error(Blur(), x, field, field),
        equivariance_error(Blur(), field, field, x),
        equivariance_error(Blur(), [field], field, [x]),
        equivariance_error(Blur(), inputs=x, reps_in=field, rep_out=field),
    ]
    assert max(errors) < 1e-14
    with pytest.raises(ShapeError, match=r"Input 0 of Blur holds images \(B, C, −y, x\)"):
        equivariance_error(Blur(), x[0], field, field)
    with pytest.raises(ArgumentError, match="Field types were given in the place of inputs"):
        equivariance_error(Blur(), field, field, field)
    with pytest.raises(ArgumentError, match="said to be edges, but equivariance is a statement"):
        equivariance_error(Blur(), field, Edges())


class Pooled(plain.Module):
    """Forces of graphs, summed over each graph: features, edges, vectors, numbers of graphs, how many there are."""

    fields_in = (PointFeatures(O3.rep("2x0e")), Edges(), Displacements(O3.defining), PointFeatures(), Index())
    field_out = Features(O3.defining)

    def forward(self, x: Tensor, edges: Tensor, vectors: Tensor, cloud: Tensor, n: int) -> Tensor:
        pulls = vectors * x[edges[0]].sum(-1, keepdim=True)
        return vectors.new_zeros(n, 3).index_add(0, cloud[edges[1]], pulls)


def test_numbers_are_inputs_that_nothing_moves() -> None:
    """Also with reps alone: None says so of edges, numbers of graphs, and a Python integer."""
    edges, cloud = torch.tensor([[0, 1, 2, 3, 4], [1, 0, 3, 2, 3]]), torch.tensor([0, 0, 1, 1, 2])
    x, vectors = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    inputs = (x, edges, vectors, cloud, 3)
    assert equivariance_error(Pooled(), inputs) < 1e-13
    reps = (O3.rep("2x0e"), None, O3.defining, None, None)
    assert equivariance_error(Pooled().forward, inputs, reps, O3.defining) < 1e-13
    scalars = O3.rep("2x0e")
    assert equivariance_error(lambda x, n, name: x * n, (x, 2, None), (scalars, None, None), scalars) == 0
    with pytest.raises(ShapeError, match="Input 4 of Pooled is a tensor, but got a int"):
        equivariance_error(Pooled(), inputs, (*reps[:4], O3.rep("1x0e")), O3.defining)


class Image(nn.EquivariantModule):
    """A module on images, as a user writes one: the rep on axis 1."""

    def __init__(self, rep: Rep) -> None:
        super().__init__(rep, rep)
        self.weight = plain.Parameter(torch.ones(1))

    @property
    def fields_in(self) -> tuple[GridField]:
        return (GridField(self.rep_in),)

    @property
    def field_out(self) -> GridField:
        return GridField(self.rep_out)

    def forward(self, x: Tensor) -> Tensor:
        return Blur()(x) * self.weight


def test_modules_on_images_obey_the_laws_and_chain() -> None:
    rep = dihedral(4).rep("1x0e + 1x1")
    report = check_module(Image(O2.rep("1x0e + 1x1")), batch=2, gradients=False)
    assert report.equivariance < 1e-13
    assert "empty batches" in report.checks
    net = nn.Sequential(Image(rep), Image(rep))
    assert net.fields_in == (GridField(rep),)
    assert net.field_out == GridField(rep)
    assert equivariance_error(net.double()) < 1e-14
    with pytest.raises(
        RepMismatchError, match=r"takes features of .* on an image, but the one before gives 1x0e .*There is no grid"
    ):
        nn.Sequential(nn.Linear(rep, rep), Image(rep))
    with pytest.raises(
        ArgumentError, match=r"Module 1 \(ReLU\) is not equivariant, but would meet features of .* on an"
    ):
        nn.Sequential(Image(rep), plain.ReLU())
