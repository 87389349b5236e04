"""Boxes come out of YOLOX and RTMDet graphs where they are in the image."""

import re
import sys

import numpy as np
import pytest
from onnx import TensorProto
from onnx_graphs import raw_yolox, save_bright_box_finder, save_constant

from mmpose.detectors import OnnxDetector, Selection, build_detector
from mmpose.detectors.onnx_layouts import letterbox
from mmpose.structures import Boxes, Frame

SIZES_WH = [(640, 640), (320, 240), (1000, 700), (90, 333), (1920, 1080)]


def frame_with_box(image_wh, box_xywh, index=0):
    image = np.zeros((image_wh[1], image_wh[0], 3), np.uint8)
    x, y, width, height = box_xywh
    image[y : y + height, x : x + width] = 255
    return Frame(index, image, 'image.jpg')


def blank(image_wh, index=0):
    return Frame(index, np.zeros((image_wh[1], image_wh[0], 3), np.uint8), 'image.jpg')


@pytest.mark.parametrize('image_wh', SIZES_WH)
@pytest.mark.parametrize(('network', 'threshold'), [('yolox', 127.5), ('rtmdet', 0.1)])
def test_place_survives_the_scaling(tmp_path, image_wh, network, threshold):
    """A bright box is found by the graph itself, in an input that is not square."""
    path = tmp_path / f'{network}.onnx'
    save_bright_box_finder(path, [1, 3, 416, 640], threshold)
    width, height = image_wh
    box = [width // 4, height // 3, width // 5, height // 2]
    [boxes] = OnnxDetector(path)([frame_with_box(image_wh, box)])
    scale = min(640 / width, 416 / height)
    expected = Boxes.from_xywh(box).xywh
    corners, planted = (np.concatenate([x[:, :2], x[:, :2] + x[:, 2:]], 1)
                        for x in (boxes.xywh, expected))  # fmt: skip
    # An edge can be seen to a pixel of the input.
    np.testing.assert_allclose(corners, planted, atol=1 / scale)
    assert boxes.scores.tolist() == pytest.approx([0.9])
    assert boxes.category_ids.tolist() == [1]


@pytest.mark.parametrize('image_wh', SIZES_WH)
@pytest.mark.parametrize('is_decoded', [False, True])
@pytest.mark.parametrize(
    ('input_size', 'strides'), [((640, 640), (8, 16, 32)), ((640, 384), (8, 16, 32, 64))]
)
def test_raw_yolox(tmp_path, image_wh, is_decoded, input_size, strides):
    """Boxes planted into the output come back to within 0.05 px of the image."""
    width, height = image_wh
    planted = np.array([
        [0.1 * width, 0.2 * height, 0.3 * width, 0.6 * height],
        [0.5 * width, 0.1 * height, 0.07 * width, 0.2 * height],
        [0.6 * width, 0.5 * height, 0.5 * width, 0.5 * height],  # reaches over the border
        [0.2 * width, 0.7 * height, 0.05 * width, 0.1 * height],  # a dog
        [0.9 * width, 0.9 * height, 0.05 * width, 0.05 * height],  # hardly anybody
    ])  # fmt: skip
    _, scale = letterbox(blank(image_wh).image_bgr, input_size)
    output = raw_yolox(
        planted * np.tile(scale, 2), [0, 0, 0, 16, 0], [0.5, 0.9, 0.7, 0.95, 0.2],
        input_size, 80, strides, is_decoded,
    )  # fmt: skip
    path = tmp_path / 'net.onnx'
    save_constant(path, {'output': output}, [1, 3, input_size[1], input_size[0]])
    [boxes] = OnnxDetector(path)([blank(image_wh)])
    np.testing.assert_allclose(boxes.xywh, planted[[1, 2, 0]], atol=0.05)
    np.testing.assert_allclose(boxes.scores, [0.9, 0.7, 0.5], atol=1e-3)
    animals = build_detector(path, categories=['animal'])
    [boxes] = animals([blank(image_wh)])
    np.testing.assert_allclose(boxes.xywh, planted[[3]], atol=0.05)
    assert boxes.category_ids.tolist() == [18]


def test_boxes_that_overlap(tmp_path):
    planted = np.array([[100, 100, 100, 200], [112, 100, 100, 200], [160, 100, 100, 200]])
    output = raw_yolox(planted, [0, 0, 0], [0.6, 0.8, 0.7], (640, 640), 80)
    path = tmp_path / 'net.onnx'
    save_constant(path, {'output': output}, [1, 3, 640, 640])
    for threshold, expected in ((0.65, [112, 160]), (0.2, [112]), (None, [112, 160, 100])):
        [boxes] = build_detector(path, nms_threshold=threshold)([blank((640, 640))])
        np.testing.assert_allclose(boxes.xywh[:, 0], expected, atol=0.05)


@pytest.mark.parametrize(('batch', 'num_calls'), [(1, 3), ('batch', 1)])
def test_frames_of_several_sizes(tmp_path, batch, num_calls):
    path = tmp_path / 'rtmdet.onnx'
    save_bright_box_finder(path, [batch, 3, 320, 320], 0.1)
    detector = OnnxDetector(path)
    calls = []
    session = detector.session

    class Counted:
        def run(self, names, feed):
            calls.append(feed['input'].shape)
            return session.run(names, feed)

    detector.session = Counted()
    places = [[10, 20, 40, 60], [30, 10, 50, 20], [100, 50, 20, 100]]
    sizes = [(100, 100), (160, 80), (200, 320)]
    frames = [frame_with_box(s, b, i) for i, (s, b) in enumerate(zip(sizes, places, strict=True))]
    for boxes, place in zip(detector(frames), places, strict=True):
        np.testing.assert_allclose(boxes.xywh, [place], atol=0.9)  # px, at scales from 1
    assert len(calls) == num_calls
    assert detector([]) == []


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('yolox_m.onnx', (255, 114)),
        ('rtmdet-m.onnx', ((255 - 103.53) / 57.375, (114 - 103.53) / 57.375)),
    ],
)
def test_input_is_normalised_as_the_network_was_trained(tmp_path, name, expected):
    """Blue is the first channel; what the image does not cover is grey."""
    dets, labels = np.zeros((1, 1, 5), np.float32), np.zeros((1, 1), np.int64)
    save_constant(tmp_path / name, {'dets': dets, 'labels': labels}, [1, 3, 64, 64])
    detector = OnnxDetector(tmp_path / name)
    seen = []

    class Spy:
        def run(self, names, feed):
            seen.append(feed['input'])
            return [dets, labels]

    detector.session = Spy()
    image = np.zeros((32, 64, 3), np.uint8)
    image[..., 0] = 255
    [boxes] = detector([Frame(0, image, '')])
    assert len(boxes) == 0  # the row of zeros only fills up
    np.testing.assert_allclose(seen[0][0, 0, [0, 63], [0, 0]], expected, rtol=1e-5)
    assert seen[0].dtype == np.float32


def test_half_precision_input(tmp_path):
    output = raw_yolox([[10, 10, 20, 20]], [0], [0.9], (64, 64), 80)
    path = tmp_path / 'half.onnx'
    save_constant(path, {'output': output}, [1, 3, 64, 64], dtype=TensorProto.FLOAT16)
    [boxes] = OnnxDetector(path)([blank((64, 64))])
    np.testing.assert_allclose(boxes.xywh, [[10, 10, 20, 20]], atol=0.05)


@pytest.mark.parametrize(
    ('num_classes', 'metadata', 'class_names', 'categories', 'expected'),
    [
        (1, None, None, ['hand'], 1),
        (1, None, None, ['person'], 1),
        (1, {'names': "['hand']"}, None, ['hand'], 1),
        (2, {'names': "{0: 'left hand', 1: 'dog'}"}, None, ['dog'], 18),
        (2, None, ['person', 'hand'], ['hand'], 2),
        (80, None, None, [1], 1),
        (80, None, None, ['1', 'Dog'], 1),
    ],
)
def test_classes(tmp_path, num_classes, metadata, class_names, categories, expected):
    label = num_classes - 1 if num_classes < 80 else 0
    output = raw_yolox([[10, 10, 20, 20]], [label], [0.9], (64, 64), num_classes)
    path = tmp_path / 'net.onnx'
    save_constant(path, {'output': output}, [1, 3, 64, 64], metadata)
    detector = build_detector(path, categories=categories, class_names=class_names)
    [boxes] = detector([blank((64, 64))])
    assert boxes.category_ids.tolist() == [expected]


DETS, LABELS = np.zeros((1, 4, 5), np.float32), np.zeros((1, 4), np.int64)
END_TO_END = {'dets': DETS, 'labels': LABELS}
REFUSED = {
    'which network': ('net.onnx', END_TO_END, {}, "write 'yolox:.*net.onnx' or 'rtmdet:"),
    'no such category': (
        'yolox.onnx', END_TO_END, {'categories': ['hand']}, "no category 'hand'; it has: pers",
    ),
    'classes unknown': (
        'net.onnx', {'o': np.zeros((1, 84, 8), np.float32)}, {}, '3 classes and no names for them',
    ),
    'too few names': (
        'net.onnx', {'o': np.zeros((1, 84, 8), np.float32)}, {'class_names': ['a']},
        '3 classes and 1 names are given',
    ),
    'detr': (
        'rtmdet.onnx',
        {'dets': np.zeros((1, 300, 4), np.float32), 'labels': np.zeros((1, 300, 91), np.float32)},
        {}, r'outputs are dets \[1, 300, 4\], labels .* expected boxes \(B, N, 5\)',
    ),
}  # fmt: skip


@pytest.mark.parametrize(('name', 'outputs', 'arguments', 'words'), REFUSED.values(), ids=REFUSED)
def test_other_graphs_are_refused(tmp_path, name, outputs, arguments, words):
    save_constant(tmp_path / name, outputs, [1, 3, 64, 64])
    with pytest.raises(ValueError, match=words):
        build_detector(tmp_path / name, **arguments)


def test_output_of_another_family(tmp_path):
    """The (1, 84, 8400) of other detectors has no cells of YOLOX."""
    save_constant(tmp_path / 'net.onnx', {'o': np.zeros((1, 80, 85), np.float32)}, [1, 3, 64, 64])
    detector = OnnxDetector(tmp_path / 'net.onnx')
    with pytest.raises(ValueError, match=r'net.onnx: the output has 80 boxes, expected .*64x64'):
        detector([blank((64, 64))])


def test_network_can_be_said(tmp_path):
    save_bright_box_finder(tmp_path / 'net.onnx', [1, 3, 64, 64], 0.1)
    detector = build_detector(f'rtmdet:{tmp_path / "net.onnx"}')
    assert detector.mean.tolist() == pytest.approx([103.53, 116.28, 123.675])


@pytest.mark.parametrize(
    ('content', 'device', 'error', 'words'),
    [
        (None, 'cpu', FileNotFoundError, 'no such ONNX file'),
        (b'junk', 'cpu', ValueError, 'cannot be read as an ONNX graph'),
        (b'junk', 'mps', ValueError, "device is 'mps', expected cpu or cuda"),
    ],
)
def test_bad_files(tmp_path, content, device, error, words):
    path = tmp_path / 'yolox.onnx'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=words):
        OnnxDetector(path, device=device)


def test_bad_input_shape(tmp_path):
    save_constant(tmp_path / 'yolox.onnx', END_TO_END, [1, 64, 64, 3])
    with pytest.raises(ValueError, match=re.escape('expected (1 or free, 3, height, width)')):
        OnnxDetector(tmp_path / 'yolox.onnx')


def test_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match='needs onnxruntime; pip install onnxruntime'):
        OnnxDetector(tmp_path / 'yolox.onnx')


@pytest.mark.parametrize('name', ['score_threshold', 'nms_threshold'])
def test_thresholds_are_shares(name):
    with pytest.raises(ValueError, match=f'{name} is 50, expected a number from 0 to 1'):
        Selection(**{name: 50})
