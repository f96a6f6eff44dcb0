"""Two processes train a network on images as one does."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import multiprocessing as processes
from torch.nn.parallel import DistributedDataParallel

from intertwine import models
from intertwine.catalog import dihedral


def a_network() -> models.Encoder:
    torch.manual_seed(0)
    group = dihedral(4)
    return models.Encoder(group.rep("1x0e"), group.rep("2x0e + 1x1"), 8, 8).double().eval()  # statistics stay


def images(seed: int) -> Tensor:
    return torch.randn(2, 1, 9, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _train(rank: int, place: str, results: Any) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
    net = a_network()
    parallel = DistributedDataParallel(net)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(2):  # in the second step filters must follow the weights
        optimiser.zero_grad()
        parallel(images(2 * step + rank)).square().mean().backward()
        optimiser.step()
    results[rank] = [value.detach().clone() for value in net.parameters()]
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    results = processes.Manager().dict()
    processes.spawn(_train, (str(tmp_path / "meeting"), results), nprocs=2)
    net = a_network()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(2):
        optimiser.zero_grad()
        sum(net(images(2 * step + rank)).square().mean() / 2 for rank in range(2)).backward()
        optimiser.step()
    for rank in range(2):
        for found, expected in zip(results[rank], net.parameters(), strict=True):
            torch.testing.assert_close(found, expected.detach())
