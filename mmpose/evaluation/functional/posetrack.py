"""Average precision of keypoints as PoseTrack defines it.

Andriluka et al., CVPR 2018 (https://github.com/leonid-pishchulin/poseval). A pose of an image is
assigned to the instance with which it shares most keypoints; then each keypoint is a detection task
of its own, found within half a head size of its annotation (0.6 of the diagonal of the head box).
Published results use the 15 keypoints of the challenge: the ears of the 17 are never annotated.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mmpose.coco.files import load_ground_truth
from mmpose.coco.keypoint_arrays import (
    HEAD_SIZE,
    BoolArray,
    FloatArray,
    IdArray,
    IntArray,
    KeypointDetections,
    KeypointGroundTruth,
    check_detections_fit,
)
from mmpose.coco.mpii_reader import head_size_of_boxes
from mmpose.evaluation.functional.coco_matching import image_index
from mmpose.evaluation.functional.keypoint_errors import mean_of_known, norm_lengths
from mmpose.evaluation.functional.ragged import iterate_group_pairs, segment_starts

NUM_KEYPOINTS = 17
HEAD_BOX = 'bbox_head'  # field of an annotation: left, top, width, height
IGNORED = ('ignore_regions_x', 'ignore_regions_y')  # of an image: corners of each polygon
MAX_HEADS = 0.5  # distance of a correct keypoint
# keypoints of each published metric, which is the mean of their AP
KEYPOINT_GROUPS = {
    'Head AP': (0, 1, 2), 'Shou AP': (5, 6), 'Elb AP': (7, 8), 'Wri AP': (9, 10),
    'Hip AP': (11, 12), 'Knee AP': (13, 14), 'Ankl AP': (15, 16),
}  # fmt: skip
KEYPOINTS = tuple(keypoint for group in KEYPOINT_GROUPS.values() for keypoint in group)


def load_posetrack18(path: str | Path) -> KeypointGroundTruth:
    """Annotations of a PoseTrack18 file in COCO format, with ``head_size`` (px) of the head boxes.

    Args:
        path: JSON file whose annotations have ``bbox_head``; images may have polygons
            ``ignore_regions_x`` and ``ignore_regions_y``.
    """
    gt = load_ground_truth(path, NUM_KEYPOINTS, (HEAD_BOX,), optional_image_extras=IGNORED)
    boxes = gt.extras[HEAD_BOX].reshape(-1, 4)
    return replace(gt, extras={HEAD_SIZE: head_size_of_boxes(boxes[:, 2:])})


def evaluate_posetrack18(gt: KeypointGroundTruth, dt: KeypointDetections) -> dict[str, float]:
    """The published metrics of PoseTrack18, multi-person pose estimation.

    Images without an annotation are not evaluated. Of equal scores the earlier pose ranks first.
    A keypoint in a region to ignore of its image counts neither as annotated nor as found.

    Args:
        gt: Ground truth of 17 keypoints with ``head_size`` among its extras.
        dt: Detections; keypoints are ranked by ``keypoint_scores``.

    Returns:
        ``Head AP``, ``Shou AP``, ``Elb AP``, ``Wri AP``, ``Hip AP``, ``Knee AP``, ``Ankl AP`` and
        ``AP`` (mean over the 15 keypoints), in percent; a keypoint that is never annotated is
        omitted from the means, and -1 stands for no keypoint at all.

    Raises:
        ValueError: If the parts do not fit together or head sizes are missing.
    """
    if gt.num_keypoints != NUM_KEYPOINTS:
        raise ValueError(
            f'{gt.source}: instances have {gt.num_keypoints} keypoints; PoseTrack18 has '
            f'{NUM_KEYPOINTS}'
        )
    check_detections_fit(gt, dt)
    dt = dt.take(np.flatnonzero(np.isin(dt.image_id, gt.image_id)))
    keypoints_visible = gt.keypoints_visible & ~_in_ignored_regions(gt, gt.image_id, gt.keypoints)
    gt = replace(
        gt, keypoints_visible=keypoints_visible & np.isin(np.arange(NUM_KEYPOINTS), KEYPOINTS)
    )
    is_counted = ~_in_ignored_regions(gt, dt.image_id, dt.keypoints)
    is_true = _true_keypoints(gt, dt, is_counted)
    num_annotated = gt.keypoints_visible.sum(axis=0)
    ap = np.full(NUM_KEYPOINTS, np.nan)
    for keypoint in KEYPOINTS:
        if num_annotated[keypoint]:
            order = np.argsort(-dt.keypoint_scores[:, keypoint], kind='stable')
            order = order[is_counted[order, keypoint]]
            ap[keypoint] = 100 * _average_precision(
                is_true[order, keypoint], int(num_annotated[keypoint])
            )
    groups = {**KEYPOINT_GROUPS, 'AP': KEYPOINTS}
    return {name: mean_of_known(ap[list(points)]) for name, points in groups.items()}


def _in_ignored_regions(
    gt: KeypointGroundTruth, image_id: IdArray, points: FloatArray
) -> BoolArray:
    """(N, K). True where a keypoint (N, K, 2) lies in a polygon of its image."""
    inside = np.zeros(points.shape[:2], dtype=np.bool_)
    if not set(IGNORED) <= gt.image_extras.keys():
        return inside
    columns = [gt.image_extras[name] for name in IGNORED]
    for image, all_x, all_y in zip(gt.image_ids, *columns, strict=True):
        if not all_x:
            continue
        rows = np.flatnonzero(image_id == image)
        for x, y in zip(all_x, all_y, strict=True):
            corners = np.stack([x, y], axis=1).astype(np.float64)
            inside[rows] |= _in_polygon(points[rows], corners)
    return inside


def _in_polygon(points: FloatArray, corners: FloatArray) -> BoolArray:
    """(...). True where a point (..., 2) is inside: a ray crosses an odd number of sides."""
    start, end = corners, np.roll(corners, -1, axis=0)
    slanted = start[:, 1] != end[:, 1]  # a ray along x crosses no side along x
    start, end = start[slanted], end[slanted]
    x, y = points[..., :1], points[..., 1:]  # (..., 1) against the (S,) sides
    spans = (start[:, 1] > y) != (end[:, 1] > y)
    slope = (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
    crosses = spans & (x < start[:, 0] + (y - start[:, 1]) * slope)
    return np.asarray(crosses.sum(axis=-1) % 2 == 1)


def _true_keypoints(
    gt: KeypointGroundTruth, dt: KeypointDetections, is_counted: BoolArray
) -> BoolArray:
    """(N, K). True where a keypoint is at that of the instance its pose is assigned to."""
    is_true = np.zeros(dt.keypoint_scores.shape, dtype=np.bool_)
    reach = MAX_HEADS * norm_lengths(gt, HEAD_SIZE)
    kept = []
    for detection, annotation in iterate_group_pairs(image_index(gt, dt), image_index(gt, gt)):
        delta = dt.keypoints[detection] - gt.keypoints[annotation]  # (P, K, 2)
        hits = gt.keypoints_visible[annotation] & is_counted[detection]
        hits &= np.hypot(delta[..., 0], delta[..., 1]) <= reach[annotation, None]
        share = hits.sum(axis=1) / np.maximum(gt.keypoints_visible[annotation].sum(axis=1), 1)
        # each detection keeps the instance that it shares most with, the first of equals
        best = _first_maxima(detection, share)
        kept.append((detection[best], annotation[best], hits[best], share[best]))
    if not kept:
        return is_true
    detection, annotation, hits, share = map(np.concatenate, zip(*kept, strict=True))
    # each instance keeps the detection that it shares most with, the first of equals
    best = _first_maxima(annotation, share)
    is_true[detection[best]] = hits[best]
    return is_true


def _first_maxima(groups: IntArray, values: FloatArray) -> IntArray:
    """Row of the highest value of each group (P,) of values (P,), the first of equals."""
    order = np.lexsort((-values, groups))
    return order[segment_starts(groups[order])]


def _average_precision(is_true: BoolArray, num_annotated: int) -> float:
    """Area under the precision envelope, every recall step counted (VOC): value in [0, 1].

    Args:
        is_true: (N,), by descending score.
        num_annotated: Keypoints to be found.
    """
    num_true = np.cumsum(is_true)
    precision = num_true / np.arange(1, len(is_true) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[is_true].sum() / num_annotated)
