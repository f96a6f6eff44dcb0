"""Modules in a row, with their reps checked when the row is built."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.fields import Features, FieldType, GridField, PointFeatures
from intertwine.groups import Subgroup
from intertwine.nn.edge_module import EdgeGeometry, EdgeModule, edge_geometry
from intertwine.nn.grid.pixelwise import Pixelwise, at_pixels, sees_all, serves_pixels
from intertwine.nn.module import EquivariantModule
from intertwine.ops import Graph
from intertwine.reps import Irrep, Rep


class Sequential(EquivariantModule):
    """Equivariant modules in a row; each must take the rep that the one before gives.

    After a layer on a grid, such as `Conv2d`, layers of features act at every pixel, and layers of sets of points, such
    as `SelfAttention`, on all pixels of an image together.

    Plain torch modules may stand where all features are invariants: any function of invariants is invariant. Their
    output counts as invariants too.

    Layers on the edges of a graph may stand in it as well. It then takes what they take, `net(x, edges, vectors)`, and
    makes what depends on edges and vectors once for all of them; or it is given that, the `edge_geometry`.

    Args:
        modules: the modules, in order; the first must be equivariant.

    Raises `RepMismatchError` where reps do not chain, and `ArgumentError` for a plain module that would meet features
    which are not invariant, and for what is no module, such as a function.

    >>> from intertwine.catalog import O2
    >>> from intertwine.nn import Linear, NormActivation
    >>> hidden = O2.rep("8x0e + 4x1")
    >>> net = Sequential(Linear(O2.rep("1x1"), hidden.filter(keep="1")), NormActivation(O2.rep("4x1")))
    >>> net.rep_out
    tw.O2.rep('4x1')
    """

    def __init__(self, *modules: nn.Module) -> None:
        if not modules or not isinstance(modules[0], EquivariantModule):
            raise ArgumentError(
                "Sequential starts with an equivariant module, whose rep_in it takes over, but got "
                f"{type(modules[0]).__name__ if modules else 'no modules'} first."
            )
        field: FieldType = modules[0].fields_in[0]
        on_edges = {layer.fields_in[1:]: layer for module in modules for layer in _edge_layers(module)}
        if len(on_edges) > 1:
            moved = ", ".join(str(layer.action) for layer in on_edges.values())
            raise RepMismatchError(f"All layers of a row see the same vectors, but theirs are moved by {moved}.")
        if isinstance(field, Features) and (on_edges or any(map(sees_all, modules))):
            field = PointFeatures(field.rep)
        given = (field, *(rest for fields in on_edges for rest in fields))
        places: list[Rep | None] = []
        subgroups: list[Subgroup] = []
        for number, module in enumerate(modules):
            for subgroup in getattr(module, "subgroups", ()):
                subgroups.append(subgroup)
                if number:  # the first module's fields are restricted already
                    given, field = tuple(f.restrict(subgroup) for f in given), field.restrict(subgroup)
            places.append(field.action if isinstance(field, GridField) and _serves_pixels(module, field) else None)
            field = _after(module, field, number)
        super().__init__(_channels(given[0]), _channels(field))
        self.subgroups = tuple(subgroups)
        self.layers = nn.ModuleList(modules)
        self._fields, self._actions, self._together = (given, field), tuple(places), tuple(map(sees_all, modules))

    @property
    def edge_layers(self) -> list[EdgeModule]:
        """All layers on edges, in order."""
        return [layer for module in self.layers for layer in _edge_layers(module)]

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The rep of the features; with layers on edges, also None for the edges and the action on vectors."""
        return (self.rep_in, *(field.rep for field in self._fields[0][1:]))

    @property
    def fields_in(self) -> tuple[FieldType, ...]:
        """How the group moves the input: as the first module says; with layers on edges, then edges and vectors."""
        return self._fields[0]

    @property
    def field_out(self) -> FieldType:
        """How the group moves the output: as the last module says."""
        return self._fields[1]

    def forward(
        self, x: Tensor, edges: Tensor | Graph | EdgeGeometry | None = None, vectors: Tensor | None = None
    ) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`.

        Args:
            x: the features; those of points, `(N, rep_in.dim)`, where there are layers on edges.
            edges: for layers on edges, source and target of each edge, a graph, or the geometry, as they take it.
            vectors: from source to target, `(E, n)`.
        """
        if not self.edge_layers:
            if edges is not None or vectors is not None:
                raise ArgumentError(
                    "This Sequential holds no layers on edges, so that it takes features alone: net(x)."
                )
        elif not isinstance(edges, EdgeGeometry):
            edges, vectors = self.geometry(edges, None if vectors is None else vectors.to(x.dtype), x.shape[0]), None
        for module, action, together in zip(self.layers, self._actions, self._together, strict=True):
            if _edge_layers(module):
                x = module(x, edges, vectors)
            else:
                x = module(x) if action is None else at_pixels(module, x, action.dim, together)
        return x

    def geometry(self, edges: Tensor | Graph | None, vectors: Tensor | None, points: int) -> EdgeGeometry:
        """What all its layers on edges need of edges and vectors, made once; see `edge_geometry`."""
        return edge_geometry(self.edge_layers, edges, vectors, points)

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int | slice) -> nn.Module:
        """One module, or for a slice a `Sequential` of the same modules, on a grid if they were."""
        if not isinstance(index, slice):
            return self.layers[index]
        modules = [*self.layers[index]]
        if modules and (action := self._actions[index][0]) is not None:
            modules[0] = Pixelwise(modules[0], action)
        return Sequential(*modules)

    def extra_repr(self) -> str:
        """Nothing: the modules print themselves."""
        return ""


def _after(module: nn.Module, field: FieldType, number: int) -> FieldType:
    """What a module makes of the field that it is given."""
    if isinstance(module, EquivariantModule):
        if len(module.fields_in) != 1 and not _edge_layers(module):
            raise ArgumentError(
                f"Module {number} ({type(module).__name__}) takes {len(module.fields_in)} inputs, but Sequential hands "
                "one tensor on. Write a module whose forward calls it."
            )
        if isinstance(field, GridField) and _serves_pixels(module, field):
            return GridField(module.rep_out, field.action)
        wanted, out = module.fields_in[0], module.field_out
        if isinstance(field, PointFeatures) and field.rep is not None and wanted == Features(field.rep):
            return PointFeatures(out.rep) if isinstance(out, Features) else out  # each point by itself
        if wanted != field:
            raise RepMismatchError(
                f"Module {number} ({type(module).__name__}) takes {_told(wanted)}, but the one before gives "
                f"{_told(field)}. {_difference(wanted, field)}"
            )
        return out
    if not isinstance(module, nn.Module):
        raise ArgumentError(
            f"Sequential takes modules, but number {number} is {getattr(module, '__name__', repr(module))}, a "
            f"{type(module).__name__}. Wrap a function in nn.Activation or a torch module such as torch.nn.ReLU()."
        )
    if not isinstance(field, Features | PointFeatures) or field.rep is None or not field.rep.is_trivial:
        raise ArgumentError(
            f"Module {number} ({type(module).__name__}) is not equivariant, but would meet {_told(field)}, which "
            "is not invariant. Map to invariants first, or use a module of intertwine.nn, such as Activation for a "
            "function of each number."
        )
    rep = field.rep
    return type(field)(_width_after(module, rep.dim) * Irrep(rep.group, rep.group.trivial))


def _serves_pixels(module: nn.Module, field: GridField) -> bool:
    """Whether a module is a layer of features, to be used at the pixels of a grid of them."""
    return isinstance(module, EquivariantModule) and serves_pixels(module, field.rep)


def _edge_layers(module: nn.Module) -> list[EdgeModule]:
    """The layers on edges that a module is, or that a `Sequential` holds."""
    if isinstance(module, Sequential):
        return module.edge_layers
    return [module] if isinstance(module, EdgeModule) else []


def _channels(field: FieldType) -> Rep:
    """The rep of a field that modules hand on."""
    if field.rep is None:
        raise ArgumentError(f"Sequential hands features on, but got {field}. Write a module whose forward calls it.")
    return field.rep


def _told(field: FieldType) -> str:
    """What a field is, by its rep alone where that says all."""
    return f"{field.rep} of {field.group}" if isinstance(field, Features) else str(field)


def _difference(wanted: FieldType, given: FieldType) -> str:
    """What to do about two field types that are not the same."""
    a, b = wanted.rep, given.rep
    if isinstance(wanted, GridField) and isinstance(given, Features):
        return (
            "There is no grid at that place: a layer on grids stands before the one that pools over all of space, such "
            "as GlobalPool."
        )
    if type(wanted) is not type(given) or a is None or b is None or a == b:
        return "Features lie elsewhere in the two: put a module between that brings them there."
    if a.group == b.group and a.sort().simplify() == b.sort().simplify():
        return "They hold the same blocks in another order or grouping: write both reps alike."
    alike = f"They print alike, but are not the same: {a!r} and {b!r}. "
    return f"{alike if str(a) == str(b) else ''}Make both the same rep."


def _width_after(module: nn.Module, width: int) -> int:
    """The channels that a plain module gives for a number of channels: tried on one sample of zeros."""
    reference = next(module.parameters(), torch.zeros(()))
    twin = copy.deepcopy(module).eval()  # the module itself keeps its mode and its statistics
    try:
        with torch.no_grad():
            return int(twin(torch.zeros(2, width, dtype=reference.dtype, device=reference.device)).shape[-1])
    except (RuntimeError, TypeError, ValueError) as error:
        raise ArgumentError(f"{type(module).__name__} does not take {width} channels: {error}") from error
