"""Pairing of poses with the annotation of the same instance, by annotation id."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmpose.coco.files import load_ground_truth
from mmpose.coco.instance_layout import InstanceLayout
from mmpose.coco.keypoint_arrays import IdArray, IntArray, KeypointDetections, KeypointGroundTruth
from mmpose.structures import clip_xywh


def load_instances(
    path: str | Path,
    num_keypoints: int,
    extras: Sequence[str] = (),
    layout: InstanceLayout | None = None,
) -> KeypointGroundTruth:
    """Annotations of a COCO keypoint file, with boxes clipped to the images.

    The clipped box is the one that the dataset gives to the model, and so the one whose sides
    normalise errors.

    Args:
        path: COCO annotations whose images state ``width`` and ``height``.
        num_keypoints: K, keypoints of the skeleton.
        extras: Further fields of every annotation.
        layout: Where the instances of an annotation stand; boxes that it makes are not clipped.
    """
    sizes = ('width', 'height')
    gt = load_ground_truth(path, num_keypoints, extras, sizes, layout=layout)
    if layout is not None and layout.makes_windows:
        return gt
    order = np.argsort(gt.image_ids)
    rows = order[np.searchsorted(gt.image_ids, gt.image_id, sorter=order)]
    image_wh = np.stack([gt.image_extras['width'], gt.image_extras['height']], axis=1)
    bbox_xywh = clip_xywh(gt.bbox_xywh, image_wh[rows].astype(np.float64))
    return replace(gt, bbox_xywh=bbox_xywh.astype(np.float64))


def find_instances(
    gt: KeypointGroundTruth, ann_id: IntArray, image_id: IdArray, source: str
) -> IntArray:
    """Row of the annotation that each pose belongs to: (N,).

    Args:
        gt: Ground truth with unique annotation ids.
        ann_id: (N,). Annotation id of each pose.
        image_id: (N,). Image of each pose, which must be that of the annotation.
        source: Where the poses come from, for messages.

    Raises:
        ValueError: If a pose has no annotation.
    """
    order = np.argsort(gt.ann_id, kind='stable')
    place = np.searchsorted(gt.ann_id, ann_id, sorter=order)
    rows = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros_like(place)
    is_known = np.zeros(len(rows), dtype=np.bool_)
    if len(order):
        is_known = (gt.ann_id[rows] == ann_id) & (gt.image_id[rows] == image_id)
    strangers = np.flatnonzero(~is_known)
    if len(strangers):
        first = strangers[0]
        raise ValueError(
            f'{source}: pose ann_id={ann_id[first]}, img_id={image_id[first]} has no annotation '
            f'in {gt.source}; this metric needs one pose per annotation, from ground-truth boxes'
        )
    return np.asarray(rows, dtype=np.int64)


def pair_detections(gt: KeypointGroundTruth, dt: KeypointDetections) -> KeypointGroundTruth:
    """Ground truth of each pose of a result file, in the order of the poses.

    Args:
        gt: Ground truth with unique annotation ids.
        dt: Poses with ``ann_id`` among their extras.

    Returns:
        N instances. A warning tells of labelled annotations that no pose came for.

    Raises:
        ValueError: If poses lack an annotation, or two have the same, or skeletons differ.
    """
    if dt.num_keypoints != gt.num_keypoints:
        raise ValueError(
            f'{dt.source}: poses have {dt.num_keypoints} keypoints but {gt.source} has '
            f'{gt.num_keypoints}; use results and annotations of the same skeleton'
        )
    ann_id = dt.extras['ann_id']
    values, counts = np.unique(ann_id, return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f'{dt.source}: ann_id {values[counts.argmax()]} has {counts.max()} poses; expected one'
        )
    rows = find_instances(gt, ann_id, dt.image_id, dt.source)
    missed = np.asarray(gt.keypoints_visible.any(axis=1))
    missed[rows] = False
    if missed.any():
        warnings.warn(
            f'{dt.source}: {missed.sum()} of {len(missed)} annotations have labelled keypoints but '
            f'no pose, first ann_id {gt.ann_id[missed][0]}; they are omitted from the metrics',
            stacklevel=2,
        )
    return gt.take(rows)
