"""Story 7 as a section of the report."""

from __future__ import annotations

from intertwine.tour.ethanol import EthanolResult, labelled, labelled_trajectory
from intertwine.training import PredictedFrames, label_errors
from intertwine.viz import parity_plot, run_curves
from intertwine.viz.html_report import Report
from intertwine.viz.program import program_of


def tell_ethanol(report: Report, result: EthanolResult) -> str:
    """Story 7 as a section; returns its one-line result."""
    values, again = label_errors(result.predictions).values, label_errors(result.rechecked).values
    told, frames = result.report, result.frames
    line = (
        f"From {frames} frames a potential learns ethanol to {values['energy'][0]:.2g} meV per atom and "
        f"{values['forces'][0]:.0f} meV/Å, and drives it for {told.picoseconds:.2g} ps with a drift of "
        f"{abs(told.drift):.1g} meV per atom and ps."
    )
    section = report.add_section("A potential", "Can a model drive a molecule?", line)
    section.text(
        f"{frames} frames of ethanol at 500 K are made by GFN2-xTB, a method of quantum chemistry. A network of two "
        "layers, whose features are numbers and vectors, learns energies and forces: forces are the slope of the "
        "energy, so they turn with the molecule and conserve the energy, whatever the weights."
    )
    history = result.trained.history
    epochs = [told["epoch"] for told in history]
    section.figure(
        run_curves(
            {
                "energies, meV/atom": (epochs, [told["validation/energy_mae"] for told in history]),
                "forces, meV/Å": (epochs, [told["validation/forces_mae"] for told in history]),
            },
            ("epoch", "mean absolute error"),
        ),
        f"Errors of validation frames while it learns, {history[-1]['seconds']:.0f} s in all.",
    )
    section.figure(
        parity_plot(
            {
                "held back": PredictedFrames.force_pair(result.predictions),
                "in the simulation": PredictedFrames.force_pair(result.rechecked),
            },
            "force, eV/Å",
        ),
        f"Components of forces beside their labels, of frames that were held back and of those that the simulation "
        f"came by and GFN2-xTB then looked at: there the errors are {again['energy'][0]:.2g} meV per atom and "
        f"{again['forces'][0]:.0f} meV/Å.",
    )
    per_atom = 1e3 * result.energies / len(result.predictions.numbers[0])
    section.figure(
        run_curves({"total energy": (result.times, per_atom)}, ("ps", "meV per atom"), log=(False, False)),
        f"The total energy of {told.steps} steps without a thermostat, from where they start, at "
        f"{told.temperature:.0f} K: it drifts by {told.drift:+.2g} meV per atom and ps.",
    )
    section.note(
        "On the command line: `intertwine train ethanol.toml`, then `intertwine run run/model.safetensors start.xyz "
        "--steps 2000 --timestep 0.5`."
    )
    section.code(program_of(labelled_trajectory, labelled))
    return line
