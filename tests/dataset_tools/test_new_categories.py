"""A file whose categories have different keypoints becomes a config with a head for each."""

import json

import pytest

from mmpose.config.load import load_config
from mmpose.dataset_tools.check import check_dataset
from mmpose.dataset_tools.new_dataset import create_dataset, training_commands
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS, MODELS
from tests.datasets import mixed_coco, tiny_coco


def write(folder, change=None, num_images=6):
    data = mixed_coco.content(num_images)
    if change is not None:
        change(data)
    tiny_coco.write(folder, data)
    return folder / 'ann.json'


def test_a_head_for_each_list_of_keypoints(tmp_path):
    made = create_dataset(write(tmp_path), 'zoo', tmp_path / 'zoo', model='tiny', size='128x96')
    assert [path.name for path in made.tables] == ['zoo_person.csv', 'zoo_animal.csv']
    assert [load_metainfo(path).num_keypoints for path in made.tables] == [7, 5]
    assert load_metainfo(made.tables[1]).flip_indices.tolist() == [0, 1, 3, 2, 4]
    notes = ' '.join(made.notes)
    assert "category 'car' names no keypoints and is left out" in notes
    assert 'animal: 2 categories share one skeleton: horse, cow' in notes
    assert 'person (7 keypoints), animal (5 keypoints)' in notes
    cfg = load_config(made.config)
    assert cfg.model.categories == [{'person': 4}, {'horse': 9, 'cow': 2}]
    assert [head.out_channels for head in cfg.model.heads] == [7, 5]
    for phase, num in (('train', 5), ('val', 1)):
        data = DATASETS.build(cfg[f'{phase}_dataloader'].dataset)
        assert data.lengths.tolist() == [num, 2 * num]
    halves = ['RandomHalfBody' in str(x.pipeline) for x in cfg.train_dataloader.dataset.datasets]
    assert halves == [True, False], 'a beast has no upper body'
    model = MODELS.build(cfg.model)
    assert model.names == ['person', 'animal']
    assert made.plan.length.num_samples == 15
    assert not any('pretrained_metainfo' in x for x in training_commands(made, 'base'))
    report = check_dataset(cfg)
    assert [part.num_instances for part in report.statistics] == [5, 10, 1, 2]
    assert not [issue for issue in report.log.issues if issue.kind == 'reader_refuses']


def test_names_that_are_no_words(tmp_path):
    def rename(data):
        data['categories'] = [{**x, 'name': f'my {x["name"]}', 'supercategory': ''}
                              for x in data['categories']]  # fmt: skip

    made = create_dataset(write(tmp_path, rename), 'zoo', tmp_path / 'zoo', model='tiny')
    cfg = load_config(made.config)
    assert cfg.names == ['my_person', 'my_horse_my_cow']
    assert cfg.model.categories[1] == {'my horse': 9, 'my cow': 2}


def only_on(image_id, category):
    def change(data):
        data['annotations'] = [
            x
            for x in data['annotations']
            if x['category_id'] != category or x['image_id'] == image_id
        ]

    return change


def without_cows(data):
    data['categories'] = [x for x in data['categories'] if x['name'] != 'cow']


def too_many(data):
    data['categories'] = [{**x, 'keypoints': [*x['keypoints'], 'ear']} if x['id'] == 4 else x
                          for x in data['categories']]  # fmt: skip


def unlabelled_people(data):
    for one in data['annotations']:
        if one['category_id'] == 4:
            one.update(keypoints=[0] * 21, num_keypoints=0)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (only_on(100, 4), "'person' has no labelled annotation among those for (train|val); give"),
        (without_cows, r'have keypoints and the categories \[2\], which no head is for'),
        (too_many, "category 'person' names 8 keypoints but the annotations have 7"),
        (unlabelled_people, 'different keypoints, but only one of them has labelled annotations'),
    ],
)
def test_files_that_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        create_dataset(write(tmp_path, change), 'zoo', tmp_path / 'zoo', model='tiny')


def test_equal_keypoints_are_one_head(tmp_path):
    def only_animals(data):
        data.update(mixed_coco.of(data, 9, 2))

    made = create_dataset(write(tmp_path, only_animals), 'zoo', tmp_path / 'zoo', model='tiny')
    assert any('2 categories share one skeleton' in note for note in made.notes)
    assert 'heads' not in load_config(made.config).model
    assert json.loads((tmp_path / 'zoo/zoo_train.json').read_text())['annotations']


def test_a_category_of_another_head(tmp_path):
    made = create_dataset(write(tmp_path), 'zoo', tmp_path / 'zoo', model='tiny')
    change = {'val_dataloader.dataset.datasets.1.category': 4}
    with pytest.raises(ValueError, match=r'category is 4 but model\.categories\.1 is'):
        load_config(made.config, change)
