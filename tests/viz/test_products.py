"""Products as figures say what products are."""

import pytest

from intertwine import nn
from intertwine.catalog import O3, SO2
from intertwine.errors import ArgumentError
from intertwine.viz import DrawnPath, product_picture


@pytest.mark.parametrize("mode", ["uvw", "uvu", "uvv", "uuw", "uuu", "uvuv", "uvu<v", "u<vw"])
@pytest.mark.parametrize(("group", "text"), [(O3, "3x1o + 3x0e"), (SO2, "3x1 + 3x0")])
def test_costs_add_up(group, text: str, mode: str) -> None:
    """Weights to all that there are, multiplications to those that the plans count."""
    rep = group.rep(text)
    product = nn.TensorProduct(
        rep, rep, rep if mode in ("uvw", "uuw", "u<vw") else [*{t[1] for t in rep.terms}], mode=mode
    )
    assert sum(weights for weights, _ in product.costs) == product.weight_numel
    plans = [contraction.plan for contraction in product.contractions]
    assert sum(count for _, count in product.costs) == sum(plan.multiplications for plan in plans)


def test_lines_are_paths() -> None:
    paths = [DrawnPath(0, 0, 0, 4, 12), DrawnPath(0, 1, 2, 4, 48)]
    fig = product_picture(["4x1o"], ["1x0e", "1x1o"], ["4x1o", "4x0e", "4x2e"], paths)
    assert [line.name for line in fig.data] == ["⊗ 1x0e", "⊗ 1x1o"]
    thin, thick = (line.line.width for line in fig.data)
    assert thick > thin
    texts = [note.text for note in fig.layout.annotations]
    assert "<s>4x0e</s>" in texts  # no path leads there
    assert "8 weights, 60 multiplications a sample" in texts
    with pytest.raises(ArgumentError, match="Paths name terms of"):
        product_picture(["4x1o"], ["1x0e"], ["4x1o"], [DrawnPath(0, 1, 0, 1, 1)])
