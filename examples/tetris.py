"""Eight pieces of Tetris in space, two of them mirror images: which is it, in any pose?

Seven numbers tell the pieces: six invariants, and one pseudoscalar that changes its sign in a mirror. The two chiral
pieces share the first invariant and differ in that sign, which no network of invariants alone could make. Training sees
every piece once, in one pose; the test is a thousand poses, rotations and mirrors.

    python examples/tetris.py
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import Tensor

import intertwine as tw
from intertwine import nn

PIECES = torch.tensor(
    [
        [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0]],  # chiral
        [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, -1, 0]],  # its mirror image
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]],  # square
        [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 3]],  # line
        [[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]],  # corner
        [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 0]],  # L
        [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 1]],  # T
        [[0, 0, 0], [1, 0, 0], [1, 1, 0], [2, 1, 0]],  # zigzag
    ],
    dtype=torch.get_default_dtype(),
)
MIRRORED = torch.tensor([1, 0, 2, 3, 4, 5, 6, 7])
"""What each piece is in a mirror."""

Graph = tuple[Tensor, Tensor, Tensor]


def graph(pieces: Tensor) -> Graph:
    """Edges, their vectors, and the piece of each block: blocks of a piece that touch, or touch one in common."""
    points, piece = pieces.reshape(-1, 3), torch.arange(len(pieces)).repeat_interleave(4)
    near = (torch.cdist(points, points) < 2.1) & (piece[:, None] == piece)
    edges = near.fill_diagonal_(False).nonzero().T
    return edges, points[edges[1]] - points[edges[0]], piece


class Classifier(torch.nn.Module):
    """Three convolutions, and the seven numbers; scores of the chiral pair are `first ± pseudoscalar`."""

    def __init__(self) -> None:
        super().__init__()
        group, radial = tw.O3, nn.radial.SmoothFiniteBasis(cutoff=2.2, number=6)
        rep, layers = group.rep("1x0e"), []
        # Convolutions of invariants reach the parities of harmonics, those of these all but 0o, and the third 0o.
        hidden = ["16x0e + 8x1o + 4x2e", "16x0e + 8x1o + 8x1e + 4x2e + 4x2o", "16x0e + 8x0o + 8x1o + 8x1e"]
        for features in hidden:
            gate = nn.Gate(group.rep(features))
            layers += [nn.PointConv(rep, gate.rep_in, radial, hidden=(32,), neighbours=3), gate]
            rep = gate.rep_out
        self.layers = nn.Sequential(*layers)
        self.read = nn.Linear(rep, group.rep("7x0e + 1x0o"))

    def forward(self, edges: Tensor, vectors: Tensor, piece: Tensor) -> Tensor:
        y = self.read(self.layers(vectors.new_ones(len(piece), 1), edges, vectors))
        whole = y.new_zeros(int(piece[-1]) + 1, 8).index_add(0, piece, y)
        first, others, sign = whole[:, :1], whole[:, 1:7], whole[:, 7:]
        return torch.cat([first + sign, first - sign, others], 1)


def posed(pieces: Tensor, elements: np.ndarray) -> Tensor:
    """Each piece `(n, 4, 3)` as its own element of O(3) `(n, 3, 3)` moves it."""
    return torch.einsum("nij,nkj->nki", torch.tensor(elements, dtype=pieces.dtype), pieces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--poses", type=int, default=125, help="of each piece in the test")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    pieces = PIECES.double()
    net = Classifier()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(options.steps):
        loss = torch.nn.functional.cross_entropy(net(*graph(pieces)), torch.arange(8))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 50 == 0 or step == options.steps - 1:
            print(f"step {step:4d}  loss {loss.item():.2e}")
    elements = tw.O3.sample(8 * options.poses, seed=1)
    which = torch.arange(8).repeat(options.poses)
    wanted = torch.where(torch.tensor(np.linalg.det(elements)) < 0, MIRRORED[which], which)
    with torch.no_grad():
        scores = net(*graph(posed(pieces[which], elements)))
        error = (scores - net(*graph(pieces))[wanted]).abs().max() / scores.abs().max()
    right = (scores.argmax(1) == wanted).double().mean()
    print(f"{len(which)} poses, rotated and mirrored: {100 * right.item():.1f} % right")
    print(f"scores are those of the pieces, up to {error.item():.0e}")


if __name__ == "__main__":
    main()
