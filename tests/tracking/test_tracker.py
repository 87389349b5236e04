"""Numbers stay with their people."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from walkers import FPS, crossing, follow, person

from mmpose.metainfo import load_metainfo
from mmpose.tracking import PoseTracker

COCO = load_metainfo('coco')
NO_SIGMAS = load_metainfo('onehand10k')


@pytest.mark.parametrize(
    ('num_people', 'hidden', 'fps', 'noise'),
    [
        (2, 0, 30, 0.0),
        (2, 0, 30, 3.0),
        (2, 6, 30, 2.0),
        (2, 12, 30, 2.0),
        (6, 6, 30, 3.0),
        (6, 0, 10, 2.0),
        (2, 0, 5, 2.0),  # 80 px a frame, for people of 200 px
    ],
)
@pytest.mark.parametrize('height', [40.0, 900.0])
def test_people_who_cross_keep_their_numbers(num_people, hidden, fps, noise, height):
    frames = crossing(num_people, hidden, height, fps, noise=noise * height / 200)
    numbers = follow(PoseTracker(COCO), frames, fps)
    assert {name: set(own) for name, own in numbers.items()} == {
        name: {numbers[name][0]} for name in range(num_people)
    }
    assert sorted(own[0] for own in numbers.values()) == list(range(1, num_people + 1))


@pytest.mark.parametrize('weight', [0.0, 0.5, 1.0])
def test_boxes_or_joints_alone_do_too(weight):
    numbers = follow(PoseTracker(COCO, oks_weight=weight), crossing(2))
    assert [len(set(own)) for own in numbers.values()] == [1, 1]


def test_without_prediction_they_would_not(monkeypatch):
    """The walk is one that needs the velocity, so that the tests above can fail."""
    monkeypatch.setattr('mmpose.tracking.instances.COASTING_S', 1e-9)
    numbers = follow(PoseTracker(COCO), crossing(2, hidden=6))
    assert max(len(set(own)) for own in numbers.values()) > 1


@pytest.mark.parametrize(
    ('away_s', 'time_to_live_s', 'is_same'),
    [(0.3, 1.0, True), (0.9, 1.0, True), (1.2, 1.0, False), (0.3, 0.2, False), (0.1, 0.0, False)],
)
def test_a_number_lives_for_its_time(away_s, time_to_live_s, is_same):
    tracker = PoseTracker(COCO, time_to_live_s=time_to_live_s)
    [before] = tracker([person(300, 100)], 0.0)
    assert tracker([], away_s / 2) == []
    [after] = tracker([person(300, 100)], away_s)
    assert (after.track_id == before.track_id) == is_same


def test_somebody_else_gets_another_number():
    tracker = PoseTracker(COCO)
    [first] = tracker([person(300, 100)], 0.0)
    again, other, small = tracker(
        [person(305, 100), person(900, 100), person(330, 150, height=60)], 1 / FPS
    )
    assert (again.track_id, other.track_id, small.track_id) == (first.track_id, 2, 3)


def test_a_fast_start_is_followed():
    """No overlap at all with the last place, but near: 0.75 of the width of the box beside it."""
    tracker = PoseTracker(COCO)
    [before] = tracker([person(300, 100)], 0.0)
    [after] = tracker([person(300 + 1.5 * before.bbox_xywh[2], 100)], 0.1)
    assert after.track_id == before.track_id


def test_uncertain_joints_do_not_count():
    """Two people change places but for their faces, and only the faces are certain."""
    tracker = PoseTracker(COCO, oks_weight=1.0)
    people = [person(300, 100), person(360, 100)]
    tracker(people, 0.0)
    is_face = np.arange(17) < 5
    other = [people[1], people[0]]

    def mixed(scores):
        return [
            replace(
                x,
                keypoints=np.where(is_face[:, None], x.keypoints, y.keypoints),
                keypoint_scores=scores,
            )
            for x, y in zip(people, other, strict=True)
        ]

    sure = mixed(np.where(is_face, 0.9, 0.01).astype(np.float32))
    assert [x.track_id for x in tracker(sure, 0.0)] == [1, 2]
    tracker.reset()
    tracker(people, 0.0)
    unsure = mixed(np.where(is_face, 0.01, 0.9).astype(np.float32))
    assert [x.track_id for x in tracker(unsure, 0.0)] == [2, 1]


def test_order_and_everything_else_stays():
    people = [person(100 * i, 50, score=0.5 + 0.01 * i, ann_id=i) for i in range(5)]
    tracked = PoseTracker(COCO)(people, 0.0)
    for before, after in zip(people, tracked, strict=True):
        assert after.keypoints is before.keypoints
        assert (before.track_id, after.ann_id) == (None, before.ann_id)


def test_reset_starts_another_video():
    tracker = PoseTracker(COCO)
    tracker([person(300, 100), person(900, 100)], 5.0)
    with pytest.raises(ValueError, match=re.escape('from 5 s to 0 s; call reset()')):
        tracker([], 0.0)
    tracker.reset()
    [pose] = tracker([person(900, 100)], 0.0)
    assert pose.track_id == 1


def test_frames_of_equal_time_are_no_movement():
    tracker = PoseTracker(COCO)
    for shift in (0, 20, 40):
        [pose] = tracker([person(300 + shift, 100)], 0.0)
    assert pose.track_id == 1
    assert np.isfinite(tracker._known.velocity).all()


def test_skeleton_without_sigmas_is_tracked_by_boxes():
    tracker = PoseTracker(NO_SIGMAS)
    assert tracker.oks_weight == 0
    hand = replace(person(300, 100), keypoints=np.zeros((21, 2), np.float32),
                   keypoint_scores=np.zeros(21, np.float32))  # fmt: skip
    assert [tracker([hand], i / FPS)[0].track_id for i in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (lambda: PoseTracker(NO_SIGMAS, oks_weight=0.5), "'onehand10k' has no sigmas"),
        (lambda: PoseTracker(COCO, oks_weight=1.5), 'oks_weight is 1.5, expected .* from 0 to 1'),
        (lambda: PoseTracker(COCO, time_to_live_s=-1), 'time_to_live_s is -1'),
        (lambda: PoseTracker(NO_SIGMAS)([person(0, 0)], 0.0), r"\(17, 2\).*'onehand10k'.* 21"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_scipy_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, 'scipy.optimize', None)
    with pytest.raises(ImportError, match='pip install scipy'):
        PoseTracker(COCO)
