"""Are convolutions on grids built and expanded faster than escnn's? `python benchmarks/grids.py`, with escnn.

For escnn see `escnn_groups.py`. Compared are the same group, reps, kernel and functions (`filters=nn.Rings()`); rows of
"default" are our own choice of filters. First the functions of both sides are compared (the largest angle of one of
theirs to the space of ours), then the outputs of a layer with the same weights. Then every measurement is a process of
its own, both sides in turn, CPU time of one thread. Beside plain torch, a training step of our layer is compared with
that of `torch.nn.functional.conv2d` or `conv3d` by a filter of the same shape, in one process, in turn.

`--pointwise` measures kernels of one pixel alone, without escnn: multiplied by blocks, by the whole filters
that the same weights make, and by `torch.nn.Conv2d` or `Conv3d` with as many channels.

`--all` measures the polyhedral groups too, which escnn needs minutes for. `--json FILE` writes the rows;
`--rounds N` repeats each process N times (default 3); `--case NAME` takes one case.
"""

from __future__ import annotations

import argparse
import copy
import gc
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from timing import Row, cpu_time, fresh, markdown, put_into, record

PAGE = Path(__file__).resolve().parents[1] / "docs" / "speed.md"


@dataclass(frozen=True)
class Case:
    """One layer from a rep to itself.

    Args:
        group: our name of the group.
        space: escnn's, as the name of a function of `escnn.gspaces` and its arguments.
        rep: one copy of ours, and of theirs as ids of irreps; both empty for the regular rep.
        copies: how many of them the layer has.
        size: the kernel size.
        image: the batch, and the size of images.
        construction, expansion: how many times faster ours is meant to be.
        share: how much of a training step the expansion may take, in percent.
        slow: whether escnn takes minutes.
    """

    group: str
    space: tuple[str, tuple[int, ...]]
    rep: str
    theirs: tuple[tuple[int, ...], ...]
    copies: int
    size: int
    image: tuple[int, int]
    construction: float | None
    expansion: float | None
    share: float
    slow: bool = False


SO3 = tuple((l,) for l in range(4))
O3 = tuple((j, l) for l in range(4) for j in (l % 2, 1 - l % 2))
CASES = {
    "C8, regular, 5²": Case("C8", ("rot2dOnR2", (8,)), "", (), 16, 5, (8, 32), 1, None, 2),
    "D8, regular, 7²": Case("D8", ("flipRot2dOnR2", (8,)), "", (), 8, 7, (8, 32), 100, 5, 2),
    "SO(2), f ≤ 5, 7²": Case(
        "SO(2)", ("rot2dOnR2", (-1, 10)), "+".join(f"1x{k}" for k in range(6)), tuple((k,) for k in range(6)),
        8, 7, (8, 32), 1, None, 5,
    ),
    "SO(3), l ≤ 3, 5³": Case("SO(3)", ("rot3dOnR3", (6,)), "1x0 + 1x1 + 1x2 + 1x3", SO3, 4, 5, (2, 16), 1, 3, 5),
    "O(3), l ≤ 3, 5³": Case(
        "O(3)", ("flipRot3dOnR3", (6,)), "1x0e + 1x0o + 1x1o + 1x1e + 1x2e + 1x2o + 1x3o + 1x3e", O3, 2, 5, (2, 16),
        1, 3, 5,
    ),
    "O, regular, 5³": Case("O", ("octaOnR3", ()), "", (), 4, 5, (2, 16), 100, 30, 2, slow=True),
    "I, regular, 3³": Case("I", ("icoOnR3", ()), "", (), 2, 3, (2, 16), 100, 100, 2, slow=True),
}  # fmt: skip


@dataclass(frozen=True)
class Pointwise:
    """A layer of one pixel from a rep to itself.

    Args:
        group: the name of the group.
        copies: how many copies of the rep.
        rep: one of them; "" for the regular rep.
        target: how many times faster than by whole filters it is meant to be.
    """

    group: str
    copies: int
    rep: str = ""
    target: float | None = 1.5


POINTWISE = {
    "C8, regular": Pointwise("C8", 32),
    "D4, regular": Pointwise("D4", 32),
    "D8, regular": Pointwise("D8", 16),
    "C16, regular": Pointwise("C16", 16),
    "D16, regular": Pointwise("D16", 8),
    "O, regular": Pointwise("O", 10),
    "Oh, regular": Pointwise("Oh", 5),
    "I, regular": Pointwise("I", 4),
    "D4, regular and vectors": Pointwise("D4", 16, "1xregular + 4x1", None),
    "SO(2), f ≤ 5": Pointwise("SO(2)", 23, "+".join(f"1x{k}" for k in range(6)), None),
    "O(2), f ≤ 3": Pointwise("O(2)", 32, "1x0e + 1x0o + 1x1 + 1x2 + 1x3", None),
    "SO(3), l ≤ 3": Pointwise("SO(3)", 16, "1x0 + 1x1 + 1x2 + 1x3", None),
    "O(3), l ≤ 2": Pointwise("O(3)", 14, "1x0e + 1x0o + 1x1o + 1x1e + 1x2e + 1x2o", None),
}


# the layers of both sides ---------------------------------------------------------------------------------------------


def our_rep(tw: Any, case: Case, copies: int) -> Any:
    group = tw.group(case.group)
    one = group.rep(case.rep) if case.rep else group.regular
    return type(one)(group, tuple((copies * m, block) for m, block in one.terms))


def our_layer(tw: Any, case: Case, filters: Any, copies: int | None = None, action: Any = None) -> Any:
    from intertwine import nn

    rep = our_rep(tw, case, copies or case.copies)
    convolution = nn.Conv2d if rep.group.dim == 2 else nn.Conv3d
    return convolution(rep, rep, case.size, padding=case.size // 2, filters=filters, action=action)


def their_type(case: Case, copies: int) -> Any:
    from escnn import gspaces

    name, arguments = case.space
    space = getattr(gspaces, name)(*arguments)
    kinds = [space.irrep(*label) for label in case.theirs] or [space.regular_repr]
    return space.type(*(kind for kind in kinds for _ in range(copies)))


def their_layer(case: Case, initialize: bool, copies: int | None = None) -> Any:
    import escnn.nn as peer

    field_type = their_type(case, copies or case.copies)
    convolution = peer.R2Conv if field_type.gspace.dimensionality == 2 else peer.R3Conv
    return convolution(field_type, field_type, case.size, padding=case.size // 2, initialize=initialize)


def chosen(kind: str) -> Any:
    """The filters of a side: escnn's rings, or our default."""
    from intertwine import nn

    return nn.Rings() if kind == "ours" else None


def pointwise_layers(case: Pointwise) -> tuple[Any, Any, Any]:
    """A layer by blocks, one of the same weights by whole filters, and torch's with as many channels."""
    import intertwine as tw
    from intertwine import nn

    group = tw.group(case.group)
    one = group.rep(case.rep) if case.rep else group.regular
    rep = type(one)(group, tuple((case.copies * m, block) for m, block in one.terms))
    ours = (nn.Conv2d, nn.Conv3d)[group.dim - 2](rep, rep, 1)
    whole = copy.deepcopy(ours)
    whole.blocks = None
    return ours, whole, (torch.nn.Conv2d, torch.nn.Conv3d)[group.dim - 2](rep.dim, rep.dim, 1)


# what a process of its own measures -----------------------------------------------------------------------------------


def construction(side: str, case: Case) -> dict[str, float]:
    """CPU seconds from the end of all imports to a layer; theirs also without its initialisation."""
    if side == "theirs":
        import escnn.nn  # noqa: F401
    else:
        import intertwine as tw
        from intertwine import nn  # noqa: F401
    gc.collect()
    gc.freeze()
    start = time.process_time()
    if side != "theirs":
        our_layer(tw, case, chosen(side))
        return {"whole": time.process_time() - start}
    their_layer(case, initialize=False)
    bare = time.process_time() - start
    their_layer(case, initialize=True)  # finds the basis of the first
    return {"bare": bare, "whole": time.process_time() - start}


def use(side: str, case: Case) -> dict[str, float]:
    """Milliseconds of the filters, with gradients and without, and the sizes of bases and files in MB."""
    torch.manual_seed(0)
    if side == "theirs":
        layer = their_layer(case, initialize=False)
        layer.weights.data.normal_()
        weight, expand = layer.weights, layer.basisexpansion
        held = [t for name, t in layer.named_buffers() if "sampled_basis" in name]
    else:
        import intertwine as tw

        layer = our_layer(tw, case, chosen(side))
        weight, expand = layer.weight, layer._expanded
        held = list(layer.expansion.buffers())
    filters = expand(weight)
    given = torch.randn_like(filters)

    def both() -> None:
        weight.grad = None
        expand(weight).backward(given)

    def forward() -> None:
        with torch.no_grad():
            expand(weight)

    file = io.BytesIO()
    layer.train()
    torch.save(layer.state_dict(), file)
    return {
        "forward": 1e3 * cpu_time(forward, 15),
        "both": 1e3 * cpu_time(both, 15),
        "basis": sum(t.numel() * t.element_size() for t in held) / 1e6,
        "file": len(file.getvalue()) / 1e6,
        "weights": float(weight.numel()),
    }


def step(side: str, case: Case) -> dict[str, float]:
    """Milliseconds of a training step of our layer, of plain torch with such a filter, and of both in evaluation."""
    import intertwine as tw

    torch.manual_seed(0)
    layer = our_layer(tw, case, chosen(side))
    n = layer.n
    plain = (torch.nn.functional.conv2d, torch.nn.functional.conv3d)[n - 2]
    filters = layer.expanded_filters().detach().clone().requires_grad_()
    bias = torch.zeros(layer.rep_out.dim, requires_grad=True)
    x = torch.randn(case.image[0], layer.rep_in.dim, *(case.image[1],) * n, requires_grad=True)
    out = torch.randn_like(layer(x))

    def trained(function: Callable[[], torch.Tensor]) -> Callable[[], None]:
        def run() -> None:
            x.grad = filters.grad = layer.weight.grad = bias.grad = None
            function().backward(out)

        return run

    def given() -> None:
        layer.weight.grad = None
        layer._expanded(layer.weight).backward(filters.detach())

    def evaluated() -> None:
        with torch.no_grad():
            layer(x)

    def plainly() -> None:
        with torch.no_grad():
            plain(x, filters, bias, padding=case.size // 2)

    runs = {
        "ours": trained(lambda: layer(x)),
        "plain": trained(lambda: plain(x, filters, bias, padding=case.size // 2)),
        "expansion": given,
    }
    found = in_turn(runs, 9)
    layer.eval()
    return found | in_turn({"ours in eval": evaluated, "plain in eval": plainly}, 9)


def pointwise(side: str, case: Pointwise) -> dict[str, float]:
    """Milliseconds of training steps and of evaluation; first how far outputs and gradients by blocks differ."""
    del side
    torch.manual_seed(0)
    layers = dict(zip(("ours", "whole", "torch"), pointwise_layers(case), strict=True))
    ours, whole = layers["ours"], layers["whole"]
    x = torch.randn(*((8, ours.rep_in.dim, 32, 32) if ours.n == 2 else (2, ours.rep_in.dim, 16, 16, 16)))
    x, given = x.requires_grad_(), torch.randn_like(x)
    if not ours.goes_by_blocks(x):
        raise SystemExit(f"{case.group}: blocks are not taken.")
    outputs = [(y := layer(x), *torch.autograd.grad(y, (x, layer.weight), given)) for layer in (ours, whole)]
    differences = [float((a - b).detach().abs().max() / b.detach().abs().max()) for a, b in zip(*outputs, strict=True)]

    def trained(layer: torch.nn.Module) -> Callable[[], None]:
        def run() -> None:
            x.grad = None
            layer.zero_grad()
            layer(x).backward(given)

        return run

    def evaluated(layer: torch.nn.Module) -> Callable[[], None]:
        def run() -> None:
            with torch.no_grad():
                layer(x)

        return run

    found = in_turn({name: trained(layer) for name, layer in layers.items()}, 11)
    found |= in_turn({f"{name} in eval": evaluated(layer.eval()) for name, layer in layers.items()}, 11)
    return found | {"difference": max(differences), "channels": float(ours.rep_in.dim)}


def in_turn(runs: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """The median milliseconds of several functions, called in turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for function in runs.values():
        function()
    for _ in range(rounds):
        for name, function in runs.items():
            start = time.thread_time()
            function()
            times[name].append(1e3 * (time.thread_time() - start))
    return {name: median(values) for name, values in times.items()}


def check(side: str, case: Case) -> dict[str, float]:
    """The sine of the largest angle of their functions to ours, and the difference of outputs at equal weights."""
    del side
    import intertwine as tw
    from intertwine import nn
    from intertwine.interop.escnn import channel_matrix, load_escnn, translate_types

    torch.manual_seed(0)
    copies = 1 if case.slow else 2
    words = translate_types(their_type(case, copies))
    theirs, ours = their_layer(case, False, copies), our_layer(tw, case, nn.Rings(), copies, words.action)
    torch.nn.init.normal_(theirs.weights)
    load_escnn(ours, theirs.state_dict(), words.fields)
    order = torch.tensor(channel_matrix(words.reps[0], words.fields), dtype=torch.float32)
    x = torch.randn(2, theirs.in_type.size, *(case.image[1] // 2,) * ours.n)
    y = torch.tensordot(order, theirs.eval()(theirs.in_type(x)).tensor, ([1], [1])).movedim(0, 1)
    z = ours.eval()(torch.tensordot(order, x, ([1], [1])).movedim(0, 1))
    difference = float((y - z).detach().abs().max() / y.detach().abs().max())
    return {"outputs": difference, "angle": largest_angle(tw, case)}


def largest_angle(tw: Any, case: Case) -> float:
    """The sine of the largest angle between the filters of one of their fields and the space of ours."""
    from intertwine import nn
    from intertwine.interop.escnn import channel_matrix, translate_types

    words = translate_types(their_type(case, 1))
    theirs, ours = their_layer(case, False, 1), our_layer(tw, case, nn.Rings(), 1, words.action)
    order = torch.tensor(channel_matrix(words.reps[0], words.fields), dtype=torch.float32)
    with torch.no_grad():
        wanted = torch.stack([theirs.basisexpansion(row) for row in torch.eye(len(theirs.weights))])
        wanted = torch.einsum("ab,kbcs,dc->kads", order, wanted, order)
        made = torch.stack([ours._expanded(row) for row in torch.eye(len(ours.weight))])
        inner, outer = (orthonormal(functions.flatten(1).double()) for functions in (wanted, made))
        return float(torch.linalg.matrix_norm(inner - (inner @ outer.T) @ outer, 2))


def orthonormal(rows: torch.Tensor) -> torch.Tensor:
    """An orthonormal basis of the span of rows, as rows."""
    values, vectors = torch.linalg.eigh(rows @ rows.T)
    kept = values > 1e-8 * values.max()
    return (vectors[:, kept] / values[kept].sqrt()).T @ rows


MEASURES = {"construction": construction, "use": use, "step": step, "check": check, "pointwise": pointwise}


def measure(name: str, side: str, case: str) -> None:
    """One measurement, as JSON on the last line."""
    torch.set_num_threads(1)
    print()
    print(json.dumps(MEASURES[name](side, POINTWISE[case] if name == "pointwise" else CASES[case])))


# rows -----------------------------------------------------------------------------------------------------------------


def require_same(name: str) -> None:
    """Print how far functions and outputs differ; stop if they do: no speed before the check passes."""
    found = fresh(__file__, "--measure", "check", "both", name)
    print(f"{name:20s} largest angle {found['angle']:.1e}, outputs differ by {found['outputs']:.1e}")
    if not (found["angle"] <= 1e-3 and found["outputs"] <= 1e-5):
        raise SystemExit(f"{name}: accepted are an angle of 1e-3 and outputs of 1e-5.")


def medians(found: list[dict[str, float]]) -> dict[str, float]:
    return {key: median(row[key] for row in found) for key in found[0]}


def build_rows(name: str, case: Case, cache: Path, rounds: int) -> list[Row]:
    """From nothing, escnn's cache on disk being empty, then being filled."""
    times: dict[str, list[dict[str, float]]] = {"cold": [], "ours": [], "warm": [], "default": []}
    for _ in range(1 if case.slow else rounds):
        shutil.rmtree(cache, ignore_errors=True)
        for key, side in (("cold", "theirs"), ("ours", "ours"), ("warm", "theirs"), ("default", "default")):
            times[key].append(fresh(__file__, "--measure", "construction", side, name))
    cold, ours, warm, default = (medians(times[key]) for key in times)
    what = "construction, "
    return [
        Row(name, f"{what}no cache", "escnn", "s", ours["whole"], cold["whole"], case.construction),
        Row(name, f"{what}without its initialisation", "escnn", "s", ours["whole"], cold["bare"], 1),
        Row(name, f"{what}with its cache", "escnn", "s", ours["whole"], warm["whole"], 1),
        Row(name, f"{what}our default filters", "escnn", "s", default["whole"], cold["whole"], None),
    ]


def use_rows(name: str, case: Case, rounds: int) -> list[Row]:
    """Filters from weights, memory and files."""
    times: dict[str, list[dict[str, float]]] = {"theirs": [], "ours": [], "default": []}
    for _ in range(1 if case.slow else rounds):
        for side, found in times.items():
            found.append(fresh(__file__, "--measure", "use", side, name))
    theirs, ours, default = (medians(found) for found in times.values())
    what = "filters from weights, "
    return [
        Row(name, f"{what}forward", "escnn", "ms", ours["forward"], theirs["forward"], None),
        Row(name, f"{what}and backward", "escnn", "ms", ours["both"], theirs["both"], case.expansion),
        Row(name, f"{what}with backward and our default filters", "escnn", "ms", default["both"], theirs["both"], None),
        Row(name, "memory, basis", "escnn", "MB", ours["basis"], theirs["basis"], 50 if case.slow else None),
        Row(name, "memory, saved file", "escnn", "MB", ours["file"], theirs["file"], None),
        Row(name, "memory, of it weights", "", "MB", 4e-6 * ours["weights"], None, None),
    ]


def step_rows(name: str, case: Case, rounds: int) -> list[Row]:
    """What a training step costs beside plain torch."""
    rows = []
    for side, label in (("ours", "rings"), ("default", "our default")):
        found = medians([fresh(__file__, "--measure", "step", side, name) for _ in range(rounds)])
        plain = found["plain"]
        whole = 100 * (found["ours"] / plain - 1)
        eval_cost = 100 * (found["ours in eval"] / found["plain in eval"] - 1)
        what = f"more than torch, {label}, "
        rows += [
            Row(name, f"{what}expansion and backward", "", "%", 100 * found["expansion"] / plain, None, case.share),
            Row(name, f"{what}whole step", "", "%", whole, None, None),
            Row(name, f"{what}evaluation", "", "%", eval_cost, None, None),
        ]
    return rows


def pointwise_rows(name: str, case: Pointwise, rounds: int) -> list[Row]:
    """Kernels of one pixel; no speed before outputs and gradients are those of whole filters."""
    found = medians([fresh(__file__, "--measure", "pointwise", "both", name) for _ in range(rounds)])
    print(f"{name:20s} outputs and gradients differ by {found['difference']:.1e}")
    if not found["difference"] <= 1e-5:
        raise SystemExit(f"{name}: accepted are differences of 1e-5.")
    rows = []
    for key, kind in (("", "forward and backward"), (" in eval", "evaluation")):
        what, label, ours = f"1 × 1 by blocks, {kind}", f"{name}, {found['channels']:.0f} channels", found[f"ours{key}"]
        rows += [
            Row(label, what, "whole filters", "ms", ours, found[f"whole{key}"], case.target),
            Row(label, what, "torch.nn", "ms", ours, found[f"torch{key}"], None),
        ]
    return rows


def measure_pointwise(rounds: int, write: bool, path: Path | None) -> None:
    """The table of kernels of one pixel.

    Memory that was freed stays with the process. Else some processes, by chance, ask the system for every image anew,
    which takes a few milliseconds in each of the three layers.
    """
    os.environ |= {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**30)}
    rows: list[Row] = []
    for name, case in POINTWISE.items():
        rows_here = pointwise_rows(name, case, rounds)
        print(*rows_here, sep="\n", flush=True)
        rows += rows_here
        record(rows, path)
    if write:
        put_into(PAGE, "benchmarks/grids.py, 1 × 1", markdown(rows))


def main() -> None:
    """Check and measure all cases."""
    if sys.argv[1:2] == ["--measure"]:
        return measure(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--pointwise", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/speed.md")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if given.pointwise:
        return measure_pointwise(given.rounds, given.write, given.json)
    import escnn.group
    from escnn_groups import cache_aside

    cache, rows = Path(escnn.group.__cache_path__), []
    with cache_aside(cache):
        for name, case in CASES.items():
            if given.case not in (None, name) or (case.slow and not given.all):
                continue
            rows_here = build_rows(name, case, cache, given.rounds)
            require_same(name)
            rows_here += use_rows(name, case, given.rounds) + step_rows(name, case, given.rounds)
            print(*rows_here, sep="\n", flush=True)
            rows += rows_here
            record(rows, given.json)
    if given.write:
        put_into(PAGE, "benchmarks/grids.py", markdown(rows))


if __name__ == "__main__":
    main()
