"""Story 5: real cells. Outlines of osteosarcoma cells, turned and mirrored at will; their treatment and their pose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine import nn
from intertwine.catalog import O2, SO2
from intertwine.catalog.base import CatalogGroup
from intertwine.data.cell_outlines import CellOutlines, load_cells, stratified_split
from intertwine.data.outline import fourier_coefficients, fourier_layout, transform
from intertwine.reps import Rep
from intertwine.tour.rectangle import Progress, descend, no_progress
from intertwine.tour.which_o2 import PoseNetwork, flips_and_angles, move

OUTLINE_DEGREE = 10
REP = O2.rep(fourier_layout(OUTLINE_DEGREE))
FRACTIONS = (0.6, 0.2, 0.2)  # train, validation (on which this protocol was chosen), test
NETWORKS = ("O(2)", "SO(2)", "plain", "plain, augmented")


class InvariantClassifier(torch.nn.Module):
    """Fourier coefficients to class scores that no element of the group changes: invariant embedding, then scores.

    Args:
        group: O(2) or SO(2).
        rep_in: the rep of the coefficients.
        classes: the number of classes.
    """

    def __init__(self, group: CatalogGroup, rep_in: Rep, classes: int) -> None:
        super().__init__()
        trivial = group.trivial
        hidden = group.rep(f"16x{trivial} + 8x1 + 8x2 + 8x3 + 8x4")
        invariants = group.rep(f"32x{trivial}")
        self.features = nn.Sequential(nn.Linear(rep_in, hidden), nn.NormActivation(hidden))
        self.product = nn.TensorProduct(hidden, hidden, invariants)
        self.scores = perceptron(32, (32,), classes)
        self.reps_in, self.rep_out = (rep_in,), group.rep(f"{classes}x{trivial}")  # for intertwine.testing

    def forward(self, x: Tensor) -> Tensor:
        """The scores `(..., classes)`."""
        h = self.features(x)
        return self.scores(self.product(h, h))  # type: ignore[no-any-return]


def perceptron(width: int, hidden: tuple[int, ...], classes: int) -> torch.nn.Sequential:
    """A multilayer perceptron with dropout: what stands on the invariants, and the network that knows no symmetry."""
    layers: list[torch.nn.Module] = []
    for n in hidden:
        layers += [torch.nn.Linear(width, n), torch.nn.SiLU(), torch.nn.Dropout(0.3)]
        width = n
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, classes))


def make_network(name: str, classes: int) -> torch.nn.Module:
    """The O(2)-, SO(2)-equivariant or plain network of a name in `NETWORKS`."""
    if name.startswith("plain"):
        return perceptron(REP.dim, (64, 64), classes)
    if name == "O(2)":
        return InvariantClassifier(O2, REP, classes)
    return InvariantClassifier(SO2, REP.restrict(O2.subgroup("SO(2)")), classes)


@dataclass(frozen=True)
class CellPose:
    """How well the elements that moved them are read off test cells, before and after."""

    exact: float  # the largest entry of |f(g x) f(x)⁻¹ − g|
    flips: float  # the share of flips found when the moved cell was drawn on the pixel grid again
    angles: np.ndarray  # the errors of the angle then, in degrees
    undefined: float  # the share of cells whose pose the head calls undefined


@dataclass(frozen=True)
class CellResult:
    """What the cells showed."""

    cells: int  # how many outlines were used
    dropped: int  # and left out
    classes: tuple[str, ...]  # the names of the treatments
    chance: float  # the share of the largest class among the test cells
    sizes: tuple[int, ...]  # the numbers of training cells
    accuracies: np.ndarray  # on test cells that were turned and mirrored at random, `(sizes, networks, seeds)`
    changed: np.ndarray  # the share of test cells that get another answer after the move than before, the same shape
    invariance: float  # how much an O(2) network's scores change when a test cell is moved, relative to their size
    pose: CellPose
    examples: tuple[list[np.ndarray], np.ndarray]  # outlines before and after a move, and the poses read off


@dataclass(frozen=True, eq=False)
class MovedCells:
    """Cells, the elements of O(2) that move them, and their Fourier coefficients before and after."""

    data: CellOutlines
    elements: np.ndarray
    x: np.ndarray
    moved: np.ndarray


def cells(
    seeds: int = 8, sizes: tuple[int, ...] = (80, 388), seed: int = 0, progress: Progress = no_progress
) -> CellResult:
    """Story 5: tell the treatment of a cell from its outline, in any pose; and tell the pose."""
    data = load_cells()
    g = O2.sample(len(data), seed)
    moved = [transform(outline, element) for outline, element in zip(data.outlines, g, strict=True)]
    both = MovedCells(data, g, coefficients(data.outlines), coefficients(moved))
    accuracies, changed = np.zeros((2, len(sizes), len(NETWORKS), seeds))
    for done, (i, j, k) in enumerate(np.ndindex(*accuracies.shape)):
        train, _, test = stratified_split(data.stratum, FRACTIONS, np.random.default_rng(seed + k))
        some = np.random.default_rng(seed + k).permutation(train)[: sizes[i]]
        scores = classify(NETWORKS[j], both.x, data.treatment, some, seed + k)
        before, after = scores(both.x[test]), scores(both.moved[test])
        accuracies[i, j, k] = np.mean(after.argmax(1) == data.treatment[test])
        changed[i, j, k] = np.mean(after.argmax(1) != before.argmax(1))
        if j == 0:
            invariance = float(np.abs(after - before).max() / np.abs(before).max())
        progress("telling treatments", 0.7 * (done + 1) / accuracies.size)
    train, _, test = stratified_split(data.stratum, FRACTIONS, np.random.default_rng(seed))
    pose = recognise_pose(both, train, test, seed, lambda share: progress("telling poses", 0.7 + 0.3 * share))
    chance = float(np.bincount(data.treatment[test]).max() / len(test))
    found = (accuracies, changed, invariance, pose, example_poses(both, test))
    return CellResult(len(data), len(data.dropped), data.treatment_names, chance, sizes, *found)


def coefficients(outlines: list[np.ndarray] | tuple[np.ndarray, ...]) -> np.ndarray:
    """The Fourier coefficients `(cells, REP.dim)` of outlines."""
    return np.array([fourier_coefficients(outline, OUTLINE_DEGREE) for outline in outlines])


def standardise(x: np.ndarray, train: np.ndarray) -> Callable[[np.ndarray], Tensor]:
    """Scale channels to unit variance over the training cells, and centre invariants: a move does not notice."""
    shift, scale = np.zeros(REP.dim), np.ones(REP.dim)
    for (m, block), where in zip(REP.terms, REP.slices, strict=True):
        channels = x[train][:, where].reshape(-1, block.dim, m)
        mean = channels.mean((0, 1)) if block.dim == 1 else np.zeros(m)
        size = np.sqrt(((channels - mean) ** 2).mean((0, 1)))
        shift[where], scale[where] = np.tile(mean, block.dim), np.tile(size, block.dim)
    return lambda values: torch.tensor((values - shift) / scale, dtype=torch.float64)


def classify(
    name: str, x: np.ndarray, labels: np.ndarray, train: np.ndarray, seed: int, epochs: int = 60
) -> Callable[[np.ndarray], np.ndarray]:
    """Train on cells as they were found (or, augmented, moved at random each time); returns the scores."""
    rng = np.random.default_rng(seed)
    scaled = standardise(x, train)
    inputs, y = scaled(x[train]), torch.tensor(labels[train])
    torch.manual_seed(seed)
    network = make_network(name, int(labels.max()) + 1).double()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-2)
    batches = max(len(train) // 64, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * batches)
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(len(train)), batches):
            seen = move(REP, O2.sample(len(batch), rng), inputs[batch]) if "augmented" in name else inputs[batch]
            loss = F.cross_entropy(network(seen), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    return lambda values: network(scaled(values)).detach().numpy()


def recognise_pose(
    cells: MovedCells, train: np.ndarray, test: np.ndarray, seed: int, progress: Callable[[float], None]
) -> CellPose:
    """Read the element that moved a test cell off its outlines before and after: exact ones, and redrawn on pixels.

    Training only makes poses robust: redrawn training cells should get the pose of the originals, moved along.
    """
    redrawn = coefficients([redraw(o, e) for o, e in zip(cells.data.outlines, cells.elements, strict=True)])
    scaled = standardise(cells.x, train)
    original, exact, pixels = scaled(cells.x), scaled(cells.moved), scaled(redrawn)
    elements = torch.tensor(cells.elements)
    torch.manual_seed(seed)
    network = PoseNetwork(REP).double()

    def loss(network: torch.nn.Module) -> Tensor:
        return F.mse_loss(network(pixels[train]), elements[train] @ network(original[train]))

    descend(network, loss, 100, 3e-3, progress)
    with torch.no_grad():
        before = network(original[test]).transpose(-1, -2)
        truth, found = elements[test], network(pixels[test]) @ before
        error = (network(exact[test]) @ before - truth).abs().max()
        undefined = network.head.degenerate(network.vectors(original[test])).double().mean()
    return CellPose(float(error), *flips_and_angles(found, truth), float(undefined))


def redraw(outline: np.ndarray, element: np.ndarray) -> np.ndarray:
    """The outline moved and drawn on the grid of whole pixels again, as a microscope would."""
    pixels = np.round(transform(outline, element))
    return pixels[np.any(pixels != np.roll(pixels, 1, 0), 1)]


def example_poses(cells: MovedCells, test: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Three test outlines before and after their move, and the frames 1 and g that belong to them."""
    outlines, frames = [], []
    for i in test[:: len(test) // 3][:3]:
        centred, g = cells.data.outlines[i] - cells.data.outlines[i].mean(0), cells.elements[i]
        outlines += [centred, transform(centred, g)]
        frames += [np.eye(2), g]
    return outlines, np.array(frames)
