"""What the examples on images share: moved copies, networks of equal weights, one training loop, one table."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional as F

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, point_group
from intertwine.groups import Group, Subgroup
from intertwine.models import ConvBlock, GridStyle

RATES = (3e-3, 1e-2, 3e-2)
BATCH = 64
VOLUME_GROUPS = {"O": point_group("O"), "Oh": point_group("Oh"), "SO(3)": SO3}
TEMPLATES = 24  # at least so many invariants: SO(2) and O(2) have as many in the narrowest of these networks

Build = Callable[[int], torch.nn.Module]
"""A network of about so many channels."""


# Data and moved copies.


@dataclass(frozen=True)
class Examples:
    """Images or volumes `(n, 1, …)` with a class for each, or `(n, …)` one for each pixel.

    What is seen is the middle of them, `size` pixels wide, so that a turned copy needs no pixels from outside.
    """

    x: Tensor
    y: Tensor
    size: int

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, which: Tensor | slice) -> Examples:
        return replace(self, x=self.x[which], y=self.y[which])

    @property
    def dimension(self) -> int:
        return self.x.ndim - 2

    @property
    def seen(self) -> Examples:
        """The middle alone."""
        return replace(self, x=self._middle(self.x), y=self._middle(self.y) if self.y.ndim > 1 else self.y)

    def _middle(self, x: Tensor) -> Tensor:
        for axis in range(x.ndim - self.dimension, x.ndim):
            x = x.narrow(axis, (x.shape[axis] - self.size) // 2, self.size)
        return x

    def moved(self, elements: np.ndarray) -> Examples:
        """Each moved by its own orthogonal matrix `(n, d, d)` in (x, y, z), with linear interpolation, then the middle.

        Classes of pixels move along, by the nearest pixel.
        """
        grid_axes = np.diag([1.0] + [-1.0] * (self.dimension - 1))  # grid_sample's y and z run down
        matrices = grid_axes @ np.swapaxes(elements, 1, 2) @ grid_axes
        flow = torch.tensor(np.concatenate([matrices, np.zeros((*matrices.shape[:2], 1))], 2), dtype=self.x.dtype)
        grid = F.affine_grid(flow, list(self.x.shape), align_corners=False)
        x = F.grid_sample(self.x, grid, align_corners=False)
        y = self.y
        if y.ndim > 1:
            nearest = F.grid_sample(y[:, None].to(x.dtype), grid, mode="nearest", align_corners=False)
            y = nearest[:, 0].round().long()
        return replace(self, x=x, y=y).seen

    def anyhow(self, generator: np.random.Generator, mirrors: bool = False) -> Examples:
        """Each in a pose of its own, drawn from all rotations, or from all rotations and mirrors."""
        group = {(2, False): SO2, (2, True): O2, (3, False): SO3, (3, True): O3}[self.dimension, mirrors]
        return self.moved(group.sample(len(self), int(generator.integers(2**31))))


@dataclass(frozen=True)
class Split:
    """What a network trains on, and held-out examples in the same pose."""

    train: Examples
    test: Examples

    def tests(self, seed: int) -> dict[str, Examples]:
        """The test examples as they are, turned by any angle, and turned and mirrored."""
        draw = np.random.default_rng(seed + 10_000)
        return {
            "upright": self.test.seen,
            "turned": self.test.anyhow(draw),
            "turned and mirrored": self.test.anyhow(draw, mirrors=True),
        }


def shuffled_split(images: np.ndarray, labels: np.ndarray, train: int, test: int, seed: int) -> Split:
    """A random split of images that need no margin."""
    order = torch.tensor(np.random.default_rng(seed).permutation(len(images))[: train + test])
    x, y = torch.tensor(images, dtype=torch.float32)[order, None], torch.tensor(labels)[order]
    whole = Examples(x, y, x.shape[-1])
    return Split(whole[:train], whole[train:])


# Networks.


class Plain(torch.nn.Sequential):
    """The plain network beside `classifier`: three convolutions of torch, batch norms, SiLU, means of 2 pixels."""

    def __init__(self, classes: int, width: int, dimension: int = 2, kernel_size: int = 5) -> None:
        conv, norm, pool, last = (
            (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.AvgPool2d, torch.nn.AdaptiveAvgPool2d)
            if dimension == 2
            else (torch.nn.Conv3d, torch.nn.BatchNorm3d, torch.nn.AvgPool3d, torch.nn.AdaptiveAvgPool3d)
        )
        layers: list[torch.nn.Module] = []
        for number, channels in enumerate((1, width, width)):
            layers += [pool(2)] if number else []
            layers += [conv(channels, width, kernel_size, padding="same", bias=False), norm(width), torch.nn.SiLU()]
        super().__init__(*layers, last(1), torch.nn.Flatten(), torch.nn.Linear(width, classes))


def classifier(
    group: Group, classes: int, width: int, *, lower: Subgroup | None = None, kernel_size: int = 5
) -> torch.nn.Module:
    """Three steerable convolutions, the mean over space, invariants, a linear map to scores.

    With `lower` the symmetry falls to a subgroup before the last convolution: large patterns then have a pose.

    A few copies of a large regular rep have few invariants, less than there are classes. A linear map to more copies
    comes before them there: each of their maxima over the group asks how well one template fits in its best pose.
    """
    style = GridStyle(group.defining, kernel_size=kernel_size)
    rep, layers = group.rep(f"1x{group.trivial}"), []
    for stride in (1, 2, 2):
        if lower is not None and len(layers) == 2:
            layers.append(nn.Restrict(rep, lower, action=style.action))
            rep, style = layers[-1].rep_out, style.restrict(style.action.restrict(lower))
        wide = style.channels(rep, width)
        layers.append(ConvBlock(rep, wide, style, stride))
        rep = wide
    layers.append(nn.GlobalPool(rep, action=style.action))
    if rep.group.is_finite and rep.group.order > 1 and rep.dim // rep.group.order < TEMPLATES:
        layers.append(nn.Linear(rep, TEMPLATES * rep.group.regular))
        rep = layers[-1].rep_out
    invariants = nn.GroupPool(rep, "max" if rep.group.is_finite else "norm")
    return nn.Sequential(*layers, invariants, torch.nn.Linear(invariants.rep_out.dim, classes))


def weights(net: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def of_weights(build: Build, number: int, widths: Sequence[int]) -> Build:
    """The same network, of the width whose number of weights comes closest. What it is called with is ignored."""
    counts = {}
    for width in widths:
        counts[width] = weights(build(width))
        if counts[width] > number:
            break
    best = min(counts, key=lambda width: abs(counts[width] - number))
    return lambda _: build(best)


# Training.


@dataclass(frozen=True)
class Arm:
    """One row of the table: a network, and how it trains.

    Args:
        name: the name of the row.
        build: makes the network.
        turned: whether training images are turned, afresh in each batch.
        longer: how many times as many steps it takes as the others.
    """

    name: str
    build: Build
    turned: bool = False
    longer: int = 1


def volume_arms(classes: int, width: int) -> list[Arm]:
    """Classifiers of volumes: a plain one of a width, with turned training and longer, and steerable ones as large."""
    number = weights(Plain(classes, width, 3, 3))

    def plain(_: int) -> torch.nn.Module:
        return Plain(classes, width, 3, 3)

    def steerable(group: Group) -> Build:
        return of_weights(
            lambda channels: classifier(group, classes, channels, kernel_size=3), number, range(8, 161, 8)
        )

    return [
        Arm("plain", plain),
        Arm("plain, turned training", plain, turned=True),
        Arm("same, 8 × as long", plain, turned=True, longer=8),
        *(Arm(name, steerable(group)) for name, group in VOLUME_GROUPS.items()),
    ]


@dataclass
class Run:
    """What one training gave: scores on each test, how they grew, the processor's time."""

    scores: dict[str, float]
    curve: list[tuple[float, float]]
    seconds: float


def accuracy(scores: Tensor, y: Tensor) -> float:
    return float((scores.argmax(1) == y).float().mean())


def mean_iou(scores: Tensor, y: Tensor) -> float:
    """The mean over classes of intersection over union."""
    found, classes = scores.argmax(1), range(scores.shape[1])
    return float(np.mean([float(((found == c) & (y == c)).sum() / ((found == c) | (y == c)).sum()) for c in classes]))


Score = Callable[[Tensor, Tensor], float]
Tick = Callable[[int], None]


def evaluate(net: torch.nn.Module, examples: Examples, score: Score) -> float:
    net.eval()
    with torch.no_grad():
        return score(torch.cat([net(x) for x in examples.x.split(BATCH)]), examples.y)


@dataclass(frozen=True)
class Recipe:
    """How all networks of an example train: Adam, one cycle, so many steps."""

    steps: int
    score: Score = accuracy
    batch: int = BATCH
    looks: int = 6  # how often the curve is measured
    curve_of: str = "turned"
    most: int = 400  # of the test examples, for the curve

    def train(
        self, arm: Arm, data: Examples, tests: dict[str, Examples], rate: float, seed: int, tick: Tick | None = None
    ) -> Run:
        torch.manual_seed(seed)
        net, draw, start = arm.build(0), np.random.default_rng(seed), time.process_time()
        optimiser = torch.optim.Adam(net.parameters(), rate)
        steps = self.steps * arm.longer
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps)
        curve, spent = [], 0.0
        for step in range(steps):
            batch = data[torch.tensor(draw.choice(len(data), min(self.batch, len(data)), replace=False))]
            batch = batch.anyhow(draw) if arm.turned else batch.seen
            net.train()
            loss = F.cross_entropy(net(batch.x), batch.y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if tick is not None:
                tick(1)
            if self.curve_of in tests and (step + 1) % max(1, steps // self.looks) == 0:
                spent -= time.process_time()
                curve.append(((step + 1) / steps, evaluate(net, tests[self.curve_of][: self.most], self.score)))
                spent += time.process_time()
        seconds = time.process_time() - start - spent
        return Run({name: evaluate(net, test, self.score) for name, test in tests.items()}, curve, seconds)

    def best_rate(self, arm: Arm, data: Examples, rates: Sequence[float], tick: Tick) -> float:
        """The learning rate whose network does best on a held-out third, in the pose of its training."""
        cut = len(data) * 2 // 3
        draw = np.random.default_rng(0)
        held = {"held out": data[cut:].anyhow(draw) if arm.turned else data[cut:].seen}
        found = {rate: self.train(arm, data[:cut], held, rate, 0, tick).scores["held out"] for rate in rates}
        return max(found, key=lambda rate: found[rate])


@dataclass
class Comparison:
    """Networks, sizes of the training set and seeds: runs everything, prints a table, draws the curves.

    Args:
        title: the name of the example, also of its figure.
        split: the data for a seed, with the largest training set; smaller ones are its beginning.
        arms: the networks.
        sizes: numbers of training examples, rising.
        recipe: how to train.
        about: what the score is, for the table.
        tuned_on: which of the sizes the learning rates are chosen on; a few examples cannot tell.
    """

    title: str
    split: Callable[[int], Split]
    arms: Sequence[Arm]
    sizes: Sequence[int]
    recipe: Recipe
    about: str = "accuracy"
    tuned_on: int = 0
    runs: dict[tuple[str, int], list[Run]] = field(default_factory=dict)

    def main(self, options: argparse.Namespace) -> None:
        torch.set_num_threads(options.threads)
        seeds, rates = range(options.seeds), (1e-2,) if options.quick else RATES
        console = Console()
        runs = len(rates) * (len(rates) > 1) + len(self.sizes) * len(seeds)
        total = self.recipe.steps * runs * sum(arm.longer for arm in self.arms)
        columns = TextColumn("{task.description:>44}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()
        started = time.perf_counter()
        with Progress(*columns, console=console) if console.is_terminal else nullcontext() as bar:
            task = bar.add_task(self.title, total=total) if bar else None

            def told(words: str) -> Tick:
                if bar is None:
                    print(f"[{time.perf_counter() - started:4.0f} s] {words}", flush=True)
                    return lambda _: None
                bar.update(task, description=words)
                return lambda steps: bar.advance(task, steps)

            self._run(seeds, rates, told)
        print(f"\n{self.table()}\n")
        used = time.process_time()
        print(f"Seeds: {len(seeds)}; steps: {self.recipe.steps}; so far {used:.0f} s of one core.")
        print(f"Curves: {self.draw(Path(options.out))}")

    def _run(self, seeds: Sequence[int], rates: Sequence[float], told: Callable[[str], Tick]) -> None:
        splits = [(self.split(seed), seed) for seed in seeds]
        for arm in self.arms:
            rate = rates[0]
            if len(rates) > 1:
                tick = told(f"{arm.name}: learning rate")
                rate = self.recipe.best_rate(arm, splits[0][0].train[: self.sizes[self.tuned_on]], rates, tick)
            for split, seed in splits:
                tests = split.tests(seed)
                for size in self.sizes:
                    tick = told(f"{arm.name}: {size} examples, seed {seed}, rate {rate:g}")
                    run = self.recipe.train(arm, split.train[:size], tests, rate, seed, tick)
                    self.runs.setdefault((arm.name, size), []).append(run)

    def table(self) -> str:
        """Mean ± standard deviation over the seeds, as a table of Markdown."""
        tests = list(self.runs[self.arms[0].name, self.sizes[0]][0].scores)
        header = ["network", "weights", *(f"{test}, {size}" for size in self.sizes for test in tests), "s"]
        lines = [header, ["---"] + ["---:"] * (len(header) - 1)]
        for arm in self.arms:
            cells = [arm.name, str(weights(arm.build(0)))]
            for size in self.sizes:
                runs = self.runs[arm.name, size]
                for test in tests:
                    values = 100 * np.array([run.scores[test] for run in runs])
                    cells.append(f"{values.mean():.1f} ± {values.std():.1f}")
            cells.append(f"{np.mean([run.seconds for size in self.sizes for run in self.runs[arm.name, size]]):.1f}")
            lines.append(cells)
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def draw(self, folder: Path) -> Path:
        """The learning curves of all networks, one panel for each size of the training set."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt

        figure, panels = plt.subplots(1, len(self.sizes), figsize=(5 * len(self.sizes), 4), sharey=True, squeeze=False)
        for panel, size in zip(panels[0], self.sizes, strict=True):
            for arm in self.arms:
                runs = self.runs[arm.name, size]
                shares = [share for share, _ in runs[0].curve]
                values = 100 * np.array([[value for _, value in run.curve] for run in runs])
                (line,) = panel.plot(shares, values.mean(0), label=arm.name, marker="o", markersize=3)
                panel.fill_between(shares, values.min(0), values.max(0), color=line.get_color(), alpha=0.12)
            panel.set(title=f"{self.title}, {size} training examples", xlabel="share of the training")
        panels[0, 0].set_ylabel(f"{self.about} on {self.recipe.curve_of} test images, %")
        panels[0, -1].legend(fontsize=8)
        figure.tight_layout()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.title.replace(' ', '_')}.png"
        figure.savefig(path, dpi=110)
        plt.close(figure)
        return path


def options(description: str | None, seeds: int = 3) -> argparse.Namespace:
    """What every script takes on its command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few steps and one seed: whether it runs")
    parser.add_argument("--seeds", type=int, default=seeds, help="number of splits and initialisations")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch; default all cores")
    parser.add_argument("--out", default="out", help="the folder for the curves")
    given = parser.parse_args()
    given.seeds = 1 if given.quick else given.seeds
    return given
