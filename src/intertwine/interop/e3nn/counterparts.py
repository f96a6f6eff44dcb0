"""For layers of this library the modules of e3nn's names that compute the same, with weights of their own."""

from __future__ import annotations

from typing import Any

from torch import nn as plain

from intertwine import nn
from intertwine.errors import ArgumentError
from intertwine.interop.e3nn import nn as e3nn_nn
from intertwine.interop.e3nn import o3
from intertwine.interop.e3nn.defaults import Convention, sign_of
from intertwine.interop.e3nn.features import irreps_of
from intertwine.interop.e3nn.math.moments import normalize2mom
from intertwine.nn.module import Function, Rescaled

ALIKE = 1e-9
"""How far apart factors may be that are the same."""


def counterpart(module: plain.Module) -> Any:
    """The module of e3nn's names for a layer, with weights of its own; raises `ArgumentError` where there is none."""
    match module:
        case nn.Linear():
            return o3.Linear(irreps_of(module.rep_in), irreps_of(module.rep_out), biases=module.bias is not None)
        case nn.TensorProduct(mode="uvw", weighted=True):
            sides, options = _product_options(module)
            return o3.FullyConnectedTensorProduct(*sides, **options)
        case nn.TensorProduct():
            return same_paths(module)
        case nn.BatchNorm() if module.running_var is not None:
            affine = module.weight is not None
            return e3nn_nn.BatchNorm(irreps_of(module.rep_in), module.eps, module.momentum, affine=affine)
        case nn.RadialMLP():
            sizes = [*(n for n, _ in module.shapes), module.shapes[-1][1]]
            variance = module.basis.mean_square / module.basis.number
            return e3nn_nn.FullyConnectedNet(sizes, _bare(module.activation), variance_in=variance)
        case nn.FullyConnected():
            options = {"variance_in": module.variance_in, "variance_out": module.variance_out}
            act = _bare(module.activation)
            return e3nn_nn.FullyConnectedNet([*module.sizes], act, out_act=module.last_activation, **options)
        case nn.Gate():
            return _gate(module)
    raise ArgumentError(
        f"{type(module).__name__} has no counterpart in e3nn. Convert the layers inside one by one: nn.Linear, "
        "nn.TensorProduct, nn.Gate, nn.BatchNorm that tracks statistics, nn.RadialMLP and nn.FullyConnected have one."
    )


def _product_options(module: nn.TensorProduct) -> tuple[list[Any], dict[str, Any]]:
    """The irreps of a product, and how it is scaled."""
    scaling = module.normalisation
    options = {
        "irrep_normalization": scaling.irreps,
        "path_normalization": scaling.paths,
        "in1_var": scaling.first or None,
        "in2_var": scaling.second or None,
        "out_var": scaling.output or None,
        "shared_weights": not module.weighted or module.weight is not None,
    }
    return [irreps_of(rep) for rep in (module.rep_1, module.rep_2, module.rep_out)], options


def same_paths(module: nn.TensorProduct) -> o3.TensorProduct:
    """e3nn's product of the same paths in the same order.

    Raises `ArgumentError` for a product without weights whose signs the process has chosen otherwise.
    """
    (x, y, out), options = _product_options(module)
    paths = [(i.first, i.second, i.output, i.mode, i.weighted, i.path_weight) for i in module.instructions]
    made = o3.TensorProduct(x, y, out, paths, **options)
    if not module.weighted and any(sign_of_path(made, i, None) < 0 for i in made.instructions):
        raise ArgumentError(
            "This product has no weights that could take the signs of e3nn 0.4.4, which the process has chosen. Call "
            "set_convention('0.5')."
        )
    return made


def sign_of_path(product: Any, i: Any, convention: Convention | None) -> int:
    """1, or −1 where a convention, by default that of the process, has the opposite sign of ours for an instruction."""
    slots = product.irreps_in1[i.i_in1], product.irreps_in2[i.i_in2], product.irreps_out[i.i_out]
    l1, l2, l3 = (slot.ir.l for slot in slots)
    return sign_of(l1, l2, l3, convention)


def _gate(module: nn.Gate) -> e3nn_nn.Gate:
    slots = irreps_of(module.rep_out)
    for n, slot in enumerate(slots):
        function = module.function(n)
        if function is None and not slot.ir.is_scalar():
            raise ArgumentError(f"In e3nn's Gate each {slot.ir} has a gate, but {slot.mul} here have none.")
        if function is not None and abs(module.gains[n] - constant_of(function)) > ALIKE:
            raise ArgumentError(
                "e3nn's Gate scales functions by means over random numbers, but this one was made with exact factors. "
                "Make it with monte_carlo(…) around its functions."
            )
    scalars, gated = ([n for n in range(len(slots)) if module.is_plain(n) == own] for own in (True, False))
    functions = [_bare(module.function(n)) for n in range(len(slots))]
    return e3nn_nn.Gate(
        [slots[n] for n in scalars],
        [functions[n] for n in scalars],
        [(slots[n].mul, "0e") for n in gated],
        [functions[n] for n in gated],
        [slots[n] for n in gated],
    )


def constant_of(function: Function) -> float:
    """E3nn's factor of an activation, a mean over random numbers."""
    made = normalize2mom(function.function if isinstance(function, Rescaled) else function)
    return 1.0 if made._is_id else made.cst


def _bare(function: Function | None) -> Function | None:
    return function.function if isinstance(function, Rescaled) else function
