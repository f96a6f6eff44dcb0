"""What is compared with e3nn itself: every function and layer of its names, on numbers that both sides make alike.

`numbers` takes e3nn's modules, or the facade's. `benchmarks/e3nn_fixture.py` records what e3nn gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

Case = tuple[str, Tensor]

MODES: dict[str, tuple[str, str, str, list[tuple[Any, ...]]]] = {
    "uvw": ("2x0e + 3x1o", "2x0e + 1x1o", "2x1o + 1x0e", [(0, 1, 0, "uvw", True), (1, 0, 0, "uvw", True, 2.0)]),
    "uvw, one copy": ("3x1o + 2x0e", "1x0e + 1x1o", "4x1o", [(0, 0, 0, "uvw", True), (1, 1, 0, "uvw", True)]),
    "uvu": ("5x1o", "1x2e", "5x1o + 5x3o", [(0, 0, 0, "uvu", True), (0, 0, 1, "uvu", True)]),
    "uvu, several": ("3x1o", "2x1o + 1x2e", "3x0e + 3x3o", [(0, 0, 0, "uvu", True), (0, 1, 1, "uvu", False)]),
    "uvv": ("2x1o", "4x2e", "4x1o", [(0, 0, 0, "uvv", True)]),
    "uvv, one copy": ("1x1o", "4x2e", "4x1o + 4x2o", [(0, 0, 0, "uvv", True), (0, 0, 1, "uvv", True)]),
    "uuw": ("3x1o", "3x1o", "2x0e + 2x2e", [(0, 0, 0, "uuw", True), (0, 0, 1, "uuw", True)]),
    "uuw, no weights": ("3x1o", "3x1o", "1x0e", [(0, 0, 0, "uuw", False)]),
    "uuu": ("3x1o", "3x1o", "3x1e + 3x0e", [(0, 0, 0, "uuu", True), (0, 0, 1, "uuu", False)]),
    "uvuv": ("2x1o", "3x1o", "6x1e + 6x2e", [(0, 0, 0, "uvuv", True), (0, 0, 1, "uvuv", False)]),
    "uvu<v": ("4x1o", "4x1o", "6x1e", [(0, 0, 0, "uvu<v", True)]),
    "u<vw": ("4x1o", "4x1o", "3x1e + 2x0e", [(0, 0, 0, "u<vw", True), (0, 0, 1, "u<vw", True)]),
    "empty slots": ("0x0e + 2x1o", "1x1o + 0x2e", "2x0e + 1x5o", [(1, 0, 0, "uvu", True), (0, 0, 1, "uvw", True)][:1]),
    "sums": ("2x0e + 2x1o", "1x0e + 1x1o", "2x0e", [(0, 0, 0, "uvu", True), (1, 1, 0, "uvu", False, 0.5)]),
}
"""Products: the irreps of both factors and of the output, and the instructions."""


def wave(*shape: int, start: float = 1.0) -> Tensor:
    """Numbers that every machine makes alike."""
    count = 1
    for size in shape:
        count *= size
    return torch.sin(torch.arange(count) + start).reshape(shape)


def filled(module: Any, start: float = 0.0) -> Any:
    """A module with known weights."""
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.cos(torch.arange(parameter.numel()) + start + number).reshape(parameter.shape))
    return module


def numbers(o3: Any, nn: Any, io: Any, math: Any) -> dict[str, Tensor]:
    """Everything, by name."""
    parts: list[Callable[..., Iterator[Case]]] = [_irreps, _rotations, _harmonics, _products, _linear, _reduced]
    found = dict(case for part in parts for case in part(o3))
    found |= dict(_grids(o3)) | dict(_signals(io)) | dict(_functions(math)) | dict(_layers(nn, o3))
    return {name: value.detach() for name, value in found.items()}


def _irreps(o3: Any) -> Iterator[Case]:
    irreps = o3.Irreps("2x1e + 0x2o + 3x0o + 1x1e + 2o")
    angles = tuple(wave(3, start=float(n)) for n in range(3))
    yield "Irreps.D_from_angles", irreps.D_from_angles(*angles)
    yield "Irreps.D_from_angles, k", irreps.D_from_angles(*angles, torch.tensor([0, 1, 1]))
    yield "Irreps.D_from_matrix", irreps.D_from_matrix(-o3.angles_to_matrix(*angles))
    yield "Irreps.D_from_axis_angle", irreps.D_from_axis_angle(wave(3), wave(1)[0])
    yield "Irreps.D_from_quaternion", irreps.D_from_quaternion(wave(4) / wave(4).norm())
    for l in range(5):
        yield f"Irrep.D, {l}", o3.Irrep(l, -1).D_from_angles(*angles, torch.tensor([1, 0, 1]))
        yield f"wigner_D, {l}", o3.wigner_D(l, *angles)
        yield f"so3_generators, {l}", o3.so3_generators(l)
        yield f"su2_generators, {l}", torch.view_as_real(o3.su2_generators(l))
        yield f"change_basis, {l}", torch.view_as_real(o3.change_basis_real_to_complex(l))
    for triple in ((1, 1, 1), (1, 2, 2), (2, 2, 3), (3, 1, 2), (4, 3, 5)):
        yield f"wigner_3j, {triple}", o3.wigner_3j(*triple)


def _rotations(o3: Any) -> Iterator[Case]:
    angles = tuple(0.3 + wave(4, start=float(n)).abs() for n in range(3))
    other = tuple(0.2 + wave(4, start=float(n) + 5).abs() for n in range(3))
    R = o3.angles_to_matrix(*angles)
    q, axis_angle = o3.matrix_to_quaternion(R), o3.matrix_to_axis_angle(R)
    yield "angles_to_matrix", R
    yield "matrix_to_angles", torch.stack(o3.matrix_to_angles(R))
    yield "matrix_to_quaternion", q * q[..., :1].sign()
    yield "matrix_to_axis_angle", axis_angle[0] * axis_angle[1][..., None]
    yield "quaternion_to_matrix", o3.quaternion_to_matrix(q)
    yield "axis_angle_to_matrix", o3.axis_angle_to_matrix(*axis_angle)
    yield "axis_angle_to_quaternion", o3.axis_angle_to_quaternion(*axis_angle)
    yield "quaternion_to_angles", torch.stack(o3.quaternion_to_angles(q))
    yield "axis_angle_to_angles", torch.stack(o3.axis_angle_to_angles(*axis_angle))
    yield "compose_angles", torch.stack(o3.compose_angles(*angles, *other))
    yield "inverse_angles", torch.stack(o3.inverse_angles(*angles))
    yield "compose_quaternion", o3.compose_quaternion(q, q.flip(0))
    yield "inverse_quaternion", o3.inverse_quaternion(q)
    yield "angles_to_xyz", o3.angles_to_xyz(*angles[:2])
    yield "xyz_to_angles", torch.stack(o3.xyz_to_angles(wave(5, 3)))
    for name in ("matrix_x", "matrix_y", "matrix_z"):
        yield name, getattr(o3, name)(angles[0])


def _harmonics(o3: Any) -> Iterator[Case]:
    x = wave(6, 3)
    for normalization in ("integral", "component", "norm"):
        for normalize in (True, False):
            found = o3.spherical_harmonics([0, 1, 2, 3, 5], x, normalize, normalization)
            yield f"spherical_harmonics, {normalization}, {normalize}", found
        module = o3.SphericalHarmonics("2x0e + 1x2e + 1x1o", True, normalization)
        yield f"SphericalHarmonics, {normalization}", module(x)
        angles = o3.SphericalHarmonicsAlphaBeta([1, 3], normalization)
        yield f"SphericalHarmonicsAlphaBeta, {normalization}", angles(wave(4), 1 + wave(4))
    yield "SphericalHarmonics, pseudovectors", o3.SphericalHarmonics("1e + 2e", False)(x)
    yield "Legendre", o3.Legendre([0, 2, 3])(torch.tensor([0.28, -0.8]), torch.tensor([0.96, 0.6]))
    yield "spherical_harmonics_alpha", o3.spherical_harmonics_alpha(3, wave(5))
    yield "Norm", o3.Norm("2x0e + 1x0o + 2x1o + 1x2e")(wave(3, 14))
    yield "Norm, squared", o3.Norm("2x0e + 2x1o", squared=True)(wave(3, 8))


def _products(o3: Any) -> Iterator[Case]:
    for name, (first, second, out, instructions) in MODES.items():
        for irreps in ("component", "norm", "none"):
            for paths in ("element", "path", "none"):
                options = {"irrep_normalization": irreps, "path_normalization": paths}
                yield from _product(
                    f"{name}, {irreps}, {paths}", o3.TensorProduct(first, second, out, instructions, **options)
                )
    first, second, out, instructions = MODES["uvw"]
    variances = {"in1_var": [1.0, 2.0], "in2_var": [0.5, 3.0], "out_var": [2.0, 1.0]}
    yield from _product("variances", o3.TensorProduct(first, second, out, instructions, **variances))
    for name in ("uvu", "uvw", "uvuv"):
        first, second, out, instructions = MODES[name]
        each = o3.TensorProduct(first, second, out, instructions, shared_weights=False)
        x, y = wave(4, each.irreps_in1.dim), wave(4, each.irreps_in2.dim, start=0.5)
        yield f"{name}, weights of samples", each(x, y, wave(4, each.weight_numel))
    yield from _product(
        "fully connected", o3.FullyConnectedTensorProduct("2x0e + 1x1o", "1x0e + 1x1o", "2x0e + 1x1o + 1x1e")
    )
    yield from _product("elementwise", o3.ElementwiseTensorProduct("1x0e + 2x1o", "2x0e + 1x1o"))
    yield from _product("elementwise, kept", o3.ElementwiseTensorProduct("3x1o", "3x1o", ["0e", "2e"]))
    yield from _product("full", o3.FullTensorProduct("2x0e + 1x1o", "2x1o"))
    yield from _product("full, kept", o3.FullTensorProduct("2x0e + 1x1o", "2x1o", ["0e", "1o"]))
    for normalization in ("component", "norm", "none"):
        square = o3.TensorSquare("1x0e + 2x1o", irrep_normalization=normalization)
        yield f"square, {normalization}", square(wave(3, 7))
    square = filled(o3.TensorSquare("2x1o", "1x0e + 2x2e + 1x1e"))
    yield "square, weights", square(wave(3, 6))


def _product(name: str, product: Any) -> Iterator[Case]:
    filled(product)
    x, y = wave(4, product.irreps_in1.dim).requires_grad_(), wave(4, product.irreps_in2.dim, start=0.5)
    z = product(x, y)
    yield name, z
    yield f"{name}, factors", torch.tensor([instruction.path_weight for instruction in product.instructions])
    yield f"{name}, mask", product.output_mask
    yield f"{name}, gradient", torch.autograd.grad((z * wave(*z.shape, start=0.2)).sum(), x)[0]


def _linear(o3: Any) -> Iterator[Case]:
    cases: dict[str, tuple[Any, ...]] = {
        "plain": ("2x0e + 1x0e + 2x1o", "2x0e + 1x1o", {}),
        "path": ("2x0e + 1x0e + 2x1o", "2x0e + 1x1o", {"path_normalization": "path"}),
        "biases": ("2x0e + 2x1o + 1x0o", "2x0e + 1x1o + 2x0o + 1x0e", {"biases": True}),
        "some biases": ("2x0e + 2x1o", "2x0e + 1x1o + 1x0e", {"biases": [False, False, True]}),
        "instructions": ("2x0e + 3x0e", "1x0e + 2x0e", {"instructions": [(0, 1), (1, 1)]}),
        "unreached": ("2x0e", "2x1o + 1x0e", {}),
        "channels": ("2x0e + 2x1o", "1x0e + 2x1o", {"f_in": 3, "f_out": 2}),
    }
    for name, (first, out, options) in cases.items():
        layer = filled(o3.Linear(first, out, **options))
        x = wave(4, *([3] if "f_in" in options else []), layer.irreps_in.dim)
        yield f"Linear, {name}", layer(x)
        yield f"Linear, {name}, mask", layer.output_mask
    layer = o3.Linear("2x0e + 2x1o", "1x0e + 2x1o", shared_weights=False, internal_weights=False)
    yield "Linear, weights of samples", layer(wave(4, 8), wave(4, layer.weight_numel))


def _reduced(o3: Any) -> Iterator[Case]:
    cases: dict[str, dict[str, Any]] = {
        "ij=ji": {"i": "1o"},
        "ij=-ji": {"i": "2x0e + 1x1o"},
        "ijk=jik": {"i": "1o", "k": "1o"},
        "ijkl=jikl=klij": {"i": "1o"},
        "ijkl=jikl=ikjl=ijlk": {"i": "1e"},
        "ij": {"i": "1o", "j": "1o + 2e"},
        "ijk=-jik=-ikj": {"i": "1o + 0e"},
    }
    for formula, irreps in cases.items():
        reduced = o3.ReducedTensorProducts(formula, **irreps)
        yield f"reduced {formula}", reduced.change_of_basis
        features = [wave(2, own.dim, start=float(n)) for n, own in enumerate(reduced.irreps_in)]
        yield f"reduced {formula}, product", reduced(*features)
    kept = o3.ReducedTensorProducts(
        "ijk=jik=ikj", filter_ir_out=["1o", "3o"], filter_ir_mid=["0e", "2e", "1o", "3o"], i="1o"
    )
    yield "reduced, filters", kept.change_of_basis


def _grids(o3: Any) -> Iterator[Case]:
    cases: list[tuple[Any, Any]] = [(2, (6, 5)), (3, (10, 12)), (None, 8), (4, None), (2, (8, 9))]
    for normalization in ("component", "norm", "integral"):
        for lmax, res in cases:
            there = o3.ToS2Grid(lmax, res, normalization=normalization)
            steps = (there.res_beta, there.res_alpha)
            back = o3.FromS2Grid(steps, there.lmax, normalization=normalization, lmax_in=5)
            yield f"ToS2Grid, {lmax}, {res}, {normalization}", there(wave(2, (there.lmax + 1) ** 2))
            yield f"FromS2Grid, {lmax}, {res}, {normalization}", back(wave(2, *steps))
            yield f"grid, {lmax}, {res}, {normalization}", there.grid
    so3 = o3.SO3Grid(2, 3)
    yield "SO3Grid.to_grid", so3.to_grid(wave(2, 35))
    yield "SO3Grid.from_grid", so3.from_grid(wave(so3.res_alpha, so3.res_beta, so3.res_gamma))
    yield "rfft", o3.rfft(wave(2, 9), 3)
    yield "irfft", o3.irfft(wave(2, 7), 9)


def _signals(io: Any) -> Iterator[Case]:
    signal = io.SphericalTensor(3, 1, -1)
    yield "with_peaks_at", signal.with_peaks_at(torch.tensor([[1.0, 0, 0], [0, 2, 0], [0, 0, 0]]))
    yield "with_peaks_at, values", signal.with_peaks_at(wave(2, 3), torch.tensor([1.0, -2.0]))
    yield "sum_of_diracs", signal.sum_of_diracs(wave(2, 4, 3), wave(2, 4))
    yield "from_samples_on_s2", signal.from_samples_on_s2(wave(2, 4, 3), wave(2, 4), res=12)
    yield "norms", signal.norms(wave(2, 16))
    yield "signal_xyz", signal.signal_xyz(wave(2, 16), wave(5, 3))
    yield "signal_on_grid", signal.signal_on_grid(wave(16), res=12).values
    yield "plot", signal.plot(wave(16), center=wave(3), res=10, relu=True)[0]
    where, values = io.SphericalTensor(5, 1, -1).find_peaks(wave(36) / torch.arange(1, 37).sqrt(), res=40)
    yield "find_peaks", where[values.argsort()]
    for formula in ("ij=ji", "ij=-ji", "ijk=jik"):
        tensor = io.CartesianTensor(formula)
        sizes = (3,) * len(tensor.indices)
        yield f"CartesianTensor {formula}", tensor.from_cartesian(wave(2, *sizes))
        yield f"CartesianTensor {formula}, back", tensor.to_cartesian(wave(2, tensor.dim))
        yield f"CartesianTensor {formula}, vectors", tensor.from_vectors(*wave(len(sizes), 2, 3))


def _functions(math: Any) -> Iterator[Case]:
    x = torch.linspace(-0.3, 2.3, 9)
    for basis in ("gaussian", "cosine", "smooth_finite", "fourier", "bessel"):
        for cutoff in (True, False):
            yield f"{basis}, {cutoff}", math.soft_one_hot_linspace(x, 0.0, 2.0, 4, basis, cutoff)
    yield "soft_unit_step", math.soft_unit_step(x)
    yield "bessel", math.bessel(x.abs(), 3, 2.0)
    for name, function in {"silu": torch.nn.functional.silu, "tanh": torch.tanh, "abs": torch.abs}.items():
        yield f"normalize2mom, {name}", math.normalize2mom(function)(x)
    yield "direct_sum", math.direct_sum(wave(2, 2, 3), wave(2, 1, 2))
    yield "orthonormalize", torch.cat(math.orthonormalize(wave(3, 5)), 1)
    yield "complete_basis", math.complete_basis(math.orthonormalize(wave(2, 4))[0])
    yield "reduce_permutation", math.reduce_permutation(*math.germinate_formulas("ijk=jik"), i=2, k=3)[0]
    for number in (1, 7, 23):
        permutation = math.perm.from_int(number, 4)
        yield f"standard_representation, {number}", math.perm.standard_representation(permutation)
        yield f"natural_representation, {number}", math.perm.natural_representation(permutation)


def _layers(nn: Any, o3: Any) -> Iterator[Case]:
    silu, irreps = torch.nn.functional.silu, "2x0e + 1x0o + 2x1o + 1x2e"
    yield "Gate", nn.Gate("2x0e", [silu], "2x0o", [torch.tanh], "1x1o + 1x2e")(wave(3, 12))
    yield "Gate, no gates", nn.Gate("2x0e + 1x0o", [silu, torch.abs], "", [], "")(wave(3, 3))
    yield "Activation", nn.Activation("2x0e + 1x0o + 1x1e", [silu, torch.tanh, None])(wave(3, 6))
    yield "NormActivation", nn.NormActivation("1x0e + 2x1o", torch.sigmoid)(wave(3, 7))
    norms = filled(nn.NormActivation(o3.Irreps("1x0e + 2x1o"), torch.sigmoid, bias=True))
    yield "NormActivation, bias", norms(wave(3, 7))
    yield "Extract", nn.Extract("1e + 0e + 2x0e", ["2x0e", "1e"], [(2,), (0,)])(wave(3, 6))[0]
    yield "ExtractIr", nn.ExtractIr("1e + 0e + 2x1e", "1e")(wave(3, 10))
    yield "S2Activation", nn.S2Activation("0e + 1o + 2e", torch.tanh, 20)(wave(9))
    yield "S2Activation, odd", nn.S2Activation("0o + 1e + 2o", torch.abs, (12, 13), lmax_out=3)(wave(2, 9))
    yield "SO3Activation", nn.SO3Activation(1, 2, torch.tanh, 3)(wave(10))
    net = filled(nn.FullyConnectedNet([3, 5, 4, 2], silu, variance_in=2, variance_out=3))
    yield "FullyConnectedNet", net(wave(4, 3))
    yield "FullyConnectedNet, out_act", filled(nn.FullyConnectedNet([3, 5, 2], silu, out_act=True))(wave(4, 3))
    options: list[dict[str, Any]] = [
        {}, {"reduce": "max"}, {"instance": True}, {"normalization": "norm"}, {"affine": False}, {"momentum": 0.3}
    ]  # fmt: skip
    for chosen in options:
        norm, name = nn.BatchNorm(irreps, **chosen), f"BatchNorm, {chosen}"
        filled(norm)
        yield name, norm(wave(4, 3, 14))
        if norm.running_var is not None:
            yield f"{name}, mean", norm.running_mean.clone()
            yield f"{name}, variance", norm.running_var.clone()
        yield f"{name}, evaluated", norm.eval()(wave(4, 3, 14, start=0.3))
