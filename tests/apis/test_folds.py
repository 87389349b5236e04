"""k-fold training: the split, the table, going on after an interruption, and what is refused."""

import json
from functools import partial

import numpy as np
import pytest

from mmpose.apis.train import format_folds, run_folds
from mmpose.config.load import load_config
from mmpose.dataset_tools.folds import split_into_folds
from tests.engine.training import CONFIG, SMALL
from toy_pose.folder import ToySpec
from toy_pose.generate import generate_toy_dataset

OPTIONS = {key: x for key, x in SMALL.items() if 'indices' not in key} | {'train_cfg.max_epochs': 1}


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    generate_toy_dataset(folder / 'toy', ToySpec(num_train=6, num_val=1), workers=1)
    return folder


def annotations(names, labelled=None):
    images = [dict(id=i, file_name=name) for i, name in enumerate(names)]
    anns = [dict(id=i, image_id=i, keypoints=[1, 1, 2]) for i in labelled or range(len(names))]
    return dict(images=images, annotations=anns, categories=[dict(id=1)])


def parts(path, num_folds, seed=0):
    folds, about = split_into_folds(path, num_folds, seed)
    ids = [{part: {one['id'] for one in fold[part]['images']} for part in fold} for fold in folds]
    return ids, about


@pytest.mark.parametrize(
    ('names', 'num_folds', 'is_by_folder'),
    [
        ([f'{i}.jpg' for i in range(7)], 3, False),
        ([f'video_{i // 4}/{i}.jpg' for i in range(20)], 5, True),
        ([f'video_{i // 10}/{i}.jpg' for i in range(20)], 5, False),
    ],
)
def test_each_image_is_left_out_once(names, num_folds, is_by_folder, tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(annotations(names)))
    ids, about = parts(path, num_folds)
    everything = set(range(len(names)))
    assert sorted(i for fold in ids for i in fold['val']) == sorted(everything)
    assert all(fold['train'] == everything - fold['val'] for fold in ids)
    sizes = [len(fold['val']) for fold in ids]
    assert max(sizes) - min(sizes) <= 1
    assert ('folders' in about) == is_by_folder
    if is_by_folder:
        assert all(len({i // 4 for i in fold['val']}) == 1 for fold in ids)
    assert parts(path, num_folds)[0] == ids
    assert parts(path, num_folds, seed=1)[0] != ids


def test_more_folds_than_images_with_keypoints(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(annotations([f'{i}.jpg' for i in range(9)], labelled=[1, 4, 5])))
    with pytest.raises(ValueError, match='--folds is 4, expected 2 to 3'):
        split_into_folds(path, 4, 0)


def test_folds_are_trained_and_done_ones_are_kept(data_root, tmp_path):
    load = partial(load_config, CONFIG, OPTIONS, str(data_root))
    content = run_folds(load, 2, work_dir=str(tmp_path))
    assert content == json.loads((tmp_path / 'folds.json').read_text())
    row = content['metrics']['coco/AP']
    assert row['mean'] == pytest.approx(np.mean(row['folds']))
    assert row['std'] == pytest.approx(np.std(row['folds'], ddof=1))
    assert format_folds(content).splitlines()[1].startswith('coco/AP ')
    weights = [tmp_path / f'fold_{i}' / 'epoch_1.pth' for i in range(2)]
    images = {one['id'] for one in json.loads((tmp_path / 'fold_0/val.json').read_text())['images']}
    assert len(images) == 3

    with pytest.raises(FileExistsError, match='add --resume'):
        run_folds(load, 2, work_dir=str(tmp_path))
    for other in (dict(num_folds=3), dict(num_folds=2, seed=1)):
        with pytest.raises(ValueError, match='is of another split'):
            run_folds(load, work_dir=str(tmp_path), resume='auto', **other)
    before = [path.stat().st_mtime_ns for path in weights]
    (tmp_path / 'fold_1/metrics.json').unlink()  # as if it had been interrupted
    assert run_folds(load, 2, work_dir=str(tmp_path), resume='auto').keys() == content.keys()
    assert [path.stat().st_mtime_ns for path in weights] == before


@pytest.mark.parametrize(
    ('options', 'given', 'message'),
    [
        ({'train_dataloader.dataset.indices': 4}, {}, 'CocoDataset with indices'),
        ({'train_dataloader.dataset.type': 'MpiiDataset'}, {}, 'is MpiiDataset'),
        ({}, dict(resume='epoch_1.pth'), 'folds go on from their own'),
    ],
)
def test_what_cannot_be_split(options, given, message, data_root, tmp_path):
    load = partial(load_config, CONFIG, {**OPTIONS, **options}, str(data_root), check=False)
    with pytest.raises(ValueError, match=message):
        run_folds(load, 2, work_dir=str(tmp_path), **given)
