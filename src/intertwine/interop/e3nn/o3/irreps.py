"""Irreps of O(3) as e3nn writes them: `16x1e + 2x0o`, tuples of multiplicities and of degrees with parities."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, SupportsIndex, overload

import torch
from torch import Tensor

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3.rotation import angles_to_matrix, axis_angle_to_matrix, quaternion_to_matrix
from intertwine.reps import Irrep as OurIrrep
from intertwine.reps import Rep
from intertwine.reps.wigner import harmonic_matrix

_PARITIES = {"e": 1, "o": -1}


class Moved(ABC):
    """What has matrices of rotations: they are asked for by any of the ways to write a rotation."""

    __slots__ = ()

    @abstractmethod
    def D_from_matrix(self, R: Tensor) -> Tensor:
        """The matrices of rotations and improper rotations `(..., 3, 3)`."""

    def D_from_angles(self, alpha: Tensor, beta: Tensor, gamma: Tensor, k: Tensor | None = None) -> Tensor:
        """The matrices of rotations by Euler angles about y, x and y, times the inversion where k is odd."""
        return self.D_from_matrix(_inverted(angles_to_matrix(*map(torch.as_tensor, (alpha, beta, gamma))), k))

    def D_from_quaternion(self, q: Tensor, k: Tensor | None = None) -> Tensor:
        """The matrices of quaternions (w, x, y, z), times the inversion where k is odd."""
        return self.D_from_matrix(_inverted(quaternion_to_matrix(q), k))

    def D_from_axis_angle(self, axis: Tensor, angle: Tensor) -> Tensor:
        """The matrices of rotations by an angle about an axis."""
        return self.D_from_matrix(axis_angle_to_matrix(axis, angle))


def _inverted(R: Tensor, k: Tensor | None) -> Tensor:
    return R if k is None else R * (1 - 2 * (torch.as_tensor(k) % 2))[..., None, None]


class Irrep(Moved, tuple[int, int]):
    """One irrep of O(3): the degree l, of dimension 2l + 1, and the parity p, 1 or −1.

    Args:
        l: the degree, or the whole irrep: "1o", "2e", "3y" (the parity of harmonics), a pair (l, p).
        p: the parity.

    Raises `ValueError` for what names no irrep.

    >>> Irrep("1o").dim, [*Irrep("1o") * Irrep("1e")]
    (3, [0o, 1o, 2o])
    """

    __slots__ = ()

    def __new__(cls, l: Any, p: int | None = None) -> Irrep:  # noqa: D102 (the class says it)
        found = _irrep_of(l) if p is None else (l, p)
        if found is None or found[0] < 0 or found[1] not in (-1, 1) or found[0] != int(found[0]):
            raise ArgumentError(
                f"An irrep of O(3) is a degree from 0 on and a parity 1 or −1, such as '2e' or (2, 1), but got "
                f"{l if p is None else (l, p)!r}."
            )
        return super().__new__(cls, (int(found[0]), int(found[1])))

    @property
    def l(self) -> int:  # noqa: E743 (e3nn's name)
        """The degree."""
        return self[0]

    @property
    def p(self) -> int:
        """The parity: what the inversion of space does."""
        return self[1]

    @property
    def dim(self) -> int:
        """2l + 1."""
        return 2 * self[0] + 1

    def is_scalar(self) -> bool:
        """Whether nothing moves it: degree 0 and even."""
        return self == (0, 1)

    @classmethod
    def iterator(cls, lmax: int | None = None) -> Iterator[Irrep]:
        """All irreps, degree by degree, of each first that of the harmonics: 0e, 0o, 1o, 1e, and so on."""
        for l in itertools.count() if lmax is None else range(lmax + 1):
            yield cls(l, (-1) ** l)
            yield cls(l, -((-1) ** l))

    def __mul__(self, other: Any) -> Iterator[Irrep]:  # type: ignore[override]
        """The irreps of the tensor product."""
        other = Irrep(other)
        return (Irrep(l, self.p * other.p) for l in range(abs(self.l - other.l), self.l + other.l + 1))

    def __rmul__(self, multiplicity: int) -> Irreps:  # type: ignore[override]
        return Irreps([(multiplicity, self)])

    def __add__(self, other: Any) -> Irreps:  # type: ignore[override]
        return Irreps(self) + Irreps(other)

    def D_from_matrix(self, R: Tensor) -> Tensor:
        """The matrices `(..., 2l+1, 2l+1)` of rotations and improper rotations `(..., 3, 3)`."""
        found: Tensor = harmonic_matrix(self.l, R) * (1.0 if self.p == (-1) ** self.l else _sign(R))
        return found

    def __repr__(self) -> str:
        return f"{self.l}{'e' if self.p == 1 else 'o'}"


def _irrep_of(given: Any) -> tuple[int, int] | None:
    """The degree and the parity that something names; None if it names none."""
    if isinstance(given, Irrep):
        return given
    if isinstance(given, MulIr):
        return given.ir
    if isinstance(given, tuple) and len(given) == 2:
        return given
    text = given.strip() if isinstance(given, str) else ""
    if not text[:-1].isdigit() or text[-1] not in "eoy":
        return None
    degree = int(text[:-1])
    return degree, _PARITIES.get(text[-1], (-1) ** degree)


def _sign(R: Tensor) -> Tensor:
    sign: Tensor = torch.linalg.det(R).sign()
    return sign[..., None, None]


class MulIr(tuple[int, Irrep]):
    """A multiplicity and an irrep."""

    __slots__ = ()

    def __new__(cls, mul: Any, ir: Any = None) -> MulIr:  # noqa: D102 (the class says it)
        mul, ir = mul if ir is None else (mul, ir)
        if not isinstance(mul, int) or mul < 0:
            raise ArgumentError(f"A multiplicity is an integer from 0 on, but got {mul!r} for {ir!r}.")
        return super().__new__(cls, (mul, Irrep(ir)))

    @property
    def mul(self) -> int:
        """The multiplicity."""
        return self[0]

    @property
    def ir(self) -> Irrep:
        """The irrep."""
        return self[1]

    @property
    def dim(self) -> int:
        """The numbers that all copies take."""
        return self.mul * self.ir.dim

    def __repr__(self) -> str:
        return f"{self.mul}x{self.ir}"


class Sorted(NamedTuple):
    """Irreps in order, and the permutations: `p[old] = new`, `inv[new] = old`."""

    irreps: Irreps
    p: tuple[int, ...]
    inv: tuple[int, ...]


class Irreps(Moved, tuple[MulIr, ...]):
    """A direct sum of irreps of O(3), slot after slot; a slot of multiplicity m takes m (2l + 1) numbers.

    Copies lie outside and components inside: number u (2l + 1) + m of a slot is component m of copy u.

    Args:
        irreps: "16x1e + 2o", an `Irrep`, or a list of irreps and of pairs (multiplicity, irrep).

    Raises `ValueError` for what names none.

    >>> irreps = Irreps("4x0e + 2x1o")
    >>> irreps.dim, irreps.lmax, irreps.slices()
    (10, 1, [slice(0, 4, None), slice(4, 10, None)])
    """

    __slots__ = ()

    def __new__(cls, irreps: Any = None) -> Irreps:  # noqa: D102 (the class says it)
        if isinstance(irreps, Irreps):
            return super().__new__(cls, irreps)
        return super().__new__(cls, tuple(_slots_of(irreps)))

    @staticmethod
    def spherical_harmonics(lmax: int, p: int = -1) -> Irreps:
        """The irreps of the harmonics up to a degree, of a vector of parity p."""
        return Irreps([(1, (l, p**l)) for l in range(lmax + 1)])

    # algebra ----------------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Irreps:
        return Irreps(tuple.__add__(self, Irreps(other)))

    def __radd__(self, other: Any) -> Irreps:
        return self if other == 0 else Irreps(other) + self  # sum() begins with 0

    def __mul__(self, times: Any) -> Irreps:
        """The slots several times over."""
        if not isinstance(times, int):
            raise ArgumentError(f"Irreps * n repeats them n times, but got {times!r}. See o3.FullTensorProduct.")
        return Irreps(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def simplify(self) -> Irreps:
        """Neighbours of one irrep in one slot, empty slots dropped."""
        found = []
        for ir, slots in itertools.groupby((slot for slot in self if slot.mul), key=lambda slot: slot.ir):
            found.append((sum(slot.mul for slot in slots), ir))
        return Irreps(found)

    def remove_zero_multiplicities(self) -> Irreps:
        """Empty slots dropped."""
        return Irreps([slot for slot in self if slot.mul])

    def sort(self) -> Sorted:
        """The slots by degree, then parity, odd first; equal ones keep their order."""
        inverse = sorted(range(len(self)), key=lambda n: self[n].ir)
        new = sorted(range(len(self)), key=inverse.__getitem__)
        return Sorted(Irreps([self[n] for n in inverse]), tuple(new), tuple(inverse))

    def regroup(self) -> Irreps:
        """Sorted and simplified."""
        return self.sort().irreps.simplify()

    def filter(self, keep: Any = None, *, drop: Any = None, lmax: int | None = None) -> Irreps:
        """The slots whose irrep is to be kept, is not to be dropped, or has at most a degree: give one of the three.

        What is kept or dropped is a text, irreps, a list of them, or a function of a slot.
        """
        if sum(x is not None for x in (keep, drop, lmax)) > 1:
            raise ArgumentError("filter takes one of keep, drop and lmax. Call it once for each.")
        if lmax is not None:
            return Irreps([slot for slot in self if slot.ir.l <= lmax])
        if keep is None and drop is None:
            return self
        named = _chosen(keep if drop is None else drop)
        return Irreps([slot for slot in self if named(slot) == (drop is None)])

    @property
    def slice_by_mul(self) -> SliceByMul:
        """Slices counted in irreps: `irreps.slice_by_mul[a:b]` are the irreps from number a to number b."""
        return SliceByMul(self)

    # looking ----------------------------------------------------------------------------------------------------------

    @overload
    def __getitem__(self, number: SupportsIndex, /) -> MulIr: ...

    @overload
    def __getitem__(self, number: slice, /) -> Irreps: ...

    def __getitem__(self, number: Any, /) -> Any:
        found = tuple.__getitem__(self, number)
        return Irreps(found) if isinstance(number, slice) else found

    def __contains__(self, ir: Any) -> bool:
        return any(slot.ir == Irrep(ir) for slot in self)

    def count(self, ir: Any) -> int:
        """How often an irrep is in it."""
        return sum(slot.mul for slot in self if slot.ir == Irrep(ir))

    def slices(self) -> list[slice]:
        """Where each slot lies on the last axis."""
        ends = [*itertools.accumulate((slot.dim for slot in self), initial=0)]
        return [slice(a, b) for a, b in itertools.pairwise(ends)]

    @property
    def dim(self) -> int:
        """The numbers of all slots."""
        return sum(slot.dim for slot in self)

    @property
    def num_irreps(self) -> int:
        """The sum of the multiplicities."""
        return sum(slot.mul for slot in self)

    @property
    def ls(self) -> list[int]:
        """The degree of each irrep, copies one by one."""
        return [slot.ir.l for slot in self for _ in range(slot.mul)]

    @property
    def lmax(self) -> int:
        """The largest degree of slots that are not empty; raises `ValueError` where there is none."""
        if not (degrees := self.ls):
            raise ArgumentError("Irreps without any copy have no largest degree.")
        return max(degrees)

    def __repr__(self) -> str:
        return "+".join(map(repr, self))

    # numbers ----------------------------------------------------------------------------------------------------------

    def randn(
        self,
        *size: int,
        normalization: str = "component",
        requires_grad: bool = False,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Random numbers: the one −1 among the sizes stands for the dimension.

        "component": all of variance 1; "norm": each irrep of length 1.
        """
        if size.count(-1) != 1 or normalization not in ("component", "norm"):
            raise ArgumentError(
                "randn takes sizes of which one is −1, and normalization='component' or 'norm', but got "
                f"{size} and {normalization!r}."
            )
        axis = size.index(-1)
        before, after = size[:axis], size[axis + 1 :]
        x = torch.randn(*before, self.dim, *after, dtype=dtype, device=device)
        if normalization == "norm":
            parts = [
                (part := x.narrow(axis, where.start, slot.dim).unflatten(axis, (slot.mul, slot.ir.dim)))
                / part.norm(2, axis + 1, keepdim=True)
                for slot, where in zip(self, self.slices(), strict=True)
                if slot.mul
            ]
            x = torch.cat([part.flatten(axis, axis + 1) for part in parts], axis) if parts else x
        return x.requires_grad_(requires_grad)

    def D_from_matrix(self, R: Tensor) -> Tensor:
        """The matrices `(..., dim, dim)` of rotations and improper rotations `(..., 3, 3)`."""
        whole = R.new_zeros((*R.shape[:-2], self.dim, self.dim))
        for slot, where in zip(self, self.slices(), strict=True):
            if slot.mul:
                d = slot.ir.D_from_matrix(R)
                for start in range(where.start, where.stop, slot.ir.dim):
                    whole[..., start : start + slot.ir.dim, start : start + slot.ir.dim] = d
        return whole


class SliceByMul:
    """See `Irreps.slice_by_mul`."""

    def __init__(self, irreps: Irreps) -> None:
        self.irreps = irreps

    def __getitem__(self, wanted: slice) -> Irreps:
        if not isinstance(wanted, slice):
            raise ArgumentError(f"slice_by_mul takes a slice such as [2:5], but got [{wanted!r}].")
        start, stop, step = wanted.indices(self.irreps.num_irreps)
        if step != 1:
            raise ArgumentError(f"slice_by_mul takes slices of step 1, but got {step}.")
        found, first = [], 0
        for slot in self.irreps:
            low, high = max(start - first, 0), min(stop - first, slot.mul)
            if high > low:
                found.append((high - low, slot.ir))
            first += slot.mul
        return Irreps(found)


def _slots_of(given: Any) -> Iterator[MulIr]:
    if given is None:
        return
    if isinstance(given, Irrep):
        yield MulIr(1, given)
    elif isinstance(given, MulIr):
        yield given
    elif isinstance(given, str):
        for term in given.split("+") if given.strip() else ():
            mul, x, ir = term.rpartition("x")
            if x and not mul.strip().isdigit():
                raise ArgumentError(f"Irreps are written as '16x1e + 2x0o', but got {given!r}.")
            yield MulIr(int(mul) if x else 1, ir.strip())
    elif isinstance(given, Iterable):
        for slot in given:
            pair = isinstance(slot, tuple) and not isinstance(slot, Irrep)
            yield MulIr(*slot) if pair else MulIr(1, slot)
    else:
        raise ArgumentError(f"Irreps are written as '16x1e + 2x0o', or listed, but got {given!r}.")


def _chosen(named: Any) -> Callable[[MulIr], bool]:
    if callable(named):
        function: Callable[[MulIr], bool] = named
        return function
    irreps = {slot.ir for slot in Irreps(named)}
    return lambda slot: slot.ir in irreps


def rep_of(irreps: Irreps) -> Rep:
    """The rep of irreps; empty slots have no term."""
    return Rep(O3, tuple((slot.mul, OurIrrep(O3, repr(slot.ir))) for slot in irreps if slot.mul))
