"""Random networks of every kind of layer, for laws about what can be proved of them."""

import numpy as np
import torch
from torch import Tensor
from torch import nn as plain

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral
from intertwine.catalog.base import CatalogGroup
from intertwine.reps import Rep
from tests.registry import Q8

GROUPS = [SO2, O2, SO3, O3, cyclic(4), dihedral(4), Q8]
STEPS = "linear norm gate product residual side_by_side scaled opaque mlp special linear norm gate"


def some_rep(group: CatalogGroup, rng: np.random.Generator) -> Rep:
    """Trivial irreps and a few others; of finite groups at times in coordinates of their own."""
    trivial, *others = group.labels(2)
    chosen = rng.choice(others, size=min(len(others), int(rng.integers(1, 4))), replace=False)
    rep = group.rep(" + ".join(f"{rng.integers(1, 4)}x{label}" for label in (trivial, *sorted(map(str, chosen)))))
    return rep + group.regular if group.is_finite and rng.random() < 0.3 else rep


def like(rep: Rep, rng: np.random.Generator) -> Rep:
    """Invariants and irreps that a rep contains, other numbers of them."""
    kept = [irrep for _, irrep in rep.isotypic if not irrep.is_trivial and rng.random() < 0.8]
    return Rep(rep.group, tuple((int(rng.integers(1, 4)), i) for i in (rep.group.irrep(rep.group.trivial), *kept)))


class Step(plain.Module):
    """One step of a random network: layers, and what its forward does between them."""

    def __init__(self, kind: str, rep: Rep, rng: np.random.Generator) -> None:
        super().__init__()
        kind = "norm" if rep.is_trivial and kind == "mlp" else kind
        self.kind, self.rep_in, self.rep_out, trivial = kind, rep, rep, rep.group.trivial
        if kind == "linear":
            self.rep_out = like(rep, rng)
            self.linear = nn.Linear(rep, self.rep_out)
        elif kind in ("norm", "residual"):
            self.norm = nn.NormActivation(rep)
        elif kind == "gate":
            self.gate = nn.Gate(rep)
            self.linear = nn.Linear(rep, self.gate.rep_in)
        elif kind == "product":
            small = Rep(rep.group, tuple((1, irrep) for _, irrep in rep.isotypic[:3]))
            found = (small * small).isotypic
            self.rep_out = Rep(rep.group, tuple((int(rng.integers(1, 3)), i) for _, i in found if i.degree <= 2))
            self.first, self.second = nn.Linear(rep, small), nn.Linear(rep, small)
            self.product = nn.TensorProduct(small, small, self.rep_out)
        elif kind == "side_by_side":
            self.norm, self.rep_out = nn.NormActivation(rep), rep + rep
        elif kind == "scaled":
            self.one = nn.Linear(rep, rep.group.rep(f"1x{trivial}"))
        elif kind == "mlp":
            self.gate = nn.Gate(rep)
            count = self.gate.rep_in.dim - rep.dim
            self.some = nn.Linear(rep, rep.group.rep(f"3x{trivial}"))
            self.mlp = plain.Sequential(plain.Linear(3, 4), plain.Tanh(), plain.Linear(4, count))
        elif kind == "special":
            self._special(rep)

    def _special(self, rep: Rep) -> None:
        """Fourier for SO(2) and O(2), functions of regular reps for finite groups, else only invariants and Linear."""
        group = rep.group
        if group in (SO2, O2):
            functions = group.rep("2x0 + 2x1 + 2x2" if group == SO2 else "2x0e + 2x1 + 2x2")
            middle = nn.FourierActivation(functions, exact_degree=4)
        elif group.is_finite:
            middle = nn.Activation(2 * group.regular)
        else:
            middle = nn.NormActivation(rep)
        self.rep_out = middle.rep_out
        kept = [irrep for _, irrep in middle.rep_in.isotypic if irrep in rep]
        reached = Rep(group, tuple((1, irrep) for irrep in kept))
        self.linear = nn.Sequential(nn.Linear(rep, reached), Padded(reached, middle.rep_in), middle)

    def forward(self, x: Tensor) -> Tensor:
        """The step."""
        match self.kind:
            case "linear" | "special":
                return self.linear(x)
            case "norm":
                return self.norm(x)
            case "residual":
                return x - 0.5 * self.norm(x)
            case "gate":
                return self.gate(self.linear(x))
            case "product":
                return self.product(self.first(x), self.second(x))
            case "side_by_side":
                return torch.cat([self.norm(x), -x], -1)
            case "scaled":
                return x * self.one(x)
            case "mlp":
                return self.gate(torch.cat([x, self.mlp(self.some(x))], -1))
            case _:
                return torch.tanh(x)


class Padded(nn.EquivariantModule):
    """A linear map that may not reach everything, without the warning; it states no rule and ends proofs."""

    def __init__(self, rep_in: Rep, rep_out: Rep) -> None:
        super().__init__(rep_in, rep_out)
        from intertwine.reps import intertwiners

        basis = intertwiners(rep_in, rep_out)
        self.register_table("matrix", np.tensordot(np.arange(1.0, len(basis) + 1), basis, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.matrix.to(x.dtype).T


class RandomNetwork(plain.Module):
    """Up to four steps, in float64, some with weights that are zero or equal."""

    def __init__(self, group: CatalogGroup, seed: int) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        rep = some_rep(group, rng)
        self.reps_in = (rep,)
        kinds = rng.choice(STEPS.split(), size=int(rng.integers(1, 5)))
        steps = []
        for kind in kinds:
            steps.append(Step(str(kind), rep, rng))
            rep = steps[-1].rep_out
        self.steps, self.rep_out = plain.ModuleList(steps), rep
        self.kinds = tuple(map(str, kinds))
        self.double()
        with torch.no_grad():
            for parameter in self.parameters():
                generic = torch.randn_like(parameter)
                special = [generic, generic.round(), torch.zeros_like(generic), torch.ones_like(generic)]
                parameter.copy_(special[int(rng.choice(4, p=[0.7, 0.1, 0.1, 0.1]))])

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return x
