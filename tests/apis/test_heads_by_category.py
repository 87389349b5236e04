"""A model with a head per category: each box goes to its head, each pose into its file."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmpose.apis.inference.command import Outputs, open_result_files
from mmpose.apis.inference.inferencer import _smoothed
from mmpose.apis.inference.predictor import PosePredictor
from mmpose.apis.inference.sequence import DrawOptions, FrameResult, SequenceEstimator
from mmpose.backends import CategoryHead, Prediction
from mmpose.backends.metadata import ExportedDataset, ExportMetadata
from mmpose.detectors import build_detector, choose_categories
from mmpose.models import MultiHeadPoseEstimator
from mmpose.structures import Boxes, Frame
from mmpose.structures.output_files import OutputFiles
from mmpose.tracking import PoseTracker
from mmpose.visualization import draw_results
from tests.datasets.mixed_coco import CATEGORIES, SKELETONS

MODEL = {'person': 4, 'horse': 9, 'cow': 2}


def backend(number):
    """Predicts the middle of the crop for every keypoint, with a score that tells the head."""
    meta = SKELETONS[number]

    def predict(crops, with_heatmaps=False):
        shape = (len(crops), meta.num_keypoints)
        keypoints = torch.tensor([24.0, 32.0]) + torch.arange(meta.num_keypoints)[:, None]
        return Prediction(keypoints.expand(*shape, 2), torch.full(shape, number / 10))

    return SimpleNamespace(dataset_meta=meta, input_size=(48, 64), use_udp=True, padding=1.25,
                           stretch=False, predict=predict)  # fmt: skip


HEADS = [CategoryHead('people', {'person': 4}, backend(4)),
         CategoryHead('animals', {'horse': 9, 'cow': 2}, backend(9))]  # fmt: skip
METAS = tuple((head.name, head.backend.dataset_meta) for head in HEADS)


def predictor(batch_size=2):
    return PosePredictor(HEADS[0].backend, batch_size, heads=HEADS)


def frame(index=0, time_s=0.0, name='a.png'):
    return Frame(index, np.full((60, 80, 3), 50, np.uint8), name, time_s)


def boxes(*categories):
    xywh = [[5 + 12 * i, 5, 20, 30 + i] for i in range(len(categories))]
    return Boxes.from_xywh(xywh, None, categories)


def test_each_box_goes_to_its_head_and_keeps_its_place():
    ids = [[9, 4, 2, 4, 4], [], [4, 9]]
    found = predictor()([frame(i) for i in range(3)], [boxes(*own) for own in ids])
    assert [[pose.category_id for pose in own] for own in found] == ids
    for own, given in zip(found, ids, strict=True):
        for row, (pose, category) in enumerate(zip(own, given, strict=True)):
            is_person = category == 4
            number = 4 if is_person else 9
            assert pose.keypoint_scores[0] == pytest.approx(number / 10)
            assert pose.keypoints.shape == (SKELETONS[number].num_keypoints, 2)
            assert (pose.dataset_idx, pose.ann_id) == (0 if is_person else 1, row)
            assert pose.bbox_xywh.tolist() == boxes(*given).xywh[row].tolist()


def test_a_category_without_a_head():
    with pytest.raises(ValueError, match=r'box of category_id 1, for .* it has person \(4\), hor'):
        predictor()([frame()], [boxes(4, 1)])


def test_ids_of_two_categories_never_meet():
    ids = iter([[4, 9, 2], [9, 2, 4], [4, 9, 2, 4]])

    def detect(frames):
        return [boxes(*next(ids)) for _ in frames]

    trackers = [PoseTracker(meta, 0.0) for _, meta in METAS]
    estimator = SequenceEstimator(detect, predictor(), trackers=trackers)
    seen = {}
    for i in range(3):
        [job] = estimator.estimate(estimator.detect([job_of(i)]))
        own = [pose.track_id for pose in job.poses]
        assert len(set(own)) == len(own)
        for pose in job.poses:
            assert seen.setdefault(pose.track_id, pose.dataset_idx) == pose.dataset_idx
    assert len(seen) >= 4


def test_smoothed_each_by_its_own_filter():
    def results():
        for i in range(3):
            [poses] = predictor()([frame(i)], [boxes(4, 9, 4)])
            tracked = [replace(pose, track_id=j + 1) for j, pose in enumerate(poses)]
            yield FrameResult(frame(i, i / 25), tracked, SKELETONS[4], heads=METAS)

    for result in _smoothed(results()):
        assert [(pose.track_id, len(pose.keypoints)) for pose in result.poses] == [
            (1, 7), (3, 7), (2, 5),
        ]  # fmt: skip


def job_of(index):
    from mmpose.apis.inference.sequence import FrameJob

    return FrameJob(frame(index, index / 25, 'street.mp4'))


def test_drawn_with_their_own_skeletons():
    [poses] = predictor()([frame()], [boxes(4, 9)])
    result = FrameResult(frame(), poses, SKELETONS[4], heads=METAS)
    options = DrawOptions(black_background=True)
    first = draw_results(frame().image_bgr, poses[:1], SKELETONS[4], black_background=True)
    both = draw_results(first, poses[1:], SKELETONS[9])
    drawn = result.draw(options)
    np.testing.assert_array_equal(drawn, both)
    assert (drawn != first).any()


def test_tables_are_one_per_head(tmp_path):
    [poses] = predictor()([frame()], [boxes(9, 4, 2)])
    outputs = Outputs(result_dir=tmp_path, formats=('coco', 'jsonl', 'csv', 'npz'))
    files = open_result_files(outputs, SKELETONS[4], OutputFiles(), METAS)
    for file in files:
        file.add(FrameResult(frame(), poses, SKELETONS[4], heads=METAS), 7)
        file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'results.json', 'results.jsonl', 'results_animals.csv', 'results_animals.npz',
        'results_people.csv', 'results_people.npz',
    ]  # fmt: skip
    records = json.loads((tmp_path / 'results.json').read_text())
    assert [len(x['keypoints']) // 3 for x in records] == [5, 7, 5]
    animals = np.load(tmp_path / 'results_animals.npz')
    assert animals['category_id'].tolist() == [9, 2]
    assert animals['keypoints'].shape == (2, 5, 2)
    assert (tmp_path / 'results_people.csv').read_text().count('\n') == 2
    assert 'hump_x' in (tmp_path / 'results_animals.csv').read_text()


@pytest.mark.parametrize(
    ('spec', 'wanted', 'expected'),
    [
        ('boxes.json', None, MODEL),
        ('boxes.json', ['cow', 4], {'cow': 2, 'person': 4}),
        (None, None, MODEL),
        ('boxes.json', ['dog'], "no head for category 'dog': the model has .* person \\(4\\)"),
        ('whole-image', None, 'a whole image tells no category, .* give --category'),
        ('whole-image', ['cow'], 'a whole image tells no category'),
    ],
)
def test_what_a_detector_looks_for(spec, wanted, expected):
    if isinstance(expected, dict):
        assert choose_categories(spec, wanted, MODEL) == expected
    else:
        with pytest.raises(ValueError, match=expected):
            choose_categories(spec, wanted, MODEL)


def test_a_category_that_no_detector_is_known_for():
    with pytest.raises(ValueError, match="no detector is known for 'hand', and the model has"):
        choose_categories(None, None, {'person': 1, 'hand': 5})
    assert choose_categories(None, ['animal'], {'animal': 3}) == {'animal': 3}


DETECTIONS = [{'image_id': 3, 'category_id': number, 'bbox': [1, 1, 9, 9], 'score': 0.9}
              for number in (2, 9, 1, 4)]  # fmt: skip
ANNOTATIONS = {
    'images': [{'id': 3, 'file_name': '3.jpg'}],
    'categories': [{**one, 'id': 10 * one['id']} for one in CATEGORIES],
    'annotations': [
        {'id': i, 'image_id': 3, 'category_id': number, 'bbox': [1, 1, 9, 9]}
        for i, number in enumerate((20, 90, 70, 40))
    ],
}


@pytest.mark.parametrize('content', [DETECTIONS, ANNOTATIONS], ids=['by id', 'by name'])
def test_boxes_get_the_ids_of_the_model(tmp_path, content):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(content))
    with pytest.warns(UserWarning, match=r'1 boxes of category_id (1|70) are left out; .* cow \(2'):
        find = build_detector(path, categories=MODEL)
    [found] = find([frame(name='3.jpg')])
    assert found.category_ids.tolist() == [2, 9, 4]


def test_boxes_without_a_category(tmp_path):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps({'3.jpg': [[1, 1, 9, 9]]}))
    with pytest.raises(ValueError, match=r'says no category of its boxes.*give --category'):
        build_detector(path, categories=MODEL)


@pytest.mark.parametrize(
    'categories',
    [[{'person': 1}], [{'person': 1}, {}], [{'person': 1}, {'person': 2}], [{'a': 1}, {'b': 1}]],
)
def test_a_category_has_one_head(categories):
    model = SimpleNamespace(heads=[0, 0])
    with pytest.raises(ValueError, match=r'model\.categories is .* for 2 heads; give each head'):
        MultiHeadPoseEstimator._check_categories(model, categories)


@pytest.mark.parametrize('categories', [None, {'horse': 9, 'my cow': 2}])
def test_an_exported_program_says_its_categories(categories):
    dataset = ExportedDataset('animals', True, 1.25, False, SKELETONS[9], {}, categories=categories)
    sizes = dict(input_size=(48, 64), mean=(0.0,), std=(1.0,), batch_size=None)
    about = dict(config='zoo', checkpoint_sha256='', channel_order='rgb', precision='fp32')
    text = ExportMetadata(
        **about, **sizes, decoded=False, flip_test=False, datasets=(dataset,)
    ).to_json()
    assert ExportMetadata.from_json(text, 'file').datasets[0].categories == categories
    assert ('categories' in text) == (categories is not None), 'plain files stay as they were'
