"""Whoever is missed for a few frames is put back, and no frame is lost."""

from dataclasses import replace

import numpy as np
import pytest
from walkers import person

from mmpose.tracking import fill_gaps


def walk(present, track_id=1):
    """Frames in which somebody walks 10 px each, and is found where ``present`` has an x."""
    return [
        [replace(person(10 * i, 0, score=0.5), img_id=i, track_id=track_id)] if mark == 'x' else []
        for i, mark in enumerate(present)
    ]


@pytest.mark.parametrize(
    ('present', 'max_gap', 'expected'),
    [
        ('xx.xx', 1, 'xxxxx'),
        ('x..x', 2, 'xxxx'),
        ('x..x', 1, 'x..x'),
        ('x..x.x', 1, 'x..xxx'),
        ('..x.', 3, '..x.'),
        ('x.x.x...x', 2, 'xxxxx...x'),
        ('x.x', 0, 'x.x'),
        ('x.x', 99, 'xxx'),
        ('xx', 5, 'xx'),
        ('...', 2, '...'),
        ('', 2, ''),
    ],
)
def test_gaps(present, max_gap, expected):
    filled = list(fill_gaps(walk(present), max_gap))
    assert ''.join('x' if people else '.' for people in filled) == expected
    whole = walk('x' * len(present))
    for index, people in enumerate(filled):
        for pose in people:
            [truth] = whole[index]
            np.testing.assert_allclose(pose.keypoints, truth.keypoints, atol=1e-3)  # px
            np.testing.assert_allclose(pose.bbox_xywh, truth.bbox_xywh, atol=1e-3)
            assert (pose.track_id, pose.img_id) == (1, index)
            np.testing.assert_allclose(pose.keypoint_scores, 0.5)


def test_people_are_told_apart():
    first, second = walk('x.xx', 1), walk('xx.x', 2)
    frames = [a + b for a, b in zip(first, second, strict=True)]
    filled = list(fill_gaps(frames, 1))
    assert [sorted(x.track_id for x in people) for people in filled] == [[1, 2]] * 4
    assert [len(people) for people in frames] == [2, 1, 1, 2]  # what came in is as it was


def test_frames_come_out_as_soon_as_they_can():
    given = []

    def stream():
        for index, people in enumerate(walk('xxxxxx')):
            given.append(index)
            yield people

    filled = fill_gaps(stream(), 2)
    next(filled)
    assert given == [0, 1, 2]


def test_image_names_are_those_of_the_frame():
    frames = walk('x.x')
    other = replace(person(500, 0), img_id='b.jpg', image_file='b.jpg', track_id=2)
    frames = [[replace(x, img_id=name) for x in people] for people, name in
              zip(frames, ('a.jpg', 'b.jpg', 'c.jpg'), strict=True)]  # fmt: skip
    with pytest.raises(ValueError, match=r"between the images 'a\.jpg' and 'c\.jpg'"):
        list(fill_gaps(frames, 1))
    frames[1] = [other]
    filled = list(fill_gaps(frames, 1))[1]
    assert [(x.track_id, x.img_id, x.image_file) for x in filled] == [
        (2, 'b.jpg', 'b.jpg'), (1, 'b.jpg', 'b.jpg'),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('call', 'words'),
    [
        (lambda: list(fill_gaps([[person(0, 0)]], 1)), 'no track_id; run PoseTracker'),
        (lambda: list(fill_gaps([], -1)), 'max_gap is -1'),
    ],
)
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call()
