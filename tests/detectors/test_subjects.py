"""What a detector looks for, by the skeleton of the model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mmpose.metainfo
from mmpose.apis import PoseInferencer
from mmpose.detectors import choose_detector
from mmpose.detectors.subjects import SUBJECTS, subject_of
from mmpose.metainfo import load_metainfo
from tests.apis.numbered_video import NumberBackend

COCO = load_metainfo('coco')
NO_SKELETON = {'keypoint_names'}


def skeleton(name, *keypoints):
    names = keypoints or COCO.keypoint_names[:3]
    num = len(names)
    return replace(
        COCO,
        name=name,
        keypoint_names=tuple(names),
        flip_indices=np.arange(num),
        upper_body_ids=(),
        lower_body_ids=(),
        skeleton_links=np.zeros((0, 2), np.int64),
        skeleton_link_colors=np.zeros((0, 3), np.uint8),
        dataset_keypoint_weights=np.ones(num, np.float32),
        sigmas=None,
        keypoint_colors=np.zeros((num, 3), np.uint8),
    )


RAT = skeleton('rat', 'nose', 'left_ear', 'right_ear', 'tail_base')


def test_every_skeleton_of_the_project_has_a_subject():
    tables = {path.stem for path in Path(mmpose.metainfo.__file__).parent.glob('*.csv')}
    assert tables - NO_SKELETON <= set(SUBJECTS)


@pytest.mark.parametrize(
    ('meta', 'subject'),
    [
        (COCO, ('person',)),
        (load_metainfo('ap10k'), ('animal',)),
        (load_metainfo('interhand2d'), ('hand',)),
        (replace(COCO, name='my_dancers'), ('person',)),
        (skeleton('mine', 'l_hip', 'l_knee', 'l_ankle'), ('person',)),
        (RAT, ()),
        (skeleton('robot', 'base', 'gripper'), ()),
        (skeleton('my-dog', 'nose', 'tail'), ('dog',)),
        (skeleton('lizard', 'l_shoulder', 'l_elbow', 'l_hip', 'l_knee', 'tail_tip'), ()),
        (load_metainfo('macaque'), ()),
    ],
)
def test_subjects(meta, subject):
    assert subject_of(meta) == subject


@pytest.mark.parametrize(
    ('spec', 'categories', 'meta', 'expected'),
    [
        (None, None, COCO, (None, ('person',))),
        (None, None, load_metainfo('ap10k'), (None, ('animal',))),
        (None, None, load_metainfo('interhand2d'), ('whole-image', ('any',))),
        (None, None, RAT, ('whole-image', ('any',))),
        (None, ['cat'], RAT, (None, ['cat'])),
        ('boxes.json', None, RAT, ('boxes.json', ('any',))),
        ('boxes.json', None, load_metainfo('ap10k'), ('boxes.json', ('any',))),
        ('boxes.json', None, COCO, ('boxes.json', ('person',))),
        ('hands.onnx', None, load_metainfo('interhand2d'), ('hands.onnx', ('hand',))),
        ('rats.onnx', None, RAT, ('rats.onnx', ('any',))),
        ('whole-image', None, RAT, ('whole-image', ('any',))),
    ],
)
def test_choice(spec, categories, meta, expected):
    chosen, wanted, note = choose_detector(spec, categories, meta)
    assert (chosen, wanted) == expected
    assert bool(note) == (spec is None and expected[0] == 'whole-image')


def test_a_detector_of_many_classes_needs_a_category():
    with pytest.raises(ValueError, match=r"the skeleton 'rat' is not known; give --det-cat"):
        choose_detector('torchvision', None, RAT)


def test_an_unknown_skeleton_takes_the_whole_image_and_says_so():
    backend = NumberBackend()
    backend.dataset_meta = RAT
    with pytest.warns(UserWarning, match="skeleton 'rat', so each image .* give --det"):
        inferencer = PoseInferencer(backend)
    [boxes] = inferencer.detector([next(iter_frames())])
    assert boxes.xywh.tolist() == [[0, 0, 30, 20]]


def iter_frames():
    from mmpose.structures import Frame

    yield Frame(0, np.zeros((20, 30, 3), np.uint8), 'a')
