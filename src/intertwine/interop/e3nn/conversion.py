"""Weights of e3nn in this library's layers, and these layers as modules of e3nn.

Both libraries have the same maps between irreps, and scale them alike. Their weights lie in other orders: paths by the
input or by the output first, copies (u, v) or (v, u). So a conversion is an index and a factor for each weight: 1 in
general, −1 for the paths whose sign changed after e3nn 0.4.4, and what else other normalisations of e3nn ask for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch import nn as plain

from intertwine import nn
from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.counterparts import ALIKE, constant_of, counterpart
from intertwine.interop.e3nn.defaults import Convention
from intertwine.interop.e3nn.features import irreps_of
from intertwine.interop.e3nn.weight_order import linear_order, place_of, product_order, require_slots
from intertwine.nn.module import Function, Rescaled

Network = nn.RadialMLP | nn.FullyConnected
"""Networks of numbers that nothing moves."""


def monte_carlo(function: Function) -> Rescaled:
    """An activation with e3nn's factor, a mean over a million random numbers, in place of the exact one.

    The factors differ by about a thousandth. Layers made with it give the numbers of e3nn's.

    >>> monte_carlo(torch.nn.functional.silu).factor
    1.679176...
    """
    return Rescaled(function, constant_of(function))


def load_e3nn(
    source: Mapping[str, Tensor] | plain.Module, module: plain.Module, convention: Convention | None = None
) -> None:
    """Load the weights of a module of e3nn into the layer that is its counterpart: then outputs are equal.

    | e3nn | here |
    |---|---|
    | `o3.Linear` | `nn.Linear` |
    | `o3.FullyConnectedTensorProduct`, `o3.TensorProduct` | `nn.TensorProduct` of the same mode |
    | `nn.BatchNorm` | `nn.BatchNorm` |
    | `nn.FullyConnectedNet` | `nn.FullyConnected`, or the network of a `nn.RadialMLP` on the values of its basis |

    Features lie in other orders: see `features_from_e3nn`. Programs of e3nn give a network √number times a basis whose
    squares sum to 1: there the state dict is what to pass, whose numbers are those of a `nn.RadialMLP`.

    Args:
        source: the module, of e3nn or of this library's names for it; or its state dict, of a module that has e3nn's
            default options and the paths of `to_e3nn(module)` in their order.
        module: the layer, whose terms are the slots in their order.
        convention: the generation of e3nn whose signs the weights were trained with; default that of the process.

    Raises `ArgumentError` for layers without a counterpart, and for paths, options and shapes that do not fit.

    >>> from intertwine.catalog import O3
    >>> from intertwine.interop.e3nn import o3
    >>> theirs, ours = o3.Linear("4x0e + 2x1o", "3x0e + 2x1o"), nn.Linear(O3.rep("4x0e + 2x1o"), O3.rep("3x0e + 2x1o"))
    >>> load_e3nn(theirs.state_dict(), ours)
    """
    if not isinstance(module, nn.Linear | nn.TensorProduct | nn.BatchNorm | Network):
        raise ArgumentError(f"{type(module).__name__} has no weights that a module of e3nn has.")
    theirs = source if isinstance(source, plain.Module) else counterpart(module)
    state = dict(source.state_dict() if isinstance(source, plain.Module) else source)
    with torch.no_grad():
        match module:
            case nn.Linear():
                _put(module.weight, linear_order(module, theirs).ours(_flat(state, "weight")))
                _load_bias(module, theirs, state.get("bias"))
            case nn.TensorProduct():
                if module.weight is None:
                    raise ArgumentError(
                        "This TensorProduct holds no weights. Call weights_from_e3nn for those that it is given."
                    )
                _put(module.weight, product_order(module, theirs, convention).ours(_flat(state, "weight")))
            case nn.BatchNorm():
                _require_alike_norms(module, theirs)
                for name, kept in _statistics(module):
                    _put(kept, state.get(name))
            case nn.RadialMLP() | nn.FullyConnected():
                for n, (kept, factor) in enumerate(zip(module.weights, _layer_factors(module, theirs), strict=True)):
                    _put(kept, _flat(state, f"layer{n}.weight") * factor)


def to_e3nn(module: plain.Module) -> plain.Module:
    """The module of e3nn's names that computes what a layer computes, with its weights: see `load_e3nn`.

    Its state dict is that of e3nn's module with the options that it shows. The signs are those that the process has
    chosen (`set_convention`). A `nn.Gate` has a counterpart where its functions have e3nn's factors (`monte_carlo`);
    that has its scalars, gates and gated features in the order of its own `irreps_in`. Of a `nn.RadialMLP` it is the
    network behind its basis, without the envelope.

    Raises `ArgumentError` for layers without a counterpart.

    >>> from intertwine.catalog import O3
    >>> to_e3nn(nn.Linear(O3.rep("4x0e + 2x1o"), O3.rep("3x0e + 2x1o"))).weight.shape
    torch.Size([16])
    """
    like = next((p for p in (*module.parameters(), *module.buffers()) if p.is_floating_point()), torch.zeros(()))
    theirs = counterpart(module).to(like)
    with torch.no_grad():
        match module:
            case nn.Linear():
                _put(theirs.weight, linear_order(module, theirs).theirs(module.weight))
                if module.bias is not None:
                    _put(theirs.bias, module.bias)
            case nn.TensorProduct() if module.weight is not None:
                _put(theirs.weight, product_order(module, theirs, None).theirs(module.weight))
            case nn.BatchNorm():
                for name, kept in _statistics(module):
                    _put(getattr(theirs, name), kept)
            case nn.RadialMLP() | nn.FullyConnected():
                pairs = zip(module.weights, _layer_factors(module, theirs), strict=True)
                for layer, (kept, factor) in zip(theirs.children(), pairs, strict=True):
                    _put(layer.weight, (kept / factor).reshape(layer.weight.shape))
    made: plain.Module = theirs.train(module.training)
    return made


def weights_from_e3nn(
    weights: Tensor, product: nn.TensorProduct, source: plain.Module | None = None, convention: Convention | None = None
) -> Tensor:
    """Weights of a product that are given on each call, such as those of edges, in the order of this library.

    To have a network make them in that order, apply it to the columns of its last layer.

    Args:
        weights: `(..., weight_numel)` in e3nn's order.
        product: the product here.
        source: the product there; default `to_e3nn(product)`.
        convention: as in `load_e3nn`.
    """
    return product_order(product, counterpart(product) if source is None else source, convention).ours(weights)


def weights_to_e3nn(
    weights: Tensor, product: nn.TensorProduct, source: plain.Module | None = None, convention: Convention | None = None
) -> Tensor:
    """The inverse of `weights_from_e3nn`."""
    return product_order(product, counterpart(product) if source is None else source, convention).theirs(weights)


# parts ----------------------------------------------------------------------------------------------------------------


def _load_bias(module: nn.Linear, theirs: Any, bias: Tensor | None) -> None:
    """Biases of ours stand on all invariants; theirs may stand on some of their slots."""
    added = [i for i in theirs.instructions if i.i_in == -1 and math.prod(i.path_shape)]
    slots = [place_of(theirs.irreps_out, i.i_out) for i in added]
    if bias is None or not bias.numel():
        if module.bias is not None:
            module.bias.zero_()
        return
    if module.bias is None:
        raise ArgumentError("e3nn's layer has a bias, but ours was made with bias=False.")
    numbers = [n for n, slot in enumerate(irreps_of(module.rep_out)) if slot.ir.is_scalar()]
    given = dict(zip(slots, bias.split([module.rep_out.terms[n][0] for n in slots]), strict=True))
    zeros = [bias.new_zeros(module.rep_out.terms[n][0]) for n in numbers]
    _put(module.bias, torch.cat([given.get(n, zero) for n, zero in zip(numbers, zeros, strict=True)]))


def _statistics(module: nn.BatchNorm) -> list[tuple[str, Tensor]]:
    names = ("weight", "bias", "running_mean", "running_var")
    return [(name, kept) for name in names if (kept := getattr(module, name)) is not None]


def _require_alike_norms(module: nn.BatchNorm, theirs: Any) -> None:
    require_slots(module.rep_in, theirs.irreps)
    ours = (module.eps, module.weight is not None, "component", "mean", False)
    given = (theirs.eps, theirs.affine, theirs.normalization, theirs.reduce, theirs.instance)
    if given != ours:
        raise ArgumentError(
            "The norm of ours has the options eps, affine, normalization, reduce and instance "
            f"{', '.join(map(repr, ours))}, but that of e3nn has {', '.join(map(repr, given))}."
        )


def _layer_factors(module: Network, theirs: Any) -> list[float]:
    """What each matrix of e3nn's network is multiplied by: its factors lie elsewhere, and are other ones."""
    variances = [float(n) for n, _ in module.shapes]  # those of the sums over inputs, before they are scaled
    if isinstance(module, nn.RadialMLP):
        variances[0], end, ends_active = module.basis.mean_square, 1.0, False
    else:
        variances[0] *= module.variance_in
        end, ends_active = module.variance_out, module.last_activation
    layers = [*theirs.children()]
    if [(layer.h_in, layer.h_out) for layer in layers] != [*module.shapes]:
        raise ArgumentError(f"The widths of e3nn's network are {list(theirs.hs)}, but ours go {module.shapes}.")
    gains = [1.0, *(_their_gain(layer) / module.gain for layer in layers if layer.act is not None)]
    last = math.sqrt(layers[-1].var_out / end)
    if len(gains) != len(layers) + ends_active or (ends_active and abs(gains[-1] * last - 1) > ALIKE):
        raise ArgumentError(
            "Activations stand behind the same layers in both networks, and behind the last one, if there, with one "
            "factor and one variance. For e3nn's factor make ours with activation=monte_carlo(…)."
        )
    factors = [
        math.sqrt(variance / (layer.h_in * layer.var_in)) * gains[n]
        for n, (layer, variance) in enumerate(zip(layers, variances, strict=True))
    ]
    if not ends_active:  # else it stands behind the activation
        factors[-1] *= last
    return factors


def _flat(state: Mapping[str, Tensor], name: str) -> Tensor:
    if (found := state.get(name)) is None:
        raise ArgumentError(f"e3nn's module has {name}, but got {', '.join(state) or 'nothing'}.")
    return found.flatten()


def _their_gain(layer: Any) -> float:
    return 1.0 if layer.act._is_id else float(layer.act.cst)


def _put(kept: Tensor, values: Tensor | None) -> None:
    if values is None or kept.shape != values.shape:
        got = "none" if values is None else tuple(values.shape)
        raise ArgumentError(f"There are numbers of the shape {tuple(kept.shape)} to be filled, but got {got}.")
    kept.copy_(values)
