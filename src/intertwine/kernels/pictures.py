"""Functions on taps as small pictures: what a notebook shows of the filters of a layer."""

from __future__ import annotations

import base64
import html
import struct
import zlib
from collections.abc import Sequence

import numpy as np

_NEGATIVE, _ZERO, _POSITIVE = (0, 114, 178), (233, 237, 241), (213, 94, 0)  # also told apart by colour-blind readers
_WIDTH = 300  # of the widest picture in a notebook, at most, in pixels: a phone's


def mosaic(functions: np.ndarray) -> np.ndarray:
    """Functions `(d, *sizes)` as one flat picture, side by side, with NaN between.

    The slices of volumes along the first axis of space stand below each other.
    """
    slices = functions.swapaxes(0, 1) if functions.ndim == 4 else functions[None]
    return _apart([_apart(part, 1) for part in slices], 0)


def page(title: str, pictures: Sequence[tuple[str, np.ndarray]]) -> str:
    """Pictures with words beneath as HTML, all in one scale; as many stand side by side as there is room."""
    scale = max(4, min(12, _WIDTH // max(values.shape[1] for _, values in pictures)))
    figures = "".join(
        f'<figure style="margin:0"><img alt="{html.escape(words)}" src="{_source(values)}" '
        f'style="image-rendering:pixelated;width:{scale * values.shape[1]}px">'
        f"<figcaption>{html.escape(words)}</figcaption></figure>"
        for words, values in pictures
    )
    grid = f'<div style="display:flex;flex-wrap:wrap;gap:14px 18px;margin-top:8px">{figures}</div>'
    return f'<div style="font:12px system-ui,sans-serif">{html.escape(title)}{grid}</div>'


def _apart(parts: Sequence[np.ndarray] | np.ndarray, axis: int) -> np.ndarray:
    """Flat pictures one after the other along an axis, with a line of NaN between."""
    spread = [np.insert(part, part.shape[axis], np.nan, axis) for part in parts]
    return np.concatenate(spread, axis).take(range(sum(part.shape[axis] for part in spread) - 1), axis)


def _source(values: np.ndarray) -> str:
    """A flat picture as the address of an image that holds itself: blue below 0, orange above, NaN transparent."""
    share = np.nan_to_num(values / max(float(np.nanmax(np.abs(values))), 1e-12))[..., None]
    ends = np.where(share < 0, np.array(_NEGATIVE), np.array(_POSITIVE))
    colours = (1 - np.abs(share)) * np.array(_ZERO) + np.abs(share) * ends
    pixels = np.concatenate([colours, 255.0 * np.isfinite(values)[..., None]], -1).round().astype(np.uint8)
    height, width = values.shape
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)  # each line says first that it is not filtered
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
