"""`import intertwine` is cheap: whoever has torch pays for our own files and for nothing else."""

import os
import subprocess
import sys

from tests.house.source import SRC

# Each is wanted by few and slow to import: whoever needs one imports it inside a function.
LAZY = {"geomstats", "lightning", "matplotlib", "plotly", "rich", "scipy", "sklearn", "sympy", "typer", "torch._dynamo"}


def loaded(statement: str, before: str = "pass") -> set[str]:
    """The names of all modules that a statement brings to a fresh interpreter, beyond those that another brought."""
    code = f"import sys; {before}; known = set(sys.modules); {statement}; print(*set(sys.modules) - known)"
    environment = os.environ | {"PYTHONPATH": str(SRC.parent)}
    return set(subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).split())


def lazy(modules: set[str]) -> set[str]:
    """Those of the modules that should wait until somebody calls for them."""
    return {module for module in modules if any(f"{module}.".startswith(f"{package}.") for package in LAZY)}


def test_import_brings_nothing_heavy() -> None:
    """An import that pulls in a plotting library or a compiler is paid by every script and every worker."""
    found = loaded("import intertwine", before="import torch")
    assert "intertwine.nn.linear" in found
    assert not lazy(found)


def test_first_calls_bring_nothing_heavy() -> None:
    """Parts of torch load sympy or a compiler at their first call: longer than all kernels of a layer take."""
    calls = """
import torch
from intertwine import nn
from intertwine.catalog import O3

rep, edges, vectors = O3.rep("2x0e + 2x1o"), torch.tensor([[0, 1], [1, 0]]), torch.eye(3)[:2]
rows = torch.randn(3, 2, 8)
found = nn.TensorProduct(rep, rep, rep)(rows, rows[0]) + nn.Linear(rep, rep)(rows)
found = found + nn.SymmetricContraction(rep, rep)(rows)
conv = nn.DepthwiseConv(rep, rep, degree=1)
(found.sum() + conv(rows[0], edges, vectors).sum() + nn.PointConv(rep, rep)(rows[0], edges, vectors).sum()).backward()
"""
    found = loaded(f"exec({calls!r})", before="import torch")
    assert "intertwine.nn.linear" in found
    assert not lazy(found)


def test_heavy_imports_are_noticed() -> None:
    assert lazy(loaded("import scipy.version, json")) >= {"scipy", "scipy.version"}
    assert lazy({"torch", "torch._dynamo.config", "scipyx", "intertwine.nn"}) == {"torch._dynamo.config"}
