"""Boxes from the poses of the frame before, for frames without detection; OKS-based NMS."""

from __future__ import annotations

from collections.abc import Sequence

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


def refine_boxes(poses: Sequence[PoseResult], image_wh: tuple[int, int]) -> Boxes:
    """Returns the boxes of poses anew, around their certain keypoints, in the order of the poses.

    Scores are kept, and so is the box of a pose of which less than half of the keypoints are
    certain, which would shrink to a part of the instance.

    Args:
        image_wh: Size of the image, px.
    """
    xywh = []
    for pose in poses:
        min_keypoints = max(len(pose.keypoints) // 2, 1)
        box = boxes_from_poses([pose], min_keypoints=min_keypoints)
        is_better = len(box) and box.is_usable(image_wh)[0]
        xywh.append(box.xywh[0] if is_better else pose.bbox_xywh)
    scores, categories = ([getattr(x, k) for x in poses] for k in ('bbox_score', 'category_id'))
    return Boxes.from_xywh(xywh, scores, categories)


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
