"""Under which keys labels are stored, and in which units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ase import units

from intertwine.errors import ArgumentError

# The names that codes give to labels, those first that say of themselves that they are references. The free energy is
# what forces are derivatives of where electrons are smeared, but most data sets mean the other.
USUAL_KEYS: dict[str, tuple[str, ...]] = {
    "energy": (
        *("REF_energy", "ref_energy", "DFT_energy", "dft_energy", "energy", "total_energy", "potential_energy"),
        *("energies", "E", "U0", "free_energy", "REF_free_energy", "dft_free_energy"),
    ),
    "forces": ("REF_forces", "ref_forces", "DFT_forces", "dft_forces", "forces", "force", "F", "dft_force"),
    "stress": ("REF_stress", "ref_stress", "DFT_stress", "dft_stress", "stress"),
    "virial": ("REF_virials", "REF_virial", "dft_virials", "dft_virial", "virials", "virial"),
}

UNIT_NAMES = ("eV", "meV", "kcal/mol", "kJ/mol", "Hartree", "Rydberg", "Å", "Bohr", "nm", "GPa", "kbar", "bar", "Pa")


@dataclass(frozen=True)
class LabelUnits:
    """The units that labels are stored in; they are turned into eV, eV/Å and eV/Å³, stress positive under tension.

    Names are products of `eV, meV, kcal/mol, kJ/mol, Hartree, Rydberg, Å, Bohr, nm, GPa, kbar, bar, Pa` over each
    other: `"kcal/mol/Å"`, `"Hartree/Bohr"`, `"eV/Å^3"`.

    Args:
        energy: of energies, and of virials.
        forces: of forces; None for the unit of energies over that of lengths.
        stress: of stresses; None for the unit of energies over the cube of that of lengths.
        length: of positions and cells.
        stress_sign: `"tension"` where a stretched crystal has a positive stress, as in ase, and the virial is
            W = −V σ, as in mace and quippy; `"compression"` where pressure is positive, as VASP prints it.

    Raises `ArgumentError` for units and signs that are not known.

    >>> round(LabelUnits("kcal/mol").factors["forces"], 6)
    0.043364
    """

    energy: str = "eV"
    forces: str | None = None
    stress: str | None = None
    length: str = "Å"
    stress_sign: str = "tension"

    def __post_init__(self) -> None:
        if self.stress_sign not in ("tension", "compression"):
            raise ArgumentError(
                "The sign of stress is 'tension', for σ positive in a stretched crystal, or 'compression', for the "
                f"pressure's, but got {self.stress_sign!r}."
            )

    @cached_property
    def names(self) -> dict[str, str]:
        """The unit of each kind of label, and of lengths."""
        energy, length = self.energy, self.length
        return {
            "energy": energy,
            "forces": self.forces or f"{energy}/{length}",
            "stress": self.stress or f"{energy}/{length}^3",
            "virial": energy,
            "length": length,
        }

    @cached_property
    def factors(self) -> dict[str, float]:
        """What each kind of label, and lengths, are multiplied by: all of them 1 for eV and Å."""
        kinds = {"energy": (1, 0), "forces": (1, -1), "stress": (1, -3), "virial": (1, 0), "length": (0, 1)}
        return {kind: _factor(self.names[kind], kind, dimension) for kind, dimension in kinds.items()}

    @property
    def sign(self) -> float:
        """1 where stress is positive under tension, −1 otherwise."""
        return 1.0 if self.stress_sign == "tension" else -1.0


@dataclass(frozen=True)
class LabelKeys:
    """The keys that labels are stored under.

    Args:
        energy, forces, stress, virial: the key of each; None finds the usual one in each file, and says which it took;
            an empty text leaves the label out. Where a file has stresses, its virials are not used.
        targets: what else is read, key by name: `{"dipole": "REF_dipole"}`. Values of a frame or of each atom.
        group: the key of what frames have in common that must not be on both sides of a split, such as the run that
            they come from.
        units: the units that labels are stored in; None for those that the file names, as archives of sGDML do, and eV
            and Å where it names none.

    >>> LabelKeys(energy="dft_energy", units=LabelUnits("Hartree", length="Bohr")).energy
    'dft_energy'
    """

    energy: str | None = None
    forces: str | None = None
    stress: str | None = None
    virial: str | None = None
    targets: Mapping[str, str] = field(default_factory=dict)
    group: str = "group"
    units: LabelUnits | None = None

    @property
    def asked(self) -> dict[str, str]:
        """The key of each label that was asked for by name."""
        own = {kind: getattr(self, kind) for kind in USUAL_KEYS}
        return {kind: key for kind, key in own.items() if key} | dict(self.targets)

    def candidates(self, kind: str, there: Iterable[str]) -> list[str]:
        """Those of the keys that are there that may be energy, forces, stress or virial, the best first."""
        own: str | None = getattr(self, kind)
        if own is not None:
            return [key for key in there if own and key == own]
        ranks = {key: _rank(key, kind) for key in there}
        found = [(rank, key) for key, rank in ranks.items() if rank is not None]
        return [key for _, key in sorted(found)]


def _rank(key: str, kind: str) -> int | None:
    """The place of a key among the usual ones of a label; None for others. Capitals do not matter in words."""
    names = USUAL_KEYS[kind]
    if key in names:
        return names.index(key)
    lower = [name.lower() if len(name) > 2 else name for name in names]
    return lower.index(key.lower()) if key.lower() in lower else None


def usual_label(key: str) -> str:
    """The label that a key usually means; nothing for others.

    >>> usual_label("ref_forces"), usual_label("charges")
    ('forces', '')
    """
    return next((kind for kind in USUAL_KEYS if _rank(key, kind) is not None), "")


def units_of(words: Mapping[str, Any]) -> LabelUnits:
    """The units that a file names itself, as archives of sGDML and extended xyz files do; eV and Å where it names none.

    Raises `ArgumentError` for names that are no units.

    >>> units_of({"e_unit": "kcal/mol", "r_unit": "Ang"}).names["forces"]
    'kcal/mol/Ang'
    """
    named = {kind: next((str(words[key]) for key in keys if key in words), None) for kind, keys in _UNIT_KEYS.items()}
    return LabelUnits(named["energy"] or "eV", named["forces"], named["stress"], named["length"] or "Å")


_UNIT_KEYS = {
    "energy": ("e_unit", "energy_unit", "energy_units"),
    "forces": ("forces_unit", "force_unit", "forces_units", "force_units"),
    "stress": ("stress_unit", "stress_units"),
    "length": ("r_unit", "length_unit", "length_units"),
}


def _factor(unit: str, kind: str, dimension: tuple[int, int]) -> float:
    """A unit in powers of eV and Å; raises `ArgumentError` unless it is a unit of that kind."""
    known, words = _known_units(), unit.replace("Angstrom", "Å").replace("³", "^3")
    value, found = 1.0, [0, 0]
    for place, part in enumerate(words.replace("kcal/mol", "kcal_mol").replace("kJ/mol", "kJ_mol").split("/")):
        name, _, power = part.strip().partition("^")
        if name not in known or power not in ("", "2", "3"):
            raise ArgumentError(
                f"The unit {unit!r} is not known. Units are made of {', '.join(UNIT_NAMES)}, such as 'kcal/mol/Å', "
                "'Hartree/Bohr' or 'GPa'."
            )
        exponent = (1 if place == 0 else -1) * int(power or 1)
        size, own = known[name]
        value *= size**exponent
        found = [old + exponent * new for old, new in zip(found, own, strict=True)]
    if tuple(found) != dimension:
        raise ArgumentError(f"{unit!r} was given as the unit of {kind}, but it is a unit of something else.")
    return value


def _known_units() -> dict[str, tuple[float, tuple[int, int]]]:
    """The size of each unit in powers of eV and Å, and these powers."""
    energies = {"eV": 1.0, "meV": 1e-3, "kcal_mol": units.kcal / units.mol, "kJ_mol": units.kJ / units.mol}
    energies |= {"Hartree": units.Hartree, "Ha": units.Hartree, "Rydberg": units.Rydberg, "Ry": units.Rydberg}
    lengths = {"Å": 1.0, "A": 1.0, "Ang": 1.0, "Bohr": units.Bohr, "nm": 10.0}
    pressures = {"GPa": units.GPa, "kbar": 0.1 * units.GPa, "kB": 0.1 * units.GPa}
    pressures |= {"bar": 1e-4 * units.GPa, "Pa": 1e-9 * units.GPa}
    return (
        {name: (size, (1, 0)) for name, size in energies.items()}
        | {name: (size, (0, 1)) for name, size in lengths.items()}
        | {name: (size, (1, -3)) for name, size in pressures.items()}
    )
