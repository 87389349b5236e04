"""Drawing of skeletons on frames and in 2D and 3D plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.metainfo import load_metainfo
from mmpose.visualization import draw_pose

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mpl_toolkits.mplot3d import Axes3D

COCO_SKELETON: tuple[tuple[int, int], ...] = tuple(
    (int(start), int(end)) for start, end in load_metainfo('coco').skeleton_links
)


def draw_skeleton_on_frame(
    frame: NDArray[np.uint8], joints: ArrayLike, skeleton: str = 'coco', min_score: float = 0.3
) -> NDArray[np.uint8]:
    """Returns a copy of a frame with one person drawn on it.

    Args:
        frame: (H, W, 3) uint8 BGR.
        joints: (K, 2), px, or (K, 3) with scores. NaN where unknown.
        skeleton: Name of the skeleton of K keypoints.
        min_score: Keypoints are drawn above it.

    Raises:
        ValueError: If the number of joints is not that of the skeleton.
    """
    points = np.asarray(joints, np.float64)
    has_scores = points.ndim == 2 and points.shape[1] == 3
    scores = points[:, 2] if has_scores else np.ones(len(points))
    dataset_meta = load_metainfo(skeleton)
    return draw_pose(
        frame, points[:, :2] if has_scores else points, scores, dataset_meta, min_score
    )


def plot_skeleton(
    joints: ArrayLike,
    ax: Axes,
    skeleton_links: Sequence[tuple[int, int]] = COCO_SKELETON,
    size_wh: tuple[int, int] = (640, 480),
) -> None:
    """Draws one person into axes of Matplotlib, which show the frame: y points down.

    Args:
        joints: (K, 2), img px. NaN where unknown.
        ax: Axes. What is in them is removed.
        skeleton_links: Pairs of joints that are joined.
        size_wh: Size of the frame, px.
    """
    points = np.asarray(joints, np.float64)
    is_known: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=-1))
    ax.clear()
    for start, end in skeleton_links:
        if is_known[start] and is_known[end]:
            ax.plot(*points[[start, end]].T, color='tab:blue', linewidth=2)
    ax.scatter(*points[is_known].T, s=12, color='tab:red', zorder=3)
    ax.set(xlim=(0, size_wh[0]), ylim=(size_wh[1], 0), aspect='equal')


def plot_skeleton_3d(
    joints_3d: ArrayLike, ax: Axes3D, skeleton_links: Sequence[tuple[int, int]] = COCO_SKELETON
) -> None:
    """Draws one person into 3D axes of Matplotlib, upright and in the same scale on all axes.

    Args:
        joints_3d: (K, 3), m, y up as in the rig. NaN where unknown.
        ax: Axes made with ``projection='3d'``. What is in them is removed.
        skeleton_links: Pairs of joints that are joined.
    """
    joints = np.asarray(joints_3d, np.float64)
    # Matplotlib has z up, and looks along +y: so we see the person from the front.
    x, y, z = joints[:, 0], -joints[:, 2], joints[:, 1]
    ax.clear()
    is_known: NDArray[np.bool_] = np.asarray(np.isfinite(joints).all(axis=-1))
    ax.scatter(x[is_known], y[is_known], z[is_known], s=12, color='tab:red')
    for start, end in skeleton_links:
        if is_known[start] and is_known[end]:
            pair = [start, end]
            ax.plot(x[pair], y[pair], z[pair], color='tab:blue', linewidth=2)
    if is_known.any():
        middle = np.nanmean(np.stack([x, y, z]), axis=-1)
        reach = max(0.5, float(np.nanmax(np.abs(np.stack([x, y, z]) - middle[:, None]))))
        for set_limits, centre in zip((ax.set_xlim, ax.set_ylim, ax.set_zlim), middle, strict=True):
            set_limits(centre - reach, centre + reach)
    ax.set_box_aspect((1, 1, 1))
    ax.set(xlabel='x (m)', ylabel='depth (m)', zlabel='height (m)')
