"""Small ground truths and poses for the tests of the evaluation."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpose.evaluation.functional import KeypointDetections, KeypointGroundTruth
from mmpose.metainfo import load_metainfo
from mmpose.registry import METRICS
from mmpose.structures import PoseResult

SIGMAS = load_metainfo('coco').sigmas
POSE = np.stack([np.arange(17) * 5.0 + 10, np.arange(17)[::-1] * 5.0 + 10], axis=1)  # (17, 2)
SIDE = 80.0  # of the box around POSE, whose area 6400 is medium


def shifted(*offsets: float) -> np.ndarray:
    """POSE moved to the right, once per offset: (len(offsets), 17, 2)."""
    return POSE[None] + np.array([[[offset, 0.0]] for offset in offsets]).reshape(-1, 1, 2)


def ground_truth(image_id: list[int], keypoints: np.ndarray, **changes: Any) -> KeypointGroundTruth:
    """Labelled, countable instances of one category in the images given."""
    num = len(image_id)
    corner = keypoints.min(axis=1) if num else np.zeros((0, 2))
    fields: dict[str, Any] = {
        'image_ids': np.unique([*image_id, 1, 2, 3]),
        'category_ids': np.array([1]),
        'ann_id': np.arange(num) + 100,
        'image_id': np.array(image_id, dtype=np.int64),
        'category_id': np.ones(num, dtype=np.int64),
        'keypoints': keypoints,
        'keypoints_visible': np.ones(keypoints.shape[:2], dtype=bool),
        'area': np.full(num, SIDE**2),
        'bbox_xywh': np.concatenate([corner, np.full((num, 2), SIDE)], axis=1),
        'iscrowd': np.zeros(num, dtype=bool),
        'num_labelled': np.full(num, 17),
    }
    return KeypointGroundTruth(**{**fields, **changes})


def detections(
    image_id: list[int], keypoints: np.ndarray, scores: list[float], **changes: Any
) -> KeypointDetections:
    """Poses of category 1."""
    fields: dict[str, Any] = {
        'image_id': np.array(image_id, dtype=np.int64),
        'category_id': np.ones(len(image_id), dtype=np.int64),
        'keypoints': keypoints,
        'keypoint_scores': np.ones(keypoints.shape[:2]),
        'scores': np.array(scores, dtype=np.float64),
    }
    return KeypointDetections(**{**fields, **changes})


def pose_result(img_id: int, ann_id: int, keypoints: np.ndarray, **changes: Any) -> PoseResult:
    """A confident pose of category 1."""
    fields: dict[str, Any] = {
        'keypoints': keypoints.astype(np.float32),
        'keypoint_scores': np.ones(len(keypoints), dtype=np.float32),
        'bbox_xywh': np.array([10, 10, SIDE, SIDE], dtype=np.float32),
        'area': 2 * SIDE**2,
    }
    return PoseResult(img_id=img_id, ann_id=ann_id, category_id=1, **{**fields, **changes})


def poses_of(dt: KeypointDetections, ann_id: np.ndarray | None = None) -> list[PoseResult]:
    """Detections as a model gives them, boxes of different sizes, all float32."""
    ids = np.arange(len(dt.scores)) if ann_id is None else ann_id
    return [
        PoseResult(
            img_id=dt.image_id[i].item(),
            ann_id=int(ids[i]),
            category_id=int(dt.category_id[i]),
            keypoints=dt.keypoints[i].astype(np.float32),
            keypoint_scores=dt.keypoint_scores[i].astype(np.float32),
            bbox_xywh=np.array([10, 10, SIDE + i, SIDE], dtype=np.float32),
            bbox_score=float(dt.scores[i]),
            area=float(2000 + 50 * i),
        )
        for i in range(len(ids))
    ]


def run_metric(config: dict[str, Any], meta: dict[str, Any], poses: list[PoseResult]) -> Any:
    """The figures of a metric from the registry, which got the poses in two batches."""
    metric = METRICS.build(config)
    metric.dataset_meta = meta
    half = len(poses) // 2
    metric.process({}, poses[:half])
    metric.process({}, poses[half:])
    return metric.evaluate(len(poses))


def run_xtcocotools(
    annotation_file: Path, records: Any, iou_type: str, sigmas: np.ndarray, use_area: bool
) -> Any:
    """The evaluator of xtcocotools after its work, with ``stats`` and ``eval``.

    Args:
        annotation_file: COCO annotations.
        records: Result records, or their file.
        iou_type: Mode.
        sigmas: (K,).
        use_area: Whether the annotated area is used.
    """
    reason = 'xtcocotools is not installed'
    coco = pytest.importorskip('xtcocotools.coco', reason=reason)
    cocoeval = pytest.importorskip('xtcocotools.cocoeval', reason=reason)
    records = json.loads(records.read_text()) if isinstance(records, Path) else records
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # it says which scores it takes
        gt = coco.COCO(str(annotation_file))
        evaluator = cocoeval.COCOeval(
            gt, gt.loadRes(records), iou_type, np.asarray(sigmas), use_area
        )
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


def annotation_file(folder: Path, num_images: int, people_per_image: int) -> Path:
    """A COCO file with POSE shifted by 100 px per person; ids count from 1."""
    annotations = [
        {
            'id': 1 + image * people_per_image + person,
            'image_id': 1 + image,
            'category_id': 1,
            'keypoints': np.c_[shifted(100.0 * person)[0], np.full(17, 2)].ravel().tolist(),
            'num_keypoints': 17,
            'bbox': [10 + 100 * person, 10, SIDE, SIDE],
            'area': SIDE**2,
            'iscrowd': 0,
        }
        for image in range(num_images)
        for person in range(people_per_image)
    ]
    content = {
        'images': [{'id': 1 + image, 'file_name': f'{image}.jpg'} for image in range(num_images)],
        'annotations': annotations,
        'categories': [{'id': 1, 'name': 'person'}],
    }
    path = folder / 'annotations.json'
    path.write_text(json.dumps(content))
    return path
