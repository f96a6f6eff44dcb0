"""Whatever is asked, the answer is a frozen value that reads well and goes into JSON."""

import dataclasses
import inspect
import json

import numpy as np
import pytest
import torch

from intertwine import nn, symmetry
from intertwine.catalog import O2, O3, SO2
from intertwine.symmetry import Points, curie_check, order_parameters
from tests.symmetry.clouds import RECTANGLE, SQUARE
from tests.symmetry.square import STRETCH

VECTOR = O3.rep("1x1o")
REPORT = curie_check(SQUARE, STRETCH, rep_out=VECTOR)
LAYER = nn.Linear(SO2.rep("1x0 + 2x1"), SO2.rep("1x0 + 1x1"))

ANSWERS = {
    "stabiliser": lambda: symmetry.stabiliser(SQUARE),
    "stabiliser of a vector": lambda: symmetry.stabiliser(np.array([0, 0, 1.0]), rep=VECTOR),
    "stabiliser of a crystal": lambda: symmetry.stabiliser(np.zeros((1, 3)), cell=np.eye(3)),
    "image_stabiliser": lambda: symmetry.image_stabiliser(np.pad(np.ones((4, 4)), 5)),
    "symmetry_ladder": lambda: symmetry.symmetry_ladder(RECTANGLE),
    "curie_check": lambda: REPORT,
    "curie_check of what is possible": lambda: curie_check(RECTANGLE, -STRETCH, rep_out=VECTOR),
    "curie_check on a line": lambda: curie_check(SQUARE[:2], STRETCH[:2], rep_out=VECTOR),
    "dataset_floor": lambda: symmetry.dataset_floor([SQUARE, -SQUARE], [STRETCH, -STRETCH], rep_out=VECTOR),
    "order_parameters": lambda: order_parameters(REPORT),
    "order_parameters on sites": lambda: order_parameters(REPORT, 1, sites=[0]),
    "breaking_inputs": lambda: symmetry.breaking_inputs(REPORT, order_parameters(REPORT)[0]),
    "effective_symmetry": lambda: symmetry.effective_symmetry(LAYER),
    "prove": lambda: symmetry.prove(LAYER),
    "equivariance_report": lambda: symmetry.equivariance_report(LAYER),
    "resolution_ladder": lambda: symmetry.resolution_ladder(
        nn.FourierActivation(O2.rep("1x0e + 1x1"), exact_degree=2).resampled, (8, 16)
    ),
    "identify_action": lambda: symmetry.identify_action(np.diag([1.0, -1, 1]), VECTOR),
    "recognisable": lambda: symmetry.recognisable(SQUARE),
    "branching": lambda: symmetry.branching(O3.subgroup("Cinfv")),
    "explain": lambda: symmetry.explain("D3"),
}


@pytest.mark.parametrize("ask", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_is_a_frozen_value_for_readers_and_programs(ask) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    answer = ask()
    assert dataclasses.is_dataclass(answer)
    assert type(answer).__dataclass_params__.frozen
    assert json.loads(json.dumps(answer.to_dict(), allow_nan=False, ensure_ascii=False))
    text = str(answer)
    assert not text.startswith(type(answer).__name__)  # not a repr
    assert "array(" not in text
    assert "<" not in text.replace("<=", "")


def test_every_result_is_asked_for() -> None:
    """A new kind of answer gets a row above."""
    results = {
        c for c in vars(symmetry).values() if inspect.isclass(c) and hasattr(c, "to_dict") and c.__module__ != __name__
    }
    answers = [ask() for ask in ANSWERS.values()]
    assert all(any(isinstance(answer, c) for answer in answers) for c in results)
    assert all(isinstance(answer, tuple(results)) for answer in answers)


def test_all_values_are_frozen() -> None:
    values = [c for c in vars(symmetry).values() if dataclasses.is_dataclass(c)]
    assert len(values) > 20
    assert all(c.__dataclass_params__.frozen for c in values)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Points(SQUARE).labels = [1]  # type: ignore[misc]
