"""Modules in a row, with their reps checked when the row is built."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.nn.module import EquivariantModule
from intertwine.reps import Irrep, Rep


class Sequential(EquivariantModule):
    """Equivariant modules in a row; each must take the rep that the one before gives.

    Plain torch modules may stand where all features are invariants: any function of invariants is invariant. Their
    output counts as invariants too.

    Args:
        modules: the modules, in order; the first must be equivariant.

    Raises `RepMismatchError` where reps do not chain, and `ArgumentError` for a plain module that would meet features
    which are not invariant, and for what is no module, such as a function.

    >>> from intertwine.catalog import O2
    >>> from intertwine.nn import Linear, NormActivation
    >>> hidden = O2.rep("8x0e + 4x1")
    >>> net = Sequential(Linear(O2.rep("1x1"), hidden.filter(keep="1")), NormActivation(O2.rep("4x1")))
    >>> net.rep_out
    tw.O2.rep('4x1')
    """

    def __init__(self, *modules: nn.Module) -> None:
        if not modules or not isinstance(modules[0], EquivariantModule):
            raise ArgumentError(
                "Sequential starts with an equivariant module, whose rep_in it takes over, but got "
                f"{type(modules[0]).__name__ if modules else 'no modules'} first."
            )
        rep = modules[0].rep_in
        for number, module in enumerate(modules):
            rep = _after(module, rep, number)
        super().__init__(modules[0].rep_in, rep)
        self.layers = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""
        for module in self.layers:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int | slice) -> nn.Module:
        """One module, or for a slice a `Sequential` of the same modules."""
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def extra_repr(self) -> str:
        """Nothing: the modules print themselves."""
        return ""


def _after(module: nn.Module, rep: Rep, number: int) -> Rep:
    """The rep after a module that is given features of `rep`."""
    if isinstance(module, EquivariantModule):
        if len(module.reps_in) != 1:
            raise ArgumentError(
                f"Module {number} ({type(module).__name__}) takes {len(module.reps_in)} inputs, but Sequential hands "
                "one tensor on. Write a module whose forward calls it."
            )
        if module.rep_in != rep:
            raise RepMismatchError(
                f"Module {number} ({type(module).__name__}) takes {module.rep_in} of {module.rep_in.group}, but the "
                f"one before gives {rep} of {rep.group}. {_difference(module.rep_in, rep)}"
            )
        return module.rep_out
    if not isinstance(module, nn.Module):
        raise ArgumentError(
            f"Sequential takes modules, but number {number} is {getattr(module, '__name__', repr(module))}, a "
            f"{type(module).__name__}. Wrap a function in nn.Activation or a torch module such as torch.nn.ReLU()."
        )
    if not rep.is_trivial:
        raise ArgumentError(
            f"Module {number} ({type(module).__name__}) is not equivariant, but would meet {rep} of {rep.group}, which "
            "is not invariant. Map to invariants first, or use a module of intertwine.nn, such as Activation for a "
            "function of each number."
        )
    return _width_after(module, rep.dim) * Irrep(rep.group, rep.group.trivial)


def _difference(wanted: Rep, given: Rep) -> str:
    """What to do about two reps that are not the same."""
    if wanted.group == given.group and wanted.sort().simplify() == given.sort().simplify():
        return "They hold the same blocks in another order or grouping: write both reps alike."
    alike = f"They print alike, but are not the same: {wanted!r} and {given!r}. "
    return f"{alike if str(wanted) == str(given) else ''}Make both the same rep."


def _width_after(module: nn.Module, width: int) -> int:
    """The channels that a plain module gives for a number of channels: tried on one sample of zeros."""
    reference = next(module.parameters(), torch.zeros(()))
    twin = copy.deepcopy(module).eval()  # the module itself keeps its mode and its statistics
    try:
        with torch.no_grad():
            return int(twin(torch.zeros(2, width, dtype=reference.dtype, device=reference.device)).shape[-1])
    except (RuntimeError, TypeError, ValueError) as error:
        raise ArgumentError(f"{type(module).__name__} does not take {width} channels: {error}") from error
