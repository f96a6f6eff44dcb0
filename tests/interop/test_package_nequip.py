"""NequIP and Allegro run unmodified on the facade, e3nn's private modules included."""

from pathlib import Path

import numpy as np
import pytest

from tests.interop.packages import RECORDED, on_facade


@pytest.mark.slow
@pytest.mark.parametrize("package", ["nequip", "allegro"])
def test_energies_and_forces(package: str, tmp_path: Path) -> None:
    found = on_facade(package, "nequip", tmp_path / "found.npz")
    recorded = {
        name: values for name, values in np.load(RECORDED / f"{package}.npz").items() if np.isfinite(values).all()
    }
    assert {"total_energy", "forces", "node_features"} <= recorded.keys() <= found.keys()
    for name, wanted in recorded.items():
        assert np.abs(found[name] - wanted).max() <= 1e-10 * max(1.0, np.abs(wanted).max()), name
