"""Random annotations and detections with the habits of COCO, to test and time evaluators."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmpose.coco.files import write_detections
from mmpose.coco.json_file import to_json
from mmpose.coco.keypoint_arrays import (
    FloatArray,
    IntArray,
    KeypointDetections,
    KeypointGroundTruth,
)

IMAGE_WH = (640, 480)
UNLABELLED_SHARE = 0.4  # of the people in COCO val2017 have no labelled joint
CROWD_SHARE = 0.02
COPY_SHARE = 0.4  # of the detections are disturbed annotations, the rest is noise
DUPLICATE_SCORE_DECIMALS = 3  # rounding makes equal scores


def make_synthetic_coco(
    num_images: int,
    num_gt: int,
    num_dt: int,
    seed: int,
    num_categories: int = 1,
    num_keypoints: int = 17,
) -> tuple[KeypointGroundTruth, KeypointDetections]:
    """Random ground truth and detections that hit all branches of the COCO evaluation.

    There are crowds, people without a labelled joint, images without annotation or detection,
    equal scores, and objects of all sizes.

    Args:
        num_images: Images.
        num_gt: Annotations.
        num_dt: Detections.
        seed: Of the random numbers.
        num_categories: Categories.
        num_keypoints: K.

    Returns:
        Ground truth and detections.
    """
    rng = np.random.default_rng(seed)
    image_ids = np.sort(rng.choice(10 * num_images, num_images, replace=False)) + 1
    gt = _make_ground_truth(rng, image_ids, num_gt, num_categories, num_keypoints)
    return gt, _make_detections(rng, gt, num_dt)


def write_synthetic_coco(
    gt: KeypointGroundTruth, dt: KeypointDetections, folder: str | Path
) -> tuple[Path, Path]:
    """Writes both as COCO files.

    Args:
        gt: Ground truth.
        dt: Detections.
        folder: Where to write; made if needed.

    Returns:
        Annotation file and result file.
    """
    annotation_file = Path(folder) / 'annotations.json'
    result_file = Path(folder) / 'result_keypoints.json'
    annotation_file.parent.mkdir(parents=True, exist_ok=True)
    triples = np.concatenate([gt.keypoints, 2.0 * gt.keypoints_visible[..., None]], axis=2)
    annotations = [
        {
            'id': int(gt.ann_id[i]),
            'image_id': int(gt.image_id[i]),
            'category_id': int(gt.category_id[i]),
            'keypoints': triples[i].ravel().tolist(),
            'num_keypoints': int(gt.num_labelled[i]),
            'bbox': gt.bbox_xywh[i].tolist(),
            'area': float(gt.area[i]),
            'iscrowd': int(gt.iscrowd[i]),
        }
        for i in range(len(gt.ann_id))
    ]
    width, height = IMAGE_WH
    images = [
        {'id': int(i), 'file_name': f'{i:012d}.jpg', 'width': width, 'height': height}
        for i in gt.image_ids
    ]
    categories = [{'id': int(i), 'name': f'category {i}'} for i in gt.category_ids]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    annotation_file.write_bytes(to_json(content))
    write_detections(result_file, dt)
    return annotation_file, result_file


def _make_ground_truth(
    rng: np.random.Generator,
    image_ids: IntArray,
    num: int,
    num_categories: int,
    num_keypoints: int,
) -> KeypointGroundTruth:
    # squaring the draw gives some images many people and leaves others without
    image = (rng.random(num) ** 2 * len(image_ids)).astype(np.int64)
    size_wh = np.exp(rng.normal(4.2, 0.9, (num, 1))) * rng.uniform(0.5, 1.5, (num, 2))
    corner = rng.random((num, 2)) * np.array(IMAGE_WH) - size_wh / 4
    keypoints = corner[:, None] + rng.random((num, num_keypoints, 2)) * size_wh[:, None]
    keypoints_visible = rng.random((num, num_keypoints)) < rng.random((num, 1))
    keypoints_visible &= rng.random((num, 1)) >= UNLABELLED_SHARE
    keypoints = np.where(keypoints_visible[..., None], np.round(keypoints), 0.0)
    return KeypointGroundTruth(
        image_ids=image_ids,
        category_ids=np.arange(1, num_categories + 1),
        ann_id=rng.permutation(num).astype(np.int64) + 1,
        image_id=image_ids[rng.permutation(len(image_ids))[image]],
        category_id=rng.integers(1, num_categories + 1, num),
        keypoints=keypoints,
        keypoints_visible=keypoints_visible,
        area=np.round(size_wh.prod(axis=1) * rng.uniform(0.3, 0.8, num), 4),
        bbox_xywh=np.round(np.concatenate([corner, size_wh], axis=1), 2),
        iscrowd=rng.random(num) < CROWD_SHARE,
        num_labelled=keypoints_visible.sum(axis=1),
    )


def _make_detections(
    rng: np.random.Generator, gt: KeypointGroundTruth, num: int
) -> KeypointDetections:
    num_keypoints = gt.num_keypoints
    image_id = rng.choice(gt.image_ids, num)
    category_id = rng.choice(gt.category_ids, num)
    size_wh = np.exp(rng.normal(4.2, 0.9, (num, 1, 1))) * np.ones((1, 1, 2))
    corner = rng.random((num, 1, 2)) * np.array(IMAGE_WH)
    keypoints = corner + rng.random((num, num_keypoints, 2)) * size_wh
    scores = rng.random(num) * 0.7
    if len(gt.ann_id):
        copies = np.flatnonzero(rng.random(num) < COPY_SHARE)
        chosen = rng.integers(0, len(gt.ann_id), len(copies))
        image_id[copies] = gt.image_id[chosen]
        category_id[copies] = gt.category_id[chosen]
        error = rng.exponential(0.06, len(copies))
        keypoints[copies] = _disturb(rng, gt, chosen, error)
        scores[copies] = np.exp(-4 * error) * rng.uniform(0.6, 1, len(copies))
    return KeypointDetections(
        image_id=image_id,
        category_id=category_id,
        keypoints=np.round(keypoints, 3),
        keypoint_scores=np.round(rng.random((num, num_keypoints)), 4),
        scores=np.round(scores, DUPLICATE_SCORE_DECIMALS),
    )


def _disturb(
    rng: np.random.Generator, gt: KeypointGroundTruth, rows: IntArray, error: FloatArray
) -> FloatArray:
    """Annotated joints plus noise; unlabelled joints anywhere in the box: (n, K, 2)."""
    box = gt.bbox_xywh[rows]
    inside = rng.random((len(rows), gt.num_keypoints, 2)) * box[:, None, 2:] + box[:, None, :2]
    pose = np.where(gt.keypoints_visible[rows][..., None], gt.keypoints[rows], inside)
    reach = error * np.sqrt(np.maximum(gt.area[rows], 0))
    return np.asarray(pose + rng.normal(0, 1, pose.shape) * reach[:, None, None])
