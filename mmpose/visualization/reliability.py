"""Reliability diagram: how often keypoints of a score are right, before and after calibration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpose.visualization.run_curves import COLORS, DPI, INK, decorate_axes


def plot_reliability(
    panels: Mapping[str, tuple[NDArray[np.float64], float]], out_png: str | Path
) -> None:
    """Draws a panel each: bars are the share of hits in a bin of the score.

    The number above a bar says how many keypoints the bin holds; calibrated scores reach the
    diagonal.

    Args:
        panels: By title, what ``reliability`` gives: table of bins (num_bins, 3) and error.
        out_png: Where the picture goes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 5.2), dpi=DPI, layout='constrained')
    rows = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, (table, error)) in zip(rows, panels.items(), strict=True):
        decorate_axes(axes, f'{title}: ECE {error:.3f}', 'share within the tolerance')
        centers = (np.arange(len(table)) + 0.5) / len(table)
        filled = table[:, 2] > 0
        mean, share, counts = table[filled].T
        bars = axes.bar(centers[filled], share, 0.94 / len(table), color=COLORS[0], alpha=0.75)
        axes.bar_label(bars, [f'{count:.0f}' for count in counts], fontsize=7, color=INK)
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle='--')
        axes.plot(mean, share, 'o', color=COLORS[1], markersize=4)
        axes.set(xlim=(0, 1), ylim=(0, 1.06))
        axes.set_xlabel('score (dots: mean of the bin)', color=INK)
    figure.savefig(out_png, dpi=DPI, format='png')
