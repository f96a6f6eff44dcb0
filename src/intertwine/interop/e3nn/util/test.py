"""e3nn.util.test: whether functions of irreps are equivariant, and keep variances."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.rotation import rand_matrix
from intertwine.interop.e3nn.util.jit import compile as refused

FLOAT_TOLERANCE = {torch.float32: torch.tensor(1e-3), torch.float64: torch.tensor(1e-9, dtype=torch.float64)}
"""The errors that are accepted for each dtype."""

POINTS = "cartesian_points"
"""What stands in place of irreps for points of space, which translations move too."""

Kind = Irreps | str | None
Errors = dict[tuple[int, bool], Tensor]
"""The largest errors of each output, by the parity and by whether points were translated."""


def random_irreps(
    n: int = 1,
    lmax: int = 4,
    mul_min: int = 0,
    mul_max: int = 5,
    len_min: int = 0,
    len_max: int = 4,
    clean: bool = False,
    allow_empty: bool = True,
) -> Any:
    """Random irreps, for n > 1 a list of them: irreps, texts and lists in turn, or irreps alone if `clean`."""
    found = []
    for _ in range(n):
        length = random.randint(len_min if allow_empty else max(len_min, 1), len_max)
        slots = [
            (random.randint(mul_min, mul_max), (random.randint(0, lmax), random.choice((1, -1)))) for _ in range(length)
        ]
        if not allow_empty and not any(mul for mul, _ in slots):
            slots[-1] = (random.randint(1, mul_max), slots[-1][1])
        irreps = Irreps(slots)
        found.append(irreps if clean else random.choice((irreps, repr(irreps), slots)))
    return found[0] if n == 1 else found


def equivariance_error(
    func: Callable[..., Any],
    args_in: Sequence[Tensor],
    irreps_in: Any = None,
    irreps_out: Any = None,
    ntrials: int = 1,
    do_parity: bool = True,
    do_translation: bool = True,
    transform_dtype: torch.dtype = torch.float64,
) -> Errors:
    """The largest error of each output under random rotations, with and without the inversion and translations.

    Args:
        func: the function.
        args_in: its arguments.
        irreps_in, irreps_out: irreps of each argument and output, "cartesian_points" for points, None for what is not
            moved; default those of the function.
        ntrials: how many random rotations.
        do_parity, do_translation: whether the inversion and translations are tried.
        transform_dtype: the dtype in which inputs and outputs are moved.
    """
    kinds_in, kinds_out = _kinds(func, irreps_in, irreps_out)
    translates = (False, True) if do_translation and POINTS in kinds_in else (False,)
    worst: Errors = {}
    for _, parity, moves in product(range(ntrials), (0, 1) if do_parity else (0,), translates):
        R = rand_matrix(dtype=transform_dtype) * (-1) ** parity
        shift = 10 * torch.randn(3, dtype=transform_dtype) * moves
        moved = [_moved(x, kind, R, shift).to(x.dtype) for x, kind in zip(args_in, kinds_in, strict=True)]
        there, here = _listed(func(*moved)), _listed(func(*args_in))
        if len(here) != len(kinds_out):
            raise ArgumentError(
                f"The function gave {len(here)} outputs, but {len(kinds_out)} irreps are given for them."
            )
        pairs = zip(there, here, kinds_out, strict=True)
        errors = torch.stack(
            [(a.detach().to(R) - _moved(b.detach(), kind, R, shift)).abs().max() for a, b, kind in pairs]
        )
        key = (parity, bool(moves))
        worst[key] = torch.maximum(worst[key], errors) if key in worst else errors
    return {key: errors.to(torch.get_default_dtype()) for key, errors in worst.items()}


def assert_equivariant(
    func: Callable[..., Any],
    args_in: Sequence[Tensor] | None = None,
    irreps_in: Any = None,
    irreps_out: Any = None,
    tolerance: Any = None,
    **options: Any,
) -> Errors:
    """Raise `AssertionError` if a function is not equivariant, by default at random arguments: `equivariance_error`."""
    kinds_in, kinds_out = _kinds(func, irreps_in, irreps_out)
    given = _random_arguments(kinds_in, random.randint(1, 4)) if args_in is None else args_in
    errors = equivariance_error(func, given, kinds_in, kinds_out, **options)
    accepted = FLOAT_TOLERANCE[torch.get_default_dtype()] if tolerance is None else tolerance
    failing = {key: error for key, error in errors.items() if not error.max() <= accepted}
    if failing:
        raise AssertionError(f"The function is not equivariant:\n{format_equivariance_error(failing)}")
    return errors


def format_equivariance_error(errors: Errors) -> str:
    """The errors in lines."""
    return "\n".join(
        f"{'with' if parity else 'without'} inversion, {'with' if moves else 'without'} translation: error up to "
        f"{float(error.max()):.3e}, in output {int(error.argmax())}"
        for (parity, moves), error in errors.items()
    )


def assert_normalized(
    func: Callable[..., Any],
    irreps_in: Any = None,
    irreps_out: Any = None,
    normalization: str = "component",
    n_input: int = 10_000,
    n_weight: int | None = None,
    weights: Sequence[nn.Parameter] | None = None,
    atol: float = 0.1,
) -> None:
    """Raise `AssertionError` unless normalised inputs and weights of variance 1 give normalised outputs.

    Args:
        func, irreps_in, irreps_out: as in `equivariance_error`.
        normalization: "component" for numbers of variance 1, "norm" for irreps of length 1 on average.
        n_input: how many random inputs for each draw of the weights.
        n_weight: how many draws; 20 where there are weights.
        weights: what is drawn; default the parameters of the function.
        atol: the error that is accepted.
    """
    if normalization not in ("component", "norm"):
        raise ArgumentError(f"normalization is 'component' or 'norm', but got {normalization!r}.")
    kinds_in, kinds_out = _kinds(func, irreps_in, irreps_out)
    drawn = [*func.parameters()] if weights is None and isinstance(func, nn.Module) else [*(weights or ())]
    times = (n_weight or 20) if drawn else 1
    sums = [torch.zeros(kind.dim) if isinstance(kind, Irreps) else torch.zeros(0) for kind in kinds_out]
    with torch.no_grad():
        for _ in range(times):
            for parameter in drawn:
                parameter.normal_()
            given = _random_arguments(kinds_in, n_input)
            if normalization == "norm":
                given = [x * _shrink(kind) for x, kind in zip(given, kinds_in, strict=True)]
            for total, y in zip(sums, _listed(func(*given)), strict=True):
                if total.numel():
                    total += y.square().mean(0) / times
    for number, (kind, squares) in enumerate(zip(kinds_out, sums, strict=True)):
        if isinstance(kind, Irreps) and kind.dim:
            wanted = _shrink(kind).square() if normalization == "norm" else torch.ones(kind.dim)
            if (error := (squares - wanted).abs().max()) > atol:
                raise AssertionError(
                    f"Squares of output {number}, {kind}, are off by {float(error):.3f} on average (accepted {atol})."
                )


def assert_torch_compile(compile_mode: str, func: Callable[[], nn.Module], *args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
    """Compile the module that a factory makes as one graph, run it, and give it back."""
    torch._dynamo.reset()
    compiled = torch.compile(func(), fullgraph=True)
    compiled(*args, **kwargs)
    return compiled


def assert_auto_jitable(*_: Any, **__: Any) -> NoReturn:
    """Raise `NotImplementedError`: TorchScript is not offered."""
    refused()


def set_random_seeds() -> None:
    """Seed torch, numpy and Python with 0."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


def _kinds(func: Any, irreps_in: Any, irreps_out: Any) -> tuple[list[Kind], list[Kind]]:
    """The irreps of all arguments and outputs."""
    if irreps_in is None:
        pair = [getattr(func, "irreps_in1", None), getattr(func, "irreps_in2", None)]
        irreps_in = getattr(func, "irreps_in", pair if None not in pair else None)
    irreps_out = getattr(func, "irreps_out", None) if irreps_out is None else irreps_out
    if irreps_in is None or irreps_out is None:
        raise ArgumentError(f"{func!r} does not say what its inputs and outputs are. Pass irreps_in and irreps_out.")
    several = (x if isinstance(x, list) else [x] for x in (irreps_in, irreps_out))
    found = [[x if x in (None, POINTS) else Irreps(x) for x in listed] for listed in several]
    return found[0], found[1]


def _random_arguments(kinds: Sequence[Kind], batch: int) -> list[Tensor]:
    if None in kinds:
        raise ArgumentError("Random arguments are made of irreps and points alone. Pass args_in.")
    return [kind.randn(batch, -1) if isinstance(kind, Irreps) else torch.randn(batch, 3) for kind in kinds]


def _listed(outputs: Any) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else [*outputs]


def _moved(x: Tensor, kind: Kind, R: Tensor, shift: Tensor) -> Tensor:
    """A tensor as a rotation moves it, in the dtype of the rotation."""
    R, shift = R.to(x.device), shift.to(x.device)
    if kind is None:
        return x
    if isinstance(kind, Irreps):
        return x.to(R.dtype) @ kind.D_from_matrix(R).T
    return x.to(R.dtype) @ R.T + shift


def _shrink(kind: Kind) -> Tensor:
    """What makes numbers of variance 1 to irreps of length 1 on average."""
    if not isinstance(kind, Irreps):
        return torch.ones(3)
    return torch.cat([torch.full((slot.dim,), slot.ir.dim**-0.5) for slot in kind] or [torch.ones(0)])
