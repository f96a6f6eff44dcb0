"""Record small networks of escnn, their inputs and outputs: `python benchmarks/escnn_fixture.py`, with escnn.

Writes `tests/data_files/escnn_1.0.11.npz`, against which `intertwine.interop.escnn` is tested where escnn is not
installed. For escnn see `escnn_groups.py`. State dicts are recorded as they are in training, without what is zero.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import escnn.nn as peer
import numpy as np
import torch
from escnn import gspaces

from intertwine.interop.escnn import translate_types

TARGET = Path(__file__).resolve().parents[1] / "tests" / "data_files" / "escnn_1.0.11.npz"


def image_network(into: Any, hidden: Any, size: int) -> Any:
    """A convolution, batch norms and a transposed convolution."""
    n = into.gspace.dimensionality
    convolution, transposed, norm = {
        2: (peer.R2Conv, peer.R2ConvTransposed, peer.IIDBatchNorm2d),
        3: (peer.R3Conv, peer.R3ConvTransposed, peer.IIDBatchNorm3d),
    }[n]
    inner = all("pointwise" in kind.supported_nonlinearities for kind in hidden.representations)
    return peer.SequentialModule(
        convolution(into, hidden, size, padding=size // 2, padding_mode="zeros"),
        *([peer.InnerBatchNorm(hidden)] if inner else []),
        norm(hidden),
        transposed(hidden, into, size, stride=2, padding=size // 2),
    )


def spaces() -> dict[str, tuple[Any, list[Any], list[Any], int]]:
    """For each case a space, the fields of input and hidden features, and a kernel size."""
    C4, C8, D4 = gspaces.rot2dOnR2(4), gspaces.rot2dOnR2(8), gspaces.flipRot2dOnR2(4)
    SO2, O2, SO3 = gspaces.rot2dOnR2(-1, 8), gspaces.flipRot2dOnR2(-1, 8), gspaces.rot3dOnR3(4)
    O3, O = gspaces.flipRot3dOnR3(4), gspaces.octaOnR3()
    return {
        **{
            name: (space, [space.trivial_repr] * 2, [space.regular_repr] * 2 + [space.trivial_repr], 3)
            for name, space in (("C4", C4), ("C8", C8), ("D4", D4))
        },
        "SO(2)": (SO2, [SO2.irrep(0), SO2.irrep(1)], [*[SO2.irrep(0)] * 2, *[SO2.irrep(1)] * 2, SO2.irrep(3)], 5),
        "O(2)": (
            O2,
            [O2.irrep(0, 0), O2.irrep(1, 1)],
            [O2.irrep(0, 0), O2.irrep(1, 0), *[O2.irrep(1, 1)] * 2, O2.irrep(1, 2)],
            5,
        ),
        "SO(3)": (SO3, [SO3.irrep(0), SO3.irrep(1)], [SO3.irrep(0), *[SO3.irrep(1)] * 2, SO3.irrep(2)], 3),
        "O(3)": (O3, [O3.irrep(0, 0)], [O3.irrep(0, 0), *[O3.irrep(1, 1)] * 2, O3.irrep(0, 2)], 3),
        "O": (O, [O.irrep(0), O.irrep(1)], [O.irrep(1), O.irrep(0), O.irrep(2), O.irrep(-1)], 3),
    }


def recorded(name: str, network: Any, x: torch.Tensor, into: Any) -> dict[str, np.ndarray]:
    """A network after a few steps of its norms: its state in training, an input, and the output in evaluation."""
    for parameter in network.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    network.train()
    for _ in range(3):
        network(into(torch.randn_like(x)))
    state = {key: value.numpy() for key, value in network.state_dict().items()}
    found = {f"{name}/state/{key}": value for key, value in state.items()}
    with torch.no_grad():
        y = network.eval()(into(x)).tensor
    return found | {f"{name}/x": x.numpy(), f"{name}/y": y.numpy()}


def main() -> None:
    """Write the file."""
    torch.manual_seed(0)
    found: dict[str, np.ndarray] = {}
    for name, (space, into, hidden, size) in spaces().items():
        types = space.type(*into), space.type(*hidden)
        x = torch.randn(2, types[0].size, *(7,) * space.dimensionality)
        found |= recorded(name, image_network(*types, size), x, types[0])
        for field in translate_types(*types).fields:
            found[f"{name}/basis/{field.name}"] = field.basis.array
    space = gspaces.no_base_space(gspaces.rot2dOnR2(-1, 8).fibergroup)
    into, out = space.type(space.irrep(0), *[space.irrep(1)] * 2), space.type(space.irrep(1), *[space.irrep(0)] * 2)
    linear = peer.SequentialModule(peer.Linear(into, out), peer.IIDBatchNorm1d(out))
    found |= recorded("linear", linear, torch.randn(5, into.size), into)
    np.savez_compressed(TARGET, **found)
    print(f"{TARGET}: {TARGET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
