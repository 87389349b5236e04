"""Pseudo-labels: what is accepted, what is written, and that its confidence reaches the loss."""

import json
import math

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmpose.apis.inference import FrameResult
from mmpose.config.mixture import add_pseudo_labels
from mmpose.datasets import CocoDataset, CombinedDataset, collate_poses
from mmpose.labelling.pseudo_labels import Acceptance, write_pseudo_labels
from mmpose.labelling.views import keypoint_similarity, predict_views
from mmpose.metainfo import load_metainfo
from mmpose.structures import Boxes, Frame, PoseResult
from tests.checkpoint_tools.checkpoint_files import plain_config, plain_model
from tests.datasets import tiny_coco
from tests.labelling.dot_backend import BLIND, SURE, UNSURE, dot_inferencer, image_with_dot

DOTS = {'a.png': (60, 40), 'b.png': (90, 70)}
COCO = load_metainfo('coco')


@pytest.fixture
def images(tmp_path):
    """A folder of two images with a dot each."""
    folder = tmp_path / 'images'
    folder.mkdir()
    for name, place in DOTS.items():
        cv2.imwrite(str(folder / name), image_with_dot(place))
    return folder


def label(images, out, inferencer=None, **rules):
    inferencer = inferencer or dot_inferencer()
    text = write_pseudo_labels(
        inferencer, [str(images)], out, Acceptance(**rules), {'model': 'dots'}
    )
    return json.loads(out.read_text()), text


def test_what_is_accepted_is_written(images, tmp_path):
    content, text = label(images, tmp_path / 'new/labels.json')
    assert [x['file_name'] for x in content['images']] == sorted(DOTS)
    assert [(x['width'], x['height']) for x in content['images']] == [(160, 120)] * 2
    assert content['info']['model'] == 'dots'
    assert content['info']['threshold'] == 0.6
    assert content['categories'][0]['keypoints'] == list(COCO.keypoint_names)
    for place, annotation in zip(DOTS.values(), content['annotations'], strict=True):
        points = np.array(annotation['keypoints']).reshape(17, 3)
        assert points[SURE, 2].tolist() == [2] * len(SURE)
        np.testing.assert_allclose(
            points[SURE, :2], [place] * len(SURE), atol=0.7
        )  # px: the dot is seen in crops
        assert not points[UNSURE + BLIND].any()
        confidence = np.array(annotation['keypoint_confidence'])
        np.testing.assert_allclose(confidence, np.where(points[:, 2] > 0, 0.9, 0), atol=1e-3)
        assert annotation['num_keypoints'] == len(SURE)
        assert annotation['bbox'] == [0, 0, 160, 120]
    assert '2 of 2 instances' in text
    assert f'--pseudo-labels {tmp_path}' in text


@pytest.mark.parametrize(
    ('rules', 'expected'),
    [
        (dict(threshold=0.5, agreement=0.0), SURE + BLIND),  # views need not agree
        (dict(threshold=0.6, agreement=0.8), SURE),
    ],
)
def test_rules(images, tmp_path, rules, expected):
    content, _ = label(images, tmp_path / 'labels.json', **rules)
    visible = np.array(content['annotations'][0]['keypoints'])[2::3]
    assert np.flatnonzero(visible).tolist() == sorted(expected)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(threshold=0.3), 'threshold of scores is 0.3, expected 0.5 or more'),
        (dict(agreement=1.5), 'agreement is 1.5'),
        (dict(min_track=0), 'min_track is 0'),
    ],
)
def test_bad_rules(options, words):
    with pytest.raises(ValueError, match=words):
        Acceptance(**options)


def test_empty_pseudo_labels(images, tmp_path):
    out = tmp_path / 'labels.json'
    with pytest.raises(ValueError, match=r'of 34 keypoints of 2 instances none .*score 0%'):
        label(images, out, threshold=0.95)
    (tmp_path / 'boxes.json').write_text(json.dumps({name: [] for name in DOTS}))
    with pytest.raises(ValueError, match='no pseudo-label: 2 inputs, and no instance was found'):
        label(images, out, inferencer=dot_inferencer(detector=str(tmp_path / 'boxes.json')))
    assert not out.exists()


def test_no_file_of_the_user_is_replaced(images, tmp_path):
    out = tmp_path / 'labels.json'
    out.write_text('mine')
    with pytest.raises(FileExistsError, match='no command of this project has made it'):
        label(images, out)
    assert out.read_text() == 'mine'
    label(images, tmp_path / 'boxes.json')
    with pytest.raises(FileExistsError, match='is an input of this command'):
        write_pseudo_labels(
            dot_inferencer(),
            [str(images)],
            tmp_path / 'boxes.json',
            Acceptance(),
            {'detector': str(tmp_path / 'boxes.json')},
        )


def write_video(path, places):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 25.0, (160, 120))
    for place in places:
        writer.write(image_with_dot(place))
    writer.release()


def test_a_video_becomes_images_where_its_track_is_smooth(tmp_path):
    places = [(50 + i, 60) for i in range(12)]
    places[6] = (110, 90)  # a leap, and back
    write_video(tmp_path / 'walk.avi', places)
    out = tmp_path / 'labels.json'
    content, _ = label(tmp_path / 'walk.avi', out, every=1)
    kept = [x['file_name'] for x in content['images']]
    # not the ends, the leap, and what is beside it
    assert kept == [f'walk_{i:06d}.jpg' for i in (1, 2, 3, 4, 8, 9, 10)]
    assert sorted(x.name for x in (tmp_path / 'labels_frames').iterdir()) == kept
    assert len({x['track_id'] for x in content['annotations']}) == 1
    with pytest.raises(ValueError, match=r'track 0%'):
        label(tmp_path / 'walk.avi', tmp_path / 'b.json', min_track=13, every=1)
    content, _ = label(tmp_path / 'walk.avi', tmp_path / 'c.json', every=4)
    assert [x['file_name'] for x in content['images']] == ['walk_000004.jpg', 'walk_000008.jpg']


def test_images_and_videos_apart(images, tmp_path):
    write_video(tmp_path / 'walk.avi', [(50, 60)] * 3)
    for inputs, words in (
        ([str(images), str(tmp_path / 'walk.avi')], 'images and videos came together'),
        (['webcam'], "'webcam' is a camera"),
    ):
        with pytest.raises(ValueError, match=words):
            write_pseudo_labels(dot_inferencer(), inputs, tmp_path / 'x.json', Acceptance(), {})


def test_views_of_several_boxes():
    inferencer = dot_inferencer()
    frame = Frame(0, image_with_dot((60, 40)), 'x.png')
    boxes = Boxes.from_xywh([[30, 10, 60, 80], [40, 20, 50, 50]], [1.0, 0.5])
    [poses] = inferencer.predictor([frame], [boxes])
    found = predict_views(inferencer.predictor, FrameResult(frame, poses, COCO))
    np.testing.assert_allclose(found.keypoints[:, 0], [[60, 40]] * 2, atol=0.7)  # px
    assert (found.agreement[:, SURE] > 0.99).all()
    assert (found.agreement[:, BLIND] < 0.5).all()
    np.testing.assert_array_equal(found.boxes.xywh, boxes.xywh)
    empty = predict_views(inferencer.predictor, FrameResult(frame, [], COCO))
    assert empty.keypoints.shape == (0, 17, 2)
    assert empty.agreement.shape == (0, 17)


def test_similarity_is_that_of_oks():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0, 50, (2, 3, 17, 2))
    boxes = rng.uniform(20, 90, (3, 4))
    found = keypoint_similarity(first, second, boxes, COCO)
    for n in range(3):
        for k in range(17):
            distance = math.dist(first[n, k], second[n, k])
            scale = math.sqrt(boxes[n, 2] * boxes[n, 3]) * 2 * float(COCO.sigmas[k])
            assert found[n, k] == pytest.approx(math.exp(-((distance / scale) ** 2) / 2))


def person(confidence, **changes):
    """Returns an annotation of 17 labelled keypoints, of which the last one is not."""
    one = tiny_coco.annotation(1, 100, **changes)
    one['keypoints'][-3:] = [0, 0, 0]
    return {**one, 'keypoint_confidence': confidence}


def test_confidence_is_the_weight_of_the_loss(tmp_path):
    content = tiny_coco.content(num_images=2, per_image=1)
    content['annotations'] = [
        tiny_coco.annotation(2, 101),
        person([0.75] * 8 + [1.0] * 8 + [0.0]),
    ]
    config = tiny_coco.write(tmp_path, content)
    dataset = CocoDataset(**config, pipeline=tiny_coco.TEST_PIPELINE)
    by_id = {dataset.get_sample(i)['ann_id']: i for i in (0, 1)}
    batch = collate_poses([dataset[by_id[1]], dataset[by_id[2]]])['batch']
    expected = [[0.75] * 8 + [1.0] * 8 + [0.0], [1.0] * 17]
    np.testing.assert_allclose(batch['keypoints_visible'], expected)
    model = plain_model().eval()
    points = torch.full((2, 17, 2), 24.0)
    maps, weights = model.head.decoder.encode(points, batch['keypoints_visible'])
    np.testing.assert_allclose(weights, expected)
    assert maps[0, :16].amax(dim=(1, 2)).min() > 0.9  # a target is drawn, whatever its weight
    features = torch.randn(2, 128, 4, 3)
    with torch.no_grad():
        loss = model.head.loss(features, points, batch['keypoints_visible'])['loss_heatmap']
        error = (model.head(features) - maps).square().mean(dim=(2, 3))  # (B, K)
    # KeypointMSELoss; JointsMSELoss would square the weights
    assert float(loss) == pytest.approx(float((error * torch.tensor(expected)).mean()))


@pytest.mark.parametrize(
    ('confidence', 'words'),
    [
        ([0.9] * 16, 'expected a list of 17 numbers'),
        ([0.9] * 15 + [0.4, 0], 'has 0.4, expected a number above 0.5'),
        ([1.5] * 16 + [0], 'has 1.5'),
        ([float('nan')] * 16 + [0], 'has nan'),
        (0.9, 'expected a list'),
    ],
)
def test_bad_confidence(tmp_path, confidence, words):
    content = tiny_coco.content(num_images=1, per_image=1)
    content['annotations'] = [person(confidence)]
    with pytest.raises((TypeError, ValueError), match=f'annotation 1: .*{words}'):
        CocoDataset(**tiny_coco.write(tmp_path, content))


def test_labels_and_pseudo_labels_share_one_head(images, tmp_path):
    label(images, tmp_path / 'labels.json')
    labelled = {**tiny_coco.write(tmp_path / 'own'), 'type': 'CocoDataset', 'metainfo': 'coco'}
    labelled['pipeline'] = tiny_coco.TEST_PIPELINE
    cfg = Config(dict(model=plain_config(), train_dataloader=dict(dataset=labelled)))
    add_pseudo_labels(cfg, tmp_path / 'labels.json', images)
    config = cfg.train_dataloader.dataset.to_dict()
    assert config.pop('type') == 'CombinedDataset'
    dataset = CombinedDataset(**config)
    assert dataset.lengths.tolist() == [6, 2]
    batch = collate_poses([dataset[0], dataset[6]])['batch']
    assert batch['dataset_idx'].tolist() == [0, 1]
    assert batch['keypoints_visible'][1].max() == pytest.approx(0.9)
    with pytest.raises(ValueError, match='one head and one training dataset'):
        add_pseudo_labels(cfg, tmp_path / 'labels.json', images)
    cfg = Config(dict(model=plain_config(), train_dataloader=dict(dataset=labelled)))
    for paths in ((tmp_path / 'none.json', images), (tmp_path / 'labels.json', tmp_path / 'none')):
        with pytest.raises(FileNotFoundError, match=r'none.*does not exist'):
            add_pseudo_labels(cfg, *paths)


def test_left_and_right_change_places_in_the_mirror_image():
    rng = np.random.default_rng(0)
    frame, box = Frame(0, image_with_dot((60, 40)), 'x.png'), [30.0, 10.0, 60.0, 80.0]
    truth, scores = rng.uniform(20, 90, (17, 2)), rng.uniform(size=17)
    partners = COCO.flip_indices

    def pose(points, own_scores, bbox):
        return PoseResult('x.png', 0, 1, points, own_scores, np.array(bbox, np.float32))

    def perfect(frames, boxes):
        np.testing.assert_array_equal(frames[0].image_bgr, frame.image_bgr[:, ::-1])
        np.testing.assert_array_equal(frames[1].image_bgr, frame.image_bgr)
        np.testing.assert_allclose(boxes[0].xywh, [[159 - 90, 10, 60, 80]])
        np.testing.assert_allclose(boxes[1].xywh, [[60 - 34.5, 50 - 46, 69, 92]], atol=1e-4)
        mirrored = np.column_stack([159 - truth[partners, 0], truth[partners, 1]])
        return [[pose(mirrored, scores[partners], box)], [pose(truth, scores, box)]]

    found = predict_views(perfect, FrameResult(frame, [pose(truth, scores, box)], COCO))
    np.testing.assert_allclose(found.keypoints[0], truth)
    np.testing.assert_allclose(found.keypoint_scores[0], scores)
    np.testing.assert_allclose(found.agreement[0], 1)
