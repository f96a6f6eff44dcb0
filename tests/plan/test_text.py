"""Plans as text: what is written is read, and what has changed on the way is no plan."""

import base64
import json
import zlib

import pytest

from intertwine.errors import ArgumentError
from intertwine.plan import Plan
from intertwine.plan.text import read, read_polynomial, written
from tests.plans import PLANS, every_plan


@every_plan
def test_what_is_written_is_read(plan: Plan) -> None:
    assert read(written(plan)) == plan
    assert read(written(plan)).key == plan.key


def test_a_text_that_has_changed_is_no_plan() -> None:
    text = written(PLANS["kernel, O(3)"])
    told = json.loads(zlib.decompress(base64.b64decode(text)))

    def changed(**parts: object) -> str:
        return base64.b64encode(zlib.compress(json.dumps(told | parts).encode())).decode()

    wrong = [text[:n] + ("A" if text[n] != "A" else "B") + text[n + 1 :] for n in range(0, len(text) - 8, 7)]
    wrong += ["", "plan", "µ", text[:-9], text[:40] + "\n" + text[40:], base64.b64encode(b"{}").decode()]
    wrong += [
        changed(tables=[]),
        changed(paths=[[0, 0, 0]]),
        changed(operands=None),
        changed(operands=[[1, 2]]),
        changed(coefficients="ii"),
        changed(tables=[[[1], ["0x1p99999"]]]),
        base64.b64encode(zlib.compress(b"[1, 2]")).decode(),
    ]
    for broken in wrong:
        with pytest.raises(ArgumentError, match=f"This text of {len(broken)} letters is no plan"):
            read(broken)
    for broken in ("", "{}", "[1]", '{"inputs": [], "outputs": [], "terms": [["plan", [0], 0]]}', text):
        with pytest.raises(ArgumentError, match=f"This text of {len(broken)} letters is no polynomial"):
            read_polynomial(broken)
