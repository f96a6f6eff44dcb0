"""e3nn's `ReducedTensorProducts`: products of several features with index symmetries, split into irreps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.catalog import O3
from intertwine.errors import ShapeError
from intertwine.interop.e3nn.o3.irreps import Irrep, Irreps
from intertwine.kernels.index_symmetry import Copies, of_each_letter, signed_permutations, symmetric_tensors
from intertwine.reps import Irrep as OurIrrep


class ReducedTensorProducts(nn.Module):
    """Products of features `x_i y_j …`, as many as a formula has letters, reduced by the formula and split into irreps.

    Args:
        formula: letters of indices, and how they may be exchanged: "ij=ji", "ij=-ji", "ijkl=jikl=klij".
        filter_ir_out: the irreps that are wanted.
        filter_ir_mid: the irreps that couplings on the way may have.
        eps: not needed.
        irreps: the irreps of each letter; those of letters that are exchanged with it may be left out.

    Raises `ValueError` for formulas and irreps that do not fit.

    >>> ReducedTensorProducts("ij=ji", i="1o").irreps_out
    1x0e+1x2e
    """

    change_of_basis: Tensor

    def __init__(
        self,
        formula: str,
        filter_ir_out: Iterable[Any] | None = None,
        filter_ir_mid: Iterable[Any] | None = None,
        eps: float = 1e-9,  # noqa: ARG002
        **irreps: Any,
    ) -> None:
        super().__init__()
        _, permutations = signed_permutations(formula)
        self.irreps_in = [*of_each_letter(formula, {letter: Irreps(given) for letter, given in irreps.items()})]
        keep, through = (
            None if given is None else {_ours(Irrep(ir)) for ir in given} for given in (filter_ir_out, filter_ir_mid)
        )
        copies = [_copies(own) for own in self.irreps_in]
        found = symmetric_tensors(permutations, copies, keep, through, order=lambda irrep: Irrep(irrep.label))
        self.irreps_out = Irreps([one.irrep.label for one in found]).simplify()
        dims = [own.dim for own in self.irreps_in]
        whole = np.concatenate([np.zeros((0, *dims)), *(one.table for one in found)])
        self.register_buffer("change_of_basis", torch.tensor(whole, dtype=torch.get_default_dtype()))

    def forward(self, *xs: Tensor) -> Tensor:
        """The products `(..., irreps_out.dim)` of one feature for each letter."""
        if len(xs) != len(self.irreps_in):
            raise ShapeError(f"The formula has {len(self.irreps_in)} letters, but got {len(xs)} features.")
        *others, last = xs
        found = torch.einsum("...n,an->...a", last, self.change_of_basis.flatten(0, -2))
        for x in reversed(others):
            found = torch.einsum("...an,...n->...a", found.unflatten(-1, (-1, x.shape[-1])), x)
        return found

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """The products that e3nn keeps are numbered anew in each process: they are made from the formula."""
        for key in [key for key in state_dict if key.startswith(prefix + "main.")]:
            del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, *others)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({' x '.join(map(str, self.irreps_in))} -> {self.irreps_out})"


def _ours(ir: Irrep) -> OurIrrep:
    return OurIrrep(O3, repr(ir))


def _copies(irreps: Irreps) -> Copies:
    """Each copy of each slot, with the rows of the identity that it stands in."""
    units = np.eye(irreps.dim)
    return [
        (_ours(slot.ir), units[start : start + slot.ir.dim])
        for slot, where in zip(irreps, irreps.slices(), strict=True)
        for start in range(where.start, where.stop, slot.ir.dim)
    ]
