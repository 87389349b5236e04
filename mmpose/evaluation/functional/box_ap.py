"""Average precision of boxes by faster-coco-eval, or their recall without it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from mmpose.evaluation.functional.coco_backends import run_evaluator
from mmpose.structures import box_iou_xywh

# Not xtcocotools: its overlap of boxes fails under NumPy 2.
BOX_BACKENDS = ('auto', 'faster_coco_eval', 'recall')
# In the order of the COCO evaluators' statistics, https://cocodataset.org/#detection-eval.
BOX_METRICS = (
    'AP', 'AP .5', 'AP .75', 'AP (S)', 'AP (M)', 'AP (L)',
    'AR 1', 'AR 10', 'AR 100', 'AR (S)', 'AR (M)', 'AR (L)',
)  # fmt: skip
THRESHOLDS = np.linspace(0.5, 0.95, 10)
MAX_PER_IMAGE = 100

Record = dict[str, Any]


@dataclass(frozen=True)
class AnnotatedBoxes:
    """The objects of some images, all of one kind.

    Attributes:
        images: Records of COCO's layout, with ``id``.
        annotations: Records with ``image_id`` and ``bbox``, and perhaps ``area`` and ``iscrowd``.
    """

    images: Sequence[Record]
    annotations: Sequence[Record]


def evaluate_boxes(
    truth: AnnotatedBoxes, detections: Sequence[Record], backend: str = 'auto'
) -> dict[str, float]:
    """Returns the COCO metrics of boxes, their categories not told apart.

    Args:
        truth: What is annotated.
        detections: Records with ``image_id``, ``bbox`` and ``score``.
        backend: ``faster_coco_eval`` for average precision and recall; ``recall`` for recall at
            an IoU of 0.5, 0.75 and the mean of 0.5 to 0.95, which needs no package and is what
            boxes of nobody get; ``auto`` is the first that is installed.

    Raises:
        ImportError: If the package is not installed.
        ValueError: If the backend is unknown.
    """
    if choose_backend(backend) == 'recall' or not detections:
        return box_recall(truth, detections)
    records = [
        {'image_id': x['image_id'], 'category_id': 1, 'bbox': x['bbox'], 'score': x['score']}
        for x in detections
    ]
    from faster_coco_eval import COCO, COCOeval_faster

    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO(_coco_content(truth))
        evaluator = COCOeval_faster(gt, gt.loadRes(records), 'bbox')
    stats = run_evaluator(evaluator)
    return {name: float(value) for name, value in zip(BOX_METRICS, stats, strict=False)}


def choose_backend(backend: str) -> str:
    """Returns the backend that ``evaluate_boxes`` takes, and raises what it raises."""
    if backend not in BOX_BACKENDS:
        raise ValueError(f"evaluator '{backend}' is unknown; use one of {', '.join(BOX_BACKENDS)}")
    if backend == 'recall' or find_spec('faster_coco_eval') is not None:
        return backend
    if backend == 'auto':
        return 'recall'
    raise ImportError("evaluator 'faster_coco_eval' is not installed; pip install faster-coco-eval")


def box_recall(truth: AnnotatedBoxes, detections: Sequence[Record]) -> dict[str, float]:
    """Returns the shares of annotated boxes, crowds aside, that are found.

    In each image the best detection takes the annotated box it overlaps most that is left, as in
    the COCO evaluators; 100 detections count.
    """
    boxes: dict[Any, list[list[float]]] = {}
    for one in truth.annotations:
        if not one.get('iscrowd'):
            boxes.setdefault(one['image_id'], []).append(one['bbox'])
    found: dict[Any, list[Record]] = {}
    for record in detections:
        found.setdefault(record['image_id'], []).append(record)
    num_found = np.zeros(len(THRESHOLDS))
    for image_id, own in boxes.items():
        best = sorted(found.get(image_id, []), key=lambda x: -x['score'])[:MAX_PER_IMAGE]
        if best:
            given = np.array([x['bbox'] for x in best], np.float64)
            num_found += _count_matches(given, np.array(own, np.float64))
    recall = num_found / max(sum(len(own) for own in boxes.values()), 1)
    return {
        'recall .5': float(recall[0]),
        'recall .75': float(recall[5]),
        'recall .5:.95': float(recall.mean()),
    }


def _count_matches(
    detected: npt.NDArray[np.float64], annotated: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Returns for each threshold how many annotated boxes are taken; best detections first."""
    overlaps = box_iou_xywh(detected[:, None], annotated)  # (detections, annotations)
    counts = np.zeros(len(THRESHOLDS))
    for i, threshold in enumerate(THRESHOLDS):
        is_left = np.ones(len(annotated), bool)
        for row in overlaps:
            best = int(np.argmax(row * is_left))
            if is_left[best] and row[best] >= threshold:
                is_left[best] = False
        counts[i] = (~is_left).sum()
    return counts


def _coco_content(truth: AnnotatedBoxes) -> Record:
    annotations = [
        {
            'id': number,
            'image_id': one['image_id'],
            'category_id': 1,
            'bbox': one['bbox'],
            'area': one.get('area') or one['bbox'][2] * one['bbox'][3],
            'iscrowd': int(bool(one.get('iscrowd'))),
        }
        for number, one in enumerate(truth.annotations, 1)
    ]
    return {
        'images': [{'id': one['id'], 'file_name': ''} for one in truth.images],
        'annotations': annotations,
        'categories': [{'id': 1, 'name': 'object'}],
    }
