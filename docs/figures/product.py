"""Draws docs/figures/product.png, a tensor product as a figure: `python docs/figures/product.py`, with chromium."""

from pathlib import Path

from _chromium import write_picture

import intertwine as tw
from intertwine import nn, viz


def main() -> None:
    """The product of NequIP and MACE, as docs/guide.md makes it."""
    rep = tw.O3.rep("32x0e + 32x1o + 16x2e")
    product = nn.TensorProduct(rep, tw.O3.harmonics(2), ["0e", "1o", "2e"], mode="uvu")
    paths = [
        viz.DrawnPath(path.first, path.second, path.output, *cost)
        for path, cost in zip(product.instructions, product.costs, strict=True)
    ]
    names = [[f"{m}x{irrep.label}" for m, irrep in rep.terms] for rep in (rep, product.rep_2, product.rep_out)]
    fig = viz.product_picture(*names, paths, "features ⊗ harmonics, mode uvu")
    write_picture(fig, Path(__file__).with_suffix(".png"), width=640)


if __name__ == "__main__":
    main()
