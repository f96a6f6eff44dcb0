"""Tensors of several indices with index symmetries as features, and products of features that have them."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor
from torch.nn import functional as F

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.kernels.index_symmetry import of_each_letter, tensor_space
from intertwine.kernels.products import kept_irreps, require_one_group
from intertwine.nn.module import EquivariantModule
from intertwine.reps import Irrep, Rep, as_rep, parse_rep
from intertwine.reps.irrep import irreps_up_to
from intertwine.reps.reading import Keep


class ReducedTensorProduct(EquivariantModule):
    """Tensors T_ij… with index symmetries as features of irreps, both ways, and the same of products `x_i y_j …`.

    A formula says which exchanges of indices the tensors allow: "ij" is a general one, "ij=ji" symmetric, "ij=-ji"
    antisymmetric, "ijkl=jikl=klij" that of elastic constants. Such tensors are a rep; this layer knows the orthogonal
    change of basis from it to irreps. Called with one feature per index it gives the irreps of their product, reduced
    by the formula: with the same feature twice "ij=ji" is all of its square. Independent features of unit variance
    give components of unit variance. The change of basis is a full table, for few numbers per index: many channels are
    the matter of `nn.TensorProduct`. There are no weights: put an `nn.Linear` behind it.

    Args:
        formula: the letters of the indices, and the exchanges, each joined by `=`, with a minus where the sign changes.
        keep: the irreps that are wanted: labels such as "0e + 2e", irreps, a rep, or a function Irrep → bool.
        through: the irreps that a coupling of the first two, three, … indices may have, likewise.
        reps: the rep of each index by its letter; letters that are exchanged share one.

    Raises `RepMismatchError` for reps of different groups, and `ArgumentError` for formulas and reps that do not fit,
    for irreps to keep that such tensors do not hold, and where no tensor has the symmetry.

    >>> import torch
    >>> from intertwine.catalog import O3
    >>> stress = ReducedTensorProduct("ij=ji", i=O3.rep("1x1o"))
    >>> stress.rep_out
    tw.O3.rep('1x0e + 1x2e')
    >>> stress.to_cartesian(stress.from_cartesian(torch.eye(3))).round(decimals=4)
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]])
    >>> stress(torch.randn(5, 3), torch.randn(5, 3)).shape
    torch.Size([5, 6])
    """

    table: Tensor

    def __init__(
        self,
        formula: str,
        *,
        keep: Keep | Rep | None = None,
        through: Keep | Rep | None = None,
        **reps: Rep | Irrep,
    ) -> None:
        own = of_each_letter(formula, {letter: as_rep(rep) for letter, rep in reps.items()})
        require_one_group(*own)
        whole = sum(rep.degree for rep in own)
        space = tensor_space(formula, own, _irreps(own[0], keep, whole), _irreps(own[0], through, whole))
        _require_kept(formula, own, keep, space.rep)
        super().__init__(own[0], space.rep)
        self.formula, self.reps = formula, own
        self.sizes = tuple(rep.dim for rep in own)
        self.register_table("table", space.table.array)

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The rep of each factor."""
        return self.reps

    def forward(self, *features: Tensor) -> Tensor:
        """The irreps `(..., rep_out.dim)` of the product of one feature per index, leading axes broadcast."""
        if len(features) != len(self.sizes):
            raise ShapeError(
                f"The formula {self.formula!r} has {len(self.sizes)} indices, but got {len(features)} features. Pass "
                "one for each, the same one several times for a power."
            )
        for x, rep in zip(features, self.reps, strict=True):
            self.check(x, rep)
        *others, last = features
        y = F.linear(last, self.table.to(last.dtype).flatten(0, -2))
        for x in reversed(others):
            y = (y.unflatten(-1, (-1, x.shape[-1])) @ x.to(y.dtype)[..., None]).squeeze(-1)
        return y

    def from_cartesian(self, tensor: Tensor) -> Tensor:
        """The irreps `(..., rep_out.dim)` of tensors `(..., d_i, d_j, …)`; parts without the symmetry are left out."""
        axes = len(self.sizes)
        if plain_shape(tensor)[-axes:] != self.sizes:
            raise ShapeError(
                f"The tensors {self.formula!r} have the shape (..., {', '.join(map(str, self.sizes))}), but got "
                f"{plain_shape(tensor)}."
            )
        return F.linear(tensor.flatten(-axes), self.table.to(tensor.dtype).flatten(1))

    def to_cartesian(self, x: Tensor) -> Tensor:
        """The tensors `(..., d_i, d_j, …)` of irreps `(..., rep_out.dim)`."""
        self.check(x, self.rep_out)
        tensor: Tensor = (x @ self.table.to(x.dtype).flatten(1)).unflatten(-1, self.sizes)
        return tensor

    def extra_repr(self) -> str:
        """The formula and the reps."""
        return f"{self.formula!r}, {' ⊗ '.join(map(str, self.reps))} → {self.rep_out}, {self.rep_out.group}"


def _irreps(rep: Rep, chosen: Keep | Rep | None, degree: int) -> frozenset[Irrep] | None:
    """The irreps that are chosen, up to a degree where a function chooses."""
    if chosen is None:
        return None
    if callable(chosen):
        return frozenset(filter(chosen, irreps_up_to(rep.group, degree)))
    return frozenset(_named(rep, chosen))


def _named(rep: Rep, chosen: str | Irrep | Rep | Iterable[str | Irrep]) -> list[Irrep]:
    if isinstance(chosen, str):
        chosen = parse_rep(rep.group, chosen)
    return kept_irreps(rep, chosen if isinstance(chosen, Rep | Irrep) else [*chosen])


def _require_kept(formula: str, reps: tuple[Rep, ...], keep: Keep | Rep | None, found: Rep) -> None:
    """Raise `ArgumentError` unless there are tensors, and all irreps that are wanted by name among them."""
    wanted = [] if keep is None or callable(keep) else _named(reps[0], keep)
    missing = [irrep.label for irrep in wanted if irrep not in found]
    if found.dim and not missing:
        return
    content = tensor_space(formula, reps).rep
    held = f"a tensor {formula!r} of indices {', '.join(map(str, reps))} of {reps[0].group} is {content}"
    if not content.dim:
        raise ArgumentError(f"No tensor of indices {', '.join(map(str, reps))} has the symmetry {formula!r} but 0.")
    raise ArgumentError(f"There is no {', '.join(missing) or 'such irrep'} to keep: {held}.")
