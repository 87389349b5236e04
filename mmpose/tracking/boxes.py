"""Boxes from the poses of the frame before, for frames without detection; OKS-based NMS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mmpose.evaluation.functional import oks_nms
from mmpose.structures import Boxes, DatasetMeta, PoseResult, box_iou_xywh

SAME_OKS = 0.9  # of two poses of one instance


def boxes_from_poses(
    results: Sequence[PoseResult],
    previous: Sequence[PoseResult] = (),
    padding: float = 1.25,
    min_score: float = 0.3,
    min_keypoints: int = 3,
) -> Boxes:
    """Returns the expected boxes in the next frame, in the order of the poses.

    An instance with too few certain keypoints counts as lost and gets no box.

    Args:
        previous: Those of the frame before it; an instance in both, by ``track_id``, is expected
            to move on as far again.
        padding: Size of the box over that of the keypoints. On 40 people of COCO train2017 the
            annotated box is 1.25 times as high and 1.27 times as wide (medians).
        min_score: Keypoints with a lower score do not count.
        min_keypoints: Keypoints required.

    Raises:
        ValueError: If the padding or the number of keypoints is below 1.
    """
    for name, value in (('padding', padding), ('min_keypoints', min_keypoints)):
        if not value >= 1:
            raise ValueError(f'{name} is {value}, expected 1 or more')
    before = {x.track_id: x for x in previous if x.track_id is not None}
    xywh, scores, categories = [], [], []
    for result in results:
        is_sure = result.keypoint_scores >= min_score
        if is_sure.sum() < min_keypoints:
            continue
        keypoints = result.keypoints[is_sure]
        other = before.get(result.track_id) if result.track_id is not None else None
        is_in_both = is_sure if other is None else is_sure & (other.keypoint_scores >= min_score)
        moved = np.zeros(2, np.float32)
        if other is not None and is_in_both.any():
            moved = (result.keypoints - other.keypoints)[is_in_both].mean(axis=0)
        low, high = keypoints.min(axis=0), keypoints.max(axis=0)
        size = (high - low) * padding
        xywh.append(np.concatenate([(low + high - size) / 2 + moved, size]))
        scores.append(result.keypoint_scores[is_sure].mean())
        categories.append(result.category_id)
    return Boxes.from_xywh(xywh, scores, categories)


def refine_boxes(
    poses: Sequence[PoseResult],
    image_wh: tuple[int, int],
    margin: float = 0.125,
    min_score: float = 0.3,
) -> Boxes:
    """Returns the boxes of poses where they contradict the poses, otherwise as they were.

    A side moves out to the outermost certain keypoint. Where all keypoints are certain it moves in
    as well, to ``margin`` around them: how far a box goes beyond the keypoints depends on the
    skeleton (to the toes, to the top of the head), so a side in between stays. The order of the
    poses and their scores are kept.

    Args:
        image_wh: Size of the image, px; a box that would lie outside of it is not taken.
        margin: Largest distance of a side from the keypoints, over their extent.
        min_score: Keypoints with a lower score are not certain.
    """
    boxes = Boxes.from_xywh(
        [pose.bbox_xywh for pose in poses],
        [pose.bbox_score for pose in poses],
        [pose.category_id for pose in poses],
    )
    refined = boxes.xywh.copy()
    for box, pose in zip(refined, poses, strict=True):
        is_sure = pose.keypoint_scores >= min_score
        if not is_sure.any():
            continue
        low, high = (f(pose.keypoints[is_sure], axis=0) for f in (np.min, np.max))
        first, last = np.minimum(box[:2], low), np.maximum(box[:2] + box[2:], high)
        if is_sure.all():
            first = np.maximum(first, low - margin * (high - low))
            last = np.minimum(last, high + margin * (high - low))
        box[:] = np.concatenate([first, last - first])
    good = replace(boxes, xywh=refined).is_usable(image_wh)
    return replace(boxes, xywh=np.where(good[:, None], refined, boxes.xywh))


def suppress_duplicates(
    poses: Sequence[PoseResult], dataset_meta: DatasetMeta, by_score: bool = False
) -> list[PoseResult]:
    """OKS-based non-maximum suppression: returns the poses in their order without duplicates.

    Where instances occlude each other, the boxes of both may show the one in front. Of such
    duplicates the pose with the highest IoU of its box and its keypoints is kept.

    Args:
        dataset_meta: Their skeleton; without sigmas all are kept.
        by_score: Keeps the one with the best score of its box, where boxes were made of keypoints.
    """
    if len(poses) < 2 or dataset_meta.sigmas is None:
        return list(poses)
    keypoints = np.stack([pose.keypoints for pose in poses]).astype(np.float64)  # (N, K, 2)
    low, high = keypoints.min(axis=1), keypoints.max(axis=1)
    boxes = np.stack([pose.bbox_xywh for pose in poses]).astype(np.float64)
    scores = box_iou_xywh(boxes, np.hstack([low, high - low]))
    if by_score:
        scores = np.array([pose.bbox_score for pose in poses], np.float64)
    kept = oks_nms(
        keypoints,
        scores,
        np.array([pose.area for pose in poses], np.float64),
        dataset_meta.sigmas,
        SAME_OKS,
    )
    return [poses[i] for i in sorted(kept.tolist())]
