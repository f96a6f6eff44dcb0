"""Plotly figures of symmetry: arrays or groups in, figures out. No function here evaluates a network or a harmonic."""

from intertwine.viz.curves import angle_curves, bars, error_bars, loss_curves
from intertwine.viz.fields import arrow_images, filter_images, write_arrow_film
from intertwine.viz.html_report import Report, Story
from intertwine.viz.measured import parity_plot, run_curves
from intertwine.viz.page import write_page
from intertwine.viz.plane import outlines, task_picture, task_pictures
from intertwine.viz.products import DrawnPath, product_picture
from intertwine.viz.solids import Solid, signal_surfaces, signals_on_points, sphere_mesh, surface, surfaces
from intertwine.viz.sphere import symmetry_figure
from intertwine.viz.stereogram import stereogram

__all__ = [
    "DrawnPath",
    "Report",
    "Solid",
    "Story",
    "angle_curves",
    "arrow_images",
    "bars",
    "error_bars",
    "filter_images",
    "loss_curves",
    "outlines",
    "parity_plot",
    "product_picture",
    "run_curves",
    "signal_surfaces",
    "signals_on_points",
    "sphere_mesh",
    "stereogram",
    "surface",
    "surfaces",
    "symmetry_figure",
    "task_picture",
    "task_pictures",
    "write_arrow_film",
    "write_page",
]
