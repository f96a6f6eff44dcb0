"""Weights on disk come back into the same network, and into no other."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, SO3
from intertwine.errors import ArgumentError, RepMismatchError
from tests.modules import Make, each_module, example

safetensors = pytest.importorskip("safetensors.torch")


@each_module
def test_weights_come_back(make: Make, tmp_path: Path) -> None:
    first, second = make().double().eval(), make().double().eval()
    nn.save_weights(first, tmp_path / "weights.safetensors")
    assert nn.load_weights(second, tmp_path / "weights.safetensors") is second
    values = example(first)
    torch.testing.assert_close(second(*values), first(*values), rtol=0, atol=0)


def test_what_cannot_be_written_leaves_the_file_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full, or a process that is killed: the file is the old one or the new one, whole."""
    path, layer = tmp_path / "w.safetensors", nn.Linear(O3.rep("2x1o"), O3.rep("3x1o"))
    nn.save_weights(layer, path)
    before = path.read_bytes()
    whole = safetensors.save_file

    def full(tensors: dict[str, torch.Tensor], file: Path, metadata: dict[str, str]) -> None:
        whole(tensors, file, metadata)
        file.write_bytes(file.read_bytes()[:100])
        raise OSError("No space left on device")

    monkeypatch.setattr(safetensors, "save_file", full)
    with pytest.raises(OSError, match=r"w\.safetensors cannot be written: No space left"):
        nn.save_weights(nn.Linear(O3.rep("2x1o"), O3.rep("3x1o")), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    with pytest.raises(OSError, match="cannot be written"):
        nn.save_weights(layer, tmp_path / "nowhere" / "w.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


def test_equal_sizes_are_no_equal_reps(tmp_path: Path) -> None:
    path = nn.save_weights(nn.Linear(O3.rep("2x1o"), O3.rep("3x1o")), tmp_path / "w.safetensors")
    for other in (
        nn.Linear(O3.rep("3x1o"), O3.rep("2x1o")),
        nn.Linear(O3.rep("2x1e"), O3.rep("3x1e")),
        nn.Linear(SO3.rep("2x1"), SO3.rep("3x1")),
        nn.Sequential(nn.Linear(O3.rep("2x1o"), O3.rep("3x1o"))),
    ):
        before = [p.clone() for p in other.parameters()]
        with pytest.raises(RepMismatchError, match=r"2x1o of O\(3\) → 3x1o of O\(3\) (there|here)"):
            nn.load_weights(other, path)
        assert all(map(torch.equal, other.parameters(), before))  # bad input loses nothing


def test_equal_names_are_no_equal_coordinates(tmp_path: Path) -> None:
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    mine, yours = (O2.rep("1x1").change_basis(Q, "mine") for Q in (turn, turn.T))
    path = nn.save_weights(nn.Linear(mine, mine), tmp_path / "w.safetensors")
    nn.load_weights(nn.Linear(mine, mine), path)
    with pytest.raises(RepMismatchError, match="They print alike, but their coordinates differ"):
        nn.load_weights(nn.Linear(yours, yours), path)


def test_a_plain_network_around_layers(tmp_path: Path) -> None:
    def network(hidden: str) -> torch.nn.Module:
        rep = O2.rep(hidden)
        return torch.nn.ModuleDict({"first": nn.Linear(O2.rep("2x1"), rep), "second": nn.Linear(rep, O2.rep("2x1"))})

    path = nn.save_weights(network("4x1"), tmp_path / "w.safetensors")
    nn.load_weights(network("4x1"), path)
    with pytest.raises(RepMismatchError, match=r"part 'first' has 2x1 of O\(2\) → 4x1 of O\(2\) there and"):
        nn.load_weights(network("3x1 + 1x0e"), path)


def test_other_conventions_and_other_files(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    layer, path = nn.Linear(O2.rep("1x1"), O2.rep("1x1")), tmp_path / "w.safetensors"
    with pytest.raises(ArgumentError, match="There is no file"):
        nn.load_weights(layer, path)
    path.write_bytes(b"no tensors here")
    with pytest.raises(ArgumentError, match=r"w\.safetensors is no safetensors file"):
        nn.load_weights(layer, path)
    save_file(layer.state_dict(), path)
    with pytest.raises(ArgumentError, match=r"w\.safetensors does not say which conventions"):
        nn.load_weights(layer, path)
    save_file(layer.state_dict(), path, {"convention": "0", "reps": json.dumps({})})
    with pytest.raises(ArgumentError, match="belong to the conventions number 0"):
        nn.load_weights(layer, path)
    wide = torch.nn.ModuleList([layer, torch.nn.Linear(2, 2)])
    nn.save_weights(wide, path)
    before = layer.weight.clone()
    with pytest.raises(ArgumentError, match=r"do not fit: for 1\.weight there is \(2, 2\) in the file, and "):
        nn.load_weights(torch.nn.ModuleList([layer, torch.nn.LayerNorm(2), torch.nn.Linear(1, 1)]), path)
    assert torch.equal(layer.weight, before)  # not even the parts that fit
