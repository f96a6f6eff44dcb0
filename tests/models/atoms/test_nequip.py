"""What is true of NequIP alone."""

from typing import Any

import pytest
import torch

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.models import NequIP
from intertwine.reps import Rep

HIDDEN = O3.rep("8x0e + 4x0o + 4x1o + 4x1e + 2x2e + 2x2o")


def network(hidden: Any = HIDDEN, **options: Any) -> NequIP:
    torch.manual_seed(0)
    return NequIP(2, 3.0, hidden, radial=(8,), **options)


def features(net: NequIP) -> list[Rep]:
    return [net.convolutions[0].rep_in, *(layer.gate.rep_out for layer in net.layers)]


def test_features_that_nothing_reaches_are_left_out() -> None:
    """Without a warning: pseudovectors need two layers, pseudoscalars three, and an energy needs invariants alone."""
    found = features(network(layers=4, degree=2))
    second = O3.rep("8x0e + 4x1o + 4x1e + 2x2e + 2x2o")
    assert found == [O3.rep("8x0e"), O3.rep("8x0e + 4x1o + 2x2e"), second, HIDDEN, O3.rep("8x0e")]


def test_the_last_features_are_those_that_the_output_needs() -> None:
    net = network(layers=3, degree=2, rep_out=O3.rep("1x0e + 1x1o"))
    assert features(net)[-1] == O3.rep("8x0e + 4x1o")
    with pytest.raises(ArgumentError, match="give none of 4x1o"):
        network(O3.rep("4x1o"), layers=1, degree=0)


def dense(near: int) -> tuple[torch.Tensor, ...]:
    """Atoms of three elements with so many neighbours each, no closer than 0.9 Å."""
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(30).repeat_interleave(near)
    source = torch.randint(30, (30 * near,), generator=generator)
    vectors = torch.randn(30 * near, 3, generator=generator)
    lengths = 0.9 + 2.0 * torch.rand(30 * near, generator=generator)
    vectors *= (lengths / vectors.norm(dim=1))[:, None]
    return torch.randint(3, (30,), generator=generator), torch.stack([source, target]), vectors


@pytest.mark.parametrize("own", ["element", "linear", "none"])
def test_numbers_start_with_unit_variance_at_most(own: Any) -> None:
    """Neighbours as near as in molecules, where Bessel functions are far larger than on average, change nothing."""
    found: list[float] = []
    for seed in range(3):
        torch.manual_seed(seed)
        net = NequIP(3, 5.0, O3.rep("32x0e + 16x1o + 8x2e"), layers=4, neighbours=12, own=own)
        for layer in net.layers:
            layer.register_forward_hook(lambda *given: found.append(given[-1].square().mean().item()))
        found.append(net(*dense(12)).square().mean().item())
    assert 1e-6 < min(found) <= max(found) < 1.5


def test_wavelengths_are_learned_once_for_all_layers() -> None:
    net = network(layers=3, learn_bessel=True).double()
    waves = [p for name, p in net.named_parameters() if name.endswith("waves")]
    assert len(waves) == 1
    inputs = net.example_inputs(6, torch.Generator().manual_seed(0))
    net(*inputs).sum().backward()
    assert waves[0].grad.abs().max() > 1e-6


def test_each_element_has_a_map_of_its_own_features() -> None:
    """Without neighbours nothing else speaks; the maps of both elements differ, also where both begin alike."""
    net = network(layers=1).double()
    with torch.no_grad():
        net.embedding.weight[1] = net.embedding.weight[0]
    none = torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0, 3, dtype=torch.float64)
    y = net(torch.tensor([0, 1, 0]), *none)
    assert (y[0] - y[1]).abs() > 1e-3
    torch.testing.assert_close(y[0], y[2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"own": "both"}, '"element", "linear" or "none"'),
        ({"hidden": []}, "one rep, or one for each layer"),
        ({"hidden": [HIDDEN, HIDDEN], "layers": 3}, "one rep, or one for each layer"),
        ({"layers": 0}, "one layer or more"),
        ({"onset": 3.5}, "begins to fall between 0 and 3.0"),
        ({"channels": 0}, "one number or more"),
    ],
)
def test_options_that_make_no_network_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        network(**options)
