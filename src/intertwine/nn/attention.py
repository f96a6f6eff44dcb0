"""Attention whose logits are invariant and whose values turn."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.fields import FieldType, PointFeatures
from intertwine.nn.linear import Linear
from intertwine.nn.module import EquivariantModule
from intertwine.nn.parts import by_part
from intertwine.reps import Irrep, Rep


class SelfAttention(EquivariantModule):
    """Self-attention over a set of features: `y_n = W_o Σ_m softmax_m(q_n · k_m / √d) v_m`, in heads.

    Queries, keys and values are equivariant linear maps of the features; since reps are orthogonal, products of a query
    and a key are invariant, and the output turns with the input. Tokens may be the pixels of a coarse feature map,
    which `Sequential` and `Pixelwise` make of them. Nothing says where a token lies: give features that do, as
    `PatchEmbedding` makes them.

    It is computed by torch's `scaled_dot_product_attention`, whose fast kernels have first derivatives alone. For
    second ones, as of forces, call the network within `torch.nn.attention.sdpa_kernel(SDPBackend.MATH)`.

    Args:
        rep: the rep of input and output.
        heads: the number of heads, a divisor of all multiplicities.

    Raises `ArgumentError` for another number of heads.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), Fuchs et al. 2020 (arXiv:2006.10503).

    >>> import torch
    >>> from intertwine.catalog import dihedral
    >>> layer = SelfAttention(dihedral(4).rep("4xregular"), heads=2)
    >>> layer(torch.randn(3, 10, 32)).shape
    torch.Size([3, 10, 32])
    """

    order: Tensor
    back: Tensor

    def __init__(self, rep: Rep | Irrep, heads: int = 1) -> None:
        super().__init__(rep, rep)
        if not isinstance(heads, int) or heads < 1 or any(m % heads for m, _ in self.rep_in.terms):
            raise ArgumentError(
                f"The number of heads divides all multiplicities of {self.rep_in}, but got heads={heads!r}."
            )
        self.heads = heads
        order = by_part(self.rep_in, heads)
        self.register_table("order", order)
        self.register_table("back", np.argsort(order))
        self.queries, self.values, self.out = (Linear(self.rep_in, self.rep_in) for _ in range(3))
        # A bias of the keys adds the same to a query's product with every key, which softmax does not see.
        self.keys = Linear(self.rep_in, self.rep_in, bias=False)

    @property
    def fields_in(self) -> tuple[FieldType, ...]:
        """Features of tokens, which may change places."""
        return (PointFeatures(self.rep_in),)

    @property
    def field_out(self) -> FieldType:
        """Features of tokens."""
        return PointFeatures(self.rep_out)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., N, rep.dim)` for the features of N tokens `(..., N, rep.dim)`; all N see each other."""
        self.check(x, self.rep_in)
        queries, keys, values = (self._in_heads(layer(x)) for layer in (self.queries, self.keys, self.values))
        found = F.scaled_dot_product_attention(queries, keys, values)
        whole = found.transpose(-2, -3).flatten(-2).index_select(-1, self.back)
        y: Tensor = self.out(whole)
        return y

    def _in_heads(self, x: Tensor) -> Tensor:
        """`(..., heads, N, dim / heads)` of `(..., N, dim)`: each head has its share of the copies of every block."""
        parts: Tensor = x.index_select(-1, self.order).unflatten(-1, (self.heads, -1))
        return parts.transpose(-2, -3)
