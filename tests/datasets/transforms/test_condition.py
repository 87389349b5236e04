"""The condition of a crop lies where the window puts boxes and masks, also of a mirrored crop."""

import json

import numpy as np
import pytest
import torch

from mmpose.datasets import CocoDataset
from mmpose.datasets.instance_masks import SIDE, decode_rle, read_masks, unpack_masks
from mmpose.datasets.samplers import SampleIndex
from mmpose.datasets.transforms import AddCondition
from mmpose.datasets.transforms.condition import draw_condition
from mmpose.structures import CropWindow, invert_affine, transform_points
from toy_pose import ToySpec, generate_toy_dataset
from toy_pose.formats.coco_fields import encode_mask

WINDOWS = {
    'upright': CropWindow([50, 60], [60, 80], (48, 64)),
    'udp': CropWindow([50, 60], [60, 80], (48, 64), use_udp=True),
    'rotated': CropWindow([50, 60], [60, 80], (48, 64), rotation=30),
    'rotated udp': CropWindow([50, 60], [60, 80], (48, 64), rotation=-70, use_udp=True),
}
BOXES = np.array([[30.0, 40, 30, 45], [50, 20, 20, 60], [70, 50, 300, 30]])
ANN_FILE = 'annotations/ochuman_coco_format_val_range_0.00_1.00.json'
CROP = dict(type='TopdownAffine', input_size=(48, 64), use_udp=True)


def places(window):
    """Places (h, w, 2), img px, of the pixels of a crop."""
    width, height = window.input_size
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1)
    return transform_points(pixels, invert_affine(window.matrix()))


def inside(window, box, margin):
    """Pixels (h, w) of a crop that are in a box, by going back to the image one by one."""
    low, high = box[:2] - margin, box[:2] + box[2:] + margin
    points = places(window)
    return ((points > low) & (points < high)).all(axis=-1)


@pytest.mark.parametrize('name', WINDOWS)
def test_boxes_are_where_their_pixels_go_back_to(name):
    window = WINDOWS[name]
    drawn = draw_condition(window, BOXES)
    edge = 1.5 * 60 / 48  # img px of a pixel and a half of the crop
    assert drawn.shape == (64, 48, 2)
    assert set(np.unique(drawn)) == {0, 255}
    for channel, boxes in enumerate((BOXES[:1], BOXES[1:])):
        surely, perhaps = (
            np.any([inside(window, box, margin) for box in boxes], axis=0)
            for margin in (-edge, edge)
        )
        assert (drawn[..., channel][surely] == 255).all()
        assert (drawn[..., channel][~perhaps] == 0).all()
        assert surely.sum() > 100
        assert (~perhaps).sum() > 100


@pytest.mark.parametrize('name', WINDOWS)
def test_masks_are_where_their_pixels_go_back_to(name):
    window = WINDOWS[name]
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    masks = np.stack([x > y, x + y < SIDE, y < SIDE / 4]).astype(np.uint8) * 255
    drawn = draw_condition(window, BOXES, masks) > 127
    expected = np.zeros((2, *drawn.shape[:2]), bool)
    for row, box in enumerate(BOXES):
        cells = np.floor((places(window) - box[:2]) / box[2:] * SIDE).astype(int)
        is_in = ((cells >= 0) & (cells < SIDE)).all(axis=-1)
        cells = cells.clip(0, SIDE - 1)
        expected[min(row, 1)] |= is_in & (masks[row][cells[..., 1], cells[..., 0]] > 0)
    differing = (drawn.transpose(2, 0, 1) != expected).mean(axis=(1, 2))
    assert (differing < 0.04).all()
    assert (expected.mean(axis=(1, 2)) > 0.1).all()


def test_rle_is_that_of_another_encoder_and_of_plain_counts():
    mask = np.random.default_rng(0).random((37, 23)) > 0.4
    mask[5:30, 3:20] = True  # a run of more than five bits
    assert (decode_rle(encode_mask(mask)) == mask).all()
    flat = np.concatenate([[False], mask.T.ravel(), [not mask[-1, -1]]])
    runs = np.diff(np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])).tolist()
    runs[0] -= 1
    assert (decode_rle({'size': [37, 23], 'counts': runs}) == mask).all()
    with pytest.raises(ValueError, match='10 pixels for a size of 2 x 3'):
        decode_rle({'size': [2, 3], 'counts': [10]})


def _annotations(path, segmentations):
    entries = [{'id': i, 'segmentation': x} for i, x in enumerate(segmentations)]
    path.write_text(json.dumps({'annotations': entries}))
    return np.arange(len(entries))


def test_outlines_and_runs_give_the_same_grid(tmp_path):
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 8:18] = 1
    mask[10:15, 25:28] = 1  # a part of its own
    outlines = [[8, 10, 18, 10, 18, 30, 8, 30], [25, 10, 28, 10, 28, 15, 25, 15]]
    ids = _annotations(tmp_path / 'a.json', [outlines, encode_mask(mask)])
    by_outline, by_runs = unpack_masks(
        read_masks(tmp_path / 'a.json', ids, np.array([[8, 10, 20, 20.0]] * 2))
    )
    assert (by_outline != by_runs).mean() < 0.06  # a cell along the edges
    assert by_runs[16, 8] == by_runs[4, 30] == 255
    assert by_runs[16, 30] == by_runs[4, 20] == 0


@pytest.mark.parametrize('bad', [None, 'polygon', [[1, 2, 3]], {'size': [2, 2], 'counts': 'x'}])
def test_a_bad_segmentation_is_named(bad, tmp_path):
    good = [0, 0, 9, 0, 9, 9]
    ids = _annotations(tmp_path / 'a.json', [[good], bad])
    with pytest.raises(ValueError, match=r"a\.json: annotation 1 has no 'segmentation'"):
        read_masks(tmp_path / 'a.json', ids, np.array([[0, 0, 9, 9.0]] * 2))


def test_an_empty_mask_is_its_box_with_a_warning(tmp_path):
    ids = _annotations(tmp_path / 'a.json', [[]])
    with pytest.warns(UserWarning, match='1 of 1 masks are empty'):
        masks = read_masks(tmp_path / 'a.json', ids, np.array([[0, 0, 9, 9.0]]))
    assert unpack_masks(masks).all()


@pytest.fixture(scope='module')
def crowd(tmp_path_factory):
    out = tmp_path_factory.mktemp('crowd')
    spec = ToySpec(num_train=1, num_val=4, format='ochuman', seed=1)
    generate_toy_dataset(out, spec, workers=1, report=lambda text: None)
    return out


def dataset(crowd, *steps, **condition):
    window = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
    return CocoDataset(
        ANN_FILE,
        str(crowd),
        dict(img='images/'),
        pipeline=[*window, *steps, CROP, dict(type='AddCondition', **condition)],
    )


@pytest.mark.parametrize('kind', ['bbox', 'mask'])
def test_condition_follows_a_flip_and_says_who_is_meant(crowd, kind):
    plain = dataset(crowd, kind=kind)
    mirrored = dataset(crowd, dict(type='RandomFlip', prob=1.0), kind=kind)
    both = 0
    for i in range(len(plain)):
        here, there = plain[i]['image'], mirrored[i]['image'][:, ::-1]
        assert here.shape == (64, 48, 5)
        assert np.abs(here[..., :3].astype(int) - there[..., :3]).mean() < 3
        assert ((here[..., 3:] > 127) != (there[..., 3:] > 127)).mean() < 0.03
        keypoints = plain[i]['keypoints'][plain[i]['keypoints_visible'] > 0]
        x, y = np.rint(keypoints).astype(int).T
        assert kind == 'mask' or (here[y.clip(0, 63), x.clip(0, 47), 3] == 255).mean() > 0.8
        both += here[..., 4].any()
    assert both >= len(plain) // 2  # of a pair each sees the other


def test_masks_lie_in_the_boxes_and_beside_each_other(crowd):
    boxes, masks = dataset(crowd, kind='bbox'), dataset(crowd, kind='mask')
    for i in range(len(boxes)):
        box, mask = boxes[i]['image'][..., 3:] > 0, masks[i]['image'][..., 3:] > 127
        assert (mask & ~box).mean() < 0.02
        assert mask[..., 0].sum() < 0.8 * box[..., 0].sum()
        assert (mask[..., 0] & mask[..., 1]).mean() < 0.03  # a pixel shows one of the two


def test_jitter_moves_boxes_by_its_share_and_follows_the_draw(crowd):
    jittered, plain = dataset(crowd, jitter=0.05), dataset(crowd)
    views = [jittered[SampleIndex(0, epoch=epoch)]['image'][..., 3] > 0 for epoch in range(40)]
    again = jittered[SampleIndex(0, epoch=7)]['image'][..., 3] > 0
    assert (views[7] == again).all()
    heights = [view.any(axis=1).sum() for view in views]
    exact = (plain[0]['image'][..., 3] > 0).any(axis=1).sum()
    assert np.std(heights) == pytest.approx(0.05 * 2**0.5 * exact, rel=0.5)
    assert np.mean(heights) == pytest.approx(exact, rel=0.04)


def test_a_share_of_the_samples_is_told_by_boxes(crowd):
    mixed, boxes = dataset(crowd, kind='mask', bbox_prob=0.5), dataset(crowd)
    drawn = boxes[0]['image'][..., 3]
    same = [(mixed[SampleIndex(0, epoch=i)]['image'][..., 3] == drawn).all() for i in range(40)]
    assert 8 < sum(same) < 32


def test_uncertain_detections_are_no_others(crowd):
    found = json.loads((crowd / ANN_FILE).read_text())
    images = [image['id'] for image in found['images']]
    entries = [
        {'image_id': image, 'category_id': 1, 'bbox': [i, 2, 30, 40], 'score': score}
        for i, score in enumerate((0.9, 0.31, 0.29))
        for image in images  # not in the order of the images
    ]
    (crowd / 'det.json').write_text(json.dumps(entries))
    steps = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale'), CROP]
    options = dict(data_root=str(crowd), data_prefix=dict(img='images/'), test_mode=True)
    options |= dict(ann_file=ANN_FILE, bbox_file='det.json')
    told = CocoDataset(pipeline=[*steps, dict(type='AddCondition')], **options)
    num = len(images)
    wanted = {0: [1], num: [0], 2 * num: [0, 1]}  # left sides of the others
    for index, lefts in wanted.items():
        assert told.get_sample(index)['others_xywh'][:, 0].tolist() == lefts
    assert 'others_xywh' not in CocoDataset(pipeline=steps, **options).get_sample(0)
    with pytest.raises(ValueError, match='has boxes without masks'):
        CocoDataset(pipeline=[*steps, dict(type='AddCondition', kind='mask')], **options)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'kind': 'masks'}, "kind is 'masks', expected 'bbox' or 'mask'"),
        ({'jitter': -1}, 'jitter is -1, expected 0 or more'),
        ({'bbox_prob': 2}, 'bbox_prob is 2, expected 0 to 1'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        AddCondition(**options)


def test_preprocessor_keeps_the_condition_apart():
    from mmpose.models.data_preprocessor import PoseDataPreprocessor

    preprocessor = PoseDataPreprocessor()
    crops = torch.randint(0, 256, (2, 5, 8, 6), dtype=torch.uint8)
    normal = preprocessor.normalize(crops)
    assert torch.equal(normal[:, :3], preprocessor.normalize(crops[:, :3]))
    assert torch.equal(normal[:, 3:], crops[:, 3:].float() / 255)
