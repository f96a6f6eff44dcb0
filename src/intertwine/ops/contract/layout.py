"""How the batched evaluation orders a weighted plan: made once from the plan, numpy only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from intertwine.plan import Path, Plan


@dataclass(frozen=True)
class PathGroup:
    """The paths from one segment of x, through the y segments of one multiplicity, to all outputs.

    `matrix` holds their coefficients `(J, rows · d_in)`: contracted with y it gives for every sample the matrices
    `(rows, d_in)` that all channels of x share. `rows` says for each output where its `(components, paths)` rows lie.
    """

    source: int
    parts: tuple[int, ...]
    copies: int
    matrix: np.ndarray
    rows: tuple[tuple[int, int, int], ...]  # (output segment, first row, number of paths)
    is_identity: bool = False  # a multiple of the identity: its scale has moved to the weights


@dataclass(frozen=True)
class Layout:
    """All groups of a plan, and for each output the order of the weights `(paths · copies · channels, w)`."""

    groups: tuple[PathGroup, ...]
    weight_index: tuple[np.ndarray | None, ...]  # None: the weights of this output are one contiguous slice
    weight_slices: tuple[slice, ...]
    weight_scales: tuple[float, ...]


def weighted_layout(plan: Plan) -> Layout | None:
    """The layout of a plan with weights "uw" or "vuw", x "iu", (y "jv") and output "kw"; None for other plans."""
    modes = tuple(operand.modes for operand in plan.operands)
    if modes not in (("uw", "iu", "kw"), ("vuw", "iu", "jv", "kw")):
        return None
    bilinear = len(modes) == 4
    keyed = sorted(plan.paths, key=lambda path: _group_key(plan, path, bilinear))
    groups: list[PathGroup] = []
    used: dict[int, list[Path]] = {}
    for key, paths in groupby(keyed, key=lambda path: _group_key(plan, path, bilinear)):
        group, order = _make_group(plan, key, list(paths), bilinear)
        groups.append(group)
        for target, members in order.items():
            used.setdefault(target, []).extend(members)
    weights, index, slices = plan.operands[0], [], []
    scales = [1.0] * len(plan.output.segments)
    if not bilinear:
        arrivals = Counter(target for group in groups for target, *_ in group.rows)
        sizes = [d_in for d_in, _ in plan.operands[1].segments]
        groups = [_without_identity(group, sizes[group.source], scales, arrivals) for group in groups]
    for target in range(len(plan.output.segments)):
        entries = [np.arange(weights.size)[weights.slices[p.segments[0]]] for p in used.get(target, [])]
        flat = np.concatenate([*entries, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        contiguous = len(flat) == 0 or np.array_equal(flat, np.arange(flat[0], flat[0] + len(flat)))
        start = int(flat[0]) if len(flat) else 0
        index.append(None if contiguous else flat)
        slices.append(slice(start, start + len(flat)))
    return Layout(tuple(groups), tuple(index), tuple(slices), tuple(scales))


def _without_identity(group: PathGroup, d_in: int, scales: list[float], arrivals: Counter[int]) -> PathGroup:
    """The group without its matrix, if that is a multiple of the identity; the factor goes to `scales`.

    Only where no other group leads to the same output: a scale is for all of an output's weights.
    """
    target, _, paths = group.rows[0]
    if len(group.rows) != 1 or paths != 1 or arrivals[target] != 1 or d_in * d_in != group.matrix.size or d_in == 0:
        return group
    square = group.matrix.reshape(d_in, d_in)
    if not np.array_equal(square, square[0, 0] * np.eye(d_in)):
        return group
    scales[target] = float(square[0, 0])
    return replace(group, matrix=square[:0], is_identity=True)


def _group_key(plan: Plan, path: Path, bilinear: bool) -> tuple[int, int]:
    copies = plan.operands[2].segments[path.segments[2]][1] if bilinear else 1
    return path.segments[1], copies


def _make_group(
    plan: Plan, key: tuple[int, int], paths: list[Path], bilinear: bool
) -> tuple[PathGroup, dict[int, list[Path]]]:
    """One group, and its paths in the order of its rows, by output."""
    source, copies = key
    parts = tuple(sorted({path.segments[2] for path in paths})) if bilinear else ()
    sizes = [plan.operands[2].segments[part][0] for part in parts] if bilinear else [1]
    starts = dict(zip(parts, np.cumsum([0, *sizes]).tolist(), strict=False))
    d_in = plan.operands[1].segments[source][0]
    columns, rows, order, first = [], [], {}, 0
    for target in sorted({path.segments[-1] for path in paths}):
        members = [path for path in paths if path.segments[-1] == target]
        d_out = plan.output.segments[target][0]
        block = np.zeros((sum(sizes), d_out, len(members), d_in))
        for p, path in enumerate(members):
            table = path.coefficients.array if bilinear else path.coefficients.array[:, None, :]
            start = starts[path.segments[2]] if bilinear else 0
            block[start : start + table.shape[1], :, p, :] = np.transpose(table, (1, 2, 0))
        columns.append(block.reshape(sum(sizes), -1))
        rows.append((target, first, len(members)))
        order[target] = members
        first += d_out * len(members)
    return PathGroup(source, parts, copies, np.concatenate(columns, 1), tuple(rows)), order
