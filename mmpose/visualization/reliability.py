"""Reliability diagram: how often keypoints of a score are right, before and after calibration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpose.visualization.curves import COLORS, DPI, INK, decorate_axes

SIZE = (11.0, 5.2)  # inches


def plot_reliability(
    panels: Mapping[str, tuple[NDArray[np.float64], float]], out_png: str | Path
) -> Path:
    """Draws a panel each and returns the path of the picture.

    Bars are the share of hits in a bin of the score, and the number above them how many keypoints
    it holds; calibrated scores reach the diagonal.

    Args:
        panels: By title, what ``reliability`` gives: table of bins (num_bins, 3) and error.
        out_png: Where the picture goes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout='constrained')
    FigureCanvasAgg(figure)
    rows = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, (table, error)) in zip(rows, panels.items(), strict=True):
        decorate_axes(axes, f'{title}: ECE {error:.3f}', 'share within the tolerance')
        width = 1 / len(table)
        for i, (_, share, count) in enumerate(table):
            if count:
                axes.bar(i * width, share, 0.94 * width, align='edge', color=COLORS[0], alpha=0.75)
                axes.text(
                    (i + 0.5) * width,
                    share + 0.01,
                    f'{count:.0f}',
                    ha='center',
                    fontsize=7,
                    color=INK,
                )
        filled = table[table[:, 2] > 0]
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle='--')
        axes.plot(filled[:, 0], filled[:, 1], 'o', color=COLORS[1], markersize=4)
        axes.set(xlim=(0, 1), ylim=(0, 1.06))
        axes.set_xlabel('score (dots: mean of the bin)', color=INK)
    figure.savefig(out_png, dpi=DPI, format='png')
    return Path(out_png)
