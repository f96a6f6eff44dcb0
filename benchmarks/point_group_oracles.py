"""Do pymatgen, pymsym and spglib see the same symmetry? `python benchmarks/point_group_oracles.py`, with any of them.

The point groups of the 162 molecules of `ase.collections.g2` by whichever of the packages are installed, beside ours:
where they agree, every difference, and median times, called in turn in one process. spglib knows crystals; a molecule
is put into an otherwise empty box, which shows the part of its point group that the box has too: so it is turned until
most is seen, in a cubic and in a hexagonal box, and linear molecules and atoms are left out. And the symmetry of a
few simple crystals by spglib. `--record FILE` writes what the packages say as JSON, which the tests compare with.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.collections import g2
from ase.spacegroup import crystal
from timing import compare

TOLERANCE = 0.01  # Å; ours is relative to the radius of the molecule
BOX = 40.0  # Å
BOXES = (BOX * np.eye(3), BOX * np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 1]]))

INTERNATIONAL = """1 -1 2 m 2/m 222 mm2 mmm 4 -4 4/m 422 4mm -42m 4/mmm 3 -3 32 3m -3m
6 -6 6/m 622 6mm -62m -6m2 6/mmm 23 m-3 432 -43m m-3m"""
NAMES = """C1 Ci C2 Cs C2h D2 C2v D2h C4 S4 C4h D4 C4v D2d D4h C3 S6 D3 C3v D3d
C6 C3h C6h D6 C6v D3h D3h D6h T Th O Td Oh"""
SCHOENFLIES = dict(zip(INTERNATIONAL.split(), NAMES.split(), strict=True))
SETTINGS = {
    "pymatgen": "PointGroupAnalyzer with its defaults: tolerance 0.3 Å, eigen_tolerance 0.01",
    "pymatgen, tight": f"PointGroupAnalyzer(tolerance={TOLERANCE} Å, eigen_tolerance=0.001)",
    "pymsym": "get_point_group, which takes no tolerance (libmsym's own thresholds, 1e-3 for geometry)",
    "spglib": f"get_symmetry_dataset(symprec={TOLERANCE} Å), the molecule in a box of {BOX:g} Å, cubic or hexagonal, "
    "in the pose that shows most; null where the group is continuous, which no crystal can be",
}


# the oracles ----------------------------------------------------------------------------------------------------------


def by_pymatgen(atoms: Atoms, **tolerances: float) -> str:
    from pymatgen.core import Molecule
    from pymatgen.symmetry.analyzer import PointGroupAnalyzer

    return str(PointGroupAnalyzer(Molecule(atoms.numbers.tolist(), atoms.positions), **tolerances).sch_symbol)


def by_pymatgen_tight(atoms: Atoms) -> str:
    return by_pymatgen(atoms, tolerance=TOLERANCE, eigen_tolerance=1e-3)


def by_pymsym(atoms: Atoms) -> str:
    import pymsym

    return pymsym.get_point_group(atoms.numbers.tolist(), atoms.positions.tolist())


def by_spglib(atoms: Atoms) -> str | None:
    """The largest point group that is seen in any pose; None for atoms and linear molecules."""
    if np.linalg.matrix_rank(atoms.positions - atoms.positions.mean(0), tol=TOLERANCE) < 2:
        return None
    seen = (in_a_crystal(Atoms(atoms.numbers, atoms.positions @ frame.T, cell=box)) for frame, box in poses(atoms))
    return str(max(seen, key=lambda found: found["operations"])["point group"])


def poses(atoms: Atoms) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames, as rows x, y, z, that a symmetric molecule has its axes along, in each of the boxes."""
    return itertools.product(frames(atoms), BOXES)


def frames(atoms: Atoms) -> list[np.ndarray]:
    """The principal axes; where moments of inertia are equal, also directions to atoms and between equal atoms."""
    moments, axes = atoms.get_moments_of_inertia(vectors=True)
    low, high = np.diff(moments) < 1e-4 * moments[-1]
    if not (low or high):
        return [axes]
    found = directions(atoms)
    tops = found if low and high else axes[[2 if low else 0]]
    across = [(z, x - (x @ z) * z) for z in tops for x in found]
    flat = [(z, x / size) for z, x in across if (size := float(np.linalg.norm(x))) > 0.1]
    return [np.array([x, np.cross(z, x), z]) for z, x in flat]


def directions(atoms: Atoms) -> np.ndarray:
    """Unit vectors to atoms and halfway between two of one element, each once up to its sign."""
    centred = atoms.positions - atoms.get_center_of_mass()
    pairs = itertools.combinations_with_replacement(range(len(atoms)), 2)
    sums = [centred[i] + centred[j] for i, j in pairs if atoms.numbers[i] == atoms.numbers[j]]
    found: list[np.ndarray] = []
    for vector in sums:
        if (size := float(np.linalg.norm(vector))) > 0.1:
            unit = vector / size
            if all(abs(unit @ other) < 1 - 1e-6 for other in found):
                found.append(unit)
    return np.array(found)


def in_a_crystal(atoms: Atoms) -> dict[str, object]:
    """The space group of a crystal by spglib, and how many operations the cell as it is has."""
    import spglib

    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=TOLERANCE)
    return {
        "space group": found.international,
        "number": found.number,
        "point group": SCHOENFLIES[found.pointgroup],
        "operations": len(found.rotations),
    }


ORACLES: dict[str, Callable[[Atoms], str | None]] = {
    "pymatgen": by_pymatgen,
    "pymatgen, tight": by_pymatgen_tight,
    "pymsym": by_pymsym,
    "spglib": by_spglib,
}


def crystals() -> dict[str, Atoms]:
    """Simple crystals, in primitive cells unless said otherwise."""
    found = {
        "Cu, fcc": bulk("Cu", "fcc", a=3.6),
        "Cu, fcc, cubic cell": bulk("Cu", "fcc", a=3.6, cubic=True),
        "Fe, bcc": bulk("Fe", "bcc", a=2.87),
        "Po, simple cubic": bulk("Po", "sc", a=3.35),
        "C, diamond": bulk("C", "diamond", a=3.57),
        "Mg, hcp": bulk("Mg", "hcp", a=3.21, c=5.21),
        "NaCl, rocksalt": bulk("NaCl", "rocksalt", a=5.64),
        "NaCl, rocksalt, cubic cell": bulk("NaCl", "rocksalt", a=5.64, cubic=True),
        "ZnS, zincblende": bulk("ZnS", "zincblende", a=5.41),
        "ZnO, wurtzite": bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.382),
        "CsCl": bulk("CsCl", "cesiumchloride", a=4.12),
        "CsCl, doubled cell": bulk("CsCl", "cesiumchloride", a=4.12).repeat((2, 1, 1)),
        "CaF2, fluorite": bulk("CaF2", "fluorite", a=5.46),
    }
    rutile = {"basis": [(0, 0, 0), (0.305, 0.305, 0)], "cellpar": [4.59, 4.59, 2.96, 90, 90, 90]}
    quartz = {"basis": [(0.47, 0, 1 / 3), (0.414, 0.266, 0.452)], "cellpar": [4.92, 4.92, 5.41, 90, 90, 120]}
    found["TiO2, rutile"] = crystal(["Ti", "O"], spacegroup=136, **rutile)
    found["SiO2, quartz"] = crystal(["Si", "O"], spacegroup=152, **quartz)
    cubic = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    shift = np.array([0, 0.012, -0.024, -0.014, -0.014])[:, None] * [0, 0, 1]
    found["BaTiO3, cubic"] = Atoms("BaTiO3", scaled_positions=cubic, cell=[4.0, 4.0, 4.0], pbc=True)
    found["BaTiO3, tetragonal"] = Atoms("BaTiO3", scaled_positions=cubic + shift, cell=[3.99, 3.99, 4.04], pbc=True)
    return found


# what they say --------------------------------------------------------------------------------------------------------


def package(oracle: str) -> str:
    return oracle.split(",")[0]


def record(path: Path) -> None:
    """What the packages say, a molecule on a line."""
    rows = {name: {key: oracle(g2[name]) for key, oracle in ORACLES.items()} for name in g2.names}
    boxes = {
        name: {
            "cell": atoms.cell.array.tolist(),
            "positions": atoms.positions.tolist(),
            "numbers": atoms.numbers.tolist(),
            **in_a_crystal(atoms),
        }
        for name, atoms in crystals().items()
    }
    head = {"versions": {name: version(name) for name in ("ase", *sorted({package(key) for key in ORACLES}))}}
    parts = {**head, "settings": SETTINGS}
    text = json.dumps(parts, indent=1, ensure_ascii=False)[:-2]
    for title, table in (("molecules", rows), ("crystals", boxes)):
        lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in table.items())
        text += f',\n "{title}": {{\n{lines}\n }}'
    path.write_text(text + "\n}\n", "utf-8")


def ours(atoms: Atoms) -> str:
    from intertwine.symmetry import stabiliser

    name = stabiliser(atoms.positions, atoms.numbers, tolerance=1e-3).name
    return {"O(3)": "Kh"}.get(name, name)


def agree(key: str, oracle: Callable[[Atoms], str | None]) -> None:
    """Print how often an oracle says what we say, and where it does not."""
    said = {name: (ours(g2[name]), oracle(g2[name])) for name in g2.names}
    compared = {name: (a, b.replace("*", "inf")) for name, (a, b) in said.items() if b is not None}
    differing = {name: pair for name, pair in compared.items() if pair[0] != pair[1]}
    print(f"{key:20s} {len(compared) - len(differing):4d} of {len(compared)} molecules alike   ({SETTINGS[key]})")
    for name, (a, b) in differing.items():
        print(f"{'':20s}      {name}: intertwine {a}, {package(key)} {b}")


def main() -> None:
    warnings.filterwarnings("ignore")  # pymatgen's, on molecules without charges
    if sys.argv[1:2] == ["--record"]:
        record(Path(sys.argv[2]))
        return
    installed = {key: oracle for key, oracle in ORACLES.items() if importlib.util.find_spec(package(key))}
    names = ("numpy", "ase", *sorted({package(key) for key in installed}))
    print(", ".join(f"{name} {version(name)}" for name in names) + f", {sys.platform}")
    for key, oracle in installed.items():
        agree(key, oracle)
    molecules = [g2[name] for name in g2.names]
    for key in [key for key in installed if key != "spglib"]:  # it was never meant for molecules
        all_of = [lambda f=f: [f(atoms) for atoms in molecules] for f in (ours, installed[key])]
        compare(f"{len(molecules)} molecules, {key}", *all_of, rounds=5)


if __name__ == "__main__":
    main()
