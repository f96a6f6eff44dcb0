"""What goes wrong, said in whole sentences: what was given, what was expected, what to call."""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "DivergenceError",
    "ElementError",
    "InexactGridWarning",
    "IntertwineError",
    "LabelError",
    "LawError",
    "MissingExtraError",
    "RepMismatchError",
    "ShapeError",
    "UnreachableWarning",
]


class IntertwineError(Exception):
    """The base of every exception that intertwine raises on purpose."""


class ArgumentError(IntertwineError, ValueError):
    """An argument whose value cannot be used."""


class DivergenceError(IntertwineError, ArithmeticError):
    """A training whose numbers are no longer finite."""


class LabelError(ArgumentError):
    """A group, irrep, rep or subgroup name that nothing answers to."""


class RepMismatchError(ArgumentError):
    """Two reps, or a rep and a group, that do not belong together."""


class ShapeError(ArgumentError):
    """An array whose shape does not fit the rep or the geometry that it should carry."""


class ElementError(ArgumentError):
    """A matrix that is not an element of the group that it was given to."""


class LawError(IntertwineError, AssertionError):
    """A law, such as equivariance, that a module was found not to obey."""


class MissingExtraError(IntertwineError, ImportError):
    """An optional dependency that is not installed.

    >>> raise MissingExtraError.of("plotly", "plot")
    Traceback (most recent call last):
    intertwine.errors.MissingExtraError: plotly is not installed. Call `pip install 'intertwine[plot]'` to get it.
    """

    @classmethod
    def of(cls, package: str, extra: str) -> MissingExtraError:
        """The sentence that names the missing package and the extra that brings it."""
        return cls(f"{package} is not installed. Call `pip install 'intertwine[{extra}]'` to get it.")


class UnreachableWarning(UserWarning):
    """A module has outputs that no path from its inputs can reach: they would stay zero for ever."""


class InexactGridWarning(UserWarning):
    """A layer breaks a symmetry that it has on an image or a volume of some size.

    Its samples do not lie about the middle, or it treats axes unlike that turns exchange.
    """
