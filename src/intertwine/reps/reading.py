"""Reading reps and choices of irreps from texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.groups import Group
from intertwine.reps.irrep import Block, Irrep

Keep = str | Irrep | Iterable[str | Irrep] | Callable[[Irrep], bool]
Named = Callable[[str], Block | None]
"""Looks up names that are no irrep labels."""


def parse_terms(group: Group, text: str, named: Named | None = None) -> tuple[tuple[int, Block], ...]:
    """The terms of the rep that a text such as "16x0e + 8x1o" or "8xregular" names.

    A term is a label, or a multiplicity, an x and a label; spaces are free, order is kept, terms of multiplicity 0 are
    left out, and an empty text is the rep of dimension 0. `named` looks up names that are no irrep labels.

    Raises `LabelError` for an unknown label, and `ArgumentError` for a text that is no sum of such terms.
    """
    if not isinstance(text, str):
        raise ArgumentError(f"A rep is read from a text such as '16x0e + 8x1o', but got {text!r}.")
    terms: list[tuple[int, Block]] = []
    for part in text.split("+") if text.strip() else ():
        count, cross, label = part.replace("×", "x").partition("x")
        if not cross:
            count, label = "1", part
        label = label.strip()
        if not count.strip().isdecimal() or not label:
            raise ArgumentError(
                f"{part.strip()!r} is not a term of a rep, in {text!r}. Terms are a multiplicity, an x and a label, "
                "joined by +, as in '16x0e + 8x1o'."
            )
        block = (named and named(label)) or Irrep(group, label)
        if int(count):
            terms.append((int(count), block))
    return tuple(terms)


def predicate(group: Group, keep: Keep | None) -> Callable[[Irrep], bool]:
    """What `Rep.filter` asks of an irrep, from labels, irreps or a function."""
    if callable(keep):
        return keep
    if isinstance(keep, str):
        labels = {irrep.label for _, block in parse_terms(group, keep) for _, irrep in block.content}
    else:
        labels = {label_of(group, irrep) for irrep in ([keep] if isinstance(keep, Irrep) else keep or ())}
    return lambda irrep: irrep.label in labels


def label_of(group: Group, irrep: Irrep | str) -> str:
    """The label of an irrep given as such or by name; raises if it is none of the group's."""
    if not isinstance(irrep, Irrep):
        return group.canonical_label(irrep)
    if irrep.group != group:
        raise RepMismatchError(
            f"The irrep {irrep} belongs to {irrep.group}, but an irrep of {group} was expected. "
            f"Call {group}'s irrep({irrep.label!r}), or rep.restrict(subgroup) to bring reps to a common group."
        )
    return irrep.label
