"""Molecules, about as they are, and their point groups in textbooks."""

import numpy as np

from tests.symmetry.clouds import CORNERS, ring

HUB = np.zeros((1, 3))


def tetrahedron(bond: float) -> np.ndarray:
    return bond * CORNERS[CORNERS.prod(1) > 0] / 3**0.5


def ethane(turn: float) -> np.ndarray:
    return np.concatenate([[[0, 0, -0.77], [0, 0, 0.77]], ring(3, 1.03, -1.16), ring(3, 1.03, 1.16, turn)])


def ferrocene(turn: float) -> np.ndarray:
    return np.concatenate([HUB, ring(5, 1.2, 1.65), ring(5, 1.2, -1.65, turn)])


def around(*rows: np.ndarray) -> np.ndarray:
    """An atom at the centre, then others."""
    return np.concatenate([HUB, *rows])


ALLENE = [[0, 0, 1.31], [0, 0, -1.31], [0.93, 0, 1.87], [-0.93, 0, 1.87], [0, 0.93, -1.87], [0, -0.93, -1.87]]
HYDROGENS = np.array([[x, y, 0] for x in (1.24, -1.24) for y in (0.92, -0.92)])

MOLECULES: dict[str, tuple[str, np.ndarray, str]] = {
    "water": ("OHH", np.array([[0, 0, 0.12], [0, 0.76, -0.48], [0, -0.76, -0.48]]), "C2v"),
    "ammonia": ("NHHH", np.concatenate([[[0, 0, 0.12]], ring(3, 0.94, -0.27)]), "C3v"),
    "methane": ("CHHHH", around(tetrahedron(1.09)), "Td"),
    "methyl chloride": ("CClHHH", around(tetrahedron(1.09) * [[1.6], [1], [1], [1]]), "C3v"),
    "benzene": ("C" * 6 + "H" * 6, np.concatenate([ring(6, 1.39), ring(6, 2.48)]), "D6h"),
    "boron trifluoride": ("BFFF", around(ring(3, 1.31)), "D3h"),
    "carbon dioxide": ("COO", np.outer([0, -1.16, 1.16], [0, 0, 1]), "Dinfh"),
    "hydrogen chloride": ("HCl", np.outer([0, 1.27], [0, 0, 1]), "Cinfv"),
    "ethane": ("CCHHHHHH", ethane(np.pi / 3), "D3d"),
    "eclipsed ethane": ("CCHHHHHH", ethane(0), "D3h"),
    "twisted ethane": ("CCHHHHHH", ethane(0.4), "D3"),
    "allene": ("CCCHHHH", around(np.array(ALLENE)), "D2d"),
    "ethylene": ("CCHHHH", np.concatenate([[[0.67, 0, 0], [-0.67, 0, 0]], HYDROGENS]), "D2h"),
    "diimide": ("NNHH", np.array([[0.6, 0, 0], [-0.6, 0, 0], [0.95, 0.95, 0], [-0.95, -0.95, 0]]), "C2h"),
    "hydrogen peroxide": ("OOHH", np.array([[0.7, 0, 0], [-0.7, 0, 0], [0.9, 0.8, 0.5], [-0.9, -0.8, 0.5]]), "C2"),
    "sulfur hexafluoride": ("SFFFFFF", around(1.56 * np.eye(3), -1.56 * np.eye(3)), "Oh"),
    "xenon tetrafluoride": ("XeFFFF", around(ring(4, 1.95)), "D4h"),
    "bromine pentafluoride": ("BrFFFFF", around(ring(4, 1.77, -0.3), np.array([[0, 0, 1.69]])), "C4v"),
    "staggered ferrocene": ("Fe" + "C" * 10, ferrocene(np.pi / 5), "D5d"),
    "eclipsed ferrocene": ("Fe" + "C" * 10, ferrocene(0), "D5h"),
    "crown sulfur": ("S" * 8, np.concatenate([ring(4, 2.34, 0.5), ring(4, 2.34, -0.5, np.pi / 4)]), "D4d"),
    "boric acid": ("BOOOHHH", around(ring(3, 1.36), ring(3, 1.95, turn=0.4)), "C3h"),
    "cubane": ("C" * 8 + "H" * 8, np.concatenate([0.78 * CORNERS, 1.41 * CORNERS]), "Oh"),
    "hypochlorous acid": ("HOCl", np.array([[0.9, 0.3, 0], [0, 0, 0], [0, 1.7, 0]]), "Cs"),
    "halomethane": ("CHFClBr", around(tetrahedron(1.0) * [[1.1], [1.4], [1.8], [1.9]]), "C1"),
}
"""Formula in the order of the atoms, positions in Å, and the point group."""


def kinds(formula: str) -> list[str]:
    """The chemical symbols of a formula."""
    return [a + (b if b.islower() else "") for a, b in zip(formula, formula[1:] + "X", strict=True) if a.isupper()]
