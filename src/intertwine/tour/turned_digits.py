"""Story 6: images. A steerable network learns to read upright digits, and which way is up; then the digits turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine import nn
from intertwine.catalog import SO2
from intertwine.data.images import digits
from intertwine.fields import GridField
from intertwine.groups.rotations import plane_rotation
from intertwine.testing import Defect, equivariance_error
from intertwine.tour.rectangle import Progress, no_progress

CLASSES = 9
TRAIN, TEST = 800, 400
IMAGE_NETWORKS = ("SO(2)", "plain")
UP = torch.tensor([0.0, 1.0])


class ImageNetwork(torch.nn.Module):
    """Images `(B, 1, height, width)` to scores of classes, which no turn changes, and a vector: which way is up.

    Every place votes for its "up"; the answer is their mean. The scores are made of the lengths of mean features.
    """

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        gate, up = nn.Gate(SO2.rep("12x0 + 12x1 + 8x2")), SO2.rep("1x1")
        hidden = gate.rep_out
        self.features = nn.Sequential(
            nn.Conv2d(SO2.rep("1x0"), gate.rep_in, 5, padding=2),
            nn.BatchNorm(gate.rep_in),
            gate,
            nn.BlurPool(hidden, 2),
            nn.Conv2d(hidden, gate.rep_in, 5, padding=2),
            nn.BatchNorm(gate.rep_in),
            gate,
            nn.Conv2d(hidden, gate.rep_in, 5, padding=2),
            nn.BatchNorm(gate.rep_in),
            gate,
        )
        self.votes, self.mean = nn.Conv2d(hidden, up, 1), nn.GlobalPool(hidden)
        self.lengths = nn.GroupPool(hidden, "norm")
        self.scores = torch.nn.Linear(self.lengths.rep_out.dim, classes)
        self.fields_in, self.rep_out = self.features.fields_in, SO2.rep(f"{classes}x0 + 1x1")  # for intertwine.testing

    def forward(self, x: Tensor) -> Tensor:
        """The scores and the vector, `(B, classes + 2)`."""
        features = self.features(x)
        return torch.cat([self.scores(self.lengths(self.mean(features))), self.votes(features).mean((2, 3))], 1)


def plain_network(classes: int = CLASSES) -> torch.nn.Module:
    """A network of about as many weights that knows no symmetry."""
    layers: list[torch.nn.Module] = []
    for number, (channels, width) in enumerate(((1, 16), (16, 16), (16, 16))):
        layers += [torch.nn.AvgPool2d(2)] if number == 1 else []
        layers += [torch.nn.Conv2d(channels, width, 5, padding=2), torch.nn.BatchNorm2d(width), torch.nn.SiLU()]
    return torch.nn.Sequential(
        *layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(16, classes + 2)
    )


@dataclass(frozen=True)
class ImageResult:
    """What the networks showed on digits that they had not seen."""

    weights: tuple[int, ...]  # of each network
    accuracies: np.ndarray  # on upright and on turned digits, `(2, networks, seeds)`
    angles: np.ndarray  # the median error of "up" in degrees, the same shape
    error: Defect  # the equivariance error of a trained steerable network on digits, beside that of the pixels
    frames: tuple[Frame, ...]  # one digit that turns once around


@dataclass(frozen=True)
class Frame:
    """A turned image, and what a trained network makes of it, each place and in all; y runs up."""

    angle: float  # in degrees, counter-clockwise
    image: np.ndarray  # `(height, width)`
    votes: np.ndarray  # `(height / 2, width / 2, 2)` the vectors of each place
    up: np.ndarray  # `(2,)` their mean


def turned_digits(seeds: int = 3, steps: int = 150, seed: int = 0, progress: Progress = no_progress) -> ImageResult:
    """Story 6: train on upright digits, test on turned ones."""
    data = digits()
    x = F.pad(torch.tensor(data.images)[:, None], (2, 2, 2, 2))  # room for the corners of a turned digit
    y = torch.tensor(data.labels)
    found, runs = np.zeros((2, 2, 2, seeds)), 2 * seeds
    for k in range(seeds):
        torch.manual_seed(seed + k)
        train, test, _ = torch.randperm(len(x)).split([TRAIN, TEST, len(x) - TRAIN - TEST])
        networks = ImageNetwork(), plain_network()
        for j, network in enumerate(networks):
            told = partial(_part, progress, 2 * k + j, runs)
            learn_upright(network, x[train], y[train], steps, told)
            found[:, 0, j, k] = turned_test(network, x[test], y[test], torch.zeros(TEST))
            found[:, 1, j, k] = turned_test(network, x[test], y[test], 2 * torch.pi * torch.rand(TEST))
    shown = x[test][y[test] == 4][:1]
    weights = tuple(sum(parameter.numel() for parameter in network.parameters()) for network in networks)
    error = equivariance_error(networks[0], shown)
    return ImageResult(weights, found[0], found[1], error, frames(networks[0], shown))


def _part(progress: Progress, done: int, parts: int, share: float) -> None:
    progress("reading upright digits", (done + share) / parts)


def learn_upright(
    network: torch.nn.Module, x: Tensor, y: Tensor, steps: int, progress: Callable[[float], None]
) -> None:
    """Adam on batches of upright digits: their classes, and that up is up."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps)
    network.train()
    for step in range(steps):
        batch = torch.randint(len(x), (64,))
        scores, up = network(x[batch]).split([CLASSES, 2], 1)
        loss = F.cross_entropy(scores, y[batch]) + F.mse_loss(up, UP.expand_as(up))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress((step + 1) / steps)


def turned_test(network: torch.nn.Module, x: Tensor, y: Tensor, angles: Tensor) -> tuple[float, float]:
    """The accuracy on images, each turned by its angle, and the median error of up in degrees."""
    network.eval()
    with torch.no_grad():
        scores, up = network(turned(x, angles)).split([CLASSES, 2], 1)
    error = torch.atan2(-up[:, 0], up[:, 1]) - angles
    away = torch.atan2(error.sin(), error.cos()).abs()
    return float((scores.argmax(1) == y).float().mean()), float(away.rad2deg().median())


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """Each image `(B, 1, height, width)` turned counter-clockwise by its angle in radians."""
    image = GridField(SO2.rep("1x0"))
    return torch.cat([image.act(plane_rotation(float(a)), one[None]) for one, a in zip(x, angles, strict=True)])


def frames(network: ImageNetwork, image: Tensor, count: int = 24) -> tuple[Frame, ...]:
    """An image `(1, 1, height, width)` once around, and the votes of a network."""
    network.eval()
    shown = []
    for angle in torch.arange(count) * (2 * torch.pi / count):
        x = turned(image, angle[None])
        with torch.no_grad():
            votes, up = network.votes(network.features(x))[0], network(x)[0, CLASSES:]
        shown.append(Frame(float(angle.rad2deg()), x[0, 0].numpy(), votes.permute(1, 2, 0).numpy(), up.numpy()))
    return tuple(shown)
