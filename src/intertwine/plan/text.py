"""Plans as text, for what travels as text: arguments of registered operations, and files that another process reads."""

from __future__ import annotations

import base64
import json
import zlib
from functools import cache
from typing import Any

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError
from intertwine.plan.plan import Operand, Path, Plan
from intertwine.plan.polynomial import Polynomial, Term


@cache
def written(plan: Plan) -> str:
    """The plan as one word of letters and digits; `read` gives the same plan, to the last bit.

    >>> x = Operand("i", ((3,),))
    >>> dot = Plan((x, Operand("j", ((3,),)), Operand("", ((),))), "ij", (Path((0, 0, 0), Table(np.eye(3))),))
    >>> read(written(dot)) == dot
    True
    """
    told: dict[str, Any] = {
        "operands": [(operand.modes, operand.segments) for operand in plan.operands],
        "coefficients": plan.coefficient_modes,
        "tables": [(t.array.shape, [x.hex() for x in t.array.ravel().tolist()]) for t in plan.tables],
        "paths": [(path.segments, number) for path, number in zip(plan.paths, plan.table_of, strict=True)],
    }
    return base64.b64encode(zlib.compress(json.dumps(told).encode(), 9)).decode()


@cache
def read(text: str) -> Plan:
    """The plan that was written.

    Raises `ArgumentError` for a text that is none, or no longer the same.
    """
    try:
        told = json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
        tables = [Table(np.array([float.fromhex(x) for x in v]).reshape(shape)) for shape, v in told["tables"]]
        operands = [Operand(modes, tuple(map(tuple, segments))) for modes, segments in told["operands"]]
        paths = [Path(tuple(segments), tables[number]) for segments, number in told["paths"]]
        return Plan(tuple(operands), told["coefficients"], tuple(paths))
    except _BROKEN as error:
        raise _refusal(text, "plan", error) from error


@cache
def written_polynomial(polynomial: Polynomial) -> str:
    """The polynomial as one line; `read_polynomial` gives the same one, to the last bit."""
    terms = [(written(term.plan), term.inputs, term.output) for term in polynomial.terms]
    return json.dumps({"inputs": polynomial.inputs, "outputs": polynomial.outputs, "terms": terms})


@cache
def read_polynomial(text: str) -> Polynomial:
    """The polynomial that was written.

    Raises `ArgumentError` for a text that is none, or no longer the same.
    """
    try:
        told = json.loads(text)
        terms = [Term(read(plan), tuple(inputs), output) for plan, inputs, output in told["terms"]]
        return Polynomial(tuple(told["inputs"]), tuple(told["outputs"]), tuple(terms))
    except _BROKEN as error:
        raise _refusal(text, "polynomial", error) from error


_BROKEN = (zlib.error, ValueError, LookupError, TypeError, AttributeError, OverflowError)


def _refusal(text: str, what: str, error: Exception) -> ArgumentError:
    return ArgumentError(
        f"This text of {len(text)} letters is no {what}, or has changed since it was written ({error}). "
        "intertwine.plan.text writes and reads them."
    )
