"""Potentials as programs of torch: the same numbers for any sizes, without the library."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ase.build import bulk, molecule
from torch import Tensor

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.models import ESCN, MACE, Allegro, AtomGraph, Equiformer, NequIP, Potential, Target, atom_graph
from intertwine.models.atoms.charges import Electrostatics
from intertwine.models.atoms.exporting import export_potential, hops, plain_potential


def potential(**options: object) -> Potential:
    torch.manual_seed(0)
    network = NequIP(2, cutoff=3.5, hidden=O3.rep("4x0e + 4x1o"), layers=1, **options)  # type: ignore[arg-type]
    return Potential(network, elements=[14, 32], references=[-3.0, -4.0], scale=2.0).double().eval()


def graphs(model: Potential) -> dict[str, AtomGraph]:
    """One structure and several, one atom alone, and none of the sizes that programs are recorded with."""
    large, small = bulk("Si", cubic=True) * (2, 1, 1), bulk("Ge", cubic=True)
    for n, atoms in enumerate((large, small)):
        atoms.rattle(0.05, seed=n)
    alone = bulk("Si", cubic=True)[:1]
    alone.cell *= 4
    found = {"one": large, "three": [small, large, small], "an atom": alone, "primitive": bulk("Ge")}
    return {name: atom_graph(atoms, model.elements, model.cutoff) for name, atoms in found.items()}


def require_same(found: dict[str, Tensor], wanted: dict[str, Tensor], tolerance: float = 1e-10) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        torch.testing.assert_close(found[name], values, rtol=tolerance, atol=tolerance)


def test_sizes_are_free_and_derivatives_inside() -> None:
    model = potential()
    plain = plain_potential(model)
    for graph in graphs(model).values():
        require_same(plain(*graph), model(graph, stress=True))
    assert not any("intertwine" in str(node.target) for node in plain.operations.graph.nodes)


def test_kernels_stay_where_the_library_is() -> None:
    model = potential()
    program = plain_potential(model, kernels=True)
    assert any("intertwine" in str(node.target) for node in program.operations.graph.nodes)
    for graph in graphs(model).values():
        require_same(program(*graph), model(graph, stress=True), 1e-13)


def test_tensors_of_molecules_without_stress() -> None:
    torch.manual_seed(0)
    rep = O3.rep("1x0e + 1x1o")
    network = NequIP(2, cutoff=3.5, hidden=O3.rep("4x0e + 4x1o"), layers=1, rep_out=rep)
    model = Potential(network, [1, 8], targets={"dipole": Target(O3.rep("1x1o"))}).double().eval()
    plain = plain_potential(model, stress=False)
    graph = atom_graph(molecule("H2O"), model.elements, model.cutoff)
    require_same(plain(*graph), model(graph))


def test_other_files_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Programs of torch are files that end in .*, but got 'model.pth'"):
        export_potential(potential(), "model.pth")


def test_parts_at_any_distance_are_refused() -> None:
    network = NequIP(2, cutoff=3.5, hidden=O3.rep("4x0e"), layers=1, rep_out=O3.rep("1x0e + 1x0e"))
    model = Potential(
        network, [1, 8], targets={"charges": Target(O3.rep("1x0e"), total=False)}, terms=[Electrostatics()]
    )
    for refused in (plain_potential, hops):
        with pytest.raises(
            ArgumentError, match="find the pairs within the cut-off, but Electrostatics needs all atoms"
        ):
            refused(model)


WITHOUT = """
import json, sys, torch
program, inputs, outputs, compiled, kernels = sys.argv[1:]
if kernels == "True":
    import intertwine
else:
    sys.modules["intertwine"] = None
if compiled == "True":
    run = torch._inductor.aoti_load_package(program)
    notes = json.loads(run.get_metadata()["potential.json"])
else:
    kept = {"potential.json": ""}
    run = torch.export.load(program, extra_files=kept).module()
    notes = json.loads(kept["potential.json"])
assert notes["elements"] == [14, 32] and notes["cutoff"] == 3.5 and notes["units"]["energy"] == "eV", notes
torch.save([run(*graph) for graph in torch.load(inputs)], outputs)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kernels", [False, True], ids=["plain", "kernels"])
@pytest.mark.parametrize("compiled", [False, True], ids=["program", "compiled"])
def test_files_run_without_the_library(tmp_path: Path, compiled: bool, kernels: bool) -> None:
    model = potential()
    path = export_potential(model, tmp_path / "silicon.pt2", compiled=compiled, kernels=kernels)
    given = graphs(model)
    torch.save([tuple(graph) for graph in given.values()], tmp_path / "inputs.pt")
    arguments = [str(path), str(tmp_path / "inputs.pt"), str(tmp_path / "outputs.pt"), str(compiled), str(kernels)]
    subprocess.run([sys.executable, "-c", WITHOUT, *arguments], check=True, timeout=300)
    for found, graph in zip(torch.load(tmp_path / "outputs.pt"), given.values(), strict=True):
        require_same(found, model(graph, stress=True))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ESCN, MACE, Allegro, Equiformer])
def test_other_networks(tmp_path: Path, kind: type) -> None:
    torch.manual_seed(0)
    model = Potential(kind(2, 3.5, O3.rep("4x0e + 4x1o"), layers=1), elements=[14, 32]).double().eval()
    run = torch.export.load(export_potential(model, tmp_path / "other.pt2")).module()
    for graph in graphs(model).values():
        require_same(run(*graph), model(graph, stress=True))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ESCN, MACE, Allegro, Equiformer])
def test_programs_are_as_precise_as_what_they_record(kind: type) -> None:
    """In single precision sums have another order, and errors of the same size, by double precision."""
    torch.manual_seed(0)
    model = Potential(kind(2, 3.5, O3.rep("4x0e + 4x1o"), layers=1), elements=[14, 32]).double().eval()
    graph = graphs(model)["three"]
    exact = model(graph)["forces"]
    program, eager = plain_potential(model.float(), stress=False)(*graph)["forces"], model(graph)["forces"]
    assert 0 < (program - exact).norm() < 2 * (eager - exact).norm()
