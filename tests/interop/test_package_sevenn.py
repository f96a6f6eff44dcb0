"""SevenNet runs unmodified on the facade, with the weights that its wheel holds."""

from pathlib import Path

import numpy as np
import pytest

from tests.interop.packages import RECORDED, on_facade

ACCEPTED = {"energy": 1e-5, "forces": 1e-4, "stress": 1e-5}
"""In float32: eV for an atom, eV/Å and eV/Å³."""


@pytest.mark.slow
def test_published_weights_give_their_energies_and_forces(tmp_path: Path) -> None:
    """SevenNet-0 and 7net-l3i5, four structures; in float64 every feature of every layer."""
    found, recorded = on_facade("sevenn", "sevenn", tmp_path / "found.npz"), dict(np.load(RECORDED / "sevenn.npz"))
    assert found.keys() == recorded.keys()
    for name, wanted in recorded.items():
        model, _, what = name.rpartition("/")
        accepted = 1e-10 * max(1.0, np.abs(wanted).max()) if model == "float64" else ACCEPTED[what]
        assert np.abs(found[name] - wanted).max() <= accepted, name
