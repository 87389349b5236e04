"""Where people are looked for in the frame after."""

from dataclasses import replace

import numpy as np
import pytest
from walkers import person

from mmpose.metainfo import load_metainfo
from mmpose.structures import box_iou_xywh
from mmpose.tracking import boxes_from_poses, refine_boxes, suppress_duplicates


def test_box_is_that_of_the_joints_and_a_margin():
    pose = person(300, 100)
    boxes = boxes_from_poses([pose], padding=1.5)
    low, high = pose.keypoints.min(0), pose.keypoints.max(0)
    np.testing.assert_allclose(boxes.xywh[0, :2], low - 0.25 * (high - low), atol=1e-3)
    np.testing.assert_allclose(boxes.xywh[0, 2:], 1.5 * (high - low), atol=1e-3)
    assert boxes.scores[0] == pytest.approx(0.9)


def test_default_is_close_to_the_box_of_the_person():
    pose = person(300, 100)
    assert box_iou_xywh(boxes_from_poses([pose]).xywh[0], pose.bbox_xywh) > 0.95


def test_motion_goes_on():
    before = replace(person(300, 100), track_id=4)
    pose = replace(person(330, 110), track_id=4)
    still = boxes_from_poses([pose])
    moving = boxes_from_poses([pose], [before])
    np.testing.assert_allclose(moving.xywh - still.xywh, [[30, 10, 0, 0]], atol=1e-3)
    stranger = boxes_from_poses([pose], [replace(before, track_id=5)])
    np.testing.assert_array_equal(stranger.xywh, still.xywh)


@pytest.mark.parametrize(('num_sure', 'is_kept'), [(17, True), (3, True), (2, False), (0, False)])
def test_uncertain_joints_do_not_count(num_sure, is_kept):
    pose = person(300, 100)
    scores = np.where(np.arange(17) < num_sure, 0.8, 0.1).astype(np.float32)
    wild = np.where(np.arange(17)[:, None] < num_sure, pose.keypoints, 9999)
    boxes = boxes_from_poses([replace(pose, keypoint_scores=scores, keypoints=wild)])
    assert len(boxes) == is_kept
    assert (boxes.xywh < 1000).all()


def test_categories_stay_and_nobody_is_nobody():
    boxes = boxes_from_poses([person(0, 0, category_id=17), person(900, 0, category_id=1)])
    assert boxes.category_ids.tolist() == [17, 1]
    assert boxes_from_poses([]).xywh.shape == (0, 4)


def test_of_two_poses_of_one_person_the_one_in_its_own_box_is_left():
    front, behind = person(300, 100, area=9000.0), person(380, 100, area=9000.0)
    mistaken = replace(behind, keypoints=front.keypoints + 1)  # sees the one in front
    meta = load_metainfo('coco')
    for order in ([front, mistaken], [mistaken, front]):
        [left] = suppress_duplicates(order, meta)
        assert left is front
    apart = [behind, front]
    assert suppress_duplicates(apart, meta) == apart
    assert len(suppress_duplicates([front, mistaken], replace(meta, sigmas=None))) == 2
    assert suppress_duplicates([], meta) == []


@pytest.mark.parametrize('name', ['padding', 'min_keypoints'])
def test_bad_arguments(name):
    with pytest.raises(ValueError, match=f'{name} is 0, expected 1 or more'):
        boxes_from_poses([], **{name: 0})


def test_refined_boxes_move_where_they_contradict_the_pose():
    pose = person(300, 100, category_id=17)
    low, high = pose.keypoints.min(0), pose.keypoints.max(0)
    margin = 0.125 * (high - low)
    wide = np.concatenate([low - 40, high - low + 80])
    cut_off = np.array([0, 60])
    cut = np.concatenate([low + cut_off, high - low - cut_off])
    half = np.where(np.arange(17) < 7, 0.9, 0.1).astype(np.float32)
    fitted = [*(low - margin), *(high - low + 2 * margin)]
    cases = {
        'good': (pose.bbox_xywh, pose.keypoint_scores, pose.bbox_xywh),
        'too large': (wide, pose.keypoint_scores, fitted),
        'cut off': (cut, pose.keypoint_scores, [*low, *(high - low)]),
        'too large, but half unsure': (wide, half, wide),
        'nothing sure': (cut, half * 0, cut),
    }
    for name, (box, scores, wanted) in cases.items():
        given = replace(pose, bbox_xywh=np.float32(box), keypoint_scores=scores, bbox_score=0.4)
        boxes = refine_boxes([given, given], (640, 480))
        np.testing.assert_allclose(boxes.xywh, [wanted] * 2, atol=1e-3, err_msg=name)
        assert boxes.scores.tolist() == pytest.approx([0.4] * 2)
        assert boxes.category_ids.tolist() == [17] * 2
    assert len(refine_boxes([], (640, 480))) == 0
