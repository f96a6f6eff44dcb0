"""Operations on tensors: they know plans, never groups. Beside each fast one stands a readable `reference.py`."""

from intertwine.ops.choice import Choice, KernelModule, backend_report
from intertwine.ops.contract import Contraction
from intertwine.ops.convolve.dispatch import Convolution, Factored
from intertwine.ops.graph import Graph, graph
from intertwine.ops.harmonics import Harmonics
from intertwine.ops.linear.indexed import IndexedLinear
from intertwine.ops.polynomial import ChannelPolynomial
from intertwine.ops.tables import TableModule

__all__ = [
    "ChannelPolynomial",
    "Choice",
    "Contraction",
    "Convolution",
    "Factored",
    "Graph",
    "Harmonics",
    "IndexedLinear",
    "KernelModule",
    "TableModule",
    "backend_report",
    "graph",
]
