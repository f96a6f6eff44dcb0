"""The pytest plugin of intertwine: a fixture `assert_equivariant`, for the tests of your own models.

It comes with the package; nothing has to be switched on. It stands outside of `intertwine`, so that test suites which
do not use it load neither torch nor the library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torch import Tensor

SEED = "equivariance_seed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option `--equivariance-seed`, and `equivariance_seed` in the ini file."""
    what = "seed of the random inputs and group elements that the fixture assert_equivariant tries (default 0)"
    parser.getgroup("intertwine").addoption("--equivariance-seed", type=int, default=None, metavar="N", help=what)
    parser.addini(SEED, what, default="0")


@pytest.fixture
def assert_equivariant(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function that fails the test unless a model is equivariant: see `intertwine.symmetry.assert_equivariant`.

    It takes the same arguments. The tolerance is by default what rounding explains in the precision of the model's
    parameters and at its depth; the seed is that of `--equivariance-seed`, or of the ini file. The message is one line
    with the worst element and the seed, and the whole report stands in the section below.

        def test_my_model(assert_equivariant):
            assert_equivariant(MyModel(), (features, positions), (PointFeatures(rep), Positions(action)), rep_out)
    """

    def check(
        model: Callable[..., Tensor],
        batch: Sequence[Tensor] | Tensor | None = None,
        reps_in: Any = None,
        rep_out: Any = None,
        *,
        tolerance: float | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        __tracebackhide__ = True
        from intertwine.symmetry import equivariance_report

        used = _seed(request.config) if seed is None else seed
        report = equivariance_report(model, batch, reps_in, rep_out, seed=used, **options)
        if (complaint := report.complaint(tolerance)) is not None:
            request.node.add_report_section("call", "equivariance", str(report))
            pytest.fail(f"{complaint} Seed {used}.", pytrace=False)

    return check


def _seed(config: pytest.Config) -> int:
    given = config.getoption("--equivariance-seed")
    return int(config.getini(SEED) if given is None else given)
