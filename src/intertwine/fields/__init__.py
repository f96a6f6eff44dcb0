"""How g moves a tensor: field types, plain values that models, laws and diagnoses read."""

from intertwine.fields.cloud import Displacements, EdgeFeatures, Edges, PointFeatures, Positions
from intertwine.fields.examples import example_inputs
from intertwine.fields.field_type import Features, FieldType, Index, as_field
from intertwine.fields.grid import GridField

__all__ = [
    "Displacements",
    "EdgeFeatures",
    "Edges",
    "Features",
    "FieldType",
    "GridField",
    "Index",
    "PointFeatures",
    "Positions",
    "as_field",
    "example_inputs",
]
