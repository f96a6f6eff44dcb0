"""What modules of e3nn with flat weights share: who holds them, how they are given, which outputs they reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError, ShapeError
from intertwine.interop.e3nn.o3.irreps import Irreps


class Placeholder(nn.Module):
    """What a product without weights leaves in a state dict, where this library needs no product.

    Args:
        size: the numbers of its output.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(0))
        self.register_buffer("output_mask", torch.ones(size))


class WeightedModule(nn.Module):
    """A module of e3nn with one flat vector of weights, path after path.

    Args:
        shapes: the shapes of the weights of the paths that have some.
        internal: whether the module holds them; by default if they are shared and there are some.
        shared: whether all samples have the same; by default yes.
    """

    weight: Tensor
    output_mask: Tensor
    instructions: Sequence[Any]

    def __init__(self, shapes: Sequence[tuple[int, ...]], internal: bool | None, shared: bool | None) -> None:
        super().__init__()
        self.shared_weights = shared if shared is not None else True
        self.internal_weights = internal if internal is not None else self.shared_weights and bool(shapes)
        if self.internal_weights and not self.shared_weights:
            raise ArgumentError("Weights that the module holds are the same for all samples: pass shared_weights=True.")
        self._shapes = tuple(shapes)
        self.weight_numel = sum(map(prod, shapes))
        if self.internal_weights and self.weight_numel:
            self.weight = nn.Parameter(torch.randn(self.weight_numel))
        else:
            self.register_buffer("weight", torch.empty(0))  # e3nn has it in the state dict

    def register_output_mask(self, irreps: Irreps, reached: Sequence[int]) -> None:
        """Keep 1 for the numbers of the output that some path leads to, and 0 for the others."""
        parts = [torch.full((slot.dim,), float(n in reached)) for n, slot in enumerate(irreps)]
        self.register_buffer("output_mask", torch.cat([torch.empty(0), *parts]))

    def weights_of(self, given: Tensor | Sequence[Tensor] | None) -> Tensor | None:
        """The flat weights: the given ones, or the module's own; None without any."""
        if given is None:
            if not self.internal_weights and self.weight_numel:
                raise ShapeError(f"This module takes {self.weight_numel} weights on each call, but got none.")
            return self.weight if self.weight_numel else None
        if not isinstance(given, Tensor):
            flat = [w.reshape(*w.shape[: w.ndim - len(s)], -1) for w, s in zip(given, self._shapes, strict=True)]
            given = torch.cat(flat, -1)
        if given.shape[-1] != self.weight_numel or (self.shared_weights and given.ndim != 1):
            many = "one vector" if self.shared_weights else "a vector for each sample"
            raise ShapeError(
                f"This module takes {self.weight_numel} weights, {many}, but got the shape {tuple(given.shape)}."
            )
        return given if self.weight_numel else None

    def weight_view_for_instruction(self, instruction: int, weight: Tensor | None = None) -> Tensor:
        """The weights of one instruction, in their shape."""
        for number, _, view in self.weight_views(weight, yield_instruction=True):
            if number == instruction:
                found: Tensor = view
                return found
        raise ArgumentError(f"The instruction {instruction} has no weights.")

    def weight_views(self, weight: Tensor | None = None, yield_instruction: bool = False) -> Iterator[Any]:
        """The weights of each instruction that has some, in their shape; with its number and itself, if wanted."""
        flat = self.weights_of(weight)
        weighted = [(n, i) for n, i in enumerate(self.instructions) if getattr(i, "has_weight", i.path_shape)]
        if flat is None:
            return
        pieces = flat.split([prod(i.path_shape) for _, i in weighted], -1)
        for (number, instruction), piece in zip(weighted, pieces, strict=True):
            view = piece.reshape(*flat.shape[:-1], *instruction.path_shape)
            yield (number, instruction, view) if yield_instruction else view

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """Constants that e3nn keeps beside the weights are not needed: they are made from the irreps."""
        for key in [key for key in state_dict if key.startswith(prefix + "_compiled_main")]:
            del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, *others)
