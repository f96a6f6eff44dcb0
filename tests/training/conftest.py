"""What several files ask of."""

from __future__ import annotations

import pytest

from intertwine.training.whole import Trained, train
from tests.training.small import configuration


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, list[str]]:
    """A training of its own, and what it said."""
    said: list[str] = []
    folder = tmp_path_factory.mktemp("trained")
    return train(configuration(folder, epochs=25, learning_rate=0.02, batch_size=2), say=said.append), said
