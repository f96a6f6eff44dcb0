"""e3nn's ready products: fully connected, elementwise, full, and the square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3.irreps import Irrep, Irreps
from intertwine.interop.e3nn.o3.tensor_product import TensorProduct


class FullyConnectedTensorProduct(TensorProduct):
    """All paths of all copies, with weights.

    >>> import torch
    >>> product = FullyConnectedTensorProduct("4x0e + 2x1o", "1x1o", "3x0e + 2x1o")
    >>> product(torch.randn(5, 10), torch.randn(5, 3)).shape
    torch.Size([5, 9])
    """

    def __init__(
        self,
        irreps_in1: Any,
        irreps_in2: Any,
        irreps_out: Any,
        irrep_normalization: str | None = None,
        path_normalization: str | None = None,
        normalization: str | None = None,
        **options: Any,
    ) -> None:
        x, y, z = Irreps(irreps_in1), Irreps(irreps_in2), Irreps(irreps_out)
        paths = [
            (i, j, k, "uvw", True, 1.0)
            for i, one in enumerate(x)
            for j, other in enumerate(y)
            for k, out in enumerate(z)
            if out.ir in one.ir * other.ir
        ]
        super().__init__(
            x,
            y,
            z,
            paths,
            irrep_normalization=irrep_normalization or normalization,
            path_normalization=path_normalization,
            **options,
        )


class ElementwiseTensorProduct(TensorProduct):
    """Products of the copies of two features pair by pair, without weights.

    >>> ElementwiseTensorProduct("2x0e + 1x1o", "3x1o").irreps_out
    2x1o+1x0e+1x1e+1x2e
    """

    def __init__(
        self,
        irreps_in1: Any,
        irreps_in2: Any,
        filter_ir_out: Any = None,
        irrep_normalization: str | None = None,
        normalization: str | None = None,
        **options: Any,
    ) -> None:
        x, y = Irreps(irreps_in1).simplify(), Irreps(irreps_in2).simplify()
        if x.num_irreps != y.num_irreps:
            raise ArgumentError(f"Both features have equally many irreps, but got {x} and {y}.")
        first, second = aligned(x, y)
        keep = _kept(filter_ir_out)
        out: list[tuple[int, Irrep]] = []
        paths: list[tuple[Any, ...]] = []
        for n, (one, other) in enumerate(zip(first, second, strict=True)):
            for ir in one.ir * other.ir:
                if keep is None or ir in keep:
                    paths.append((n, n, len(out), "uuu", False))
                    out.append((one.mul, ir))
        super().__init__(first, second, out, paths, irrep_normalization=irrep_normalization or normalization, **options)


class FullTensorProduct(TensorProduct):
    """All products of all copies, without weights, sorted.

    >>> FullTensorProduct("1x0e + 1x1o", "1x1o").irreps_out
    1x0e+1x1o+1x1e+1x2e
    """

    def __init__(
        self,
        irreps_in1: Any,
        irreps_in2: Any,
        filter_ir_out: Any = None,
        irrep_normalization: str | None = None,
        normalization: str | None = None,
        **options: Any,
    ) -> None:
        x, y = Irreps(irreps_in1).simplify(), Irreps(irreps_in2).simplify()
        keep = _kept(filter_ir_out)
        found = [
            (one.mul * other.mul, ir, (i, j, "uvuv", False, 1.0))
            for i, one in enumerate(x)
            for j, other in enumerate(y)
            for ir in one.ir * other.ir
            if keep is None or ir in keep
        ]
        out, paths = _in_order(found)
        super().__init__(x, y, out, paths, irrep_normalization=irrep_normalization or normalization, **options)


class FullTensorProductv2(FullTensorProduct):
    """As `FullTensorProduct`, of inputs whose irreps are sorted and gathered first, if `regroup_output`."""

    def __init__(
        self,
        irreps_in1: Any,
        irreps_in2: Any,
        *,
        filter_ir_out: Any = None,
        irrep_normalization: str = "component",
        regroup_output: bool = True,
    ) -> None:
        x, y = (Irreps(given).regroup() if regroup_output else Irreps(given) for given in (irreps_in1, irreps_in2))
        super().__init__(x, y, filter_ir_out, irrep_normalization)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:  # type: ignore[override]
        """The products, of inputs that e3nn names otherwise here."""
        return super().forward(input1, input2)


class ElementwiseTensorProductv2(ElementwiseTensorProduct):
    """As `ElementwiseTensorProduct`."""

    def __init__(
        self, irreps_in1: Any, irreps_in2: Any, *, filter_ir_out: Any = None, irrep_normalization: str = "component"
    ) -> None:
        super().__init__(irreps_in1, irreps_in2, filter_ir_out, irrep_normalization)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:  # type: ignore[override]
        """The products, of inputs that e3nn names otherwise here."""
        return super().forward(input1, input2)


class TensorSquare(TensorProduct):
    """The product of a feature with itself, each pair of copies once; with an output given, weights mix the copies.

    >>> TensorSquare("1x1o").irreps_out
    1x0e+1x2e
    """

    def __init__(
        self,
        irreps_in: Any,
        irreps_out: Any = None,
        filter_ir_out: Any = None,
        irrep_normalization: str | None = None,
        **options: Any,
    ) -> None:
        self.irreps_in = x = Irreps(irreps_in).simplify()
        normalization = irrep_normalization or "component"
        if normalization not in ("component", "norm", "none"):
            raise ArgumentError(
                f"irrep_normalization is 'component', 'norm' or 'none', but got {irrep_normalization!r}."
            )
        if irreps_out is not None and filter_ir_out is not None:
            raise ArgumentError("Give the output, or which irreps to keep, and not both.")
        paths = _square_paths(x, normalization)
        if irreps_out is None:
            keep = _kept(filter_ir_out)
            modes = {"pairs": "uvu<v", "same": "uuu", "two": "uvuv"}
            found = [
                (copies, ir, (i, j, modes[kind], False, factor))
                for i, j, ir, kind, copies, factor in paths
                if keep is None or ir in keep
            ]
            out, listed = _in_order(found)
        else:
            out, modes = Irreps(irreps_out).simplify(), {"pairs": "u<vw", "same": "uuw", "two": "uvw"}
            listed = [
                (i, j, k, modes[kind], True, factor)
                for i, j, ir, kind, _, factor in paths
                for k, slot in enumerate(out)
                if slot.ir == ir
            ]
            listed.sort(key=lambda path: path[:3])
        super().__init__(x, x, out, listed, irrep_normalization="none", **options)

    def forward(self, x: Tensor, weight: Any = None) -> Tensor:  # type: ignore[override]
        """The square `(..., irreps_out.dim)` of `(..., irreps_in.dim)`."""
        return super().forward(x, x, weight)


def _square_paths(x: Irreps, normalization: str) -> list[tuple[int, int, Irrep, str, int, float]]:
    """The paths of a square: both slots, the irrep, which pairs, how many copies, and the factor of the variance.

    The products of a copy with itself have other variances than those of two: for Gaussian x, E |x|⁴ = d (d + 2).
    """
    found = []
    for i, one in enumerate(x):
        for j, other in enumerate(x[i:], start=i):
            for ir in one.ir * other.ir:
                two = {"component": ir.dim, "norm": one.ir.dim * other.ir.dim, "none": 1}[normalization]
                if i != j:
                    found.append((i, j, ir, "two", one.mul * other.mul, float(two)))
                    continue
                if one.mul > 1:
                    found.append((i, i, ir, "pairs", one.mul * (one.mul - 1) // 2, float(two)))
                if ir.l % 2 == 0:
                    d = one.ir.dim
                    same = {
                        "component": ir.dim / (d + 2) if ir.l == 0 else ir.dim / 2,
                        "norm": ir.dim * d if ir.l == 0 else d * (d + 2) / 2,
                        "none": 1.0,
                    }[normalization]
                    found.append((i, i, ir, "same", one.mul, float(same)))
    return found


def _kept(filter_ir_out: Any) -> set[Irrep] | None:
    return None if filter_ir_out is None else {slot.ir for slot in Irreps(filter_ir_out)}


def aligned(x: Irreps, y: Irreps) -> tuple[Irreps, Irreps]:
    """Both features in slots of equal multiplicities."""
    first, second, ones, others = [], [], [*x], [*y]
    while ones:
        (m, one), (n, other) = ones.pop(0), others.pop(0)
        if m != n:
            (ones if m > n else others).insert(0, (abs(m - n), one if m > n else other))
        first.append((min(m, n), one))
        second.append((min(m, n), other))
    return Irreps(first), Irreps(second)


def _in_order(found: Sequence[tuple[int, Irrep, tuple[Any, ...]]]) -> tuple[Irreps, list[tuple[Any, ...]]]:
    """The output of slots, sorted, and the instructions that lead there."""
    out, p, _ = Irreps([(mul, ir) for mul, ir, _ in found]).sort()
    return out, [(i, j, p[n], *others) for n, (_, _, (i, j, *others)) in enumerate(found)]
