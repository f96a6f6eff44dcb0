"""The examples run, where their data are installed, and what they share obeys the laws."""

import importlib.util
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from intertwine.catalog import O2, SO2, SO3, cyclic, dihedral
from intertwine.fields import GridField
from intertwine.testing import equivariance_error

FOLDER = Path(__file__).parents[2] / "examples"
SCRIPTS = {
    "rotated_digits": "sklearn",
    "animals": "animal_mnist",
    "nuclei": "stardist",
    "nuclei_3d": "stardist",
    "textures": "skimage",
    "organs": "pyvista",
    "tissue": "nilearn",
}
ON_ATOMS = {
    "dipoles": "| polar_tensors, antisymmetric |",
    "dimers": "| never seen |",
    "learning_curves": "| MACE | here |",
    "simulated": "| the potential | the frames |",
    "stuck": "IMPOSSIBLE",
}
"""What each script on molecules prints at its end; labels are made by tblite."""


def run(script: str, *options: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(FOLDER.parent / "src")}
    command = [sys.executable, FOLDER / f"{script}.py", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "UnreachableWarning" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def common() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_common", FOLDER / "_common.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["_common"] = module  # dataclasses look up the module of their annotations
    spec.loader.exec_module(module)
    return module


def test_every_script_is_listed() -> None:
    assert {path.stem for path in FOLDER.glob("[a-z]*.py")} == {*SCRIPTS, *ON_ATOMS, "tetris", "make_frames"}


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs(script: str, tmp_path: Path) -> None:
    if find_spec(SCRIPTS[script]) is None:
        pytest.skip(f"the data are in the wheel of {SCRIPTS[script]}")
    out = run(script, "--quick", "--out", str(tmp_path))
    assert "| plain |" in out
    assert list(tmp_path.glob("*.png"))


@pytest.mark.slow
def test_pieces_of_tetris_are_told_apart_in_every_pose() -> None:
    """Mirror images included, exactly."""
    *_, right, error = run("tetris", "--poses", "20").strip().splitlines()
    assert right.endswith("100.0 % right")
    assert float(error.rpartition(" ")[2]) < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("script", ON_ATOMS)
def test_a_script_on_molecules_runs(script: str, tmp_path: Path) -> None:
    if find_spec("tblite") is None or find_spec("ase") is None:
        pytest.skip("labels are made by tblite, frames by ase")
    given = []
    if script in ("learning_curves", "simulated"):
        given = [str(tmp_path / "ethanol.xyz")]
        assert "220 frames" in run("make_frames", "ethanol", "220", *given, "--every", "1")
    assert ON_ATOMS[script] in run(script, *given, "--quick")


@pytest.mark.parametrize(("group", "shape"), [(SO2, (9, 9)), (O2, (8, 8)), (SO3, (6, 6, 6))])
def test_examples_move_as_fields_do(common: ModuleType, group, shape: tuple[int, ...]) -> None:
    """Each by an element of its own, as `GridField` moves all by one."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 1, *shape, generator=generator, dtype=torch.float64)
    elements = group.sample(4, 1)
    moved = common.Examples(x, torch.arange(4), shape[0]).moved(elements).x
    field = GridField(group.rep(f"1x{group.trivial}"))
    wanted = torch.cat([field.act(g, one[None]) for g, one in zip(elements, x, strict=True)])
    torch.testing.assert_close(moved, wanted, atol=1e-12, rtol=0)


def test_classes_of_pixels_move_along(common: ModuleType) -> None:
    """A quarter turn moves image and labels alike, and what is seen is the middle."""
    x = torch.arange(36.0).reshape(1, 1, 6, 6)
    quarter = np.array([[[0.0, -1.0], [1.0, 0.0]]])
    moved = common.Examples(x, x[:, 0].long(), 4).moved(quarter)
    wanted = x.rot90(1, (2, 3))[..., 1:-1, 1:-1]
    torch.testing.assert_close(moved.x, wanted, atol=1e-4, rtol=0)
    assert torch.equal(moved.y, wanted[:, 0].long())


def test_classifiers_are_invariant_until_the_symmetry_falls(common: ModuleType) -> None:
    group = cyclic(4)
    torch.manual_seed(0)
    invariant = common.classifier(group, 3, 8).double().eval()
    lowered = common.classifier(group, 3, 8, lower=group.subgroup("C1")).double().eval()
    x = torch.randn(2, 1, 12, 12, dtype=torch.float64)
    field = GridField(group.rep("1x0"))
    assert equivariance_error(invariant, x, field, group.rep("3x0")) < 1e-10
    assert equivariance_error(lowered, x, field, group.rep("3x0")) > 1e-3


@pytest.mark.parametrize(("group", "width"), [(dihedral(8), 16), (cyclic(8), 64), (SO2, 40), (cyclic(1), 12)])
def test_classes_are_told_from_enough_invariants(common: ModuleType, group, width: int) -> None:
    """A regular rep has one maximum over the group: one copy of it would tell ten classes by one number."""
    head = list(common.classifier(group, 10, width).modules())[-1]
    assert head.out_features == 10
    assert head.in_features >= (12 if group.order == 1 else 24)


def test_the_width_of_equal_weights_is_found(common: ModuleType) -> None:
    build = common.of_weights(lambda width: torch.nn.Linear(width, 10, bias=False), 130, range(1, 100))
    assert common.weights(build(0)) == 130


def test_mean_iou(common: ModuleType) -> None:
    """Two of three pixels of class 0 are found, with none too many; class 1 has one found and one too many."""
    scores = torch.nn.functional.one_hot(torch.tensor([0, 0, 1, 1]), 2).float()
    assert common.mean_iou(scores, torch.tensor([0, 0, 0, 1])) == pytest.approx((2 / 3 + 1 / 2) / 2)
