"""Pictures of plotly figures, as chromium draws them."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any


def write_picture(fig: Any, target: Path, width: int) -> None:
    """Write a figure of a width as PNG."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "figure.html"
        fig.update_layout(width=width).write_html(page, include_plotlyjs=True, config={"displayModeBar": False})
        options = [
            "--headless",
            "--no-sandbox",
            "--enable-unsafe-swiftshader",  # surfaces in space want WebGL
            f"--screenshot={target}",
            f"--window-size={width + 20},{fig.layout.height + 16}",
            "--hide-scrollbars",
            "--virtual-time-budget=8000",
        ]
        subprocess.run(["chromium", *options, page.as_uri()], check=True)
