"""Rows whose channels lie outside: all components of a channel side by side, taken apart in registers."""

from __future__ import annotations

from collections.abc import Sequence

from intertwine.ops.llvm.code import Code, Lanes, Value


def load_braided(code: Code, place: Value, lanes: Lanes, number: int) -> list[Value]:
    """So many components of some channels, each a vector, from a segment that begins at a place."""
    here = code.at(place, code.times(lanes.offset, number))
    rows = [code.load(here, part) for part in _pieces(code, lanes, number)]
    return [_picked(code, rows, [lane * number + i for lane in range(lanes.count)]) for i in range(number)]


def store_braided(code: Code, place: Value, lanes: Lanes, values: Sequence[Value]) -> None:
    """Write all components of some channels as `load_braided` reads them."""
    number = len(values)
    here = code.at(place, code.times(lanes.offset, number))
    for part in _pieces(code, lanes, number):
        flat = range(int(part.offset), int(part.offset) + part.count)
        code.store(here, part, _picked(code, values, [n % number * code.lanes + n // number for n in flat]))


def _pieces(code: Code, lanes: Lanes, number: int) -> list[Lanes]:
    """The vectors that hold so many numbers for each channel."""
    size = number * lanes.count
    return [Lanes(str(start), min(code.lanes, size - start)) for start in range(0, size, code.lanes)]


def _picked(code: Code, vectors: Sequence[Value], wanted: Sequence[int]) -> Value:
    """A vector of wanted lanes of several vectors, whose lanes are counted one vector after the other."""
    found = ""
    for number in dict.fromkeys(place // code.lanes for place in wanted):
        own = [place % code.lanes if place // code.lanes == number else -1 for place in wanted]
        own += [-1] * (code.lanes - len(own))
        if found:
            kept = [lane if new < 0 else code.lanes + new for lane, new in enumerate(own)]
            found = code.mixed(found, vectors[number], kept)
        else:
            kept = [max(lane, 0) for lane in own]
            whole = kept == [*range(code.lanes)]
            found = vectors[number] if whole else code.mixed(vectors[number], vectors[number], kept)
    return found
