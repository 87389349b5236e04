"""The worst predictions are found, ranked and drawn, on any number of ranks."""

import json
import logging
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmpose.datasets.combined import CombinedDataset
from mmpose.engine.bad_cases import AnnotationTable, merged, tables_of
from mmpose.engine.hooks import bad_case_hook
from mmpose.evaluation.functional import KeypointGroundTruth
from mmpose.metainfo import load_metainfo
from mmpose.structures import PoseResult

COCO, MPII = load_metainfo('coco'), load_metainfo('mpii')
NO_SIGMAS = replace(MPII, sigmas=None)
NUM = 6


def annotations(meta=COCO, num=NUM, **changes):
    """One person of 100 x 100 px in each of some images, the joints on a diagonal."""
    diagonal = np.linspace(10, 90, meta.num_keypoints)
    fields = dict(
        image_ids=np.arange(num),
        category_ids=np.array([1]),
        ann_id=10 + np.arange(num),
        image_id=np.arange(num),
        category_id=np.ones(num, np.int64),
        keypoints=np.tile(np.stack([diagonal, diagonal], axis=-1), (num, 1, 1)),
        keypoints_visible=np.ones((num, meta.num_keypoints), np.bool_),
        area=np.full(num, 5000.0),
        bbox_xywh=np.tile([0.0, 0.0, 100.0, 100.0], (num, 1)),
        iscrowd=np.zeros(num, np.bool_),
        num_labelled=np.full(num, meta.num_keypoints),
    )
    return KeypointGroundTruth(**{**fields, **changes})


def prediction(image, off, truth=None, box=(0, 0, 100, 100), ann_id=None, file='', dataset=0):
    truth = annotations() if truth is None else truth
    points = truth.keypoints[image] + [off, 0]
    return PoseResult(
        img_id=image,
        ann_id=10 + image if ann_id is None else ann_id,
        category_id=1,
        keypoints=points.astype(np.float32),
        keypoint_scores=np.full(len(points), 0.5, np.float32),
        bbox_xywh=np.float32(box),
        image_file=file,
        dataset_idx=dataset,
    )


OFFSETS = [3, 40, 0, 12, 25, 7]  # px, of the image of that number
RANKING = [1, 4, 3, 5, 0, 2]


@pytest.mark.parametrize(
    ('metric', 'meta'), [('oks', COCO), ('error', COCO), ('auto', MPII), ('auto', NO_SIGMAS)]
)
@pytest.mark.parametrize('ranks', [1, 2, 3])
def test_ranking_of_any_number_of_ranks(metric, meta, ranks):
    truth = annotations(meta)
    poses = [prediction(i, off, truth) for i, off in enumerate(OFFSETS)]
    table = AnnotationTable(truth, meta, metric)
    parts = []
    for rank in range(ranks):
        own = table.compare(poses[rank::ranks])
        own.add(table.compare([]), num_worst=4, num_random=2)
        parts.append([own])
    (found,) = merged(parts, num_worst=4, num_random=2)
    assert [case.result.img_id for case in found.worst] == RANKING[:4]
    assert found.num_compared == NUM
    (alone,) = merged([[table.compare(poses)]], num_worst=4, num_random=2)
    assert [c.result.img_id for c in alone.random] == [c.result.img_id for c in found.random]
    assert found.worst[0].error == pytest.approx(0.4)


def test_oks_is_that_of_the_formula():
    case = AnnotationTable(annotations(), COCO, 'oks').compare([prediction(2, 12.0)]).worst[0]
    expected = np.exp(-(12.0**2) / (2 * 5000 * (2 * COCO.sigmas.astype(float)) ** 2)).mean()
    assert case.oks == pytest.approx(expected, abs=1e-6)
    assert case.badness == pytest.approx(1 - expected, abs=1e-6)


@pytest.mark.parametrize(
    ('pose', 'changes', 'found'),
    [
        (prediction(1, 0, box=(10, 5, 95, 100), ann_id=999), {}, 1),  # box of a detector
        (prediction(1, 0, box=(60, 60, 100, 100)), {}, None),  # lies on nobody
        (prediction(1, 0), dict(image_id=np.array([1, 1, 0, 0, 0, 0])), 1),  # same box, own id
        (prediction(1, 0), dict(iscrowd=np.ones(NUM, np.bool_)), None),
        (prediction(1, 0), dict(keypoints_visible=np.zeros((NUM, 17), np.bool_)), None),
        (prediction(1, 0), dict(image_id=np.full(NUM, 3)), None),  # nobody in the image
    ],
)
def test_which_annotation_a_prediction_belongs_to(pose, changes, found):
    collection = AnnotationTable(annotations(**changes), COCO).compare([pose])
    assert (collection.num_compared, collection.num_skipped) == ((1, 0), (0, 1))[found is None]
    if found is not None:
        expected = annotations(**changes).keypoints[found]
        np.testing.assert_array_equal(collection.worst[0].keypoints, expected)


@pytest.mark.parametrize(
    ('metric', 'message'),
    [('oks', "'mpii' has no sigmas.*metric='error'"), ('pck', "metric is 'pck', expected one of")],
)
def test_metrics_that_cannot_be(metric, message):
    with pytest.raises(ValueError, match=message):
        AnnotationTable(annotations(MPII), NO_SIGMAS, metric)


class Part:
    """As much of a dataset as the hook asks for."""

    def __init__(self, meta):
        self.dataset_meta = meta

    def ground_truth(self):
        return annotations(self.dataset_meta)


def runner_of(tmp_path, dataset, names=None):
    shown = {}
    visualizer = SimpleNamespace(
        add_image=lambda name, image, step: shown.setdefault((name, step), image)
    )
    loader = SimpleNamespace(dataset=dataset)
    model = SimpleNamespace(**({'names': names} if names else {}))
    return shown, SimpleNamespace(
        val_dataloader=loader,
        test_dataloader=loader,
        visualizer=visualizer,
        bare_model=model,
        work_dir=str(tmp_path),
        epoch=7,
        logger=logging.getLogger('test'),
    )


@pytest.fixture
def photo(tmp_path):
    file = tmp_path / 'photo.png'
    cv2.imwrite(str(file), np.full((120, 110, 3), 90, np.uint8))
    return str(file)


@pytest.mark.parametrize(('stage', 'step'), [('val', 7), ('test', 0)])
def test_hook_writes_a_ranking_with_pictures(stage, step, tmp_path, photo):
    shown, runner = runner_of(tmp_path, Part(COCO))
    hook = bad_case_hook.BadCaseHook(num_worst=3, num_random=2)
    poses = [prediction(i, off, file=photo) for i, off in enumerate(OFFSETS)]
    for _ in range(2):  # a second evaluation starts anew
        getattr(hook, f'before_{stage}_epoch')(runner)
        getattr(hook, f'after_{stage}_iter')(runner, 0, None, poses[:4])
        getattr(hook, f'after_{stage}_iter')(runner, 1, None, poses[4:])
        getattr(hook, f'after_{stage}_epoch')(runner, {})
    record = json.loads((tmp_path / 'bad_cases/bad_cases.json').read_text())
    assert (record['metric'], record['num_compared'], record['num_skipped']) == ('oks', 6, 0)
    assert [case['img_id'] for case in record['worst']] == RANKING[:3]
    assert record['worst'][0]['error_px'] == 40
    assert len(record['random']) == 2
    for case in record['worst'] + record['random']:
        picture = cv2.imread(str(tmp_path / 'bad_cases' / case['picture']))
        assert picture.shape[1] > picture.shape[0]  # two drawings side by side
    assert sorted(shown) == [(f'{stage}_random', step), (f'{stage}_worst', step)]
    assert shown[f'{stage}_worst', step].std() > 0


def test_hook_keeps_the_datasets_of_a_mixture_apart(tmp_path, photo):
    mixture = CombinedDataset.__new__(CombinedDataset)
    mixture.parts = [Part(COCO), None, Part(MPII)]
    shown, runner = runner_of(tmp_path, mixture, names=['coco', 'aic', 'mpii'])
    hook = bad_case_hook.BadCaseHook(num_worst=1)
    truth = annotations(MPII)
    poses = [prediction(0, 5, file=photo), prediction(1, 9, truth, file=photo, dataset=2)]
    hook.before_test_epoch(runner)
    hook.after_test_iter(runner, 0, None, poses)
    hook.after_test_epoch(runner, {})
    for name, image, skeleton in (('coco', 0, 'coco'), ('mpii', 1, 'mpii')):
        record = json.loads((tmp_path / 'bad_cases' / name / 'bad_cases.json').read_text())
        assert (record['worst'][0]['img_id'], record['skeleton']) == (image, skeleton)
    assert sorted(name for name, _ in shown) == ['test_worst_coco', 'test_worst_mpii']


def test_an_image_that_is_gone_leaves_the_ranking(tmp_path):
    shown, runner = runner_of(tmp_path, Part(COCO))
    hook = bad_case_hook.BadCaseHook(num_worst=1)
    hook.before_val_epoch(runner)
    hook.after_val_iter(runner, 0, None, [prediction(0, 5, file=str(tmp_path / 'gone.jpg'))])
    hook.after_val_epoch(runner, {})
    record = json.loads((tmp_path / 'bad_cases/bad_cases.json').read_text())
    assert record['worst'][0]['picture'] is None
    assert shown == {}


def test_annotations_come_from_the_file_where_a_detector_gave_the_boxes(tmp_path):
    file = tmp_path / 'people.json'
    person = dict(id=4, image_id=2, category_id=1, bbox=[0, 0, 9, 9], area=50, iscrowd=0)
    person.update(keypoints=[1, 2, 2] * 17, num_keypoints=17)
    content = dict(images=[dict(id=2)], annotations=[person], categories=[dict(id=1, name='x')])
    file.write_text(json.dumps(content))
    dataset = SimpleNamespace(
        bbox_file='d.json', ann_file=file, parts=None, dataset_meta=COCO, instance_layout=None
    )
    (table,) = tables_of(dataset, 'auto')
    pose = prediction(0, 0)
    found = table.compare(
        [PoseResult(2, 77, 1, pose.keypoints, pose.keypoint_scores, np.float32([0, 0, 9, 8]))]
    )
    assert found.num_compared == 1
    np.testing.assert_array_equal(found.worst[0].keypoints, np.tile([1.0, 2.0], (17, 1)))


@pytest.mark.parametrize('numbers', [(0, 0), (-1, 4)])
def test_there_must_be_something_to_show(numbers):
    with pytest.raises(ValueError, match='expected cases to show'):
        bad_case_hook.BadCaseHook(*numbers)
