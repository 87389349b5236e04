"""The simplest detectors, and functions of the user."""

import re
import subprocess
import sys

import numpy as np
import pytest

from mmpose.detectors import CheckedDetector, WholeImage, build_detector
from mmpose.detectors.categories import COCO_CATEGORIES, choose_classes
from mmpose.detectors.selection import suppress
from mmpose.structures import Boxes, Frame, box_iou_xywh

FRAMES = [Frame(i, np.zeros((20, 30 + i, 3), np.uint8), '') for i in range(2)]


def test_whole_image():
    boxes = build_detector('whole-image')(FRAMES)
    assert [x.xywh.tolist() for x in boxes] == [[[0, 0, 30, 20]], [[0, 0, 31, 20]]]


def test_function_of_the_user():
    def find(frames):
        return [Boxes.from_xyxy([[1, 2, 3, 5]], [0.1]) for _ in frames]

    detector = build_detector(find)
    assert isinstance(detector, CheckedDetector)
    assert [x.xywh.tolist() for x in detector(FRAMES)] == [[[1, 2, 2, 3]]] * 2
    assert isinstance(build_detector(WholeImage()), CheckedDetector)


@pytest.mark.parametrize(
    ('returned', 'error', 'words'),
    [
        (None, TypeError, 'detector find returned NoneType, expected a list with the Boxes'),
        ([Boxes.from_xywh([])], ValueError, 'detector find returned 1 items for 2 frames'),
        ([Boxes.from_xywh([]), np.zeros((1, 4))], TypeError, 'ndarray for frame 1, .*from_xyxy'),
    ],
)  # fmt: skip
def test_functions_that_return_something_else(returned, error, words):
    def find(frames):
        return returned

    with pytest.raises(error, match=words):
        build_detector(find)(FRAMES)


def test_class_names_are_for_onnx_files():
    with pytest.raises(ValueError, match=re.escape('class_names are for .onnx files')):
        build_detector('whole-image', class_names=['hand'])


@pytest.mark.parametrize(
    ('categories', 'expected'),
    [
        (['person'], {0: 1}),
        (['PERSON', 18], {0: 1, 16: 18}),
        (['animal'], {i: i + 2 for i in range(14, 24)}),
        (['sofa'], {57: 63}),
    ],
)
def test_categories_of_coco(categories, expected):
    names = dict(enumerate(COCO_CATEGORIES.values()))
    assert choose_classes(categories, names, 'model') == expected


def test_the_list_of_coco_is_that_of_torchvision():
    from torchvision.models import get_model_weights

    names = get_model_weights('ssd300_vgg16').DEFAULT.meta['categories']
    official = {i: name for i, name in enumerate(names) if i and name != 'N/A'}
    assert official == COCO_CATEGORIES


def test_suppression_against_torchvision():
    import torch
    from torchvision.ops import nms

    rng = np.random.default_rng(0)
    scores = np.sort(rng.uniform(size=300))[::-1].astype(np.float32)
    xywh = np.concatenate([rng.uniform(0, 200, (300, 2)), rng.uniform(5, 90, (300, 2))], 1)
    boxes = Boxes.from_xywh(xywh, scores)
    corners = np.concatenate([boxes.xywh[:, :2], boxes.xywh[:, :2] + boxes.xywh[:, 2:]], 1)
    for threshold in (0.2, 0.5, 0.8):
        kept = nms(torch.tensor(corners), torch.tensor(scores.copy()), threshold).numpy()
        assert 10 < len(kept) < 300
        np.testing.assert_array_equal(suppress(boxes, threshold).xywh, boxes.xywh[kept])
    assert len(suppress(Boxes.from_xywh([]), 0.5)) == 0


def test_suppression_by_category_against_torchvision():
    import torch
    from torchvision.ops import batched_nms

    rng = np.random.default_rng(1)
    scores = np.sort(rng.uniform(size=300))[::-1].astype(np.float32)
    xywh = np.concatenate([rng.integers(0, 200, (300, 2)), rng.integers(5, 90, (300, 2))], 1)
    boxes = Boxes.from_xywh(xywh, scores, rng.choice([1, 2, 44], 300))
    corners = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1).astype(np.float32)
    ids = torch.tensor(boxes.category_ids)
    kept = batched_nms(torch.tensor(corners), torch.tensor(scores.copy()), ids, 0.5).numpy()
    np.testing.assert_array_equal(suppress(boxes, 0.5).xywh, boxes.xywh[kept])


@pytest.mark.parametrize(('ids', 'num'), [([1, 1], 1), ([1, 18], 2), ([19, 21], 1)])
def test_a_horse_that_is_also_a_cow_is_one_animal_beside_its_rider(ids, num):
    boxes = Boxes.from_xywh([[0, 0, 90, 90], [0, 0, 90, 80]], [0.9, 0.8], ids)
    assert len(suppress(boxes, 0.65)) == num


def test_overlap_of_boxes():
    first = np.array([[0, 0, 10, 10], [0, 0, 0, 0.0]])
    second = np.array([[5, 0, 10, 10], [0, 0, 10, 10], [50, 0, 10, 10.0]])
    expected = [[1 / 3, 1, 0], [0, 0, 0]]
    np.testing.assert_allclose(box_iou_xywh(first[:, None], second), expected, atol=1e-12)


def test_import_needs_no_optional_package():
    unwanted = {'torchvision', 'transformers', 'onnxruntime', 'scipy', 'torch'}
    code = (
        'import sys, mmpose.detectors, mmpose.tracking; '
        f'print(sorted({unwanted!r} & set(sys.modules)))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout.strip() == '[]', done.stderr
