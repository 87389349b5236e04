"""Skeleton styles: dots, links and colours of the dataset, of OpenPose, or one per instance.

Skeleton colours are RGB and turn into the BGR of the canvas here only.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import DatasetMeta
from mmpose.visualization.shapes import Color, Points

STYLES = ('mmpose', 'openpose')
# The keypoints of OpenPose's COCO model in its order, and its links in the order of their colours
# (Cao et al., TPAMI 2021; https://github.com/CMU-Perceptual-Computing-Lab/openpose). Colours walk
# around the hue circle in steps of 20 degrees.
NECK = 'neck'
OPENPOSE_KEYPOINTS = (
    *('nose', NECK),
    *('right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder', 'left_elbow', 'left_wrist'),
    *('right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle'),
    *('right_eye', 'left_eye', 'right_ear', 'left_ear'),
)
OPENPOSE_LINKS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12)),
    *((12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
SHOULDERS = ('left_shoulder', 'right_shoulder')
NECK_NAMES = (NECK, 'upper_neck')  # MPII calls it so
GOLDEN_RATIO = (5**0.5 - 1) / 2


@dataclass(frozen=True, eq=False)
class SkeletonStyle:
    """Style of a skeleton of K keypoints: P dots and L links with their colours.

    Attributes:
        sources: (P, 2) int64. A dot lies midway between two keypoints, or on one given twice.
        skeleton_links: (L, 2) int64. Pairs of dots.
        skeleton_link_colors: (L,) BGR.
        dot_colors: (P,) BGR.
        is_openpose: Links are translucent ellipses and dots have no rims.
        hollow: (K,). Keypoints whose dots are rings, as they are hidden; None for none.
    """

    sources: NDArray[np.int64]
    skeleton_links: NDArray[np.int64]
    skeleton_link_colors: list[Color]
    dot_colors: list[Color]
    is_openpose: bool = False
    hollow: NDArray[np.bool_] | None = None

    def dots(self, points: Points, shown: NDArray[np.bool_]) -> tuple[Points, NDArray[np.bool_]]:
        """Returns the places (P, 2) of the dots, img px, and which are drawn (P,).

        Args:
            points: (K, 2), img px.
            shown: (K,). A dot is drawn when both of its keypoints are.
        """
        return points[self.sources].mean(axis=1), shown[self.sources].all(axis=1)

    def in_color(self, color: Color) -> SkeletonStyle:
        """Returns the style with all links and dots in one colour, BGR."""
        return replace(
            self,
            skeleton_link_colors=[color] * len(self.skeleton_link_colors),
            dot_colors=[color] * len(self.dot_colors),
        )


def skeleton_style(dataset_meta: DatasetMeta, style: str) -> SkeletonStyle:
    """Returns a style by its name.

    In the style ``openpose`` a skeleton with shoulders gets OpenPose's body links and colours. The
    neck is that of the skeleton, or lies midway between the shoulders. Keypoints that OpenPose's
    body lacks (feet, hands, face) and skeletons without shoulders keep their links and colours.

    Raises:
        ValueError: If there is no such style.
    """
    if style not in STYLES:
        raise ValueError(f"style is '{style}', expected one of {', '.join(STYLES)}")
    ids = np.arange(dataset_meta.num_keypoints)
    own = SkeletonStyle(
        np.stack([ids, ids], axis=1),  # (K, 2)
        dataset_meta.skeleton_links,
        [(blue, green, red) for red, green, blue in dataset_meta.skeleton_link_colors.tolist()],
        [(blue, green, red) for red, green, blue in dataset_meta.keypoint_colors.tolist()],
    )
    return own if style == 'mmpose' else _openpose_style(dataset_meta, own)


def instance_color(number: int) -> Color:
    """Returns a bright BGR colour; those of numbers near each other differ most."""
    return _hue((0.08 + number * GOLDEN_RATIO) % 1, (0.85, 0.6)[number // 5 % 2])


def _openpose_style(dataset_meta: DatasetMeta, own: SkeletonStyle) -> SkeletonStyle:
    names = dataset_meta.keypoint_names
    if not set(SHOULDERS) <= set(names):
        return replace(own, is_openpose=True)
    sources, dot_colors = own.sources, list(own.dot_colors)
    dot_of = {name: names.index(name) for name in OPENPOSE_KEYPOINTS if name in names}
    neck = next((names.index(name) for name in NECK_NAMES if name in names), None)
    if neck is None:
        neck = len(sources)
        between = [names.index(name) for name in SHOULDERS]
        sources, dot_colors = np.concatenate([sources, [between]]), [*dot_colors, (0, 0, 0)]
    dot_of[NECK] = neck
    body = set(dot_of.values())
    kept = [i for i, link in enumerate(own.skeleton_links.tolist()) if not set(link) <= body]
    skeleton_links, skeleton_link_colors = [], []
    for i, (a, b) in enumerate(OPENPOSE_LINKS):
        ends = OPENPOSE_KEYPOINTS[a], OPENPOSE_KEYPOINTS[b]
        if ends[0] in dot_of and ends[1] in dot_of:
            skeleton_links.append([dot_of[end] for end in ends])
            skeleton_link_colors.append(_hue(i * 20 / 360))
    for i, name in enumerate(OPENPOSE_KEYPOINTS):
        if name in dot_of:
            dot_colors[dot_of[name]] = _hue(i * 20 / 360)
    return SkeletonStyle(
        sources,
        np.array([*skeleton_links, *own.skeleton_links[kept].tolist()], np.int64).reshape(-1, 2),
        [*skeleton_link_colors, *(own.skeleton_link_colors[i] for i in kept)],
        dot_colors,
        is_openpose=True,
    )


def _hue(hue: float, saturation: float = 1) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, 1)
    return round(255 * blue), round(255 * green), round(255 * red)
