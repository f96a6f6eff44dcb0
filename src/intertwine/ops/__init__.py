"""Operations on tensors: they know plans, never groups. Beside each fast one stands a readable `reference.py`."""

from intertwine.ops.choice import backend_report
from intertwine.ops.contract import Contraction
from intertwine.ops.convolve.dispatch import Convolution
from intertwine.ops.graph import Graph, graph
from intertwine.ops.harmonics import Harmonics
from intertwine.ops.polynomial import ChannelPolynomial
from intertwine.ops.tables import TableModule

__all__ = [
    "ChannelPolynomial",
    "Contraction",
    "Convolution",
    "Graph",
    "Harmonics",
    "TableModule",
    "backend_report",
    "graph",
]
