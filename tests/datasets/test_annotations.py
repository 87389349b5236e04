"""The store keeps what it was given, on disk and through pickling."""

import pickle

import numpy as np
import pytest

from mmpose.datasets.annotations import FIELDS, AnnotationStore


def make_store(num=5, num_keypoints=3, **changes):
    rng = np.random.default_rng(0)
    columns = {
        'file_names': ['a.jpg', 'ordner/ü.jpg', 'c'],
        'image_ids': [7, 8, 9],
        'image_wh': [[640, 480], [10, 20], [0, 0]],
        'image_index': np.arange(num) % 3,
        'bbox_xywh': rng.uniform(1, 50, (num, 4)),
        'keypoints': rng.uniform(0, 50, (num, num_keypoints, 2)),
        'keypoints_visible': rng.integers(0, 3, (num, num_keypoints)),
        'ann_ids': np.arange(num) + 10**10,
        'area': [np.nan] + [5.0] * (num - 1),
        'extras': {'hand': np.arange(num)},
    }
    return AnnotationStore.pack(**{**columns, **changes})


def assert_equal(a, b):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), name)
        assert getattr(a, name).dtype == FIELDS[name][0]
    assert a.extras.keys() == b.extras.keys()
    for name in a.extras:
        np.testing.assert_array_equal(a.extras[name], b.extras[name])


def test_pack_fills_in_defaults():
    store = make_store()
    assert len(store) == 5
    assert store.num_keypoints == 3
    assert [store.file_name(i) for i in range(3)] == ['a.jpg', 'ordner/ü.jpg', 'c']
    np.testing.assert_array_equal(store.bbox_score, np.ones(5, np.float32))
    np.testing.assert_array_equal(store.category_ids, np.ones(5, np.int32))
    np.testing.assert_allclose(store.area[0], np.prod(store.bbox_xywh[0, 2:]), rtol=1e-6)
    np.testing.assert_array_equal(store.area[1:], 5)


@pytest.mark.parametrize('num_keypoints', [0, 3])
def test_save_and_load(tmp_path, num_keypoints):
    store = make_store(num_keypoints=num_keypoints)
    store.save(tmp_path, {})
    loaded = AnnotationStore.load(tmp_path)
    assert_equal(store, loaded)
    assert not loaded.bbox_xywh.flags.writeable
    assert isinstance(loaded.bbox_xywh.base, np.memmap)


def test_pickle_sends_the_folder_not_the_arrays(tmp_path):
    store = make_store(num=2000)
    assert_equal(store, pickle.loads(pickle.dumps(store)))
    store.save(tmp_path, {})
    text = pickle.dumps(AnnotationStore.load(tmp_path))
    assert len(text) < 1000
    assert_equal(store, pickle.loads(text))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'ann_ids': [1, 2]}, r'ann_ids is int64 \(2,\)'),
        ({'keypoints_visible': np.zeros((5, 4))}, r"visible is uint8 \(5, 4\).*'K': 3"),
        ({'image_ids': [1]}, 'image_ids'),
        ({'extras': {'hand': np.zeros(4)}}, "extra 'hand' has 4 rows, expected 5"),
    ],
)
def test_columns_must_agree(changes, message):
    with pytest.raises(ValueError, match=message):
        make_store(**changes)
