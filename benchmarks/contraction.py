"""How much faster than MACE's is the symmetric contraction? `python benchmarks/contraction.py`, with mace-torch.

Whole layers on the same features, species and functions: `nn.SymmetricContraction`, MACE's own `SymmetricContraction`,
and that of cuequivariance-torch where it is installed, on its CPU path. First the spans of their polynomials are
compared, in float64: the weights of a peer are solved for in ours, and must give the same outputs. Then all run in
float32, in turn: forward alone, with first gradients by features and weights, and with the second ones that training
on forces takes. CPU time of one thread, then wall times of two. `--json FILE` writes the rows: case, what, ours, peer,
ratio, target.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from timing import require_equal
from torch import Tensor

import intertwine as tw
from intertwine import nn

warnings.filterwarnings("ignore", module="e3nn|mace|cuequivariance")
torch.set_default_dtype(torch.float64)  # peers make their tables of it

CHANNELS, SPECIES, NODES = 128, 10, 100
CASES = {
    "0e + 1o + 2e → 0e + 1o": ("0e 1o 2e", "0e 1o"),
    "0e + 1o + 2e + 3o → 0e": ("0e 1o 2e 3o", "0e"),
    "0e + 1o + 2e + 3o → 0e + 1o": ("0e 1o 2e 3o", "0e 1o"),
}
ORDER = 3
TARGET = 50

Layer = Callable[[Tensor, Tensor], Tensor]
"""From features (N, components · channels) and species (N,) to outputs in the same order."""


def text(labels: str, channels: int) -> str:
    return "+".join(f"{channels}x{label}" for label in labels.split())


def dims(labels: str) -> list[int]:
    return [2 * int(label[:-1]) + 1 for label in labels.split()]


class Mace(torch.nn.Module):
    """MACE's own layer."""

    name = "MACE"

    def __init__(self, features: str, out: str, channels: int, species: int) -> None:
        from mace.modules.symmetric_contraction import SymmetricContraction  # first: it lets e3nn load its tables

        from e3nn import o3  # isort: skip

        super().__init__()
        self.channels, self.species, self.dims = channels, species, dims(out)
        self.layer = SymmetricContraction(
            o3.Irreps(text(features, channels)), o3.Irreps(text(out, channels)), ORDER, num_elements=species
        )

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        found = self.layer(
            x.reshape(len(x), -1, self.channels).mT, torch.nn.functional.one_hot(species, self.species).to(x)
        )
        parts = found.split([d * self.channels for d in self.dims], 1)
        return torch.cat([part.reshape(len(x), self.channels, -1).mT.flatten(1) for part in parts], 1)


class Cue(torch.nn.Module):
    """cuEquivariance's."""

    name = "cuEquivariance"

    def __init__(self, features: str, out: str, channels: int, species: int) -> None:
        import cuequivariance as cue
        import cuequivariance_torch as cuet

        super().__init__()
        irreps = (cue.Irreps("O3", text(labels, channels)) for labels in (features, out))
        self.layer = cuet.SymmetricContraction(
            *irreps, ORDER, species, layout=cue.ir_mul, dtype=torch.float64, method="naive"
        )

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        return self.layer(x, species.int())


PEERS = [Mace, *([Cue] if importlib.util.find_spec("cuequivariance_torch") else [])]


def give(layer: torch.nn.Module, weights: Tensor) -> None:
    """Weights `(species, paths, channels)` to a layer, whose parameters are parts of them along the paths."""
    start = 0
    for parameter in layer.parameters():
        parameter.data = weights[:, start : start + parameter.shape[1]].to(parameter.dtype).clone()
        start += parameter.shape[1]


def paths(layer: torch.nn.Module) -> int:
    return sum(parameter.shape[1] for parameter in layer.parameters() if parameter.requires_grad)


def polynomials(make: Callable[[int], torch.nn.Module], x: Tensor) -> Tensor:
    """The values of all polynomials of a layer with one channel, `(values, paths)`: each is a species."""
    number = paths(make(1))
    layer = make(number)
    give(layer, torch.eye(number)[..., None])
    with torch.no_grad():
        return torch.stack([layer(x, torch.full((len(x),), path)).flatten() for path in range(number)], 1)


def ours(features: str, out: str, channels: int, species: int) -> nn.SymmetricContraction:
    return nn.SymmetricContraction(
        tw.O3.rep(text(features, channels)), tw.O3.rep(text(out, channels)), ORDER, species=species
    )


def matched(features: str, out: str, peer: type[torch.nn.Module]) -> tuple[nn.SymmetricContraction, torch.nn.Module]:
    """Both layers with weights that make them the same function; stops unless there are some."""
    x = torch.randn(400, sum(dims(features)))
    mine = polynomials(lambda species: ours(features, out, 1, species), x)
    theirs = polynomials(lambda species: peer(features, out, 1, species), x)
    change = torch.linalg.lstsq(mine, theirs).solution
    require_equal(f"{peer.name}, span", (mine @ change).numpy(), theirs.numpy(), 1e-9)
    ranks = [int(torch.linalg.matrix_rank(values, rtol=1e-9)) for values in (mine, theirs)]
    if ranks != [mine.shape[1], mine.shape[1]]:
        raise SystemExit(f"{peer.name} spans {ranks[1]} polynomials, and we {ranks[0]} by {mine.shape[1]} paths.")
    print(f"{features} → {out}: {mine.shape[1]} paths, {peer.name} {theirs.shape[1]}")
    layer = peer(features, out, CHANNELS, SPECIES)
    weights = torch.randn(SPECIES, theirs.shape[1], CHANNELS) / theirs.shape[1] ** 0.5
    give(layer, weights)
    mine_layer = ours(features, out, CHANNELS, SPECIES)
    give(mine_layer, torch.einsum("pq,zqu->zpu", change, weights))
    return mine_layer, layer


def runs(layer: torch.nn.Module, x: Tensor, species: Tensor, size: int) -> dict[str, Callable[[], object]]:
    """The three things that are timed."""
    x = x.clone().requires_grad_()
    given = [x, *(p for p in layer.parameters() if p.requires_grad)]
    cotangent, along = torch.randn(len(x), size).to(x), [torch.randn_like(v) for v in given]

    def forward() -> None:
        with torch.no_grad():
            layer(x, species)

    def first() -> None:
        torch.autograd.grad(layer(x, species), given, cotangent)

    def second() -> None:
        g = cotangent.clone().requires_grad_()
        found = torch.autograd.grad(layer(x, species), given, g, create_graph=True)
        torch.autograd.grad(found, (*given, g), along)

    return {"forward": forward, "first gradients": first, "second gradients": second}


def in_turn(mine: Callable[[], object], theirs: Callable[[], object], threads: int) -> list[float]:
    """The times of both, called in turn, ours often since it is short.

    Of one thread the median of its CPU time; of several the shortest wall time, which what else runs disturbs least.
    """
    clock, chosen = (time.thread_time, np.median) if threads == 1 else (time.perf_counter, np.min)
    times: list[list[float]] = [[], []]
    for function in (mine, theirs):
        function()
    for _ in range(5):
        for n, (function, repeats) in enumerate(((mine, 20), (theirs, 1))):
            for _ in range(repeats):
                start = clock()
                function()
                times[n].append(clock() - start)
    return [float(chosen(t)) for t in times]


def case(name: str, features: str, out: str, peer: type[torch.nn.Module], nodes: int) -> list[dict[str, object]]:
    mine, theirs = matched(features, out, peer)
    x, species = torch.randn(nodes, sum(dims(features)) * CHANNELS), torch.randint(SPECIES, (nodes,))
    with torch.no_grad():
        require_equal(f"{peer.name}, float64", mine(x, species).numpy(), theirs(x, species).numpy(), 1e-9)
        mine, theirs, x = mine.float(), theirs.float(), x.float()
        require_equal(f"{peer.name}, float32", mine(x, species).numpy(), theirs(x, species).numpy(), 1e-5)
    size = sum(dims(out)) * CHANNELS
    both, rows = [runs(layer, x, species, size) for layer in (mine, theirs)], []
    for threads in (1, 2) if peer is Mace else (1,):
        torch.set_num_threads(threads)
        for what in both[0]:
            a, b = in_turn(both[0][what], both[1][what], threads)
            row = {
                "case": name, "peer name": peer.name, "nodes": nodes, "threads": threads, "what": what,
                "ours": a / nodes * 1e6, "peer": b / nodes * 1e6, "ratio": b / a,
                "target": TARGET if threads == 1 and peer is Mace and nodes == NODES else None,
            }  # fmt: skip
            rows.append(row)
            aim = f" (≥ {row['target']})" if row["target"] else ""
            print(
                f"{name}, {nodes} nodes, {threads} threads, {what:17s} {row['ours']:.2f} µs per node, {peer.name} "
                f"{row['peer']:.0f}: {row['ratio']:.0f} ×{aim}"
            )
        torch.set_num_threads(1)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    found = [row for name, labels in CASES.items() for peer in PEERS for row in case(name, *labels, peer, NODES)]
    found += case("0e + 1o + 2e → 0e + 1o", *CASES["0e + 1o + 2e → 0e + 1o"], Mace, 20)
    if path := parser.parse_args().json:
        path.write_text(json.dumps(found, indent=1))
