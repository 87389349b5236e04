"""One file, a dataset per category: as if each category had a file of its own."""

import json

import numpy as np
import pytest

from mmpose.datasets import CocoDataset, CombinedDataset
from mmpose.evaluation.metrics import CocoMetric, PerDatasetMetric
from mmpose.structures import PoseResult
from tests.datasets import mixed_coco, tiny_coco


@pytest.fixture
def files(tmp_path):
    """Arguments of the whole file, and of files with the people and with horses and cows."""
    data = mixed_coco.content()
    whole = tiny_coco.write(tmp_path / 'whole', data)
    people = tiny_coco.write(tmp_path / 'people', mixed_coco.of(data, 4))
    beasts = tiny_coco.write(tmp_path / 'beasts', mixed_coco.of(data, 9, 2))
    return whole, people, beasts


def dataset(files, key, category=None, **options):
    return CocoDataset(**files, metainfo=mixed_coco.SKELETONS[key], category=category, **options)


@pytest.mark.parametrize(
    ('key', 'category', 'place'),
    [(4, 4, 1), (4, 'person', 1), (4, ['person'], 1), (9, [9, 2], 2), (9, ['cow', 9], 2)],
)
def test_samples_are_those_of_a_file_of_the_category(files, key, category, place):
    own, alone = dataset(files[0], key, category), dataset(files[place], key)
    assert len(own) == len(alone) > 0
    for i in range(len(own)):
        a, b = own.get_sample(i), alone.get_sample(i)
        for name in ('ann_id', 'img_id', 'category_id', 'bbox_xywh', 'keypoints'):
            np.testing.assert_array_equal(a[name], b[name])


def test_metrics_are_those_of_a_file_of_the_category(files):
    parts = [dataset(files[0], 4, 'person', test_mode=True),
             dataset(files[0], 9, [9, 2], test_mode=True)]  # fmt: skip
    both = CombinedDataset(parts)
    metric = PerDatasetMetric([{'type': 'CocoMetric'}] * 2, ['people', 'beasts'])
    metric.dataset_meta = both.metainfo
    poses = [guess(part, i, number) for number, part in enumerate(parts) for i in range(len(part))]
    metric.process(None, poses)
    found = metric.evaluate(len(both))
    assert 0 < found['people/AP'] < 1
    for number, (name, key) in enumerate((('people', 4), ('beasts', 9))):
        alone = CocoMetric()
        alone.dataset_meta = dataset(files[1 + number], key, test_mode=True).metainfo
        own = [pose for pose in poses if pose.dataset_idx == number]
        alone.process(None, own)
        values = alone.evaluate(len(own))
        assert {f'{name}/{key.split("/")[1]}': x for key, x in values.items()} == {
            key: x for key, x in found.items() if key.startswith(name)
        }


def guess(part, index, number):
    """The annotated pose, off by a px or six."""
    sample = part.get_sample(index)
    keypoints = part.store.keypoints[part.indices[index]].copy()
    keypoints += 1 + 5 * (index % 3 == 0)
    return PoseResult(
        sample['img_id'], sample['ann_id'], sample['category_id'], keypoints,
        np.ones(len(keypoints), np.float32), sample['bbox_xywh'], area=sample['area'],
        dataset_idx=number,
    )  # fmt: skip


def test_detected_boxes_are_those_of_the_category(files, tmp_path):
    boxes = [{'image_id': 100, 'category_id': number, 'bbox': [number, 1, 20, 30], 'score': 0.5}
             for number in (4, 9, 2, 1)]  # fmt: skip
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(boxes))
    parts = [dataset(files[0], 4, 'person', test_mode=True, bbox_file=str(path)),
             dataset(files[0], 9, [9, 2], test_mode=True, bbox_file=str(path))]  # fmt: skip
    found = [[part.get_sample(i)['bbox_xywh'][0] for i in range(len(part))] for part in parts]
    assert found == [[4], [9, 2]]
    assert parts[1].get_sample(1)['category_id'] == 2
    assert len(CombinedDataset(parts)) == 3
    with pytest.raises(ValueError, match='none of 4 detections has category_id 7'):
        dataset(files[0], 4, 7, test_mode=True, bbox_file=str(path))


@pytest.mark.parametrize(
    ('category', 'message'),
    [
        ('dog', r"ann\.json has no category 'dog', it lists 'person' \(4\), 'horse' \(9\)"),
        (5, 'no annotation has category_id 5, expected some; set dataset.category'),
        ([], r'dataset\.category is empty'),
        ('horse', r'has 15 numbers, expected 21 .*people'),  # another skeleton
        ('car', 'no annotation has a box and a keypoint'),
    ],
)
def test_bad_categories(files, category, message):
    with pytest.raises(ValueError, match=message):
        dataset(files[0], 4, category)


def test_an_annotation_is_read_once(files):
    beasts = dataset(files[0], 9, ['horse', 'cow'])
    for other in (dataset(files[0], 9, 2), dataset(files[0], 9, ['cow'])):
        with pytest.raises(ValueError, match=r'datasets 0 and 1 .* both read category 2 of .*ann'):
            CombinedDataset([beasts, other])
    assert len(CombinedDataset([dataset(files[0], 4, 4), beasts])) == 18


def test_the_cache_of_a_plain_dataset_is_the_old_one(files):
    assert 'category' not in dataset(files[1], 4).parse_options()
    assert dataset(files[0], 4, 4).parse_options()['category'] == [4]
