"""The programs for GPUs are their definition: run by a stand-in in numpy, and by Triton's interpreter where Triton is.

`TRITON_INTERPRET=1 pytest tests/ops/test_triton.py` has the interpreter run all of them.
"""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.ops import Convolution, Graph, choice, gpu, graph
from intertwine.ops.convolve import compiled, programs
from intertwine.ops.convolve.layout import graph_layout
from intertwine.ops.convolve.llvm import GIVEN, WANTED
from intertwine.ops.convolve.programs import convolve_programs, run_expanded, run_programs
from intertwine.ops.convolve.reference import convolve
from intertwine.ops.convolve.run import run_convolve
from intertwine.ops.convolve.triton import parts, write_programs
from intertwine.plan import Plan
from tests import plans
from tests.ops.stand_in import stand_in
from tests.ops.test_compiled_convolution import (
    HAND_MADE,
    PLANS,
    SMALL,
    depthwise,
    derivatives,
    edges_of,
    poisoned_memory,
    some,
    values,
)

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
CASES = {
    **PLANS,
    **HAND_MADE,
    **{name: plan for name, plan in (plans.PLANS | plans.OTHERS).items() if graph_layout(plan) is not None},
}
each_plan = pytest.mark.parametrize("plan", CASES.values(), ids=CASES.keys())
DTYPES = [(torch.float64, 1e-12), (torch.float32, 2e-5), (torch.float16, 1e-2)]
if INTERPRETED:
    DTYPES.append((torch.bfloat16, 5e-2))


def defined_by_stand_in(text: str, name: str) -> dict[str, object]:
    """What a program means where its imports bring the stand-in; nothing else is to take that for Triton."""
    with pytest.MonkeyPatch.context() as patch:
        for module, contents in stand_in().items():
            patch.setitem(sys.modules, module, contents)
        return DEFINED(text, name)


DEFINED = programs.defined


@pytest.fixture(autouse=True)
def language(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All kernels are programs, in the stand-in unless Triton interprets them."""
    if not INTERPRETED:
        monkeypatch.setattr(programs, "defined", defined_by_stand_in)
    monkeypatch.setattr(compiled, "run_convolve", lambda *given, **_: run_programs(*given[:3], given[3:]))
    convolve_programs.cache_clear()
    yield
    convolve_programs.cache_clear()


def check(plan: Plan, where: Graph, dtype: torch.dtype, tolerance: float) -> None:
    given = values(plan, where, dtype)
    found = [derivatives(lambda w, x, y: compiled.eager_convolve(plan, where, x, y, w), given)]
    with poisoned_memory():  # which is deterministic too: gradients by x are summed at the sources
        found.append(derivatives(lambda w, x, y: compiled.eager_convolve(plan, where, x, y, w), given))
    rounded = tuple(x.detach().double().requires_grad_() for x in given)
    exact = derivatives(lambda w, x, y: convolve(plan, w, x, y, edges_of(where), where.targets), rounded)
    for results in found:
        for a, b in zip(results, exact, strict=True):
            assert a.dtype == dtype
            largest = float(b.detach().abs().max()) if b.numel() else 0.0
            torch.testing.assert_close(a.double(), b, rtol=0, atol=tolerance * (1 + largest))


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES, ids=str)
@each_plan
def test_outputs_and_gradients_of_both_orders(plan: Plan, dtype: torch.dtype, tolerance: float) -> None:
    check(plan, some(), dtype, tolerance)


@pytest.mark.parametrize(("points", "edges"), [(5, 0), (1, 3), (0, 0)])
def test_graphs_without_edges_or_points(points: int, edges: int) -> None:
    where = some(points, edges) if points else graph(torch.zeros(2, 0, dtype=torch.long), 0)
    check(PLANS["odd channels"], where, torch.float64, 1e-12)


def test_sources_and_targets_may_be_different_points() -> None:
    plan = PLANS["few channels"]
    where = graph(torch.tensor([[0, 1, 2, 2], [6, 6, 0, 5]]), 7)
    w, x, y = values(plan, where)
    out = compiled.eager_convolve(plan, where, x[:3], y, w)
    (found,) = torch.autograd.grad(out.square().sum(), x)
    expected = convolve(plan, w, x[:3], y, edges_of(where), 7)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(found, torch.autograd.grad(expected.square().sum(), x)[0])


@pytest.mark.parametrize("kind", ["forward", "backward", "second"])
@each_plan
def test_programs_share_the_paths(plan: Plan, kind: str) -> None:
    """Each path is in one, each weight is read once, and sums fit into the registers that they were given."""
    layout = graph_layout(plan)
    paths = sum(len(p) for c in layout.couplings if c.entries for p in c.paths.values())
    for at in ("g", "x") if kind != "forward" else ("g",):
        text, found = write_programs(layout, GIVEN[kind], WANTED[kind] if at == "g" else ("x",), at, double=False)
        assert sum(len(part.paths) for part in found) == paths
        assert text.count("= tl.load(w_row") == sum(len(part.begins("w")) for part in found)
        assert text.count("tl.atomic_add") == (kind != "forward" and at == "g") * text.count("tl.atomic_add(by_x_row")
        places = [(part.channels, place) for part in found for place in part.places(at)]
        assert len(places) == len({*places})
        for part in found:
            first = [path for path in part.paths if path.begin(at) == part.paths[0].begin(at)]
            assert len(part.places(at)) * part.tile <= 64 * 32 or len(first) == len(part.paths)


@pytest.mark.parametrize("kind", ["forward", "backward", "second"])
def test_weights_that_a_matrix_makes(kind: str) -> None:
    """As on the CPU: gradients by factors and matrix, none by the weights between."""
    where, generator = some(), torch.Generator().manual_seed(0)
    sizes = {"x": (6, 7), "y": (17, 4), "f": (17, 3), "m": (3, SMALL.operands[0].size), "g": (6, SMALL.output.size)}
    names = {"forward": "xyfm", "backward": "xyfmg", "second": "xyfmgxyfm"}[kind]
    given = [torch.randn(sizes[name], generator=generator, dtype=torch.float64) for name in names]
    exact = run_convolve(SMALL, kind, where, *given)
    for a, b in zip(run_expanded(SMALL, kind, where, given), exact, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_wide_plans_are_cut_into_programs() -> None:
    layout = graph_layout(depthwise(O3.rep("128x0e + 128x1o + 128x2e"), O3.harmonics(3), "0e 1o 2e 3o"))
    whole, half = parts(layout, "g"), parts(layout, "g", held=2)
    assert [part.tile for part in whole] == [128] * len(whole)
    assert 1 < len(whole) < len(half)


def test_plans_without_programs_are_refused() -> None:
    with pytest.raises(ArgumentError, match="No program computes this plan"):
        convolve_programs(SMALL.derivative(0), "forward", False, False)


def test_gpus_are_chosen_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    given = values(SMALL, some())
    with FakeTensorMode():
        on_gpu = [torch.empty(x.shape, device="cuda", dtype=torch.bfloat16) for x in given]
    monkeypatch.setattr(choice, "gpu_trouble", lambda: None)
    assert Convolution(SMALL).choose(*on_gpu).backend == "triton"
    assert "on the GPU" in Convolution(SMALL, backend="triton").choose(*on_gpu).reason
    with pytest.raises(ArgumentError, match="'triton' was asked for, but cannot serve: These kernels run on a GPU"):
        Convolution(SMALL, backend="triton")(*given, some())
    with pytest.raises(ArgumentError, match="'llvm' was asked for, but cannot serve"):
        Convolution(SMALL, backend="llvm").choose(*on_gpu)
    with pytest.raises(ArgumentError, match="got the backend 'cuda'"):
        Convolution(SMALL, backend="cuda")
    monkeypatch.setattr(choice, "gpu_trouble", lambda: "Triton has no compiler.")
    chosen = Convolution(SMALL).choose(*on_gpu)
    assert chosen.backend == "torch"
    assert chosen.reason == "Triton has no compiler."


def test_what_keeps_a_gpu_from_computing_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(installed: bool, present: bool) -> str | None:
        monkeypatch.setattr(gpu, "HAS_TRITON", installed)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
        gpu._seen.cache_clear()
        return gpu.gpu_trouble()

    def fails(text: str, name: str) -> None:
        raise RuntimeError("Failed to find C compiler.")

    monkeypatch.setattr(gpu, "defined", fails)
    try:
        assert "not installed" in found(False, True)
        assert found(True, False) is None
        with pytest.warns(UserWarning, match=r"cannot be compiled for this GPU \(Failed to find C compiler\.\)"):
            said = found(True, True)
        assert gpu.gpu_trouble() == said
    finally:
        gpu._seen.cache_clear()


@pytest.mark.slow
def test_compiled_code_asks_while_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine can do is a constant to it: looking would not be code that torch can follow."""
    monkeypatch.setattr(gpu, "_seen", lambda: os.environ.get("HOME") and "no compiler")

    def function(x: torch.Tensor) -> torch.Tensor:
        return x + len(gpu.gpu_trouble())

    made = torch.compile(function, fullgraph=True, backend="eager")
    torch.testing.assert_close(made(torch.zeros(2)), torch.full((2,), 11.0))


def python(code: str, *arguments: str, **variables: str) -> str:
    """What another Python prints."""
    here = {"PYTHONPATH": os.pathsep.join(filter(None, map(str, sys.path)))}
    given = {"env": os.environ | here | variables, "capture_output": True, "text": True}
    run = subprocess.run([sys.executable, *arguments, code], check=False, **given)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.slow
@pytest.mark.skipif(not gpu.HAS_TRITON, reason="Triton is not installed")
@pytest.mark.skipif(INTERPRETED, reason="this is it")
def test_in_tritons_interpreter() -> None:
    assert "passed" in python(__file__, "-m", "pytest", "-q", "-m", "not slow", TRITON_INTERPRET="1")


COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from intertwine.ops.convolve.programs import convolve_programs
from intertwine.ops.convolve.triton import GRAPH
from tests.ops.test_compiled_convolution import SMALL

for kind in ("forward", "backward", "second"):
    for dtype in ("fp32", "bf16", "fp64"):
        for programs in convolve_programs(SMALL, kind, kind == "second", dtype == "fp64"):
            for function in programs.functions:
                exact = "fp64" if dtype == "fp64" else "fp32"
                kinds = {"by_y": exact, "by_x": exact if programs.at == "g" else dtype} | dict.fromkeys(GRAPH, "i64")
                types = {name: "*" + kinds.get(name, dtype) for name in function.arg_names}
                made = compile(ASTSource(function, types, {}), target=GPUTarget("cuda", 80, 32))
                assert made.asm["cubin"]
print("done")
"""


@pytest.mark.slow
@pytest.mark.skipif(not gpu.HAS_TRITON, reason="Triton is not installed")
def test_programs_are_legal_on_a_gpu_that_is_not_here() -> None:
    """Triton compiles them down to the machine's code, which needs no such machine."""
    assert python(COMPILE, "-c", TRITON_INTERPRET="0").endswith("done\n")


TRACE = """
import torch, triton
from functorch.compile import make_boxed_func
from torch._dynamo.backends.common import aot_autograd
from triton.backends.compiler import GPUTarget
from intertwine.ops import Convolution
from intertwine.ops.choice import Choice
from tests.ops.test_compiled_convolution import SMALL, some, values

class Driver:
    def get_current_target(self):
        return GPUTarget("cuda", 80, 32)

triton.runtime.driver.set_active(Driver())
Convolution.choose = lambda self, *given: Choice("triton", "as on a GPU")
seen = []

def look(graph, inputs):
    seen.append(sum("triton_kernel_wrapper" in str(node.target) for node in graph.graph.nodes))
    wanted = [node and node.meta["val"] for node in graph.graph.output_node().args[0]]
    return make_boxed_func(lambda *_: [v if v is None else torch.zeros(v.shape, dtype=v.dtype) for v in wanted])

where = some()
backend = aot_autograd(fw_compiler=look, bw_compiler=look)
out = torch.compile(Convolution(SMALL), fullgraph=True, backend=backend)(*values(SMALL, where), where)
out.sum().backward()
assert seen == [2, 2], seen  # SMALL has two numbers of channels: two programs
print(out.shape[0], "done")
"""


@pytest.mark.slow
@pytest.mark.skipif(not gpu.HAS_TRITON, reason="Triton is not installed")
def test_compilers_see_the_programs() -> None:
    """In forward and backward graphs as inductor gets them, with no GPU: only their tracing is looked at."""
    assert python(TRACE, "-c", TRITON_INTERPRET="0").endswith("6 done\n")
