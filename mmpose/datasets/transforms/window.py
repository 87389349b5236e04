"""Crop window: bounding box to centre and scale, random shift, flip and half body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.sample import Sample
from mmpose.registry import TRANSFORMS
from mmpose.structures import DatasetMeta


@TRANSFORMS.register_module()
class GetBBoxCenterScale:
    """Adds the upright window around ``bbox_xywh``: ``center``, ``scale`` and ``rotation`` 0.

    The window has the aspect ratio of the box; ``TopdownAffine``, which knows the size of the
    crop, enlarges its short side.

    Args:
        padding: Factor on width and height; 1.25 in the top-down literature, 1.5 for hands.
    """

    reads = ('bbox_xywh',)
    writes = ('center', 'scale', 'rotation')

    def __init__(self, padding: float = 1.25) -> None:
        self.padding = padding

    def __call__(self, sample: Sample) -> Sample:
        x, y, width, height = map(float, sample['bbox_xywh'])
        if max(width, height) <= 0:
            raise ValueError(f'the box {sample["bbox_xywh"]} (x, y, width, height) has no size')
        sample['center'] = np.array([x + width / 2, y + height / 2])
        sample['scale'] = np.array([width * self.padding, height * self.padding])
        sample['rotation'] = 0.0
        return sample


@TRANSFORMS.register_module()
class RandomShiftBboxCenter:
    """Moves ``center`` by ``factor`` times (u - 0.5) times the size of the box, u uniform in 0..1.

    The published code does this once per annotation, when it loads the dataset (fixed for the
    whole training, different for every seed); here every visit draws anew.

    Args:
        factor: 0.4 moves by up to a fifth of the box in x and in y.
        prob: Probability that a sample is moved.
    """

    reads = ('center', 'bbox_xywh', 'rng')
    writes = ('center',)

    def __init__(self, factor: float = 0.4, prob: float = 0.3) -> None:
        self.factor = factor
        self.prob = check_probability(self, 'prob', prob)

    def __call__(self, sample: Sample) -> Sample:
        rng = sample['rng']
        if rng.random() < self.prob:
            shift = self.factor * (rng.random(2) - 0.5) * sample['bbox_xywh'][2:]
            sample['center'] = sample['center'] + shift
        return sample


@TRANSFORMS.register_module()
class RandomFlip:
    """Mirrors the sample about the vertical axis of the image: x becomes W - 1 - x.

    Keypoints change places with their partners. The pixels follow in ``TopdownAffine``; see
    ``datasets/sample.py``.

    Args:
        prob: Probability of a flip.
        direction: Only ``horizontal``.

    Raises:
        ValueError: If the direction is another one.
    """

    reads = ('image_wh', 'keypoints', 'keypoints_visible', 'bbox_xywh', 'dataset_meta', 'rng')
    writes = ('flipped', 'keypoints', 'keypoints_visible', 'bbox_xywh', 'center')

    def __init__(self, prob: float = 0.5, direction: str = 'horizontal') -> None:
        if direction != 'horizontal':
            raise ValueError(
                f"RandomFlip: direction is {direction!r}, but only 'horizontal' is supported: "
                'other mirror images have no left and right to exchange'
            )
        self.prob = check_probability(self, 'prob', prob)

    def __call__(self, sample: Sample) -> Sample:
        if sample['rng'].random() >= self.prob:
            return sample
        if 'crop' in sample:
            raise ValueError('RandomFlip must come before TopdownAffine')
        last = sample['image_wh'][0] - 1
        if last < 0:
            raise ValueError(
                'the width of the image is not in the annotations; put LoadImage before RandomFlip'
            )
        partners = sample['dataset_meta'].flip_indices
        keypoints = sample['keypoints'][partners]
        keypoints[:, 0] = last - keypoints[:, 0]
        bbox = sample['bbox_xywh'].copy()
        bbox[0] = last - bbox[0] - bbox[2]
        sample['keypoints'] = keypoints
        sample['keypoints_visible'] = sample['keypoints_visible'][partners]
        if 'visibility' in sample:
            sample['visibility'] = sample['visibility'][partners]
        sample['bbox_xywh'] = bbox
        if 'center' in sample:
            sample['center'] = np.array([last - sample['center'][0], sample['center'][1]])
        sample['flipped'] = not sample.get('flipped', False)
        return sample


@TRANSFORMS.register_module()
class RandomHalfBody:
    """Moves the window of a well visible instance to its upper body or to the rest.

    Upper body are the keypoints that the skeleton calls so, lower body is everything else, as in
    MMPose 0.x, or what the skeleton calls so, as in 1.x. A half with too few visible keypoints
    gives way to the other one.

    Args:
        min_total_keypoints: Only instances with at least so many visible keypoints.
        min_upper_keypoints: Visible keypoints that an upper body needs.
        min_lower_keypoints: Visible keypoints that a lower body needs.
        padding: Factor on width and height around the keypoints.
        prob: Probability, for these instances.
        upper_prioritized_prob: Probability of the upper body. MMPose 0.x compares a normal number
            with 0.5 where a uniform one was surely meant; 0.6915 is what comes of it.
        lower_is_rest: Whether keypoints that the skeleton puts in neither half are lower body.
    """

    reads = ('keypoints', 'keypoints_visible', 'dataset_meta', 'rng')
    writes = ('center', 'scale')

    def __init__(
        self,
        min_total_keypoints: int = 9,
        min_upper_keypoints: int = 2,
        min_lower_keypoints: int = 3,
        padding: float = 1.5,
        prob: float = 0.3,
        upper_prioritized_prob: float = 0.7,
        lower_is_rest: bool = True,
    ) -> None:
        self.min_total_keypoints = min_total_keypoints
        self.min_upper_keypoints = min_upper_keypoints
        self.min_lower_keypoints = min_lower_keypoints
        self.padding = padding
        self.prob = check_probability(self, 'prob', prob)
        self.upper_prioritized_prob = check_probability(
            self, 'upper_prioritized_prob', upper_prioritized_prob
        )
        self.lower_is_rest = lower_is_rest

    def __call__(self, sample: Sample) -> Sample:
        is_visible, rng = sample['keypoints_visible'] > 0, sample['rng']
        if np.count_nonzero(is_visible) < self.min_total_keypoints or rng.random() >= self.prob:
            return sample
        prefers_upper = rng.random() < self.upper_prioritized_prob
        ids = self._choose(is_visible, sample['dataset_meta'], prefers_upper)
        points = sample['keypoints'][ids].astype(np.float64)
        extent = points.max(axis=0) - points.min(axis=0) if len(ids) > 1 else np.zeros(2)
        if extent.max() <= 0:
            return sample
        sample['center'] = points.mean(axis=0)
        sample['scale'] = extent * self.padding
        return sample

    def _choose(
        self, is_visible: NDArray[np.bool_], meta: DatasetMeta, prefers_upper: bool
    ) -> NDArray[np.int64]:
        """Returns the visible keypoints of a half, or none."""
        is_upper, is_lower = np.zeros((2, len(is_visible)), bool)
        is_upper[list(meta.upper_body_ids)] = True
        is_lower[list(meta.lower_body_ids)] = True
        is_lower = ~is_upper if self.lower_is_rest else is_lower
        upper, lower = np.flatnonzero(is_visible & is_upper), np.flatnonzero(is_visible & is_lower)
        has_upper = len(upper) >= self.min_upper_keypoints
        has_lower = len(lower) >= self.min_lower_keypoints
        if not has_upper and not has_lower:
            return upper[:0]
        return upper if has_upper and (prefers_upper or not has_lower) else lower


def check_probability(owner: object, name: str, value: float) -> float:
    """Returns a probability as it is.

    Raises:
        ValueError: If it is none.
    """
    if not 0 <= value <= 1:
        raise ValueError(f'{type(owner).__name__}: {name} is {value}, expected 0 to 1')
    return value
