"""Are groups and reps built faster than escnn's, at equal results? `python benchmarks/escnn_groups.py`, with escnn.

escnn 1.0.11 compiles Fortran through py3nj: it needs Debian's gfortran, then `pip install escnn`, in an environment
apart; put intertwine's `src` on PYTHONPATH. What is timed is the first use: every measurement is a process of its own,
in turn escnn without its cache on disk, intertwine, escnn with its cache, and the clock starts after all imports.
escnn's cache (`escnn.group.__cache_path__`, inside the package) is set aside while this runs, and put back. intertwine
keeps nothing on disk. What the imports leave behind is frozen out of Python's garbage collection: for either side one
walk over torch's objects takes 40 ms, whenever it comes.

`--rounds N` measures each case N times (default 5).
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from timing import fresh

MODULES = {"ours": "intertwine", "theirs": "escnn.group"}

L = range(7)
DEGREES = [(a, b, c) for a, b, c in itertools.product(L, repeat=3) if abs(a - b) <= c <= a + b]
PARITIES = [(p, q, p ^ q) for p in (0, 1) for q in (0, 1)]  # 1 is odd
THEIR_O3 = [tuple(zip(odd, degrees, strict=True)) for degrees in DEGREES for odd in PARITIES]
THEIR_SO3 = [tuple((l,) for l in degrees) for degrees in DEGREES]
OUR_O3 = [tuple(f"{l}{'eo'[odd]}" for odd, l in triple) for triple in THEIR_O3]
OUR_SO3 = [tuple(map(str, degrees)) for degrees in DEGREES]


# what is timed --------------------------------------------------------------------------------------------------------


def our_tables(tw: Any, group: Any, triples: list[Any]) -> list[np.ndarray]:
    irreps = {label: group.irrep(label) for triple in triples for label in triple}
    return [tw.clebsch_gordan(irreps[a], irreps[b], irreps[c]) for a, b, c in triples]


def our_triples(group: Any, degree: int) -> list[Any]:
    return list(itertools.product(group.labels(degree), repeat=3))


def their_tables(group: Any, triples: list[Any]) -> list[np.ndarray]:
    return [group._clebsh_gordan_coeff(a, b, c) for a, b, c in triples]


def their_triples(group: Any) -> list[Any]:
    return list(itertools.product([irrep.id for irrep in group.irreps()], repeat=3))


def their_matrices(group: Any, rep: Any) -> np.ndarray:
    return np.stack([rep(e) for e in group.elements])


def our_icosahedral(tw: Any) -> list[np.ndarray]:
    group = tw.point_group("I")
    return [irrep.evaluate(group.elements()) for irrep in group.irreps(9)]


def their_icosahedral(escnn: Any) -> list[np.ndarray]:
    group = escnn.ico_group()
    return [their_matrices(group, irrep) for irrep in group.irreps()]


def our_regular(tw: Any) -> np.ndarray:
    group = tw.point_group("Oh")
    return group.regular.matrix(group.elements())


def their_regular(escnn: Any) -> np.ndarray:
    group = escnn.full_octa_group()
    return their_matrices(group, group.regular_representation)


def our_vertices(tw: Any) -> np.ndarray:
    group = tw.point_group("I")
    return group.quotient(group.subgroup("C5")).matrix(group.elements())


def their_vertices(escnn: Any) -> np.ndarray:
    group = escnn.ico_group()
    return their_matrices(group, group.ico_vertices_representation)


def our_restrictions(tw: Any, name: str) -> list[Any]:
    subgroup = tw.O3.subgroup(name)
    reps = [tw.O3.irrep(f"{l}{'eo'[j]}").irreps.restrict(subgroup) for j in (0, 1) for l in L]
    return [(rep, rep.change_of_basis) for rep in reps]


def their_restrictions(escnn: Any, name: str) -> list[Any]:
    reps = [escnn.o3_group(6).irrep(j, l).restrict((True, name)) for j in (0, 1) for l in L]
    return [(rep, rep.change_of_basis) for rep in reps]


@dataclass(frozen=True)
class Case:
    """A piece of work on both sides, and how many times faster ours is meant to be."""

    ours: Callable[[Any], Any]
    theirs: Callable[[Any], Any]
    target: float


def all_tables(name: str, degree: int, theirs: Callable[[Any], Any], target: float) -> Case:
    """All triples of the irreps of a group up to a degree."""

    def ours(tw: Any) -> list[np.ndarray]:
        group = tw.group(name)
        return our_tables(tw, group, our_triples(group, degree))

    return Case(ours, lambda escnn: their_tables(theirs(escnn), their_triples(theirs(escnn))), target)


CASES = {
    "irreps of I on all 60 elements": Case(our_icosahedral, their_icosahedral, 100),
    "regular rep of Oh on all 48 elements": Case(our_regular, their_regular, 100),
    "quotient I/C5 (12 vertices) on all 60 elements": Case(our_vertices, their_vertices, 100),
    "Clebsch-Gordan of I, all triples": all_tables("I", 9, lambda escnn: escnn.ico_group(), 100),
    "Clebsch-Gordan of O, all triples": all_tables("O", 9, lambda escnn: escnn.octa_group(), 100),
    "O(3) to Ih, l <= 6, with change of basis": Case(
        lambda tw: our_restrictions(tw, "Ih"), lambda escnn: their_restrictions(escnn, "ico"), 100
    ),
    "O(3) to Oh, l <= 6, with change of basis": Case(
        lambda tw: our_restrictions(tw, "Oh"), lambda escnn: their_restrictions(escnn, "octa"), 100
    ),
    "Clebsch-Gordan of O(2), frequencies <= 6": all_tables("O(2)", 6, lambda escnn: escnn.o2_group(6), 10),
    "Clebsch-Gordan of SO(3), l <= 6": Case(
        lambda tw: our_tables(tw, tw.SO3, OUR_SO3), lambda escnn: their_tables(escnn.so3_group(6), THEIR_SO3), 10
    ),
    "Clebsch-Gordan of O(3), l <= 6": Case(
        lambda tw: our_tables(tw, tw.O3, OUR_O3), lambda escnn: their_tables(escnn.o3_group(6), THEIR_O3), 10
    ),
}


def measure(side: str, name: str) -> None:
    """In a process of its own: import torch, then one side, then do one piece of work; print the seconds."""
    import torch

    torch.set_num_threads(1)
    start = time.perf_counter()
    module = importlib.import_module(MODULES[side])
    imported = time.perf_counter() - start
    gc.collect()
    gc.freeze()
    work = getattr(CASES[name], side)
    start = time.perf_counter()
    work(module)
    print()
    print(json.dumps({"import": imported, "work": time.perf_counter() - start}))


# the same results -----------------------------------------------------------------------------------------------------


class Pair:
    """A group on both sides, with elements and irreps matched.

    Args:
        name: our name.
        peer: their group.
        elements: some of their elements, of a finite group all.
        matrices: what these are as matrices.
    """

    def __init__(self, name: str, peer: Any, elements: list[Any], matrices: np.ndarray) -> None:
        import intertwine as tw
        from intertwine.catalog.recognise import recognise

        self.name, self.peer, self.elements, self.group = name, peer, elements, tw.group(name)
        frame = recognise(matrices)[1] if self.group.is_finite else np.eye(self.group.dim)
        self.g, self.worst = frame.T @ matrices @ frame, 0.0
        self.matched = {irrep.id: self._match(irrep) for irrep in peer.irreps()}
        say(f"{name}: {len(self.matched)} irreps are the same up to their bases", self.worst)

    def _match(self, theirs: Any) -> tuple[str, np.ndarray]:
        """Our label of one of their irreps, with the orthogonal Q such that `ours(g) Q = Q theirs(g)`."""
        from intertwine.reps.splitting import matching

        matrices = np.stack([theirs(e) for e in self.elements])
        for irrep in self.group.irreps(9):
            ours = irrep.matrix(self.g)
            if ours.shape == matrices.shape and np.allclose(np.trace(ours - matrices, axis1=1, axis2=2), 0, atol=1e-6):
                Q = matching(ours, matrices)
                self.worst = max(self.worst, np.abs(ours @ Q - Q @ matrices).max())
                return irrep.label, Q
        raise SystemExit(f"{self.name}: none of our irreps has the characters of their {theirs.id}.")

    def content(self, irreps: list[Any]) -> Counter[str]:
        """Their list of irreps in our labels."""
        return Counter(self.matched[irrep][0] for irrep in irreps)

    def check_tables(self, triples: list[Any]) -> None:
        """The same spaces of couplings, for some triples of their irreps."""
        import intertwine as tw

        worst, count = 0.0, 0
        for triple in triples:
            (a, P), (b, Q), (c, R) = (self.matched[irrep] for irrep in triple)
            ours = tw.clebsch_gordan(*(self.group.irrep(label) for label in (a, b, c)))
            theirs = np.einsum("ai,bj,ck,ijsk->abcs", P, Q, R, self.peer._clebsh_gordan_coeff(*triple))
            if theirs.shape[-1] != len(ours):
                raise SystemExit(f"{self.name}: {len(ours)} couplings of {a}, {b}, {c}, theirs are {theirs.shape[-1]}.")
            for table in ours:
                V, W = table.reshape(-1), np.linalg.qr(theirs.reshape(table.size, -1))[0]
                worst, count = max(worst, np.abs(V - W @ (W.T @ V)).max()), count + 1
        say(f"Clebsch-Gordan of {self.name}: {count} tables span the same spaces", worst)


def say(what: str, difference: float) -> None:
    print(f"{what:58s} difference {difference:.1e}")
    if not difference <= 1e-6:
        raise SystemExit(f"{what}: the results differ by {difference:.1e}, accepted 1e-6.")


def require_same(what: str, ours: Counter[str], theirs: Counter[str]) -> None:
    text = " + ".join(f"{n}x{label}" for label, n in ours.items())
    print(f"{what:58s} {text}")
    if ours != theirs:
        raise SystemExit(f"{what}: theirs is {dict(theirs)}.")


def our_content(rep: Any) -> Counter[str]:
    return Counter({irrep.label: n for n, irrep in rep.isotypic})


def polyhedral(name: str, escnn: Any, subgroup: str) -> Pair:
    """Ih or Oh, as their subgroup of O(3)."""
    O3 = escnn.o3_group(6)
    group, up, _ = O3.subgroup((True, subgroup))
    return Pair(
        name, group, list(group.elements), np.stack([O3.standard_representation()(up(e)) for e in group.elements])
    )


def continuous(name: str, group: Any) -> Pair:
    """SO(3), O(3) or O(2), at random elements."""
    np.random.seed(0)  # escnn draws from numpy's global state
    elements = [group.sample() for _ in range(64)]
    return Pair(name, group, elements, np.stack([group.standard_representation()(e) for e in elements]))


def rotations(name: str, group: Any) -> Pair:
    """I or O."""
    return Pair(name, group, list(group.elements), np.stack([e.to("MAT") for e in group.elements]))


def check_restrictions(pair: Pair, subgroup: str, escnn: Any) -> None:
    """The same branching, and a change of basis that does what it says on both sides."""
    import intertwine as tw

    O3, (_, up, _) = escnn.o3_group(6), escnn.o3_group(6).subgroup((True, subgroup))
    irreps = {f"{l}{'eo'[j]}": O3.irrep(j, l) for j in (0, 1) for l in L}
    worst = {"ours": 0.0, "theirs": 0.0}
    found = zip(irreps, our_restrictions(tw, pair.name), their_restrictions(escnn, subgroup), strict=True)
    for label, (ours, ours_Q), (theirs, Q) in found:
        require_same(f"O(3) to {pair.name}: {label}", our_content(ours), pair.content(theirs.irreps))
        blocks = ours_Q @ ours.irreps.matrix(pair.g) @ ours_Q.T
        worst["ours"] = max(worst["ours"], np.abs(tw.O3.irrep(label).matrix(pair.g) - blocks).max())
        for e in pair.elements:
            inner = escnn.directsum([pair.peer.irrep(*irrep) for irrep in theirs.irreps])(e)
            difference = np.abs(irreps[label](up(e)) - Q @ inner @ np.linalg.inv(Q)).max()
            worst["theirs"] = max(worst["theirs"], difference)
    for side, difference in worst.items():
        say(f"O(3) to {pair.name}: change of basis, {side}", difference)


def check(escnn: Any) -> None:
    """Print that both sides find the same; stop where they do not."""
    import intertwine as tw

    cube, icosahedron = rotations("O", escnn.octa_group()), rotations("I", escnn.ico_group())
    Oh, Ih = polyhedral("Oh", escnn, "octa"), polyhedral("Ih", escnn, "ico")
    regular, vertices = escnn.full_octa_group().regular_representation, escnn.ico_group().ico_vertices_representation
    ours = tw.point_group("Oh").regular
    require_same("regular rep of Oh", our_content(ours), Oh.content(regular.irreps))
    characters = [np.sort(np.trace(m, axis1=1, axis2=2)) for m in (our_regular(tw), their_regular(escnn))]
    say("regular rep of Oh: character", np.abs(characters[0] - characters[1]).max())
    C5 = tw.point_group("I").subgroup("C5")
    require_same("quotient I/C5", our_content(tw.point_group("I").quotient(C5)), icosahedron.content(vertices.irreps))
    for pair, triples in (
        (icosahedron, their_triples(icosahedron.peer)),
        (cube, their_triples(cube.peer)),
        (continuous("SO(3)", escnn.so3_group(6)), THEIR_SO3),
        (continuous("O(3)", escnn.o3_group(6)), THEIR_O3),
        (continuous("O(2)", escnn.o2_group(6)), their_triples(escnn.o2_group(6))),
    ):
        pair.check_tables(triples)
    check_restrictions(Ih, "ico", escnn)
    check_restrictions(Oh, "octa", escnn)


# times ----------------------------------------------------------------------------------------------------------------


@contextmanager
def cache_aside(cache: Path) -> Iterator[None]:
    """escnn's cache on disk, moved away and put back at the end."""
    with tempfile.TemporaryDirectory(dir=cache.parent) as place:
        kept = Path(place) / "kept"
        if cache.exists():
            shutil.move(cache, kept)
        try:
            yield
        finally:
            shutil.rmtree(cache, ignore_errors=True)
            if kept.exists():
                shutil.move(kept, cache)


def row(name: str, times: dict[str, list[float]], target: float) -> None:
    cold, ours, warm = (1e3 * median(times[key]) for key in ("cold", "ours", "warm"))
    met = "" if cold / ours >= target else f"   below {target:.0f}"
    print(f"{name:48s} {ours:10.1f} {cold:9.0f} {cold / ours:8.1f}  {warm:9.0f} {warm / ours:8.1f}{met}")


def time_all(cache: Path, rounds: int) -> None:
    titles = f"{'intertwine':>10s} {'no cache':>9s} {'ratio':>8s}  {'cache':>9s} {'ratio':>8s}"
    print(f"\n{f'first use, ms, medians of {rounds}':48s} {titles}")
    imports: dict[str, list[float]] = {"ours": [], "theirs": []}
    for name, case in CASES.items():
        times: dict[str, list[float]] = {"cold": [], "ours": [], "warm": []}
        for _ in range(rounds):
            shutil.rmtree(cache, ignore_errors=True)
            for key, side in (("cold", "theirs"), ("ours", "ours"), ("warm", "theirs")):
                found = fresh(__file__, "--measure", side, name)
                times[key].append(found["work"])
                imports[side].append(found["import"])
        row(name, times, case.target)
    row(
        "import, torch being there", {"ours": imports["ours"], "cold": imports["theirs"], "warm": imports["theirs"]}, 10
    )


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        return measure(*sys.argv[2:])
    rounds = int(sys.argv[2]) if sys.argv[1:2] == ["--rounds"] else 5
    os.environ["OMP_NUM_THREADS"] = "1"
    escnn = importlib.import_module("escnn.group")
    versions = {name: importlib.import_module(name).__version__ for name in ("torch", "numpy", "escnn", "intertwine")}
    print(", ".join(f"{name} {version}" for name, version in versions.items()) + f", {sys.platform}, one thread")
    check(escnn)
    with cache_aside(Path(escnn.__cache_path__)):
        time_all(Path(escnn.__cache_path__), rounds)


if __name__ == "__main__":
    main()
