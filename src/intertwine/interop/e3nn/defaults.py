"""What e3nn keeps for a whole process: the signs of Wigner's symbols, and options that do nothing here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from intertwine.errors import ArgumentError

Convention = Literal["0.5", "0.4.4"]
"""The generation of e3nn whose signs are used: those from 0.5 on, or those up to 0.4.4."""

_FLIPPED = """
    1 2 2, 1 3 3, 1 4 4, 1 5 5, 1 6 6, 1 7 7, 1 8 8, 1 9 9, 1 10 10, 1 11 11, 3 4 6, 3 5 7, 3 6 8, 3 7 9, 3 8 10,
    3 9 11, 4 4 5, 4 5 6, 4 6 7, 4 7 8, 4 8 9, 4 9 10, 4 10 11, 5 5 5, 5 6 6, 5 6 10, 5 7 7, 5 7 11, 5 8 8, 5 9 9,
    5 10 10, 5 11 11, 6 6 9, 6 7 10, 6 8 11, 7 7 9, 7 8 10, 7 9 11, 8 8 9, 8 9 10, 8 10 11, 9 9 9, 9 10 10, 9 11 11
"""
_DEGREES = {tuple(map(int, triple.split())) for triple in _FLIPPED.split(",")}
"""The degrees, sorted, whose symbols have another sign in e3nn 0.4.4, which knows degrees up to 11."""


@dataclass
class _Settings:
    """The choices of a process: e3nn has them in common for all modules, and so do programs written for it."""

    convention: Convention = "0.5"
    options: dict[str, Any] = field(
        default_factory=lambda: {
            "specialized_code": True,
            "optimize_einsums": True,
            "jit_script_fx": False,
            "jit_mode": "eager",
        }
    )


_settings = _Settings()


def set_convention(convention: Convention) -> None:
    """Choose the signs of modules that are made from now on; raises `ArgumentError` for another generation.

    Models whose weights were trained with e3nn 0.4.4, such as those of MACE, need its signs.
    """
    _settings.convention = _checked(convention)


def _checked(convention: Convention) -> Convention:
    if convention not in get_args(Convention):
        raise ArgumentError(
            f"The signs are those of {' or '.join(map(repr, get_args(Convention)))}, but got {convention!r}."
        )
    return convention


def sign_of(l1: int, l2: int, l3: int, convention: Convention | None = None) -> int:
    """1, or −1 where a convention, by default the chosen one, has the opposite sign of this library's."""
    chosen = _settings.convention if convention is None else _checked(convention)
    return -1 if chosen == "0.4.4" and tuple(sorted((l1, l2, l3))) in _DEGREES else 1


def get_optimization_defaults() -> dict[str, Any]:
    """The options of e3nn's code generation. This library has none: they are kept, and change nothing."""
    return dict(_settings.options)


def set_optimization_defaults(**options: Any) -> None:
    """Keep options of e3nn's code generation, which change nothing; raises `ValueError` for unknown ones."""
    if unknown := options.keys() - _settings.options.keys():
        raise ArgumentError(f"e3nn's options are {', '.join(_settings.options)}, but got {', '.join(sorted(unknown))}.")
    _settings.options.update(options)
