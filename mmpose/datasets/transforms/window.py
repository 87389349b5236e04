"""Chooses the window of the image that becomes the network input, at random or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.sample import Sample
from mmpose.registry import TRANSFORMS
from mmpose.structures import xywh_to_center_wh


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
        center, box_wh = xywh_to_center_wh(np.asarray(sample['bbox_xywh'], np.float64))
        if box_wh.max() <= 0:
            raise ValueError(f'the box {sample["bbox_xywh"]} (x, y, width, height) has no size')
        sample['center'] = center
        sample['scale'] = box_wh * self.padding
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
        self.prob = _probability(self, 'prob', prob)

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
    """

    reads = ('image_wh', 'keypoints', 'keypoints_visible', 'bbox_xywh', 'dataset_meta', 'rng')
    writes = ('flipped', 'keypoints', 'keypoints_visible', 'bbox_xywh', 'center')

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = _probability(self, 'prob', prob)

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
        sample['bbox_xywh'] = bbox
        if 'center' in sample:
            sample['center'] = np.array([last - sample['center'][0], sample['center'][1]])
        sample['flipped'] = not sample.get('flipped', False)
        return sample


@TRANSFORMS.register_module()
class RandomHalfBody:
    """Moves the window of a well visible person to its upper body or to the rest.

    Upper body are the keypoints that the skeleton calls so, the rest is everything else. The half
    that was drawn is taken if it has more than two visible keypoints, else the other one.

    Args:
        min_visible: Only persons with more visible keypoints than this.
        prob: Probability, for these persons.
        upper_prob: Probability of the upper body. The published code compares a normal number
            with 0.5 where a uniform one was surely meant; 0.6915 is what comes of it.
        padding: Factor on width and height around the keypoints.
    """

    reads = ('keypoints', 'keypoints_visible', 'dataset_meta', 'rng')
    writes = ('center', 'scale')

    def __init__(
        self,
        min_visible: int = 8,
        prob: float = 0.3,
        upper_prob: float = 0.6915,
        padding: float = 1.5,
    ) -> None:
        self.min_visible = min_visible
        self.prob = _probability(self, 'prob', prob)
        self.upper_prob = _probability(self, 'upper_prob', upper_prob)
        self.padding = padding

    def __call__(self, sample: Sample) -> Sample:
        keypoints_visible, rng = sample['keypoints_visible'] > 0, sample['rng']
        if keypoints_visible.sum() <= self.min_visible or rng.random() >= self.prob:
            return sample
        ids = self._choose(
            keypoints_visible, sample['dataset_meta'].upper_body_ids, rng.random() < self.upper_prob
        )
        points = sample['keypoints'][ids].astype(np.float64)
        extent = points.max(axis=0) - points.min(axis=0) if len(ids) > 1 else np.zeros(2)
        if extent.max() <= 0:
            return sample
        sample['center'] = points.mean(axis=0)
        sample['scale'] = extent * self.padding
        return sample

    def _choose(
        self,
        keypoints_visible: NDArray[np.bool_],
        upper_body_ids: tuple[int, ...],
        prefer_upper: bool,
    ) -> NDArray[np.int64]:
        is_upper = np.zeros(len(keypoints_visible), bool)
        is_upper[list(upper_body_ids)] = True
        upper, lower = (
            np.flatnonzero(keypoints_visible & is_upper),
            np.flatnonzero(keypoints_visible & ~is_upper),
        )
        if prefer_upper and len(upper) > 2:
            return upper
        return lower if len(lower) > 2 else upper


@TRANSFORMS.register_module()
class RandomScaleRotation:
    """Scales and rotates the window at random.

    With z normal, the factor is 1 + ``scale_factor`` z, clipped to 1 ± ``scale_factor``, and the
    rotation ``rotation_factor`` z degrees, clipped to ± twice ``rotation_factor``.

    Args:
        scale_factor: 0.5 for persons.
        rotation_factor: Degrees; 40 for persons.
        rotation_prob: Probability of a rotation.
    """

    reads = ('scale', 'rng')
    writes = ('scale', 'rotation')

    def __init__(
        self, scale_factor: float = 0.5, rotation_factor: float = 40.0, rotation_prob: float = 0.6
    ) -> None:
        self.scale_factor = _probability(self, 'scale_factor', scale_factor)
        self.rotation_factor = rotation_factor
        self.rotation_prob = _probability(self, 'rotation_prob', rotation_prob)

    def __call__(self, sample: Sample) -> Sample:
        rng = sample['rng']
        size = 1 + self.scale_factor * rng.standard_normal()
        low, high = 1 - self.scale_factor, 1 + self.scale_factor
        sample['scale'] = sample['scale'] * min(max(size, low), high)
        rotation = 0.0
        if rng.random() < self.rotation_prob:
            limit = 2 * self.rotation_factor
            rotation = self.rotation_factor * rng.standard_normal()
            rotation = min(max(rotation, -limit), limit)
        sample['rotation'] = rotation
        return sample


def _probability(owner: object, name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f'{type(owner).__name__}: {name} is {value}, expected 0 to 1')
    return value
