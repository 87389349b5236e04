"""Pictures of the error report: the bar of AP, and images with their errors in colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.evaluation.functional.error_kinds import GOOD, KEYPOINT_KINDS
from mmpose.evaluation.functional.error_matching import NONE, counted
from mmpose.evaluation.functional.oks_errors import ErrorAnalysis, false_positive_costs
from mmpose.structures import DatasetMeta
from mmpose.visualization.draw import draw_pose, put_label
from mmpose.visualization.grid import make_grid, side_by_side
from mmpose.visualization.shapes import (
    OUTLINE,
    Color,
    Image,
    blend,
    fill_capsule,
    fill_disc,
    stroke_box,
    text_coverage,
)

# BGR; most are of the palette of Okabe and Ito (2008), made for common colour deficiencies
COLORS: dict[str, Color] = {
    'AP': (115, 158, 0),
    'miss': (0, 94, 213),
    'swap': (233, 180, 86),
    'inversion': (167, 121, 204),
    'jitter': (66, 228, 240),
    'score': (178, 114, 0),
    'false_positive': (205, 90, 150),
    'false_negative': (0, 159, 230),
    'within human error': (205, 205, 205),
}
TITLES = {'false_positive': 'false positive', 'false_negative': 'missed person'}
NEUTRAL: Color = (215, 215, 215)  # grey of the skeleton on which errors stand out
SHADE = 0.55  # brightness of the image below the errors
SHOWN_COST = 0.1  # false positives that cost less are not drawn
PICTURE_HEIGHT, MOST_WIDTH, MOST_SCALE = 520, 900, 6.0
BAR_WH, BAR_MARGIN = (1000, 44), 16


def draw_ap_bar(ap: float, gains: Mapping[str, float]) -> Image:
    """Returns a bar of length 1: the AP, what each correction adds, and what is left.

    Args:
        ap: AP of the result, in [0, 1].
        gains: Gain by kind of error, in the order of the correction; a loss takes no place.

    Returns:
        (H, W, 3) uint8 BGR on white.
    """
    parts = {'AP': ap, **{kind: max(gain, 0.0) for kind, gain in gains.items()}}
    parts['within human error'] = max(1 - sum(parts.values()), 0.0)
    width, height = BAR_WH
    canvas = np.full((height + 130, width + 2 * BAR_MARGIN, 3), 255, np.uint8)
    left = float(BAR_MARGIN)
    for name, part in parts.items():
        right = left + part * width
        canvas[BAR_MARGIN : BAR_MARGIN + height, round(left) : round(right)] = COLORS[name]
        left = right
    for i, (name, part) in enumerate(parts.items()):
        x = BAR_MARGIN + i % 4 * width // 4
        y = BAR_MARGIN + height + 14 + i // 4 * 30
        canvas[y : y + 16, x : x + 16] = COLORS[name]
        sign = '' if name == 'AP' else '+'
        text = text_coverage(f'{TITLES.get(name, name)} {sign}{100 * part:.1f}', 10)
        blend(canvas, text, (x + 24, y + 1), OUTLINE)
    return canvas


def draw_errors(
    image_bgr: Image,
    analysis: ErrorAnalysis,
    people: NDArray[np.integer],
    poses: NDArray[np.integer],
    dataset_meta: DatasetMeta,
) -> Image:
    """Returns annotated people and estimated poses side by side, errors in their colours.

    A wrong joint is a dot with a line to its annotated place; joints that are right stay grey.

    Args:
        image_bgr: (H, W, 3) uint8, not changed.
        analysis: Of ``analyze_errors``.
        people: Rows of the annotations of this image.
        poses: Rows of the detections of this image.
        dataset_meta: The skeleton.
    """
    shown = poses[_is_shown(analysis)[poses]]
    left_top, scale, view = _view(image_bgr, _boxes(analysis, people, shown))
    painter = _Painter(analysis, dataset_meta, left_top, scale)
    return side_by_side(
        painter.annotated(view.copy(), people), painter.estimated(_shaded(view), people, shown)
    )


def draw_both(
    image_bgr: Image,
    analyses: Mapping[str, ErrorAnalysis],
    people: NDArray[np.integer],
    poses: Sequence[NDArray[np.integer]],
    dataset_meta: DatasetMeta,
) -> Image:
    """Returns annotated people and the poses of several results of an image, in the same view.

    Args:
        image_bgr: (H, W, 3) uint8, not changed.
        analyses: Of ``analyze_errors`` with the same annotations, by the name of the result.
        people: Rows of the annotations of this image.
        poses: Rows of the detections of this image, of each result.
        dataset_meta: The skeleton.
    """
    pairs = list(zip(analyses.values(), poses, strict=True))
    shown = [rows[_is_shown(analysis)[rows]] for analysis, rows in pairs]
    boxes = [
        box
        for analysis, rows in zip(analyses.values(), shown, strict=True)
        for box in _boxes(analysis, people, rows)
    ]
    left_top, scale, view = _view(image_bgr, boxes)
    painters = [_Painter(analysis, dataset_meta, left_top, scale) for analysis in analyses.values()]
    tiles = [painters[0].annotated(view.copy(), people)]
    for painter, rows in zip(painters, shown, strict=True):
        tiles.append(painter.estimated(_shaded(view), people, rows))
    return make_grid(tiles, columns=len(tiles), titles=['ground truth', *analyses])


def hidden_false_positives(analysis: ErrorAnalysis, poses: NDArray[np.integer]) -> int:
    """How many false positives among these rows score too low to be drawn."""
    hidden = analysis.errors.is_false_positive & ~_is_shown(analysis)
    return int(hidden[poses].sum())


class _Painter:
    """Draws into a view of an image, in which it turns image px into view px."""

    def __init__(
        self,
        analysis: ErrorAnalysis,
        dataset_meta: DatasetMeta,
        left_top: NDArray[np.floating],
        scale: float,
    ) -> None:
        self._gt, self._dt, self._errors = analysis.gt, analysis.dt, analysis.errors
        self._dataset_meta, self._left_top, self._scale = dataset_meta, left_top, scale
        self._grey = _tinted(dataset_meta, NEUTRAL)
        self._invented = _tinted(dataset_meta, COLORS['false_positive'])

    def annotated(self, view: Image, people: NDArray[np.integer]) -> Image:
        for row in people:
            view = draw_pose(
                view,
                self._to_view(self._gt.keypoints[row]),
                self._gt.keypoints_visible[row],
                self._dataset_meta,
            )
        for row in people[self._errors.is_missed[people]]:
            self._box(view, self._gt.bbox_xywh[row], 'false_negative')
        return view

    def estimated(
        self, view: Image, people: NDArray[np.integer], poses: NDArray[np.integer]
    ) -> Image:
        errors = self._errors
        for row in poses:
            points = self._to_view(self._dt.keypoints[row])
            dataset_meta = self._invented if errors.is_false_positive[row] else self._grey
            view = draw_pose(view, points, np.ones(len(points)), dataset_meta, line_width=2.0)
        joints: list[tuple[str, NDArray[np.floating]]] = []
        labels: list[tuple[str, NDArray[np.floating]]] = []
        for row in people[errors.is_missed[people]]:
            labels.append(self._box(view, self._gt.bbox_xywh[row], 'false_negative'))
        for row in poses:
            score = f' {self._dt.scores[row]:.2f}'
            box = _extent_xywh(self._dt.keypoints[row])
            if errors.is_false_positive[row]:
                kind = ' duplicate' if errors.is_duplicate[row] else ''
                text, corner = self._box(view, box, 'false_positive')
                labels.append((text + kind + score, corner))
            if errors.better[row] != NONE:
                better = errors.better[row]
                text, corner = self._box(view, box, 'score')
                labels.append((f'{text}{score} > {self._dt.scores[better]:.2f}', corner))
            joints += self._wrong_joints(view, row)
        return _with_labels(view, labels + joints)

    def _wrong_joints(self, view: Image, row: int) -> list[tuple[str, NDArray[np.floating]]]:
        kinds = self._errors.kinds[row]
        wrong = np.flatnonzero(kinds > GOOD)
        points = self._to_view(self._dt.keypoints[row])
        places = self._to_view(self._gt.keypoints[self._errors.matched[row]])
        for joint in wrong:
            color = COLORS[KEYPOINT_KINDS[kinds[joint]]]
            fill_capsule(view, points[joint], places[joint], 4.0, OUTLINE)
            fill_capsule(view, points[joint], places[joint], 2.0, color)
        for joint in wrong:
            fill_disc(view, points[joint], 6.5, OUTLINE)
            fill_disc(view, points[joint], 5.0, COLORS[KEYPOINT_KINDS[kinds[joint]]])
        names = [self._dataset_meta.keypoint_names[joint] for joint in wrong]
        return [
            (f'{name.replace("_", " ")} {KEYPOINT_KINDS[kind]}', point)
            for name, kind, point in zip(names, kinds[wrong], points[wrong], strict=True)
        ]

    def _box(
        self, view: Image, bbox_xywh: NDArray[np.floating], kind: str
    ) -> tuple[str, NDArray[np.floating]]:
        """Paints a box and returns its label and where that goes."""
        corner = self._to_view(bbox_xywh[:2])
        box = np.concatenate([corner, bbox_xywh[2:] * self._scale])
        stroke_box(view, box, 5.0, OUTLINE)
        stroke_box(view, box, 3.0, COLORS[kind])
        return TITLES.get(kind, kind), corner

    def _to_view(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Pixel centres are whole numbers in both frames."""
        return np.asarray((points - self._left_top + 0.5) * self._scale - 0.5)


def _tinted(dataset_meta: DatasetMeta, color: Color) -> DatasetMeta:
    """The skeleton in one colour."""
    rgb = np.array(color[::-1], np.uint8)
    return replace(
        dataset_meta,
        keypoint_colors=np.broadcast_to(rgb, dataset_meta.keypoint_colors.shape),
        skeleton_link_colors=np.broadcast_to(rgb, dataset_meta.skeleton_link_colors.shape),
    )


def _is_shown(analysis: ErrorAnalysis) -> NDArray[np.bool_]:
    costs = false_positive_costs(analysis)
    is_duplicate = np.zeros(len(costs), np.bool_)
    better = analysis.errors.better
    is_duplicate[better[better != NONE]] = True  # belongs to a score error, which is drawn
    return np.asarray((analysis.errors.matched != NONE) | (costs >= SHOWN_COST) | is_duplicate)


def _boxes(
    analysis: ErrorAnalysis, people: NDArray[np.integer], poses: NDArray[np.integer]
) -> list[NDArray[np.floating]]:
    """What has to be in the picture: the people that count and the poses, (4,) xywh each."""
    return [
        *analysis.gt.bbox_xywh[people[counted(analysis.gt)[people]]],
        *map(_extent_xywh, analysis.dt.keypoints[poses]),
    ]


def _view(
    image: Image, boxes: Sequence[NDArray[np.floating]]
) -> tuple[NDArray[np.floating], float, Image]:
    """The part of the image around the boxes, its corner in image px, and its scale."""
    size_wh = np.array(image.shape[1::-1])
    if not boxes:
        boxes = [np.array([0, 0, *size_wh], float)]
    low = np.min([box[:2] for box in boxes], axis=0)
    high = np.max([box[:2] + box[2:] for box in boxes], axis=0)
    margin = 0.1 * (high - low).max() + 8
    low = np.clip(np.floor(low - margin), 0, size_wh - 1).astype(int)
    high = np.clip(np.ceil(high + margin), low + 1, size_wh).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    scale = min(PICTURE_HEIGHT / part.shape[0], MOST_WIDTH / part.shape[1], MOST_SCALE)
    view_wh = [max(1, round(side * scale)) for side in part.shape[1::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return low.astype(float), scale, cv2.resize(part, view_wh, interpolation=method)


def _shaded(view: Image) -> Image:
    return np.asarray(np.round(view * SHADE), dtype=np.uint8)


def _extent_xywh(keypoints: NDArray[np.floating]) -> NDArray[np.floating]:
    low, high = keypoints.min(axis=0), keypoints.max(axis=0)
    return np.concatenate([low, high - low])


def _with_labels(view: Image, labels: list[tuple[str, NDArray[np.floating]]]) -> Image:
    """Writes the labels that find a free place beside their point."""
    cap_height = 8.0
    used: list[NDArray[np.floating]] = []  # x1, y1, x2, y2 of each plate
    for text, point in labels:
        height, width = text_coverage(text, cap_height).shape
        plate_wh = np.array([width + 8, height + 5])
        places = [[9, plate_wh[1] / 2], [-9 - plate_wh[0], plate_wh[1] / 2], [9, -6], [9, 20]]
        for place in places:
            low = np.array([point[0] + place[0], point[1] + place[1] - plate_wh[1]])
            low = np.clip(low, 0, np.maximum(view.shape[1::-1] - plate_wh, 0))
            box = np.concatenate([low, low + plate_wh])
            if not any(
                (box[:2] < other[2:]).all() and (box[2:] > other[:2]).all() for other in used
            ):
                view = put_label(view, text, [low[0], low[1] + plate_wh[1]], cap_height)
                used.append(box)
                break
    return view
