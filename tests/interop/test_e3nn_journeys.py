"""The facade in use: what hurts users of e3nn does not hurt here, and programs that import e3nn find this library."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn import (
    get_optimization_defaults,
    install,
    io,
    math,
    nn,
    o3,
    set_optimization_defaults,
    util,
)
from intertwine.interop.e3nn.util.test import assert_equivariant, assert_normalized, equivariance_error, random_irreps

SILU = torch.nn.functional.silu


@pytest.fixture(autouse=True)
def doubles():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


# the language ---------------------------------------------------------------------------------------------------------


def test_irreps_are_written_in_many_ways() -> None:
    assert o3.Irreps("16 x 1e + 2o+0e") == o3.Irreps([(16, "1e"), "2o", (1, (0, 1))]) == o3.Irreps("16x1e+1x2o+1x0e")
    assert o3.Irreps(None) == o3.Irreps("") == o3.Irreps([]) == ()
    assert repr(o3.Irreps("3y + 2x2y")) == "1x3o+2x2e"
    assert o3.Irreps("1x0e + 2x1o")[1:] == o3.Irreps("2x1o")
    assert "1o" in o3.Irreps("0x1o")
    assert o3.Irreps("2x0e + 1x1o").sort().irreps == o3.Irreps("1x1o + 2x0e").regroup()
    assert [*o3.Irrep.iterator(1)] == [o3.Irrep(s) for s in ("0e", "0o", "1o", "1e")]
    assert sorted(o3.Irrep.iterator(1)) == [o3.Irrep(s) for s in ("0o", "0e", "1o", "1e")]
    assert o3.irrep.l3o == o3.Irrep("3o")
    assert (o3.Irreps("1o") * 3).simplify() == 3 * o3.Irrep("1o") == o3.Irreps("3x1o")
    assert o3.Irreps("2x0e + 3x1o").slice_by_mul[1:4] == o3.Irreps("1x0e + 2x1o")
    assert sum([o3.Irreps("0e"), o3.Irreps("1o")]) == o3.Irreps("0e + 1o")


@pytest.mark.parametrize("wrong", ["2f", "-1x0e", "x0e", "1.5x0e", "0e ++ 1o", 5, [(1, "0z")], [(-1, "0e")]])
def test_what_names_no_irreps_is_a_value_error(wrong: object) -> None:
    with pytest.raises(ValueError, match="but got"):
        o3.Irreps(wrong)


def test_filters_take_texts() -> None:
    """e3nn keeps nothing of `keep="..."` and drops nothing of `drop="..."`."""
    irreps = o3.Irreps("2x0e + 3x1o + 1x2e")
    assert irreps.filter(keep="2e + 2x0e") == o3.Irreps("2x0e + 1x2e")
    assert irreps.filter(drop=o3.Irreps("1o")) == o3.Irreps("2x0e + 1x2e")
    assert irreps.filter(keep=["1o"]) == irreps.filter(lambda slot: slot.ir.l == 1) == o3.Irreps("3x1o")
    assert irreps.filter(lmax=1) == irreps[:2]
    assert o3.Irrep(irreps[1]) == o3.Irrep("1o")


# products -------------------------------------------------------------------------------------------------------------


def test_views_of_weights_skip_paths_without_any() -> None:
    """e3nn counts paths without weights, and shows those of another."""
    paths = [(0, 0, 0, "uvu", False), (1, 0, 1, "uvu", True), (1, 0, 2, "uvu", True)]
    product = o3.TensorProduct("2x0e + 2x1o", "1x1o", "2x1o + 2x0e + 2x1e", paths)
    assert product.weight_view_for_instruction(1).flatten().equal(product.weight[:2])
    assert [number for number, *_ in product.weight_views(yield_instruction=True)] == [1, 2]
    with pytest.raises(ArgumentError, match="has no weights"):
        product.weight_view_for_instruction(0)


def test_products_that_cannot_be_say_why() -> None:
    """e3nn raises an AssertionError without a word."""
    with pytest.raises(ValueError, match=r"The product of 1o and 1o holds \[0e, 1e, 2e\], but not 1o"):
        o3.TensorProduct("1o", "1o", "1o", [(0, 0, 0, "uvw", True)])
    with pytest.raises(ValueError, match="The first input has 3 numbers, 1x1o, but got"):
        o3.FullTensorProduct("1o", "1o")(torch.zeros(2, 4), torch.zeros(2, 3))


def test_the_matrix_of_a_product() -> None:
    product = o3.FullyConnectedTensorProduct("2x0e + 3x1o", "1x0e + 2x1o", "2x0e + 2x1o + 1x1e")
    x, y = product.irreps_in1.randn(4, -1), product.irreps_in2.randn(4, -1)
    assert torch.allclose(product(x, y), (x[:, None] @ product.right(y))[:, 0])


def test_weights_come_as_a_list() -> None:
    product = o3.FullyConnectedTensorProduct("2x0e + 3x1o", "1x0e + 1x1o", "2x1o", internal_weights=False)
    weights = [torch.randn(i.path_shape) for i in product.instructions]
    x, y = product.irreps_in1.randn(4, -1), product.irreps_in2.randn(4, -1)
    assert product(x, y, weights).equal(product(x, y, torch.cat([w.flatten() for w in weights])))


@pytest.mark.parametrize("seed", range(5))
def test_random_products_are_equivariant_and_normalised(seed: int) -> None:
    util.test.set_random_seeds()
    torch.manual_seed(seed)
    first, second, out = random_irreps(3, lmax=2, mul_max=3, allow_empty=False)
    assert_equivariant(o3.FullyConnectedTensorProduct(first, second, out))
    assert_equivariant(o3.FullTensorProduct(first, second))
    assert_equivariant(o3.Linear(first, out))
    assert_equivariant(nn.NormActivation(first, torch.sigmoid))
    assert_equivariant(o3.TensorSquare(first))


def test_normalisation_by_length_is_that_of_lengths() -> None:
    """e3nn compares with 1/√d where the mean square of a number is 1/d."""
    product = o3.FullyConnectedTensorProduct("8x0e + 8x1o", "4x0e + 4x1o", "8x0e + 8x1o", irrep_normalization="norm")
    assert_normalized(product, normalization="norm", n_input=500, n_weight=40, atol=0.15)
    with pytest.raises(AssertionError, match="are off by"):
        assert_normalized(product, normalization="component", n_input=500, n_weight=40, atol=0.15)


# functions at their corners -------------------------------------------------------------------------------------------


def test_half_turns() -> None:
    """e3nn finds the quaternion 0 and no axis."""
    half = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    axis, angle = o3.matrix_to_axis_angle(half)
    assert torch.allclose(o3.axis_angle_to_matrix(axis, angle), half)
    assert o3.matrix_to_quaternion(half).abs().allclose(torch.tensor([0.0, 0, 1, 0]))
    assert torch.allclose(o3.quaternion_to_matrix(o3.matrix_to_quaternion(half)), half)


def test_gradients_at_poles_identities_and_zero() -> None:
    pole = torch.tensor([[0.0, 1.0, 0.0], [0.0, -2.0, 0.0]], requires_grad=True)
    assert all(
        torch.autograd.grad(x.sum(), pole, retain_graph=True)[0].isfinite().all() for x in o3.xyz_to_angles(pole)
    )
    identity = torch.eye(3, requires_grad=True)
    (gradient,) = torch.autograd.grad(o3.Irreps("1o + 2e").D_from_matrix(identity).sum(), identity)
    assert gradient.isfinite().all()
    zero = torch.zeros(2, 3, requires_grad=True)
    harmonics = o3.spherical_harmonics([0, 1, 2], zero, normalize=True)
    assert harmonics[:, 1:].abs().max() == 0
    assert torch.autograd.grad(harmonics.sum(), zero)[0].abs().max() < 1e3
    assert torch.autograd.grad(o3.Norm("1o")(zero).sum(), zero)[0].abs().max() == 0


def test_any_degree() -> None:
    """e3nn ends at 12."""
    harmonics = o3.SphericalHarmonics([20], normalize=True, normalization="norm")
    x = torch.randn(5, 3)
    assert harmonics(x).norm(dim=-1).allclose(torch.ones(5))
    angles = o3.rand_angles()
    assert harmonics(x @ o3.angles_to_matrix(*angles).T).allclose(harmonics(x) @ o3.wigner_D(20, *angles).T)


def test_radial_functions_at_zero_and_alone() -> None:
    """e3nn's Bessel functions are NaN at 0, and one function without a cut-off is an IndexError."""
    x = torch.tensor([0.0, 1e-9, 0.5], requires_grad=True)
    values = math.soft_one_hot_linspace(x, 0.0, 2.0, 3, "bessel", cutoff=False)
    assert values.isfinite().all()
    assert torch.autograd.grad(values.sum(), x)[0].isfinite().all()
    assert math.soft_one_hot_linspace(x, 0.0, 2.0, 1, "gaussian", cutoff=False).shape == (3, 1)
    y = torch.tensor([-0.5, 0.3, 1.2], requires_grad=True)
    assert gradcheck(math.soft_unit_step, y, check_forward_ad=True)
    assert gradgradcheck(math.soft_unit_step, y)
    assert torch.vmap(math.soft_unit_step)(y).equal(math.soft_unit_step(y))


def test_norm_activations_in_all_their_forms() -> None:
    """In e3nn `normalize=False` and a bias with irreps in a text are errors."""
    x = o3.Irreps("2x0e + 1x1o").randn(4, -1)
    plain = nn.NormActivation("2x0e + 1x1o", torch.sigmoid, normalize=False)
    lengths = o3.Norm("2x0e + 1x1o")(x)
    assert plain(x)[:, :2].allclose(torch.sigmoid(lengths[:, :2]) * x[:, :2])
    assert nn.NormActivation("2x0e + 1x1o", torch.sigmoid, bias=True)(x).shape == x.shape
    with pytest.raises(ValueError, match="epsilon"):
        nn.NormActivation("1o", torch.sigmoid, normalize=False, epsilon=1e-3)


def test_signals_without_a_peak() -> None:
    where, values = io.SphericalTensor(2, 1, -1).find_peaks(torch.tensor([1.0, *[0.0] * 8]))
    assert where.shape[1] == 3
    assert len(where) == len(values)


def test_cartesian_tensors_do_not_grow() -> None:
    """e3nn makes the tables again on each call, and keeps them."""
    tensor = io.CartesianTensor("ijkl=jikl=klij")
    t = torch.randn(3, 3, 3, 3)
    symmetric = tensor.to_cartesian(tensor.from_cartesian(t))
    assert tensor.from_cartesian(symmetric).allclose(tensor.from_cartesian(t))
    assert symmetric.allclose(symmetric.permute(1, 0, 2, 3))
    assert pickle.loads(pickle.dumps(tensor)).formula == tensor.formula
    assert tensor.reduced_tensor_products(t).change_of_basis.dtype == t.dtype


def test_batches_of_nothing() -> None:
    norm = nn.BatchNorm("2x0e + 1x1o")
    assert norm(torch.zeros(0, 5)).shape == (0, 5)
    assert norm.running_mean.isfinite().all()
    assert o3.Linear("2x0e + 1x1o", "3x0e")(torch.zeros(0, 5)).shape == (0, 3)


def test_dtypes_of_inputs_decide() -> None:
    """Tables are exact in float64 whatever the default is."""
    torch.set_default_dtype(torch.float32)
    angles = tuple(torch.randn(3, dtype=torch.float64) for _ in range(3))
    D = o3.wigner_D(3, *angles)
    assert D.dtype == torch.float64
    assert (D @ D.mT - torch.eye(7, dtype=torch.float64)).abs().max() < 1e-13
    product = o3.FullyConnectedTensorProduct("2x0e + 1x1o", "1x1o", "2x1o")
    with torch.autocast("cpu", torch.bfloat16):
        assert product(torch.randn(3, 5), torch.randn(3, 3)).isfinite().all()


NAMES = {
    "o3": """
        ElementwiseTensorProduct FromS2Grid FullTensorProduct FullTensorProductv2 FullyConnectedTensorProduct
        Instruction Irrep Irreps Legendre Linear Norm ReducedTensorProducts SO3Grid SphericalHarmonics
        SphericalHarmonicsAlphaBeta TensorProduct TensorSquare ToS2Grid angles_to_axis_angle angles_to_matrix
        angles_to_quaternion angles_to_xyz axis_angle_to_angles axis_angle_to_matrix axis_angle_to_quaternion
        change_basis_real_to_complex compose_angles compose_axis_angle compose_quaternion identity_angles
        identity_quaternion inverse_angles inverse_quaternion irfft matrix_to_angles matrix_to_axis_angle
        matrix_to_quaternion matrix_x matrix_y matrix_z quaternion_to_angles quaternion_to_axis_angle
        quaternion_to_matrix rand_angles rand_axis_angle rand_matrix rand_quaternion rfft s2_grid so3_generators
        spherical_harmonics spherical_harmonics_alpha spherical_harmonics_alpha_beta spherical_harmonics_s2_grid
        su2_generators wigner_3j wigner_D xyz_to_angles
    """,
    "nn": """
        Activation BatchNorm Dropout Extract ExtractIr FullyConnectedNet Gate Identity NormActivation S2Activation
        SO3Activation
    """,
    "io": """
        CartesianTensor SphericalTensor
    """,
    "math": """
        bessel complete_basis direct_sum germinate_formulas moment normalize2mom orthonormalize reduce_permutation
        soft_one_hot_linspace soft_unit_step
    """,
}
"""What the packages of e3nn 0.6.0 offer."""


@pytest.mark.parametrize("package", NAMES)
def test_every_name_of_e3nn_is_here(package: str) -> None:
    here = {"o3": o3, "nn": nn, "io": io, "math": math}[package]
    assert [name for name in NAMES[package].split() if not hasattr(here, name)] == []


def test_arguments_have_e3nn_s_names() -> None:
    angles = dict(zip(("a1", "b1", "c1", "a2", "b2", "c2"), torch.rand(6), strict=True))
    assert torch.stack(o3.compose_angles(**angles)).isfinite().all()
    x, y = torch.randn(2, 5), torch.randn(2, 3)
    for product in (o3.FullTensorProductv2("2x0e + 1x1o", "1x1o"), o3.experimental.FullTensorProductv2("5x0e", "3x0e")):
        assert product(input1=x, input2=y).equal(product(x, y))
    same = o3.experimental.ElementwiseTensorProductv2("2x0e + 1x1o", "3x0e")
    assert same(input1=x, input2=y).equal(same(x, y))


def test_products_are_drawn() -> None:
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    product = o3.FullyConnectedTensorProduct("2x0e + 3x1o", "1x0e + 1x1o", "2x0e + 2x1o")
    for options in ({}, {"plot_weight": False}, {"aspect_ratio": "auto"}):
        fig, axes = plt.subplots()
        assert product.visualize(ax=axes, **options) == (fig, axes)
        assert len(axes.lines) == 3 + len(product.instructions)
        written = [text.get_text() for text in axes.texts]
        assert written == [r"$2 \times 0e$", r"$3 \times 1o$", "$0e$", "$1o$", r"$2 \times 0e$", r"$2 \times 1o$"]
        plt.close(fig)
    fig, axes = o3.FullTensorProduct("1o", "1o").visualize()
    assert {line.get_color() for line in axes.lines} == {"black"}
    outer = o3.TensorProduct("1o", "1o", "0e", [(0, 0, 0, "uvw", True)], internal_weights=False)
    assert outer.visualize(ax=axes, weight=torch.ones(1))[0] is fig
    assert outer.visualize(ax=axes)[1].lines[-1].get_color() == "green"
    with pytest.raises(ValueError, match="The aspect ratio is a number or 'auto', but got 'wide'"):
        product.visualize(aspect_ratio="wide")
    plt.close(fig)


# modules in torch's hands ---------------------------------------------------------------------------------------------

MODULES = {
    "TensorProduct": (lambda: o3.FullyConnectedTensorProduct("2x0e + 3x1o", "1x0e + 1x1o", "2x1o + 1x2e"), 2),
    "uvu": (
        lambda: o3.TensorProduct("4x1o", "1x2e", "4x1o + 4x3o", [(0, 0, 0, "uvu", True), (0, 0, 1, "uvu", True)]),
        2,
    ),
    "ElementwiseTensorProduct": (lambda: o3.ElementwiseTensorProduct("2x0e + 3x1o", "5x1o"), 2),
    "FullTensorProduct": (lambda: o3.FullTensorProduct("2x0e + 3x1o", "2x1o"), 2),
    "TensorSquare": (lambda: o3.TensorSquare("2x0e + 3x1o"), 1),
    "TensorSquare, weights": (lambda: o3.TensorSquare("2x0e + 3x1o", "2x0e + 2x2e"), 1),
    "uuw": (lambda: o3.TensorProduct("4x1o", "4x1o", "3x1e", [(0, 0, 0, "uuw", True)]), 2),
    "Linear": (lambda: o3.Linear("2x0e + 3x1o", "2x0e + 2x1o", biases=True), 1),
    "SphericalHarmonics": (lambda: o3.SphericalHarmonics("0e + 1o + 2e", normalize=True), 1),
    "Gate": (lambda: nn.Gate("2x0e", [SILU], "2x0e", [torch.sigmoid], "2x1o"), 1),
    "NormActivation": (lambda: nn.NormActivation("2x0e + 1x1o", torch.sigmoid), 1),
    "Norm": (lambda: o3.Norm("2x0e + 1x1o"), 1),
    "BatchNorm": (lambda: nn.BatchNorm("2x0e + 1x1o").eval(), 1),
    "Dropout": (lambda: nn.Dropout("2x0e + 1x1o", 0.5).eval(), 1),
    "FullyConnectedNet": (lambda: nn.FullyConnectedNet([4, 8, 3], SILU), 1),
    "S2Activation": (lambda: nn.S2Activation("0e + 1o + 2e", torch.tanh, 8), 1),
    "SO3Activation": (lambda: nn.SO3Activation(1, 1, torch.tanh, 2), 1),
    "ReducedTensorProducts": (lambda: o3.ReducedTensorProducts("ij=ji", i="0e + 1o"), 2),
    "ToS2Grid": (lambda: o3.ToS2Grid(2, 6), 1),
    "Extract": (lambda: nn.ExtractIr("1e + 2x0e + 1e", "1e"), 1),
}


def inputs_of(module: torch.nn.Module, count: int, batch: int = 3) -> list[Tensor]:
    sizes = {
        nn.FullyConnectedNet: lambda: [4],
        nn.SO3Activation: lambda: [10],
        o3.ToS2Grid: lambda: [9],
        nn.BatchNorm: lambda: [5],
        nn.Dropout: lambda: [5],
        o3.ReducedTensorProducts: lambda: [own.dim for own in module.irreps_in],
    }
    if type(module) in sizes:
        dims = sizes[type(module)]()
    elif count == 2:
        dims = [module.irreps_in1.dim, module.irreps_in2.dim]
    else:
        dims = [module.irreps_in.dim]
    return [torch.randn(batch, dim) for dim in dims]


@pytest.mark.parametrize("name", MODULES)
def test_copies_derivatives_and_transforms(name: str) -> None:
    make, count = MODULES[name]
    module = make()
    given = inputs_of(module, count)
    y = module(*given)
    assert copy.deepcopy(module)(*given).equal(y)
    assert pickle.loads(pickle.dumps(module))(*given).equal(y)
    state = module.state_dict()
    again = make()
    again.load_state_dict(state)
    assert again(*given).equal(y)
    assert not any("w3j" in key for key in state)
    variables = [x.clone().requires_grad_() for x in given]
    assert gradcheck(module, variables)
    assert gradgradcheck(module, variables)
    assert torch.vmap(module)(*(x[:, None] for x in given)).reshape(y.shape).allclose(y)
    assert torch.func.jacrev(lambda *x: module(*x).sum(), argnums=0)(*given).isfinite().all()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 1e-2), (torch.bfloat16, 6e-2)])
@pytest.mark.parametrize("name", MODULES)
def test_fewer_digits_follow_float64(name: str, dtype: torch.dtype, tolerance: float) -> None:
    """Outputs and gradients, within what their digits allow: so few sums add up that errors stay a few roundings."""
    make, count = MODULES[name]
    torch.manual_seed(0)
    module = make()
    given = [x.requires_grad_() for x in inputs_of(module, count)]
    y = module(*given)
    along = torch.randn_like(y)
    exact = [y, *torch.autograd.grad((along * y).sum(), given)]
    less, rounded = module.to(dtype), [x.detach().to(dtype).requires_grad_() for x in given]
    z = less(*rounded)
    assert z.dtype == dtype
    for ours, wanted in zip([z, *torch.autograd.grad((along.to(dtype) * z).sum(), rounded)], exact, strict=True):
        assert ours.dtype == dtype
        assert (ours.double() - wanted).abs().max() <= tolerance * wanted.abs().max()


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_compiled_whole_and_exported_for_any_batch(name: str) -> None:
    """In e3nn dropouts and activations on grids break graphs, and exports keep the size of the batch."""
    make, count = MODULES[name]
    module = make()
    given = inputs_of(module, count)
    torch._dynamo.reset()
    assert torch.compile(module, fullgraph=True, backend="aot_eager")(*given).allclose(module(*given))
    shapes = tuple({0: torch.export.Dim("batch")} for _ in given)
    shapes = (shapes,) if name == "ReducedTensorProducts" else shapes
    exported = torch.export.export(module, tuple(given), dynamic_shapes=shapes).module()
    more = inputs_of(module, count, batch=5)
    assert exported(*more).allclose(module(*more))


def test_checkpoints_of_e3nn_load(tmp_path) -> None:
    """Tables that e3nn keeps beside the weights are left out; all other keys are the same."""
    product = o3.FullyConnectedTensorProduct("2x0e + 1x1o", "1x1o", "2x1o")
    theirs = product.state_dict() | {"_compiled_main_left_right._w3j_1_1_1": torch.zeros(3, 3, 3)}
    model, state = torch.nn.Sequential(product), {f"0.{key}": value for key, value in theirs.items()}
    model.load_state_dict(state)
    assert sorted(product.state_dict()) == ["output_mask", "weight"]
    assert sorted(nn.Gate("2x0e", [SILU], "1x0e", [SILU], "1x1o").state_dict()) == ["mul.output_mask", "mul.weight"]
    assert sorted(o3.Linear("2x0e", "1x0e").state_dict()) == ["bias", "output_mask", "weight"]


# the whole process ----------------------------------------------------------------------------------------------------


def test_torchscript_is_refused_in_words() -> None:
    @util.jit.compile_mode("script")
    class Model(torch.nn.Module):
        pass

    assert util.jit.get_compile_mode(Model()) == "script"
    for refused in (util.jit.compile, util.jit.script, util.jit.trace, util.test.assert_auto_jitable):
        with pytest.raises(NotImplementedError, match=r"torch\.compile.*torch\.export"):
            refused(Model())
    before = get_optimization_defaults()
    set_optimization_defaults(jit_script_fx=True)
    assert get_optimization_defaults()["jit_script_fx"] is True
    set_optimization_defaults(**before)
    with pytest.raises(ValueError, match="e3nn's options are"):
        set_optimization_defaults(speed=11)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_programs_that_import_e3nn_find_this_library() -> None:
    out = run(
        "from intertwine.interop.e3nn import install; install()\n"
        "import e3nn, e3nn.o3\n"
        "from e3nn import o3, nn\n"
        "from e3nn.o3._irreps import Irreps\n"
        "from e3nn.nn._fc import FullyConnectedNet, _Layer\n"
        "from e3nn.o3._tensor_product._sub import FullyConnectedTensorProduct\n"
        "from e3nn.util.codegen import CodeGenMixin\n"
        "from e3nn.util.jit import compile_mode\n"
        "from e3nn.io import CartesianTensor\n"
        "print(e3nn.__version__, Irreps is o3.Irreps, o3.Linear.__module__)"
    )
    assert out.split() == ["0.6.0", "True", "intertwine.interop.e3nn.o3.linear"]


def test_signs_of_the_older_generation() -> None:
    """(1, 2, 2) has the other sign in e3nn 0.4.4, (1, 1, 1) has not; products follow."""
    code = (
        "import torch\nfrom intertwine.interop.e3nn import install; {}\n"
        "from intertwine.interop.e3nn import o3\n"
        "product = o3.TensorProduct('1o', '2e', '2o', [(0, 0, 0, 'uuu', False)])\n"
        "print(*[float(o3.wigner_3j(*t).flatten() @ torch.arange(o3.wigner_3j(*t).numel(), dtype=torch.float32))"
        " for t in ((1, 2, 2), (1, 1, 1))], float(product(torch.ones(3), torch.arange(5.0)).sum()))"
    )
    new, old = (run(code.format(given)).split() for given in ("install()", "install('0.4.4')"))
    assert [float(a) for a in new] == pytest.approx([-float(old[0]), float(old[1]), -float(old[2])])
    with pytest.raises(ArgumentError, match=r"The signs are those of '0\.5' or '0\.4\.4', but got '0\.3'"):
        install("0.3")


def test_errors_of_points() -> None:
    """Translations move points, and what depends on differences alone does not see them."""

    def distances(x: Tensor) -> Tensor:
        return (x[:1] - x[1:]).norm(dim=-1, keepdim=True)

    errors = equivariance_error(distances, [torch.randn(3, 3)], ["cartesian_points"], ["0e"])
    assert set(errors) == {(0, False), (0, True), (1, False), (1, True)}
    assert max(float(error) for error in errors.values()) < 1e-12
