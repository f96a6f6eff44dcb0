"""The channel-wise convolution over edges, and its gradients, as programs in Triton's language for GPUs.

The mathematics is that of `llvm`: F = Σ_e <g[t], w M x>, with M made of the tables and y, and all kernels are its
gradients, or those of its change. Here one program stands at a point. For a tile of channels and for as many paths as
its registers hold, it walks over the edges of the point:

- at targets (at = "g") it sums the output in registers and stores it once; gradients by w are stored for each edge,
  those by y as one number for each tile, and those by x are added to memory, in any order;
- at sources (at = "x") it sums the gradient by x in registers: the same in every run, for a second look at the edges.

Every number of the plan is a literal: a program is straight code around one loop. It is text, made without Triton.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from intertwine.ops.convolve.layout import ChannelLayout, Coupling

_REGISTERS = 64  # what the sums of a program may take in each thread
_THREADS = 32  # one warp: sums over channels need no memory that several share
_TILE = 128  # channels: four in each thread share the scalars M

GRAPH = ("row", "order", "end")
"""The first arguments: where the edges of each point begin in the order, that order, and the other end of each edge."""


@dataclass(frozen=True, eq=False)
class ChannelPath:
    """A path: its table, and where its channels begin in the rows of x, the weights and the output."""

    coupling: Coupling
    x: int
    w: int
    g: int

    def components(self, name: str) -> int:
        """How many components it has in x, the weights or the output."""
        first, _, last = (int(size) for size in self.coupling.coefficients.shape)
        return {"x": first, "w": 1, "g": last}[name]

    def begin(self, name: str) -> int:
        """Where it begins in the rows of x, the weights or the output."""
        return {"x": self.x, "w": self.w, "g": self.g}[name]


@dataclass(frozen=True)
class Part:
    """The paths that one program computes: all have as many channels, and no other program adds to what they store."""

    channels: int
    paths: tuple[ChannelPath, ...]

    @property
    def tile(self) -> int:
        """The channels of one program: a power of 2."""
        return min(_TILE, 1 << (self.channels - 1).bit_length())

    @property
    def tiles(self) -> int:
        """How many programs share the channels."""
        return -(-self.channels // self.tile)

    def begins(self, name: str) -> list[int]:
        """Where the segments of x, the weights or the output that it meets begin."""
        return list(dict.fromkeys(path.begin(name) for path in self.paths))

    def places(self, name: str) -> list[int]:
        """Where the components that it meets begin."""
        components = {path.begin(name): path.components(name) for path in self.paths}
        return [start + n * self.channels for start, count in components.items() for n in range(count)]


def parts(layout: ChannelLayout, at: str, *, held: int = 1) -> tuple[Part, ...]:
    """The paths of a layout in parts: those that add to one place together, others until the registers are full.

    Args:
        layout: the layout of the plan.
        at: "g" or "x", whose rows are held and summed.
        held: how many rows a program holds.
    """
    found: list[Part] = []
    for channels in dict.fromkeys(u for coupling in layout.couplings for u in coupling.paths if u > 0):
        paths = [
            ChannelPath(coupling, *place)
            for coupling in layout.couplings
            if coupling.entries
            for place in coupling.paths.get(channels, ())
        ]
        now: tuple[ChannelPath, ...] = ()
        for together in _together(paths, (at, "w")):
            wider = Part(channels, (*now, *together))
            room = _REGISTERS // max(1, wider.tile // _THREADS)
            if now and held * len(wider.places(at)) > room:
                found.append(Part(channels, now))
                wider = Part(channels, together)
            now = wider.paths
        if now:
            found.append(Part(channels, now))
    return tuple(found)


def _together(paths: Sequence[ChannelPath], names: Sequence[str]) -> list[tuple[ChannelPath, ...]]:
    """The paths in bunches: those with one segment in common, in x, the weights or the output."""
    bunches: list[tuple[ChannelPath, ...]] = []
    for path in paths:
        met = [b for b in bunches if any(path.begin(n) == other.begin(n) for other in b for n in names)]
        bunches = [b for b in bunches if b not in met] + [(*(p for b in met for p in b), path)]
    return bunches


def covers(layout: ChannelLayout, found: Sequence[Part], name: str) -> bool:
    """Whether parts write every entry of a row, so that it need not be 0 at first."""
    written = {(part.channels, place) for part in found for place in part.places(name)}
    return sum(channels for channels, _ in written) == layout.sizes[name]


def write_programs(
    layout: ChannelLayout, given: Sequence[str], wanted: Sequence[str], at: str, *, double: bool
) -> tuple[str, tuple[Part, ...]]:
    """The code of programs, functions named program_0, program_1, …, one for each part; and the parts.

    Their arguments are those of `GRAPH`, what is given, and where the gradients go: "by_x" and so on. They run on grids
    of (points, tiles). Gradients by y come as `(edges, tiles of all parts, size)`, to be summed; those by x that are
    added up at targets come in the dtype of the sums.

    Args:
        layout: the layout of the plan.
        given, wanted: what is read and written, as in `llvm.GIVEN` and `llvm.WANTED`.
        at: "g" for programs that stand at targets, "x" at sources.
        double: whether sums are float64, else float32.
    """
    found = parts(layout, at, held=2 if at == "g" and "g" in given and "g" in wanted else 1)
    slots = sum(part.tiles for part in found)
    texts, slot = ["import triton\nimport triton.language as tl\n"], 0
    for number, part in enumerate(found):
        writer = _Program(layout, part, tuple(given), tuple(wanted), at, "tl.float64" if double else "tl.float32")
        texts.append("\n".join(writer.lines(f"program_{number}", slot, slots)) + "\n")
        slot += part.tiles
    return "\n\n".join(texts), found


@dataclass
class _Program:
    """One program. Variables are named by what they are and where that begins in its row: x_0, w_64, by_g_32.

    Attributes:
        before, within: the lines before the loop over edges, and those in it.
        known: the variables that have a value.
    """

    layout: ChannelLayout
    part: Part
    given: tuple[str, ...]
    wanted: tuple[str, ...]
    at: str
    dtype: str
    before: list[str] = field(default_factory=list)
    within: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    @cached_property
    def moving(self) -> bool:
        """Whether the inputs move, so that F is to be replaced by its change."""
        return "hx" in self.given

    def lines(self, name: str, slot: int, slots: int) -> Iterator[str]:
        """The whole function; its sums over channels go to the given slot and those that follow, one for each tile."""
        if self.at in self.wanted:
            for place in self.part.places(self.at):
                self.known.add(f"by_{self.at}_{place}")
                self.before.append(f"by_{self.at}_{place} = tl.zeros([{self.part.tile}], {self.dtype})")
        couplings = {path.coupling.start: path.coupling for path in self.part.paths}.values()
        for coupling in couplings:
            self.couple(coupling)
        self.store_edge(slot, slots)
        summed = self.part.places(self.at) if self.at in self.wanted else []
        after = [self.stored(f"by_{self.at}", place) for place in summed]

        yield "@triton.jit"
        yield f"def {name}({', '.join((*GRAPH, *self.given, *(f'by_{result}' for result in self.wanted)))}):"
        yield "    point = tl.program_id(0).to(tl.int64)"
        yield f"    channel = tl.program_id(1) * {self.part.tile} + tl.arange(0, {self.part.tile})"
        yield f"    inside = channel < {self.part.channels}"
        yield from (f"    {line}" for line in self.before)
        yield "    for number in range(tl.load(row + point), tl.load(row + point + 1)):"
        yield "        edge = tl.load(order + number)"
        yield "        other = tl.load(end + edge)"
        yield from (f"        {line}" for line in self.within)
        yield from (f"    {line}" for line in after)

    def couple(self, coupling: Coupling) -> None:
        """What one coupling does on an edge: M, all its paths, and the gradient by its segment of y."""
        for y, m in (("y", "m"), ("hy", "hm")) if self.moving else (("y", "m"),):
            for (i, k), entry in coupling.entries.items():
                column = enumerate(coupling.coefficients[i, :, k].tolist())
                terms = [f"{factor!r} * {self.scalar(y, coupling.y + j)}" for j, factor in column if factor]
                self.add(f"{m}_{entry}", terms)
        for path in self.part.paths:
            if path.coupling is coupling:
                self.follow(path)
        if "y" in self.wanted:
            for (i, k), entry in coupling.entries.items():
                for j, factor in enumerate(coupling.coefficients[i, :, k].tolist()):
                    if factor:
                        self.add(f"by_y_{coupling.y + j}", [f"{factor!r} * by_m_{entry}"])

    def follow(self, path: ChannelPath) -> None:
        """What one path adds to F and its gradients: all of these lie in registers."""
        entries, channels, moving = path.coupling.entries, self.part.channels, self.moving
        w, hw = self.load("w", path.w), self.load("hw", path.w) if moving else ""
        for k in dict.fromkeys(k for _, k in entries):
            pairs = [(entry, path.x + i * channels) for (i, other), entry in entries.items() if other == k]
            place = path.g + k * channels
            z, hz = f"z_{path.w}_{k}", f"hz_{path.w}_{k}"
            if {"g", "w"} & {*self.wanted}:
                self.set(z, [f"m_{m} * {self.load('x', x)}" for m, x in pairs])
                if moving:
                    changes = [f"m_{m} * {self.load('hx', x)} + hm_{m} * {self.load('x', x)}" for m, x in pairs]
                    self.set(hz, changes)
            if "g" in self.wanted:
                self.add(f"by_g_{place}", [f"{w} * {hz}", f"{hw} * {z}"] if moving else [f"{w} * {z}"])
            if "g" not in self.given:
                continue
            g = self.load("g", place)
            if "w" in self.wanted:
                self.add(f"by_w_{path.w}", [f"{g} * {hz if moving else z}"])
            t, ht = f"t_{path.w}_{k}", f"ht_{path.w}_{k}"
            self.set(t, [f"{g} * {w}"])
            if moving:
                self.set(ht, [f"{g} * {hw}"])
            for m, x in pairs:
                if "x" in self.wanted:
                    self.add(f"by_x_{x}", [f"hm_{m} * {t}", f"m_{m} * {ht}"] if moving else [f"m_{m} * {t}"])
                if "y" in self.wanted:
                    factors = [(t, "hx"), (ht, "x")] if moving else [(t, "x")]
                    self.add(f"by_m_{m}", [f"{factor} * {self.load(name, x)}" for factor, name in factors])

    def store_edge(self, slot: int, slots: int) -> None:
        """The gradients that belong to the edge, or to its other end."""
        if "w" in self.wanted:
            for place in self.part.places("w"):
                self.within.append(self.stored("by_w", place))
        if "x" in self.wanted and self.at != "x":
            for place in self.part.places("x"):
                if f"by_x_{place}" in self.known:
                    self.within.append(self.stored("by_x", place).replace("tl.store", "tl.atomic_add"))
        if "y" in self.wanted:
            size = self.layout.sizes["y"]
            self.within.append(f"by_y_row = by_y + (edge * {slots} + {slot} + tl.program_id(1)) * {size}")
            for place in range(self.layout.sizes["y"]):
                if f"by_y_{place}" in self.known:
                    self.within.append(f"tl.store(by_y_row + {place}, tl.sum(by_y_{place}, 0))")

    def stored(self, name: str, place: int) -> str:
        """The line that stores the channels of a component."""
        return f"tl.store({self.row(name)} + {place}, {name}_{place}{self.mask})"

    def load(self, name: str, place: int) -> str:
        """The variable that holds the channels of a component: read where it is first asked for, 0 outside."""
        variable = f"{name}_{place}"
        if variable not in self.known:
            self.known.add(variable)
            outside = f"{self.mask}, other=0.0" if self.mask else ""
            loaded = f"tl.load({self.row(name)} + {place}{outside})"
            self.place_of(name).append(f"{variable} = {loaded}.to({self.dtype})")
        return variable

    def scalar(self, name: str, place: int) -> str:
        """The variable that holds an entry of y or its direction."""
        variable = f"{name}_{place}"
        if variable not in self.known:
            self.known.add(variable)
            self.within.append(f"{variable} = tl.load({self.row(name)} + {place}).to({self.dtype})")
        return variable

    def row(self, name: str) -> str:
        """The variable that says where the row of an operand begins, at the program's channels."""
        variable, operand = f"{name}_row", name[-1]
        if variable not in self.known:
            self.known.add(variable)
            number = "point" if operand == self.at else "other" if operand in "xg" else "edge"
            channel = "" if operand == "y" else " + channel"
            self.place_of(name).append(f"{variable} = {name} + {number} * {self.layout.sizes[operand]}{channel}")
        return variable

    def place_of(self, name: str) -> list[str]:
        """The lines among which a row is read or written: those of the point, or those of the edge."""
        return self.before if name[-1] == self.at else self.within

    @property
    def mask(self) -> str:
        """What keeps loads and stores inside the segment, where its channels do not fill all tiles."""
        return "" if self.part.channels % self.part.tile == 0 else ", mask=inside"

    def set(self, variable: str, terms: Sequence[str]) -> None:
        """Let a variable be a sum."""
        self.within.append(f"{variable} = {' + '.join(terms)}")

    def add(self, variable: str, terms: Sequence[str]) -> None:
        """Add to a variable, which is 0 at first."""
        sign = "+=" if variable in self.known else "="
        self.known.add(variable)
        self.within.append(f"{variable} {sign} {' + '.join(terms)}")
