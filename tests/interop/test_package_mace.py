"""MACE runs unmodified on the facade, with the signs of e3nn 0.4.4."""

from pathlib import Path

import numpy as np
import pytest

from tests.interop.packages import RECORDED, on_facade


@pytest.mark.slow
def test_energies_and_forces(tmp_path: Path) -> None:
    found, recorded = on_facade("mace", "mace", tmp_path / "found.npz"), dict(np.load(RECORDED / "mace.npz"))
    assert found.keys() == recorded.keys()
    for name, wanted in recorded.items():
        assert np.abs(found[name] - wanted).max() <= 1e-10 * max(1.0, np.abs(wanted).max()), name
