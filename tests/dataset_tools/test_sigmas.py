"""Sigmas from repeated labels: the known spread of drawn labels comes back."""

import json
from pathlib import Path

import numpy as np
import pytest

from mmpose.dataset_tools.sigmas import estimate_sigmas, write_sigmas
from mmpose.metainfo import load_metainfo

META = load_metainfo('coco')
SPREAD = np.where(np.arange(17) < 5, 0.02, 0.08)  # of the distance over the root of the area


def annotator(seed, num=200, spread=SPREAD, names=None):
    """Labels of one person: two instances an image, far from each other, in any order."""
    truth = np.random.default_rng(0).uniform(0, 100, (num, 2, 17, 2))
    truth[:, 1] += 500
    rng = np.random.default_rng(seed)
    area = np.array([2500.0, 6400.0])
    noise = rng.normal(size=truth.shape) * (spread[:, None] / np.sqrt(2))  # two axes make d^2
    points = truth + noise * np.sqrt(area)[:, None, None]
    images, annotations = [], []
    for i in range(num):
        image = int(rng.integers(10**6)) * 1000 + i  # ids say nothing
        images.append(dict(id=image, file_name=names[i] if names else f'{i}.jpg'))
        for j in rng.permutation(2).tolist():
            keypoints = np.column_stack([points[i, j], np.full(17, 2)]).ravel().tolist()
            place = dict(bbox=[500 * j, 500 * j, 100, 100], area=area[j], keypoints=keypoints)
            annotations.append(
                dict(id=len(annotations), image_id=image, category_id=1, iscrowd=0, **place)
            )
    category = dict(id=1, name='person', keypoints=list(META.keypoint_names))
    return dict(images=images, annotations=annotations, categories=[category])


def write(folder, *contents):
    paths = [folder / f'{i}.json' for i in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(json.dumps(content))
    return paths


@pytest.mark.parametrize('count', [2, 4])
def test_the_spread_of_drawn_labels_comes_back(count, tmp_path):
    files = write(tmp_path, *(annotator(seed) for seed in range(1, count + 1)))
    found = estimate_sigmas(files, 'coco')
    # 800 squared distances or more, each with two degrees of freedom: 3.5 % at one sigma
    np.testing.assert_allclose(found.dataset_meta.sigmas, SPREAD, rtol=0.1)
    assert found.num_instances == 400
    assert found.num_repeats.tolist() == [
        400 * (count - 1) * (1 if i == 0 else 2) for i in range(17)
    ]
    assert found.dataset_meta.sigmas[1] == found.dataset_meta.sigmas[2]  # the eyes share a value


def test_keypoints_of_one_label_keep_their_sigma_and_the_table_is_written(tmp_path):
    first, second = annotator(1), annotator(2)
    for one in second['annotations']:
        one['keypoints'][:3] = [0, 0, 0]
    found = estimate_sigmas(files := write(tmp_path, first, second), 'coco')
    assert found.kept == ('nose',)
    assert found.dataset_meta.sigmas[0] == META.sigmas[0]
    assert found.lines()[-1].endswith('stays: nose')
    write_sigmas(found, tmp_path / 'new.csv', files)
    read = load_metainfo(tmp_path / 'new.csv')
    np.testing.assert_allclose(read.sigmas, found.dataset_meta.sigmas)
    assert read.keypoint_names == META.keypoint_names
    with pytest.raises(ValueError, match=r'a skeleton table is a \.csv file'):
        write_sigmas(found, tmp_path / 'new.json', files)
    with pytest.raises(FileExistsError):
        write_sigmas(found, Path(tmp_path, 'mine.csv'), [write_text(tmp_path / 'mine.csv')])


def write_text(path):
    path.write_text('x')
    return path


@pytest.mark.parametrize(
    ('second', 'message'),
    [
        (annotator(1), 'all their labels are equal'),
        (
            annotator(2, names=[f'other_{i}.jpg' for i in range(200)]),
            'no keypoint is labelled twice',
        ),
    ],
)
def test_nothing_to_estimate(second, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        estimate_sigmas(write(tmp_path, annotator(1), second), 'coco')
