"""Networks of escnn: its field types as reps, and its weights in our layers. escnn itself need not be installed."""

from intertwine.interop.escnn.types import (
    Field,
    Translation,
    channel_matrix,
    standard_fields,
    subgroup_of,
    translate_types,
)
from intertwine.interop.escnn.weights import load_escnn

__all__ = [
    "Field",
    "Translation",
    "channel_matrix",
    "load_escnn",
    "standard_fields",
    "subgroup_of",
    "translate_types",
]
