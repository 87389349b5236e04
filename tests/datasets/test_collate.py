"""A batch holds what the samples held, in plain tensors."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mmpose.datasets import CocoDataset, PoseSampler, SampleIndex, collate_poses
from tests.datasets import tiny_coco

SHAPES = {
    'center': (torch.float32, (2,)),
    'scale': (torch.float32, (2,)),
    'rotation': (torch.float32, ()),
    'bbox_xywh': (torch.float32, (4,)),
    'bbox_score': (torch.float32, ()),
    'keypoints': (torch.float32, (17, 2)),
    'keypoints_visible': (torch.float32, (17,)),
    'ann_id': (torch.int64, ()),
    'category_id': (torch.int64, ()),
    'dataset_idx': (torch.int64, ()),
}


@pytest.fixture
def samples(tiny):
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE, dataset_idx=2)
    return [data[SampleIndex(i, 0, 0)] for i in range(5)]


def test_training_batch(samples):
    packed = collate_poses(samples)
    batch = packed['batch']
    assert packed.keys() == {'inputs', 'batch'}
    assert batch.keys() == {*SHAPES, 'img_id', 'image_file'}
    for key, (dtype, shape) in SHAPES.items():
        assert batch[key].dtype == dtype, key
        assert batch[key].shape == (5, *shape), key
        expected = np.array([sample[key] for sample in samples], np.float64)
        np.testing.assert_allclose(batch[key].double().numpy(), expected, rtol=1e-6, err_msg=key)
    assert batch['img_id'] == [sample['img_id'] for sample in samples]
    assert batch['image_file'] == [sample['image_file'] for sample in samples]


def test_inputs_are_the_crops(samples):
    inputs = collate_poses(samples)['inputs']
    assert inputs.dtype == torch.uint8
    assert inputs.shape == (5, 3, 32, 24)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    for i, sample in enumerate(samples):
        np.testing.assert_array_equal(inputs[i].numpy(), sample['image'].transpose(2, 0, 1))


def test_test_batch_has_no_keypoints(tiny):
    data = CocoDataset(**tiny, pipeline=tiny_coco.TEST_PIPELINE, test_mode=True)
    batch = collate_poses([data[0], data[1]])['batch']
    assert batch.keys() == (SHAPES.keys() | {'img_id', 'image_file'}) - {
        'keypoints',
        'keypoints_visible',
    }


def drop(key):
    return lambda samples: samples[1].pop(key)


def put(key, value):
    return lambda samples: samples[1].update({key: value})


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (put('heatmap', 1), "some samples of a batch have 'heatmap' and others do not"),
        (drop('center'), r"0\.png: the sample lacks \['center'\]"),
        (drop('keypoints'), "some samples of a batch have 'keypoints' and others do not"),
        (put('keypoints', np.zeros((16, 2))), r"'keypoints' has different shapes.*\(16, 2\)"),
        (put('image', np.zeros((32, 32, 3), np.uint8)), r'\(32, 32, 3\).*expected one'),
        (put('image', np.zeros((32, 24, 3), np.float32)), r'float32.*expected one'),
    ],
)
def test_samples_must_fit(samples, spoil, message):
    spoil(samples)
    with pytest.raises(ValueError, match=message):
        collate_poses(samples)


def test_new_keys_of_a_transform_come_along(samples):
    for i, sample in enumerate(samples):
        sample |= dict(gaze=np.array([i, 0.5]), steps=np.ones(i), night=i == 0, place=f'room {i}')
    batch = collate_poses(samples)['batch']

    assert batch['gaze'].tolist() == [[i, 0.5] for i in range(len(samples))]
    assert batch['gaze'].dtype == torch.float32
    assert batch['night'].tolist() == [i == 0 for i in range(len(samples))]
    assert [len(steps) for steps in batch['steps']] == list(range(len(samples)))
    assert batch['place'] == [f'room {i}' for i in range(len(samples))]


def test_uncropped_samples(tiny):
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE[:1])
    with pytest.raises(ValueError, match=r"lacks \['center', 'rotation', 'scale'\].*TopdownAffine"):
        collate_poses([data[0]])


def equal(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


class NumThreads:
    """Notes how many threads OpenCV uses."""

    def __call__(self, sample):
        sample['img_id'] = tiny_coco.cv2.getNumThreads()
        return sample


def test_workers_do_without_the_threads_of_opencv(tiny):
    """After a fork the threads are gone but not the locks they held, so a worker could hang."""
    data = CocoDataset(**tiny, pipeline=[*tiny_coco.PIPELINE, NumThreads()])
    before = tiny_coco.cv2.getNumThreads()
    tiny_coco.cv2.setNumThreads(3)
    try:
        loader = DataLoader(
            data,
            2,
            sampler=PoseSampler(data, 0, shuffle=False),
            num_workers=1,
            collate_fn=collate_poses,
        )
        assert [batch['batch']['img_id'] for batch in loader] == [[1, 1]] * 3
        assert data[0]['img_id'] == 3, 'the main process keeps its setting'
    finally:
        tiny_coco.cv2.setNumThreads(before)


def collate_and_look(samples):
    return collate_poses(samples)['inputs'].is_shared()


@pytest.mark.parametrize('num_workers', [0, 1])
def test_a_worker_writes_into_shared_memory(tiny, num_workers):
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE)
    loader = DataLoader(
        data,
        3,
        sampler=PoseSampler(data, 0, shuffle=False),
        num_workers=num_workers,
        collate_fn=collate_and_look,
    )
    assert list(loader) == [bool(num_workers)] * 2


@pytest.mark.parametrize('num_workers', [1, 2])
def test_workers_change_nothing(tiny, num_workers):
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE)

    def batches(num):
        sampler = PoseSampler(data, seed=7)
        sampler.set_epoch(2)
        loader = DataLoader(data, 4, sampler=sampler, num_workers=num, collate_fn=collate_poses)
        return list(loader)

    alone, together = batches(0), batches(num_workers)
    assert len(alone) == 2
    assert all(equal(a, b) for a, b in zip(alone, together, strict=True))
    assert together[0]['inputs'].is_contiguous(memory_format=torch.channels_last)
