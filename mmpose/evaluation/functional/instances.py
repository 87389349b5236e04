"""Poses paired with the annotation of the same instance, and the lengths that normalise errors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmpose.coco.files import load_ground_truth
from mmpose.coco.keypoint_arrays import (
    FloatArray,
    IdArray,
    IntArray,
    KeypointDetections,
    KeypointGroundTruth,
)
from mmpose.evaluation.functional.joint_errors import joint_distances
from mmpose.structures import clip_xywh

BBOX = 'bbox'
HEAD_SIZE = 'head_size'  # px, an extra of the ground truth
Norm = str | float | tuple[int, int]


def load_instances(
    path: str | Path, num_keypoints: int, extras: Sequence[str] = ()
) -> KeypointGroundTruth:
    """Annotations of a COCO keypoint file, with boxes clipped to the images.

    The clipped box is the one that the data set gives to the model, and so the one whose sides
    normalise errors.

    Args:
        path: COCO annotations whose images state ``width`` and ``height``.
        num_keypoints: K, joints of the skeleton.
        extras: Further fields of every annotation.

    Returns:
        All annotations of the file.
    """
    gt = load_ground_truth(path, num_keypoints, extras, ('width', 'height'))
    order = np.argsort(gt.image_ids)
    rows = order[np.searchsorted(gt.image_ids, gt.image_id, sorter=order)]
    image_wh = np.stack([gt.image_extras['width'], gt.image_extras['height']], axis=1)
    bbox_xywh = clip_xywh(gt.bbox_xywh, image_wh[rows].astype(np.float64))
    return replace(gt, bbox_xywh=bbox_xywh.astype(np.float64))


def find_instances(
    gt: KeypointGroundTruth, ann_id: IntArray, image_id: IdArray, source: str
) -> IntArray:
    """Row of the annotation that each pose belongs to.

    Args:
        gt: Ground truth with unique annotation ids.
        ann_id: (N,). Annotation id of each pose.
        image_id: (N,). Image of each pose, which must be that of the annotation.
        source: Where the poses come from, for messages.

    Returns:
        (N,).

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
    if dt.num_joints != gt.num_joints:
        raise ValueError(
            f'{dt.source}: poses have {dt.num_joints} keypoints but {gt.source} has '
            f'{gt.num_joints}; use results and annotations of the same skeleton'
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
            f'{dt.source}: {missed.sum()} of {len(missed)} annotations have labelled joints but '
            f'no pose, first ann_id {gt.ann_id[missed][0]}; they are left out of the figures',
            stacklevel=2,
        )
    return gt.take(rows)


def distances_of(keypoints: FloatArray, gt: KeypointGroundTruth, norm: FloatArray) -> FloatArray:
    """``joint_distances`` of poses (N, K, 2) to their ground truth of N instances."""
    return joint_distances(keypoints, gt.keypoints, gt.keypoints_visible, norm)


def norm_lengths(gt: KeypointGroundTruth, norm: Norm) -> FloatArray:
    """The length that counts as 1 for each instance.

    Args:
        gt: Ground truth of N instances.
        norm: ``'bbox'`` for the longer side of the box, another string for an extra of the ground
            truth such as ``'head_size'``, two joints for the distance between them, or px.

    Returns:
        (N,), px; 0 for an instance that has no such length.

    Raises:
        ValueError: If the ground truth does not have what the norm names.
    """
    if norm == BBOX:
        return np.asarray(gt.bbox_xywh[:, 2:].max(axis=1))
    if isinstance(norm, str):
        return extra_norm(gt, norm)
    if isinstance(norm, tuple):
        return _joint_pair_norm(gt, *norm)
    return np.full(len(gt.ann_id), float(norm))


def extra_norm(gt: KeypointGroundTruth, name: str) -> FloatArray:
    """A length that the ground truth states per instance, such as ``head_size``: (G,), px.

    Raises:
        ValueError: If the ground truth has no such length.
    """
    if name not in gt.extras:
        raise ValueError(
            f"{gt.source}: the annotations have no '{name}' (they have {sorted(gt.extras)}), which "
            'is to normalise the errors; add it to each annotation or choose another norm'
        )
    return np.asarray(gt.extras[name], dtype=np.float64).reshape(len(gt.ann_id))


def _joint_pair_norm(gt: KeypointGroundTruth, first: int, second: int) -> FloatArray:
    """Distance between two annotated joints of each instance: (G,), px; 0 if one is unlabelled.

    Raises:
        ValueError: If the skeleton does not have these joints.
    """
    for joint in (first, second):
        if not 0 <= joint < gt.num_joints:
            raise ValueError(
                f'joint {joint} is to normalise the errors, but {gt.source} has joints 0 to '
                f'{gt.num_joints - 1}; name two of them'
            )
    delta = gt.keypoints[:, first] - gt.keypoints[:, second]
    is_labelled = gt.keypoints_visible[:, first] & gt.keypoints_visible[:, second]
    return np.where(is_labelled, np.hypot(delta[:, 0], delta[:, 1]), 0.0)
