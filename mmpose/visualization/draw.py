"""Drawing of poses, boxes, scores and labels on images.

Images are (H, W, 3) uint8 BGR and are not changed unless the caller asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.structures import DatasetMeta, PoseResult
from mmpose.structures.pose_result import OCCLUDED, OUTSIDE
from mmpose.visualization.heatmap_overlay import paint_result_heatmaps
from mmpose.visualization.labels import Label, cap_height_for, paint_labels, paint_texts_beside
from mmpose.visualization.shapes import OUTLINE, Color, Image, Points, checked_image
from mmpose.visualization.skeleton import BOX, Pen, paint_instance
from mmpose.visualization.styles import instance_color, skeleton_style

COLOR_CHOICES = ('keypoint', 'instance')
KEYPOINT_TEXTS = ('index', 'name', 'score')
# of the height of a label
KEYPOINT_TEXT_SIZE = 0.75


def draw_pose(
    image_bgr: Image,
    keypoints: ArrayLike,
    keypoint_scores: ArrayLike,
    dataset_meta: DatasetMeta,
    score_threshold: ArrayLike = 0.3,
    line_width: float | None = None,
    bbox_xywh: ArrayLike | None = None,
    label: str | None = None,
) -> Image:
    """Returns the image with one skeleton: links with a dark outline, and a dot per keypoint.

    Line width and dots follow the size of the instance, and shrink where keypoints crowd.

    Args:
        image_bgr: (H, W, 3) uint8, not changed.
        keypoints: (K, 2), img px. Not-a-number and infinite points are skipped.
        keypoint_scores: (K,). Confidence or visibility.
        score_threshold: Keypoints are drawn above it, links when both ends are; one number, or
            (K,) one per keypoint.
        line_width: Width of a link, px; None derives it from the person's size.
        bbox_xywh: (4,), img px. Drawn as a thin box when given.
        label: Text at the box, or above the highest keypoint when there is no box; without
            either there is no place for it and nothing is drawn.

    Raises:
        ValueError: If a shape does not fit the image or the skeleton, or the line width is not
            positive.
    """
    canvas = checked_image(image_bgr).copy()
    points, values = _checked_pose(keypoints, keypoint_scores, dataset_meta)
    box = None if bbox_xywh is None else _checked_box(bbox_xywh)
    confident = values > _checked_threshold(score_threshold, dataset_meta)
    style, pen = skeleton_style(dataset_meta, 'mmpose'), Pen(line_width)
    place = paint_instance(canvas, points, confident, style, pen, box)
    if label and place is not None:
        paint_labels(canvas, [Label(label, place, cap_height_for(canvas))])
    return canvas


def draw_results(
    image_bgr: Image,
    results: Sequence[PoseResult],
    dataset_meta: DatasetMeta,
    score_threshold: ArrayLike = 0.3,
    line_width: float | None = None,
    show_boxes: bool = False,
    show_scores: bool = False,
    *,
    style: str = 'mmpose',
    color_by: str = 'keypoint',
    show_ids: bool = False,
    keypoint_text: str | None = None,
    radius: float | None = None,
    alpha: float = 1.0,
    heatmap: str | None = None,
    black_background: bool = False,
    in_place: bool = False,
) -> Image:
    """Returns the image with the skeletons of all instances, the smallest on top.

    Where the model says what is visible, keypoints outside the crop are left out and hidden ones
    are drawn as rings.

    Args:
        image_bgr: (H, W, 3) uint8, not changed unless ``in_place``.
        results: Poses in this image; may be empty.
        show_boxes: Draw the boxes that were given to the model.
        show_scores: Write the mean score of the drawn keypoints at each instance, and with
            ``show_boxes`` that of the box.
        style: ``mmpose`` takes links and colours of the skeleton, ``openpose`` those of OpenPose,
            with a neck, as translucent sticks.
        color_by: ``keypoint`` takes the colours of the style; ``instance`` one colour per
            instance, by its track id or, without tracking, its index in ``results``.
        show_ids: Write the track id at each instance that has one.
        keypoint_text: ``index``, ``name`` or ``score``, written at each keypoint that has room.
        radius: Of a dot, px; None derives it from the person's size.
        alpha: Opacity of the skeletons, above 0 and up to 1.
        heatmap: ``all``, or the name of a keypoint, lays the heatmaps of the results under the
            skeletons.
        black_background: Draw on black instead of on the image.
        in_place: Paint on ``image_bgr`` itself and return it, which saves a copy of each frame.

    Raises:
        ValueError: If a shape does not fit the image or the skeleton, or an option has no such
            value.
    """
    _check_choices(color_by, keypoint_text, alpha)
    threshold, pen = _checked_threshold(score_threshold, dataset_meta), Pen(line_width, radius)
    base_style = skeleton_style(dataset_meta, style)
    canvas = checked_image(image_bgr)
    canvas = canvas if in_place else canvas.copy()
    if black_background:
        canvas[:] = 0
    if heatmap is not None:
        paint_result_heatmaps(canvas, results, dataset_meta, heatmap)
    painted = []
    sizes = [-float(np.prod(result.bbox_xywh[2:])) for result in results]
    for number in sorted(range(len(results)), key=sizes.__getitem__):  # the largest first
        result = results[number]
        points, values = _checked_pose(result.keypoints, result.keypoint_scores, dataset_meta)
        confident = (values > threshold) & np.isfinite(points).all(axis=1)
        color = None
        if color_by == 'instance':
            color = instance_color(number if result.track_id is None else result.track_id)
        own_style = base_style if color is None else base_style.in_color(color)
        if result.visibility is not None:
            likeliest = result.visibility.argmax(axis=1)
            confident &= likeliest != OUTSIDE
            own_style = replace(own_style, hollow=likeliest == OCCLUDED)
        box = _checked_box(result.bbox_xywh) if show_boxes else None
        place = paint_instance(canvas, points, confident, own_style, pen, box, color or BOX, alpha)
        if place is not None:
            painted.append(_Painted(result, confident, place, color or OUTLINE))
    if keypoint_text is not None:
        _write_keypoint_texts(canvas, painted, keypoint_text, dataset_meta)
    _write_labels(canvas, painted, show_ids, show_scores, show_boxes)
    return canvas


def put_label(
    image_bgr: Image, text: str, anchor_xy: ArrayLike, cap_height: float | None = None
) -> Image:
    """Returns the image with a line of white text on a dark plate.

    Args:
        image_bgr: (H, W, 3) uint8, not changed.
        anchor_xy: (2,), img px. Lower left corner of the plate, which moves to stay inside.
        cap_height: Height of a capital letter, px; None derives it from the image. Text that
            would be wider than the image is made smaller.
    """
    canvas = checked_image(image_bgr).copy()
    height = cap_height_for(canvas) if cap_height is None else cap_height
    paint_labels(canvas, [Label(text, np.asarray(anchor_xy, np.float64), height)])
    return canvas


@dataclass(frozen=True, eq=False)
class _Painted:
    """A drawn instance: its drawn keypoints (K,), anchor (2,) and colour of its label."""

    result: PoseResult
    drawn: NDArray[np.bool_]
    place: Points
    plate: Color


def _write_labels(
    canvas: Image, painted: Sequence[_Painted], show_ids: bool, show_scores: bool, show_boxes: bool
) -> None:
    labels = []
    for instance in painted:
        result, words = instance.result, []
        if show_ids and result.track_id is not None:
            words.append(f'#{result.track_id}')
        if show_scores and instance.drawn.any():
            words.append(f'{result.keypoint_scores[instance.drawn].mean():.2f}')
        if show_scores and show_boxes:
            words.append(f'box {result.bbox_score:.2f}')
        if words:
            cap_height = cap_height_for(canvas, float(np.hypot(*result.bbox_xywh[2:])))
            labels.append(Label(' '.join(words), instance.place, cap_height, instance.plate))
    paint_labels(canvas, labels)


def _write_keypoint_texts(
    canvas: Image, painted: Sequence[_Painted], keypoint_text: str, dataset_meta: DatasetMeta
) -> None:
    labels = []
    for instance in painted:
        points, scores = instance.result.keypoints, instance.result.keypoint_scores
        ids = np.flatnonzero(instance.drawn)
        extent = float(np.hypot(*np.ptp(points[ids], axis=0))) if len(ids) else 0.0
        cap_height = KEYPOINT_TEXT_SIZE * cap_height_for(canvas, extent)
        for i in ids:
            words = {
                'index': str(i),
                'name': dataset_meta.keypoint_names[i],
                'score': f'{scores[i]:.2f}',
            }
            labels.append(Label(words[keypoint_text], points[i], cap_height))
    paint_texts_beside(canvas, labels)


def _checked_pose(
    keypoints: ArrayLike, keypoint_scores: ArrayLike, dataset_meta: DatasetMeta
) -> tuple[Points, NDArray[np.float64]]:
    points, values = np.asarray(keypoints, np.float64), np.asarray(keypoint_scores, np.float64)
    num = dataset_meta.num_keypoints
    if points.shape != (num, 2) or values.shape != (num,):
        raise ValueError(
            f'keypoints have shape {points.shape} and keypoint_scores {values.shape}, but '
            f"'{dataset_meta.name}' "
            f'needs ({num}, 2) and ({num},); pass the skeleton that the model was trained on'
        )
    return points, values


def _checked_threshold(
    score_threshold: ArrayLike, dataset_meta: DatasetMeta
) -> NDArray[np.float64]:
    threshold = np.asarray(score_threshold, np.float64)
    if threshold.shape not in ((), (dataset_meta.num_keypoints,)):
        raise ValueError(
            f'score_threshold has shape {threshold.shape}, expected one number or '
            f"({dataset_meta.num_keypoints},), one per keypoint of '{dataset_meta.name}'"
        )
    return threshold


def _checked_box(bbox_xywh: ArrayLike) -> Points:
    box = np.asarray(bbox_xywh, np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f'box {box.tolist()}: expected 4 finite numbers, left top width height')
    return box


def _check_choices(color_by: str, keypoint_text: str | None, alpha: float) -> None:
    if color_by not in COLOR_CHOICES:
        raise ValueError(f"color_by is '{color_by}', expected one of {', '.join(COLOR_CHOICES)}")
    if keypoint_text is not None and keypoint_text not in KEYPOINT_TEXTS:
        raise ValueError(
            f"keypoint_text is '{keypoint_text}', expected None or one of "
            f'{", ".join(KEYPOINT_TEXTS)}'
        )
    if not 0 < alpha <= 1:
        raise ValueError(f'alpha is {alpha}, expected an opacity above 0 and up to 1')
