"""Weights of nequip-allegro in this library's Allegro."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine import nn
from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.models.atoms import Allegro, Potential
from intertwine.reps import Rep

_KNOWN = re.compile(
    r"edge_norm\._rmax_recip|radial_chemical_embed\.bessel_encode\.bessel_weights"
    r"|radial_chemical_embed\.type_embed\.((center|neighbor)_embed\.weight|basis_linear\.mlp\.0\.weight)"
    r"|(scalar_embed_mlp|edge_readout)\.mlp_module\.mlp\.\d+\.weight|tensor_embed\.env_embed_linear\.mlp\.0\.weight"
    r"|allegro\.(first_layer_env_embed_projection|latents\.\d+)\.mlp\.\d+\.weight|allegro\.tps\.\d+\.(weights|w3j)"
    r"|per_type_energy_scale_shift\.(scales|shifts)"
)

_ASKED = (
    "edge_norm._rmax_recip",
    "radial_chemical_embed.bessel_encode.bessel_weights",
    "radial_chemical_embed.type_embed.basis_linear.mlp.0.weight",
    "tensor_embed.env_embed_linear.mlp.0.weight",
    "allegro.tps.0.weights",
)


def load_allegro(
    state: Mapping[str, Tensor], elements: Sequence[int], *, neighbours: float, parity: bool = True, power: int = 6
) -> Potential:
    """The potential that a state dict of allegro's `AllegroModel` holds, with its numbers.

    Read are models with `TwoBodyBesselScalarEmbed`, silu, and weights of paths for each channel, which are the
    defaults: widths and layers follow from the weights.

    Args:
        state: the state dict.
        elements: the atomic numbers of the types, in the order of `type_names`.
        neighbours: `avg_num_neighbors`.
        parity: whether tensors of the other parity are tracked too.
        power: `polynomial_cutoff_p`.

    Raises `ArgumentError` for parts that this library does not have.
    """
    told = {
        re.sub(r"^.*?model\.func\.", "", name): value.detach().cpu() for name, value in state.items() if value.numel()
    }
    if unknown := [name for name in told if not _KNOWN.fullmatch(name)]:
        raise ArgumentError(
            f"This model has parts that this library's Allegro has not: {', '.join(unknown[:4])}"
            f"{', …' if len(unknown) > 4 else ''}. Run it with its own code."
        )
    if missing := [name for name in _ASKED if name not in told]:
        raise ArgumentError(f"A state dict of nequip-allegro is expected, but this one lacks {', '.join(missing)}.")
    waves = told["radial_chemical_embed.bessel_encode.bessel_weights"].flatten()
    if not torch.equal(waves.round(decimals=5), torch.arange(1, len(waves) + 1).to(waves)):
        raise ArgumentError("The radial functions of this model were trained, and those of this library's are not.")
    network = Allegro(
        len(elements),
        1 / float(told["edge_norm._rmax_recip"]),
        neighbours=neighbours,
        power=power,
        **_options(told, parity),
    )
    given = [told.get(f"per_type_energy_scale_shift.{name}") for name in ("shifts", "scales")]
    shifts, scales = (None if v is None else v.double().flatten().expand(len(elements)) for v in given)
    model = Potential(network, elements, shifts, 1.0 if scales is None else scales)
    model = model.to(told["allegro.tps.0.weights"].dtype)
    with torch.no_grad():
        _fill(network, told)
    return model.eval()


def _mlp(told: Mapping[str, Tensor], name: str) -> list[Tensor]:
    """The matrices of a network, in order."""
    places = sorted(int(m[1]) for n in told if (m := re.fullmatch(rf"{re.escape(name)}\.mlp\.(\d+)\.weight", n)))
    return [told[f"{name}.mlp.{n}.weight"] for n in places]


def _options(told: Mapping[str, Tensor], parity: bool) -> dict[str, Any]:
    """The arguments of the network that follow from the weights."""
    names = ("scalar_embed_mlp.mlp_module", "allegro.latents.0", "edge_readout.mlp_module")
    two_body, latent, readout = (_mlp(told, name) for name in names)
    channels, (_, tensors) = (
        len(told["allegro.tps.0.weights"]),
        told["tensor_embed.env_embed_linear.mlp.0.weight"].shape,
    )
    degree = tensors // channels - 1
    both = (1, -1) if parity else (1,)
    irreps = [O3.irrep(f"{l}{'e' if sign * (-1) ** l > 0 else 'o'}") for l in range(degree + 1) for sign in both]
    bessel, embedding = told["radial_chemical_embed.type_embed.basis_linear.mlp.0.weight"].shape
    return {
        "hidden": Rep(O3, tuple((channels, irrep) for irrep in irreps)),
        "layers": len({name.split(".")[2] for name in told if name.startswith("allegro.latents.")}),
        "scalars": two_body[-1].shape[1],
        "bessel": bessel,
        "embedding": embedding,
        "two_body": [matrix.shape[1] for matrix in two_body[:-1]],
        "latent": [matrix.shape[1] for matrix in latent[:-1]],
        "readout": [matrix.shape[1] for matrix in readout[:-1]],
    }


def _fill(network: Allegro, told: Mapping[str, Tensor]) -> None:
    """Load all weights."""
    embed, cutoff = "radial_chemical_embed.type_embed", network.cutoff
    network.centres.weight.copy_(told[f"{embed}.center_embed.weight"])
    network.others.weight.copy_(told[f"{embed}.neighbor_embed.weight"])
    # Their functions are n sinc(n r/c), ours √(2/c) sin(π n r/c) / r, and of another variance.
    functions = cutoff / math.pi * math.sqrt(cutoff / 2) * math.sqrt(network.spread.variance_in)
    _put(network.spread, [told[f"{embed}.basis_linear.mlp.0.weight"] * functions])
    _put(network.two_body, _mlp(told, "scalar_embed_mlp.mlp_module"))
    *inner, last = _mlp(told, "edge_readout.mlp_module")
    if isinstance(network.pairs, nn.FullyConnected):
        _put(network.pairs, inner)
        last = last * _behind(network.pairs)
    network.read.weight.copy_(last.flatten())
    tensors = _mlp(told, "tensor_embed.env_embed_linear")[0]
    _put(network.tensors, [_by_degree(tensors, network.channels)])
    projection = _mlp(told, "allegro.first_layer_env_embed_projection")[0]
    scalars = network.first.sizes[1]
    _put(network.first, [projection[:, :scalars]])
    around = projection[:, scalars:]
    layers: list[Any] = [*network.layers]
    for n, layer in enumerate(layers):
        layer.surroundings.radial.weights[0].copy_(_by_degree(around, network.channels).flatten())
        *inner, last = _mlp(told, f"allegro.latents.{n}")
        last = last * _behind(layer.latent)
        _put(layer.latent, inner)
        _put(layer.after, [last[:, :scalars]])
        around = last[:, scalars:]
        layer.product.weight.copy_(_paths(layer.product, told[f"allegro.tps.{n}.weights"]))


def _behind(network: nn.FullyConnected) -> float:
    """What a matrix behind an activation is multiplied by: they scale it by √2, and we by the exact factor."""
    return math.sqrt(2) / network.gain


def _put(network: nn.FullyConnected, matrices: Sequence[Tensor]) -> None:
    for n, (kept, matrix) in enumerate(zip(network.weights, matrices, strict=True)):
        kept.copy_(matrix.flatten() * (_behind(network) if n else 1.0))


def _by_degree(matrix: Tensor, channels: int) -> Tensor:
    """Columns for each channel and then degree as columns for each degree and then channel.

    Their vectors point from the centre to its neighbour, and ours to the centre: odd harmonics change sign.
    """
    columns = matrix.unflatten(1, (channels, -1))
    signs = torch.tensor([(-1.0) ** degree for degree in range(columns.shape[2])], dtype=matrix.dtype)
    sorted_columns: Tensor = (columns * signs).mT.flatten(1)
    return sorted_columns


def _paths(product: nn.TensorProduct, weights: Tensor) -> Tensor:
    """Weights `(channels, paths)` in the order of ours; they run over the outputs first, even parity before odd."""
    first, second, out = (
        [((block.dim - 1) // 2, block.name.endswith("o")) for _, block in rep.terms]
        for rep in (product.rep_1, product.rep_2, product.rep_out)
    )
    keys = [(out[i.output], first[i.first], second[i.second]) for i in product.instructions]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    theirs = weights.reshape(len(weights), -1).T
    ours = torch.empty_like(theirs)
    for row, n in zip(theirs, order, strict=True):
        same = sum(i.output == product.instructions[n].output for i in product.instructions)
        ours[n] = row * math.sqrt(same)  # by whose root they do not divide
    return ours.flatten()
