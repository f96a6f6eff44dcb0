"""Weights of mace-torch in this library's MACE."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch import nn as plain
from torch.nn import functional as F

from intertwine import nn
from intertwine.errors import ArgumentError
from intertwine.interop.e3nn import load_e3nn, weights_from_e3nn
from intertwine.interop.e3nn import nn as e3nn_nn
from intertwine.interop.e3nn.counterparts import constant_of
from intertwine.interop.e3nn.defaults import Convention
from intertwine.interop.mace.architecture import Architecture, State
from intertwine.interop.mace.couplings import couplings, product_weights
from intertwine.models.atoms import MACE, Potential
from intertwine.reps import Irrep, Rep
from intertwine.reps.harmonics import harmonics_rep


def load_mace(
    source: State | plain.Module | str | Path,
    *,
    neighbours: float | None = None,
    hidden: Rep | None = None,
    convention: Convention = "0.4.4",
    head: int = 0,
) -> Potential:
    """The potential that a state dict of mace-torch's `MACE` or `ScaleShiftMACE` holds, with its numbers.

    Read are elements and their energies, the cut-off, widths, orders, kinds of blocks (residual ones and others, with
    density), Agnesi's transform of distances, ZBL repulsion, scale and shift. Energies and forces are those of mace to
    rounding, in the dtype of the weights.

    Args:
        source: the state dict; or a file that holds one, as `torch.save(model.state_dict(), path)` writes it; or the
            module itself, where mace is installed.
        neighbours: `avg_num_neighbors`, which a state dict does not hold; not needed for a module, nor with density.
        hidden: the rep of the features; default as many as there are of 0e, 1o, 2e, …
        convention: the generation of e3nn that the weights were trained with; mace-torch asks for 0.4.4.
        head: of a model with several heads, the number of the one to keep.

    Raises `ArgumentError` for pickled models, for parts that this library does not have, and for missing arguments.
    """
    if isinstance(source, plain.Module):
        neighbours = _of_module(source) if neighbours is None else neighbours
        source = source.state_dict()
    state = source if isinstance(source, Mapping) else _read(Path(source))
    told = Architecture({name: value.detach().cpu() for name, value in state.items()}, hidden, head)
    if neighbours is None and not told.density:
        raise ArgumentError(
            "A state dict of mace does not hold the average number of neighbours by which messages are divided. Pass "
            "neighbours=…, which is model.interactions[0].avg_num_neighbors."
        )
    network = MACE(**told.options, neighbours=1.0 if neighbours is None else neighbours)
    model = Potential(network, told.elements, told.references, told.scale, terms=told.terms)
    model = model.to(told["node_embedding.linear.weight"].dtype)
    with torch.no_grad():
        embedding = told["node_embedding.linear.weight"].reshape(network.species, -1)
        network.embedding.weight.copy_(embedding / network.species**0.5)
        for n in range(told.layers):
            _load_convolution(network, told, n, convention)
            _load_product(network, told, n, convention)
            _load_readout(network, told, n)
    return model.eval()


def _of_module(model: plain.Module) -> float:
    """What a module of mace holds beside its state dict; raises `ArgumentError` for options that ours has not."""
    if not getattr(model, "apply_cutoff", True):
        raise ArgumentError(
            "This MACE multiplies the weights of edges by the cut-off (apply_cutoff=False), and ours the functions "
            "that they are made of. Run it with its own code; intertwine.interop.e3nn.install() makes that faster."
        )
    first: plain.Module = model.get_submodule("interactions.0")
    return float(first.avg_num_neighbors)  # type: ignore[arg-type]


def _read(path: Path) -> State:
    """The state dict in a file; raises `ArgumentError` for a pickled model, and for files that hold no tensors."""
    if not path.is_file():
        raise ArgumentError(f"There is no file {path}.")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ArgumentError(
            f"{path.name} is a pickled model, which runs the code of the versions of mace, e3nn and torch that wrote "
            "it. With these, call torch.save(torch.load(path, weights_only=False).state_dict(), 'weights.pt'), and "
            "load that file with neighbours=…, which is model.interactions[0].avg_num_neighbors."
        ) from error
    if not isinstance(found, Mapping):
        raise ArgumentError(f"A file with a state dict is expected, but {path.name} holds a {type(found).__name__}.")
    return found


def _load_convolution(network: MACE, told: Architecture, number: int, convention: Convention) -> None:
    """The linear maps, the radial network, the map by element, and the density."""
    layer: Any = network.layers[number]
    name = f"interactions.{number}"
    load_e3nn({"weight": told[f"{name}.linear_up.weight"]}, layer.before)
    load_e3nn({"weight": told[f"{name}.linear.weight"]}, layer.after)
    _load_by_element(layer.skip, told[f"{name}.skip_tp.weight"])
    rep, messages = layer.conv.rep_in, layer.after.rep_out
    product = nn.TensorProduct(rep, harmonics_rep(rep.group.defining, told.degree), messages, False, mode="uvu")
    _load_radial(layer.conv.radial, told, f"{name}.conv_tp_weights", (product, convention))
    if layer.density is not None:
        (matrix,) = _matrices(told, f"{name}.density_fn")  # scaled for inputs of another variance, 1
        layer.density.weights[0].copy_(matrix.flatten() * layer.density.variance_in**0.5)


def _load_by_element(layer: nn.SpeciesLinear, weight: Tensor) -> None:
    """The weights of a product with one-hot rows of elements: for each path those of one element after the other."""
    kinds = layer.species * Irrep(layer.rep_in.group, layer.rep_in.group.trivial)
    product = nn.TensorProduct(layer.rep_in, kinds, layer.rep_out, shared_weights=False)
    ours = weights_from_e3nn(weight, product)
    given, out = product.rep_1.terms, product.rep_out.terms
    sizes = [layer.species * given[i.first][0] * out[i.output][0] for i in product.instructions]
    parts = [part.reshape(layer.species, -1) for part in ours.split(sizes)]
    layer.weight.copy_(torch.cat(parts, 1) / layer.species**0.5)  # the product is scaled for rows of mean square 1


def _matrices(told: Architecture, name: str) -> list[Tensor]:
    return [told[n] for n in sorted(n for n in told.state if n.startswith(f"{name}.layer"))]


def _load_radial(
    radial: nn.RadialMLP, told: Architecture, name: str, of_weights: tuple[nn.TensorProduct, Convention]
) -> None:
    """A network of distances whose last layer makes the weights of a product."""
    product, convention = of_weights
    *others, last = _matrices(told, name)
    matrices = [*others, weights_from_e3nn(last, product, convention=convention)]
    theirs = e3nn_nn.FullyConnectedNet([len(matrices[0]), *(m.shape[1] for m in matrices)], F.silu).to(last.dtype)
    theirs.load_state_dict({f"layer{n}.weight": matrix for n, matrix in enumerate(matrices)})
    load_e3nn(theirs, radial)


def _load_product(network: MACE, told: Architecture, number: int, convention: Convention) -> None:
    """The symmetric contraction and the linear map behind it."""
    layer: Any = network.layers[number]
    load_e3nn({"weight": told[f"products.{number}.linear.weight"]}, layer.mix)
    dims = [block.dim for _, block in layer.product.rep_in.terms]
    given = []
    for name, (_, block) in zip(told.contractions(number), layer.product.rep_out.terms, strict=True):
        order = layer.product.order
        # The weights of the largest order come first, and have a name of their own.
        weights = [told[f"{name}weights_max"], *(told[f"{name}weights.{n}"] for n in range(order - 1))]
        tables = [told.state.get(f"{name}U_matrix_{k}") for k in range(order, 0, -1)]
        made = [
            couplings(dims, block.dim, order - n, convention) if table is None else table
            for n, table in enumerate(tables)
        ]
        given.append([*zip(made, weights, strict=True)])
    layer.product.weight.copy_(product_weights(layer.product, given))


def _load_readout(network: MACE, told: Architecture, number: int) -> None:
    """What is read out of a layer; nothing, where mace reads out the last layer only."""
    read: Any = network.reads[number]
    place = number - (told.layers - told.readouts)
    if place < 0:
        read.weight.zero_()
        return
    if isinstance(read, nn.Linear):
        weights = told[f"readouts.{place}.linear.weight"].reshape(-1, told.heads)
        load_e3nn({"weight": weights[:, told.head]}, read)
        return
    first, gate, last = read
    # The hidden features lie head by head; each head is read out of its own, and all count in the norm.
    inner = told[f"readouts.{place}.linear_1.weight"].reshape(first.rep_in.dim, told.heads, -1)[:, told.head]
    outer = told[f"readouts.{place}.linear_2.weight"].reshape(told.heads, -1, told.heads)[told.head, :, told.head]
    load_e3nn({"weight": inner.flatten()}, first)
    load_e3nn({"weight": outer * (constant_of(F.silu) / gate.gains[0] / told.heads**0.5)}, last)
