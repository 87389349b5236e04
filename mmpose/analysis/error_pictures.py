"""Pictures of the error report: AP bar, and images with the kinds of error in colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmpose.evaluation.functional.error_kinds import GOOD, KEYPOINT_KINDS, NONE, counted
from mmpose.evaluation.functional.oks_errors import ErrorAnalysis, false_positive_costs
from mmpose.structures import DatasetMeta
from mmpose.visualization import Viewport
from mmpose.visualization.draw import draw_pose, put_label
from mmpose.visualization.grid import make_grid
from mmpose.visualization.labels import Box, is_free
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
    'AP': (115, 158, 0), 'miss': (0, 94, 213), 'swap': (233, 180, 86),
    'inversion': (167, 121, 204), 'jitter': (66, 228, 240), 'score': (178, 114, 0),
    'false_positive': (205, 90, 150), 'false_negative': (0, 159, 230),
    'within human error': (205, 205, 205),
}  # fmt: skip
TITLES = {'false_positive': 'false positive', 'false_negative': 'missed person'}
NEUTRAL: Color = (215, 215, 215)  # grey of the skeleton on which errors stand out
SHADE = 0.55  # brightness of the image below the errors
SHOWN_COST = 0.1  # false positives that cost less are not drawn
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

    A wrong keypoint is a dot with a line to its annotated place; correct keypoints stay grey.

    Args:
        image_bgr: (H, W, 3) uint8, not changed.
        people: Rows of the annotations of this image.
        poses: Rows of the detections of this image.
    """
    return draw_both(image_bgr, {'prediction': analysis}, people, [poses], dataset_meta)


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
    """
    pairs = zip(analyses.values(), poses, strict=True)
    shown = [(one, rows[_is_shown(one)[rows]]) for one, rows in pairs]
    boxes = [box for one, rows in shown for box in _boxes(one, people, rows)]
    viewport = Viewport.around(image_bgr, boxes)
    painters = [(_Painter(one, dataset_meta, viewport), rows) for one, rows in shown]
    tiles = [painters[0][0].annotated(people)]
    tiles += [painter.estimated(people, rows) for painter, rows in painters]
    return make_grid(tiles, columns=len(tiles), titles=['ground truth', *analyses])


def hidden_false_positives(analysis: ErrorAnalysis, poses: NDArray[np.integer]) -> int:
    """Returns how many false positives among these rows score too low to be drawn."""
    hidden = analysis.errors.is_false_positive & ~_is_shown(analysis)
    return int(hidden[poses].sum())


class _Painter:
    """Draws annotations and detections into copies of a viewport."""

    def __init__(
        self, analysis: ErrorAnalysis, dataset_meta: DatasetMeta, viewport: Viewport
    ) -> None:
        self._gt, self._dt, self._errors = analysis.gt, analysis.dt, analysis.errors
        self._dataset_meta, self._viewport = dataset_meta, viewport
        self._grey = _in_one_color(dataset_meta, NEUTRAL)
        self._invented = _in_one_color(dataset_meta, COLORS['false_positive'])

    def annotated(self, people: NDArray[np.integer]) -> Image:
        view = self._viewport.image_bgr.copy()
        for row in people:
            view = draw_pose(
                view,
                self._viewport.points(self._gt.keypoints[row]),
                self._gt.keypoints_visible[row],
                self._dataset_meta,
            )
        for row in people[self._errors.is_missed[people]]:
            self._box(view, self._gt.bbox_xywh[row], 'false_negative')
        return view

    def estimated(self, people: NDArray[np.integer], poses: NDArray[np.integer]) -> Image:
        errors = self._errors
        view = np.round(self._viewport.image_bgr * SHADE).astype(np.uint8)
        for row in poses:
            points = self._viewport.points(self._dt.keypoints[row])
            dataset_meta = self._invented if errors.is_false_positive[row] else self._grey
            view = draw_pose(view, points, np.ones(len(points)), dataset_meta, line_width=2.0)
        keypoints: list[tuple[str, NDArray[np.floating]]] = []
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
            keypoints += self._wrong_keypoints(view, row)
        return _with_labels(view, labels + keypoints)

    def _wrong_keypoints(self, view: Image, row: int) -> list[tuple[str, NDArray[np.floating]]]:
        kinds = self._errors.kinds[row]
        wrong = np.flatnonzero(kinds > GOOD)
        points = self._viewport.points(self._dt.keypoints[row])
        places = self._viewport.points(self._gt.keypoints[self._errors.matched[row]])
        for keypoint in wrong:
            color = COLORS[KEYPOINT_KINDS[kinds[keypoint]]]
            fill_capsule(view, points[keypoint], places[keypoint], 4.0, OUTLINE)
            fill_capsule(view, points[keypoint], places[keypoint], 2.0, color)
        for keypoint in wrong:
            fill_disc(view, points[keypoint], 6.5, OUTLINE)
            fill_disc(view, points[keypoint], 5.0, COLORS[KEYPOINT_KINDS[kinds[keypoint]]])
        names = [self._dataset_meta.keypoint_names[keypoint] for keypoint in wrong]
        return [
            (f'{name.replace("_", " ")} {KEYPOINT_KINDS[kind]}', point)
            for name, kind, point in zip(names, kinds[wrong], points[wrong], strict=True)
        ]

    def _box(
        self, view: Image, bbox_xywh: NDArray[np.floating], kind: str
    ) -> tuple[str, NDArray[np.floating]]:
        """Paints a box and returns the text and anchor of its label."""
        box = self._viewport.box(bbox_xywh)
        stroke_box(view, box, 5.0, OUTLINE)
        stroke_box(view, box, 3.0, COLORS[kind])
        return TITLES.get(kind, kind), box[:2]


def _in_one_color(dataset_meta: DatasetMeta, color: Color) -> DatasetMeta:
    """Returns the skeleton in one colour."""
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
    """Returns the boxes to show, (4,) xywh each: of counted annotations and of poses."""
    return [
        *analysis.gt.bbox_xywh[people[counted(analysis.gt)[people]]],
        *map(_extent_xywh, analysis.dt.keypoints[poses]),
    ]


def _extent_xywh(keypoints: NDArray[np.floating]) -> NDArray[np.floating]:
    low, high = keypoints.min(axis=0), keypoints.max(axis=0)
    return np.concatenate([low, high - low])


def _with_labels(view: Image, labels: list[tuple[str, NDArray[np.floating]]]) -> Image:
    """Writes the labels for which there is a free place beside their point."""
    cap_height = 8.0
    used: list[Box] = []
    for text, point in labels:
        height, width = text_coverage(text, cap_height).shape
        plate_wh = np.array([width + 8, height + 5])
        places = [[9, plate_wh[1] / 2], [-9 - plate_wh[0], plate_wh[1] / 2], [9, -6], [9, 20]]
        for place in places:
            low = np.array([point[0] + place[0], point[1] + place[1] - plate_wh[1]])
            low = np.clip(low, 0, np.maximum(view.shape[1::-1] - plate_wh, 0))
            box = (*low, *plate_wh)
            if is_free(box, used):
                view = put_label(view, text, [low[0], low[1] + plate_wh[1]], cap_height)
                used.append(box)
                break
    return view
