"""Transforms of mmcv, and those written for MMPose 1.x, as steps of a pipeline."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np

from mmpose.datasets.sample import Sample

# MMPose's key -> ours, where both have the same values; those in LISTED have one row there.
NAMES = {
    'img': 'image', 'img_path': 'image_file', 'id': 'ann_id', 'bbox_center': 'center',
    'bbox_scale': 'scale', 'bbox_rotation': 'rotation', 'keypoints_visible': 'keypoints_visible',
    'bbox_score': 'bbox_score',
}  # fmt: skip
LISTED = {'bbox_center', 'bbox_scale', 'bbox_rotation', 'keypoints_visible', 'bbox_score'}
DERIVED = ('img_shape', 'ori_shape', 'bbox', 'flip_indices', 'upper_body_ids', 'lower_body_ids')


def is_foreign(transform: Any) -> bool:
    """Tells whether a transform derives from mmcv's, so that it knows the keys of MMPose."""
    mmcv = sys.modules.get('mmcv.transforms')
    return mmcv is not None and isinstance(transform, mmcv.BaseTransform)


class MmcvStep:
    """A transform of mmcv between ours: it is given MMPose's keys, and its changes are taken over.

    Its random numbers, which it draws from numpy's and Python's global generators, follow from the
    sample. A new key stays in the sample and comes to the head. Before the crop the keypoints are
    ``keypoints``, after it ``transformed_keypoints``.

    Args:
        transform: The transform.

    Raises:
        ValueError: If it drops the sample, or changes the size of the image, which keypoints and
            boxes would not follow.
    """

    def __init__(self, transform: Any) -> None:
        self.transform = transform
        self.__name__ = type(transform).__name__

    def __call__(self, sample: Sample) -> Sample:
        if sample.get('flipped', False) and 'image' in sample:
            sample['image'] = np.ascontiguousarray(sample['image'][:, ::-1])
            sample['flipped'] = False
        if sample.get('shrink', 1) > 1:
            raise ValueError('takes a whole image; remove reduced_for_wh from LoadImage')
        seed = int(sample['rng'].integers(2**32))
        np.random.seed(seed)  # noqa: NPY002 - what transforms of mmcv draw from
        random.seed(seed)
        points = 'transformed_keypoints' if 'crop' in sample else 'keypoints'
        results = self.transform(to_mmpose(sample, points))
        if results is None:
            raise ValueError('returned None, but an epoch has each sample; return it unchanged')
        return self._take_over(results, sample, points)

    def _take_over(self, results: dict[str, Any], sample: Sample, points: str) -> Sample:
        image = sample.get('image')
        if image is not None and results['img'].shape[:2] != image.shape[:2]:
            raise ValueError(
                f'makes {results["img"].shape[:2]} of an image of {image.shape[:2]}, and boxes and '
                'keypoints do not follow; sizes change in TopdownAffine'
            )
        known = {*NAMES, *DERIVED, points}
        for theirs, ours in NAMES.items():
            if theirs in results:
                sample[ours] = _first(results[theirs]) if theirs in LISTED else results[theirs]
        if points in results:
            sample['keypoints'] = np.asarray(results[points][0], np.float32)
        if 'bbox' in results:
            corners = np.asarray(results['bbox'][0])
            sample['bbox_xywh'] = np.r_[corners[:2], corners[2:] - corners[:2]].astype(np.float32)
        return {**sample, **{key: x for key, x in results.items() if key not in known}}


def to_mmpose(sample: Sample, points: str) -> dict[str, Any]:
    """Returns a sample under MMPose's keys; what has no name there keeps ours.

    Args:
        sample: The sample.
        points: Key of the keypoints.
    """
    ours = {*NAMES.values(), 'keypoints', 'bbox_xywh'}
    results = {key: value for key, value in sample.items() if key not in ours}
    for theirs, own in NAMES.items():
        if own in sample:
            value = sample[own]
            results[theirs] = np.asarray(value)[None] if theirs in LISTED else value
    if 'keypoints' in sample:
        results[points] = sample['keypoints'][None]
    left, top, width, height = sample['bbox_xywh']
    results['bbox'] = np.array([[left, top, left + width, top + height]], np.float32)
    results['ori_shape'] = tuple(sample['image_wh'])[::-1]
    if 'image' in sample:
        results['img_shape'] = sample['image'].shape[:2]
    meta = sample['dataset_meta']
    results['flip_indices'] = meta.flip_indices.tolist()
    results |= dict(upper_body_ids=meta.upper_body_ids, lower_body_ids=meta.lower_body_ids)
    return results


def _first(value: Any) -> Any:
    first = np.asarray(value)[0]
    return first if first.ndim else first.item()
