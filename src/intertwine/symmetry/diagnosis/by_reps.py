"""The model of the laws by reps alone; gone once this room reads field types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from intertwine.fields import Features, as_field
from intertwine.reps import Rep
from intertwine.testing.models import IN_CALL, as_output, check_inputs, field_types

Reps = Sequence[Rep | None]


def signature(module: Any, reps_in: Any, rep_out: Any, advice: str = IN_CALL) -> tuple[Reps, Rep]:
    """The reps of all inputs and of the output."""
    fields, out = field_types(module, reps_in, rep_out, advice)
    return tuple(field.rep for field in fields), out.rep  # type: ignore[return-value]


def check_sizes(module: Any, values: Any, reps: Any) -> None:
    """Raise unless there is one input per rep, of its size."""
    check_inputs(module, values, tuple(map(as_field, reps)))


def flattened(module: Any, y: Any, rep: Rep) -> Tensor:
    """The output with its rep on the last axis."""
    return as_output(module, y, Features(rep))
