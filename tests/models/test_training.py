"""Two processes train a network on images as one does."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import multiprocessing as processes
from torch.nn.parallel import DistributedDataParallel

from intertwine import nn
from tests.models.ready import READY


def images(name: str, net: nn.EquivariantModule, seed: int) -> Tensor:
    return READY[name].images(net, 2) + seed


def _train(rank: int, name: str, place: str, results: Any) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
    net = READY[name].built()
    parallel = DistributedDataParallel(net)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(2):  # in the second step filters must follow the weights
        optimiser.zero_grad()
        parallel(images(name, net, 2 * step + rank)).square().mean().backward()
        optimiser.step()
    results[rank] = [value.detach().clone() for value in net.parameters()]
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("name", READY)
def test_two_processes_train_as_one(name: str, tmp_path: Path) -> None:
    results = processes.Manager().dict()
    processes.spawn(_train, (name, str(tmp_path / "meeting"), results), nprocs=2)
    net = READY[name].built()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(2):
        optimiser.zero_grad()
        sum(net(images(name, net, 2 * step + rank)).square().mean() / 2 for rank in range(2)).backward()
        optimiser.step()
    for rank in range(2):
        for found, expected in zip(results[rank], net.parameters(), strict=True):
            torch.testing.assert_close(found, expected.detach())
