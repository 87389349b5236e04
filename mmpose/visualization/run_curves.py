"""Pictures of training curves: loss and metrics of a run, and any keys of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmpose.visualization.curves import (
    Curve,
    Scalars,
    all_keys,
    curve_of,
    find_epoch_ends,
    read_scalars,
    smooth_curve,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120
COLORS = ('#2563eb', '#ea580c', '#16a34a', '#9333ea', '#0891b2', '#be123c')
INK, GRID = '#1f2937', '#d7dbe2'
# names of the styles that the tools of MMPose took from seaborn, which matplotlib has as well
SEABORN_STYLES = ('white', 'dark', 'whitegrid', 'darkgrid', 'ticks')
PANEL_WH, TOP_H = (11.0, 4.2), 0.6  # inches
NUM_SMOOTHED = 100  # curves with fewer points are drawn as they are


@dataclass(frozen=True)
class Panel:
    """The curves of one key.

    Attributes:
        key: Its name.
        unit: What the places count: ``epoch`` or ``iteration``.
        curves: (N, 2) places and values by label.
        smaller_is_better: Whether the best value, which is marked, is the lowest.
        marks_best: Whether to mark the best value at all.
        y_label: What the values are; the key if empty.
    """

    key: str
    unit: str
    curves: Mapping[str, Curve]
    smaller_is_better: bool = False
    marks_best: bool = False
    y_label: str = ''


def plot_training(
    scalars: Scalars | str | Path,
    out_png: str | Path,
    metrics: Sequence[str] | None = None,
    size_px: tuple[int, int] = (1320, 1020),
) -> Path:
    """Draws the training loss and the validation metrics and returns the path of the picture.

    Both panels share one axis. It counts epochs as soon as the records tell how many iterations
    an epoch has, and iterations otherwise. Of two records at the same place, which a resumed run
    can leave, the later one counts.

    Args:
        scalars: Records in the order in which they were written, or the path of the
            ``scalars.json`` that mmengine's local backend writes, one JSON object a line.
        out_png: Where the picture goes; its folder is made.
        metrics: Keys to draw, such as ``coco/AP``. None draws every ``<dataset>/AP``, or every
            key with a slash in it if no dataset has an AP.
        size_px: Width and height of the picture.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is not JSON, if a record has no step, if no record has a metric that
            was asked for, or if there is neither a loss nor a metric.
    """
    records = read_scalars(scalars) if isinstance(scalars, str | Path) else list(scalars)
    train = [record for record in records if 'loss' in record]
    val = [record for record in records if 'loss' not in record]
    named = sorted(key for key in all_keys(val) if '/' in key)
    primary = [key for key in named if key.endswith('/AP')] or named
    keys = primary if metrics is None else list(metrics)
    unknown = sorted(set(keys) - all_keys(val))
    if unknown:
        raise ValueError(f'no validation has {unknown}; there are {sorted(all_keys(val))}')
    if not train and not keys:
        raise ValueError(
            f"{len(records)} records, but none has a 'loss' or a metric; there are "
            f'{sorted(all_keys(records))}'
        )
    if not all('step' in record for record in records):
        raise ValueError("a record has no 'step', the iteration or epoch it belongs to")
    epoch_ends = find_epoch_ends(train, bool(val))
    loss = curve_of(train, 'loss', epoch_ends)
    curves = {key: curve_of([r for r in val if key in r], key, None) for key in keys}
    unit = 'epoch' if epoch_ends is not None or not train else 'iteration'
    name = next(iter(curves)) if len(curves) == 1 else 'metric'
    panels = [Panel('Training loss', unit, {'loss': loss}, y_label='loss')] if len(loss) else []
    panels += [Panel('Validation', unit, curves, marks_best=True, y_label=name)] if curves else []
    return _save(panels, (size_px[0] / DPI, size_px[1] / DPI), out_png)


def plot_runs(
    panels: Sequence[Panel],
    out: str | Path | None,
    title: str | None = None,
    style: str | None = None,
    backend: str | None = None,
) -> Path | None:
    """Draws the panels one below the other: the path of the picture, or None after a window.

    Args:
        panels: At least one.
        out: Picture to write (.png, .pdf, .svg ...); None shows a window.
        style: A style of matplotlib, or one of ``SEABORN_STYLES``; None is the style of the
            other pictures of this package.
        backend: Backend of matplotlib for the window.

    Raises:
        ValueError: If there is no such style, backend or kind of file, or no display.
    """
    with _style(style):
        size = (PANEL_WH[0], PANEL_WH[1] * len(panels) + TOP_H)
        if out is not None:
            return _save(panels, size, out, title, style is None)
        _show(panels, size, title, style is None, backend)
    return None


def _save(
    panels: Sequence[Panel],
    size: tuple[float, float],
    out: str | Path,
    title: str | None = None,
    is_own: bool = True,
) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=DPI, layout='constrained')
    _fill(figure, panels, title, is_own)
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _style(name: str | None) -> AbstractContextManager[None]:
    import matplotlib.style

    if name is None:
        return nullcontext()
    known = f'seaborn-v0_8-{name}' if name in SEABORN_STYLES else name
    if known not in matplotlib.style.available:
        raise ValueError(
            f"--style is '{name}', expected one of {', '.join(SEABORN_STYLES)}, "
            f'{", ".join(x for x in matplotlib.style.available if not x.startswith("_"))}'
        )
    return matplotlib.style.context(known)


def _show(
    panels: Sequence[Panel],
    size: tuple[float, float],
    title: str | None,
    is_own: bool,
    backend: str | None,
) -> None:
    import matplotlib

    if backend is not None:
        matplotlib.use(backend)
    from matplotlib import pyplot

    if matplotlib.get_backend().lower() in ('agg', 'pdf', 'svg', 'ps', 'cairo', 'template'):
        raise ValueError(
            f'backend {matplotlib.get_backend()} of matplotlib has no windows here; --out FILE.png '
            'writes the picture'
        )
    _fill(pyplot.figure(figsize=size, layout='constrained'), panels, title, is_own)
    pyplot.show()


def _fill(figure: Figure, panels: Sequence[Panel], title: str | None, is_own: bool) -> None:
    is_shared = len({panel.unit for panel in panels}) == 1
    axes = figure.subplots(len(panels), sharex=is_shared, squeeze=False)[:, 0]
    for place, panel in zip(axes, panels, strict=True):
        _draw_panel(place, panel, is_own)
        place.label_outer()
    if title:
        figure.suptitle(title, fontsize=14, fontweight='bold', color=INK if is_own else None)


def _draw_panel(axes: Axes, panel: Panel, is_own: bool) -> None:
    """Draws the curves: noisy ones faint, and their moving average on top."""
    values = np.concatenate([curve[:, 1] for curve in panel.curves.values()])
    is_finite = np.isfinite(values)
    is_loss = 'loss' in panel.key.lower() and bool(is_finite.any() and values[is_finite].min() > 0)
    label = (panel.y_label or panel.key) + ' (log scale)' * is_loss
    if is_own:
        decorate_axes(axes, panel.key, label)
    else:
        axes.set(title=panel.key, ylabel=label)
    if not is_finite.all():
        axes.set_title(f'{(~is_finite).sum()} values are not finite', loc='right', color=COLORS[5])
    if is_loss:
        axes.set_yscale('log')
    axes.set_xlabel(panel.unit)
    for i, (name, curve) in enumerate(panel.curves.items()):
        color = COLORS[i % len(COLORS)] if is_own else f'C{i}'
        _draw_curve(axes, name, curve[np.isfinite(curve[:, 1])], color, panel)
    axes.legend(frameon=False)


def _draw_curve(axes: Axes, name: str, curve: Curve, color: str, panel: Panel) -> None:
    places, values = curve.T
    if not len(values):
        axes.plot([], [], color=color, label=f'{name}: no finite value')
        return
    label = name
    if panel.marks_best:
        best = int(values.argmin() if panel.smaller_is_better else values.argmax())
        place, value = curve[best]
        axes.plot(place, value, 'o', color=color, markersize=8, zorder=3)
        label = f'{name}, best {value:.4g} at {panel.unit} {place:.4g}'
    if len(values) >= NUM_SMOOTHED:
        axes.plot(places, values, color=color, alpha=0.25, linewidth=1)
        values = smooth_curve(values)
    marker = '.' if len(values) < NUM_SMOOTHED else None
    axes.plot(places, values, color=color, linewidth=2, marker=marker, label=label)


def decorate_axes(axes: Axes, title: str, y_label: str) -> None:
    """Gives axes the look that the pictures of this package share."""
    axes.set_title(title, loc='left', fontweight='bold', color=INK)
    axes.set_ylabel(y_label, color=INK)
    axes.grid(which='both', color=GRID, linewidth=0.6)
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(colors=INK, which='both')
