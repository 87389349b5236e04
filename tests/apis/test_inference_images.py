"""Images of every kind, good and bad, on their way into the network and out of it."""

import cv2
import numpy as np
import pytest
import torch

from mmpose.apis import PoseInferencer
from mmpose.apis.inference.images import as_bgr, read_image
from mmpose.apis.inference.predictor import MAX_SIDE, PosePredictor, crop_image, crop_on_device
from mmpose.structures import Boxes, CropWindow, Frame
from tests.apis.numbered_video import DARKEST, STEP, NumberBackend, number_of

BGR = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
GREY = BGR[..., 0]
ALPHA = np.dstack([BGR, np.full((30, 40), 128, np.uint8)])
DEEP = BGR.astype(np.uint16) * 256 + 77


@pytest.mark.parametrize(
    ('array', 'expected'),
    [
        (BGR, BGR),
        (GREY, np.dstack([GREY] * 3)),
        (GREY[..., None], np.dstack([GREY] * 3)),
        (ALPHA, BGR),
        (DEEP, BGR),
        (DEEP[..., 0], np.dstack([GREY] * 3)),
        (BGR[::-1], BGR[::-1]),
    ],
)
def test_arrays_become_colour_images(array, expected):
    image = as_bgr(array)
    np.testing.assert_array_equal(image, expected)
    assert image.flags.c_contiguous


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
@pytest.mark.parametrize(('array', 'expected'), [(GREY, GREY), (ALPHA, None), (DEEP, None)])
def test_files_become_colour_images(tmp_path, suffix, array, expected):
    path = tmp_path / f'image{suffix}'
    cv2.imwrite(str(path), array)
    expected = BGR if expected is None else np.dstack([expected] * 3)
    # 16 bits become 8 by rounding up or down, as the format's decoder does
    np.testing.assert_allclose(read_image(path).astype(int), expected, atol=array.ndim - 2)


@pytest.mark.parametrize(
    'array',
    [BGR.astype(np.float32), BGR[..., :2], np.zeros((0, 4, 3), np.uint8), np.zeros(7, np.uint8)],
)
def test_other_arrays_are_refused(array):
    with pytest.raises(ValueError, match=rf'shape \({array.shape[0]},.* came, expected \(H, W\)'):
        as_bgr(array)


def numbered_image(number):
    return np.full((20, 30, 3), DARKEST + STEP * number, np.uint8)


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f'shot{number}.png'), numbered_image(number))
    (tmp_path / 'shot3.png').write_bytes(b'no image')
    (tmp_path / 'notes.txt').write_text('no image either')
    return tmp_path


def test_a_folder_comes_in_natural_order_without_what_is_damaged(folder):
    inferencer = PoseInferencer(NumberBackend(), detector='whole-image')
    results = list(inferencer(folder))
    assert [number_of(result.frame.image_bgr) for result in results] == [1, 2, 10]
    assert [result.frame.index for result in results] == [0, 1, 3]
    assert [result.poses[0].keypoint_scores[0] for result in results] == [1, 2, 10]
    assert [result.poses[0].track_id for result in results] == [None] * 3
    [problem] = inferencer.problems
    assert 'shot3.png' in problem
    assert 'cannot be decoded' in problem


@pytest.mark.parametrize(
    ('inputs', 'numbers'),
    [
        ('{}/shot1*.png', [1, 10]),
        (['{}/shot2.png', '{}/shot1.png'], [2, 1]),
        ([numbered_image(5), '{}/shot2.png'], [5, 2]),
        (np.stack([numbered_image(5), numbered_image(6)]), [5, 6]),
        (iter([numbered_image(7), numbered_image(8)]), [7, 8]),
    ],
    ids=['pattern', 'list', 'mixed', 'stack', 'iterator'],
)
def test_inputs(folder, inputs, numbers):
    if isinstance(inputs, str):
        inputs = inputs.format(folder)
    elif isinstance(inputs, list):
        inputs = [x.format(folder) if isinstance(x, str) else x for x in inputs]
    results = PoseInferencer(NumberBackend(), detector='whole-image')(inputs)
    assert [result.poses[0].keypoint_scores[0] for result in results] == numbers


@pytest.mark.parametrize(
    ('inputs', 'error', 'words'),
    [
        ('nothing.jpg', FileNotFoundError, "there is no image, video or folder 'nothing.jpg'"),
        ('{}/..', FileNotFoundError, r"folders in it are not searched: .* '.*/\*\*/\*'"),
        ('nothing*.jpg', FileNotFoundError, r"there is no image or video in 'nothing\*.jpg'"),
        ('{}/shot3.png', ValueError, 'shot3.png .* cannot be decoded'),
        ([], ValueError, 'the list of inputs is empty'),
        (3.5, TypeError, 'float is no input'),
    ],
)
def test_bad_inputs(folder, inputs, error, words):
    inputs = inputs.format(folder) if isinstance(inputs, str) else inputs
    with pytest.raises(error, match=words):
        list(PoseInferencer(NumberBackend(), detector='whole-image')(inputs))


def test_an_iterator_is_read_as_its_images_are_wanted():
    read = []

    def endless():
        while True:
            read.append(len(read))
            yield numbered_image(len(read) % 50)

    running = PoseInferencer(NumberBackend(), detector='whole-image')(endless())
    assert [next(running).poses[0].keypoint_scores[0] for _ in range(3)] == [1, 2, 3]
    running.close()
    assert len(read) < 15


def test_boxes_without_a_place_in_the_image_are_left_out():
    def detector(frames):
        boxes = [[0, 0, 30, 20], [5, 5, 0, 10], [40, 5, 9, 9], [-20, 0, 15, 15], [-9, -9, 20, 20]]
        return [Boxes.from_xywh(boxes, [0.1, 0.9, 0.9, 0.9, 0.2]) for _ in frames]

    inferencer = PoseInferencer(NumberBackend(), detector=detector)
    [result] = inferencer(numbered_image(4))
    assert [pose.bbox_xywh[0] for pose in result.poses] == [0, -9]
    assert inferencer.problems == ['3 boxes without a size or outside the image were left out']
    [best] = PoseInferencer(NumberBackend(), detector=detector, max_instances=1)(numbered_image(4))
    assert [pose.bbox_xywh[0] for pose in best.poses] == [-9]


def test_an_image_without_people():
    inferencer = PoseInferencer(NumberBackend(), detector=lambda frames: [Boxes.from_xywh([])])
    [result] = inferencer(numbered_image(4))
    assert result.poses == []
    np.testing.assert_array_equal(result.draw(), numbered_image(4))


@pytest.mark.parametrize('use_udp', [True, False])
def test_crops_on_a_device_are_those_of_opencv(use_udp):
    image = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 255, (90, 120, 3), np.uint8), (0, 0), 2
    )
    boxes = [[10, 20, 30, 40], [-20, 30, 60, 90], [100.5, 70.25, 40, 40]]
    windows = [CropWindow.from_bbox(box, (48, 64), 1.25, use_udp) for box in boxes]
    crops = crop_on_device(image, windows, torch.device('cpu')).permute(0, 2, 3, 1).numpy()
    for crop, window in zip(crops, windows, strict=True):
        difference = np.abs(crop.astype(int) - crop_image(image, window))
        # grey levels; OpenCV 4 rounds places to 1/32 px, and the steepest slope here is 17 a px
        assert difference.max() <= 3


def test_poses_do_not_depend_on_where_crops_are_cut():
    frames = [Frame(i, numbered_image(i), '') for i in range(3)]
    boxes = [Boxes.from_xywh(np.tile([5, 5, 10, 10], (i, 1))) for i in (2, 0, 3)]
    on_device = PosePredictor(NumberBackend(), 4, crop_device=torch.device('cpu'))(frames, boxes)
    with_opencv = PosePredictor(NumberBackend(), 4)(frames, boxes)
    assert [[pose.keypoint_scores[0] for pose in own] for own in on_device] == [
        [0, 0],
        [],
        [2, 2, 2],
    ]
    for own, other in zip(on_device, with_opencv, strict=True):
        assert [x.keypoint_scores[0] for x in own] == [x.keypoint_scores[0] for x in other]


def test_crops_of_an_image_that_opencv_finds_too_large():
    wide = np.zeros((40, MAX_SIDE + 5000, 3), np.uint8)
    wide[10:30, 30_000:30_040] = cv2.GaussianBlur(
        np.random.default_rng(2).integers(0, 255, (20, 40, 3), np.uint8), (0, 0), 1
    )
    part = wide[:, 29_000:31_000]
    window = CropWindow.from_bbox([30_000, 8, 40, 24], (48, 64))
    moved = CropWindow.from_bbox([1000, 8, 40, 24], (48, 64))
    np.testing.assert_allclose(
        crop_image(wide, window).astype(int), crop_image(part, moved), atol=1
    )
    everything = crop_image(wide, CropWindow.from_bbox([0, 0, wide.shape[1], 40], (48, 64)))
    assert everything.shape == (64, 48, 3)


def test_a_stretched_window_is_the_square_around_the_box():
    class Square(NumberBackend):
        stretch = True

    [[pose]] = PosePredictor(Square())(
        [Frame(0, numbered_image(3), '')], [Boxes.from_xywh([5, 2, 8, 16])]
    )
    assert pose.area == pytest.approx((16 * 1.25) ** 2)
