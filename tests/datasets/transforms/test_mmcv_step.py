"""Transforms of mmcv, and those of MMPose users, between ours."""

import numpy as np
import pytest
from mmcv.transforms import BaseTransform

from mmpose.datasets import CocoDataset, SampleIndex
from tests.datasets import tiny_coco


class Shift(BaseTransform):
    """Moves box, window and keypoints by one pixel, and notes what it was given."""

    def transform(self, results):
        self.seen = {k: np.copy(v) for k, v in results.items() if k not in ('rng', 'dataset_meta')}
        for key in ('bbox', 'bbox_center', 'keypoints'):
            results[key] = results[key] + 1
        results['draw'] = np.random.random()  # noqa: NPY002
        return results


class Resize(BaseTransform):
    def transform(self, results):
        results['img'] = results['img'][::2]
        return results


class Drop(BaseTransform):
    def transform(self, results):
        return None


def pipeline(*steps):
    loading, window, *rest = tiny_coco.PIPELINE
    return [loading, window, *steps, *rest]


def test_changes_are_taken_over(tiny):
    step = Shift()
    plain = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE[:2])[0]
    sample = CocoDataset(**tiny, pipeline=[*tiny_coco.PIPELINE[:2], step])[0]
    left, top, width, height = plain['bbox_xywh']

    assert step.seen['keypoints'].shape == (1, 17, 2)
    assert step.seen['keypoints_visible'].shape == (1, 17)
    assert step.seen['bbox'].tolist() == [[left, top, left + width, top + height]]
    assert tuple(step.seen['img_shape']) == plain['image'].shape[:2]
    assert sample['keypoints'].tolist() == (plain['keypoints'] + 1).tolist()
    assert sample['center'].tolist() == (plain['center'] + 1).tolist()
    assert sample['bbox_xywh'].tolist() == [left + 1, top + 1, width, height]
    assert not {'bbox', 'img'} & sample.keys()


def test_random_numbers_follow_from_the_sample(tiny):
    data = CocoDataset(**tiny, pipeline=pipeline(Shift()))
    draws = [data[SampleIndex(0, epoch, 3)]['draw'] for epoch in (0, 1, 0)]

    assert draws[0] == draws[2] != draws[1]


def test_a_pending_flip_is_done_first(tiny):
    flip = dict(type='RandomFlip', prob=1.0)
    gray = dict(type='RandomGrayscale', prob=0.0)
    loading, window, crop = tiny_coco.TEST_PIPELINE
    ours = CocoDataset(**tiny, pipeline=[loading, window, flip, crop])[0]
    mixed = CocoDataset(**tiny, pipeline=[loading, window, flip, gray, crop])[0]

    assert np.abs(mixed['image'].astype(int) - ours['image']).max() <= 1
    assert mixed['keypoints'].tolist() == ours['keypoints'].tolist()


@pytest.mark.parametrize(
    ('step', 'message'),
    [
        (Resize(), 'Resize failed.*keypoints do not follow; sizes change in TopdownAffine'),
        (Drop(), 'Drop failed.*returned None'),
        (dict(type='Nowhere'), 'Nowhere is not in the'),
    ],
)
def test_what_cannot_be_is_refused(tiny, step, message):
    with pytest.raises((RuntimeError, KeyError), match=message):
        CocoDataset(**tiny, pipeline=pipeline(step))[0]
