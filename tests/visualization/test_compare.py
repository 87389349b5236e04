"""Who is matched with whom, and what a comparison shows of it."""

import numpy as np
import pytest

from mmpose.metainfo import load_metainfo
from mmpose.structures import PoseResult
from mmpose.visualization import TruePoses, Viewport, compare_poses, match_poses, mean_errors

META = load_metainfo('coco')
POINTS = np.random.default_rng(0).uniform(0, 100, (17, 2))


def moved(right):
    return POINTS + np.array([right, 0])


def truth(*lefts, keypoints_visible=None):
    points = np.stack([moved(left) for left in lefts]) if lefts else np.zeros((0, 17, 2))
    shown = np.ones((len(lefts), 17)) if keypoints_visible is None else keypoints_visible
    return TruePoses(points, shown, np.array([[x, 0, 100, 100] for x in lefts]).reshape(-1, 4))


def predicted(left):
    points = moved(left).astype(np.float32)
    box = np.float32([left, 0, 100, 100])
    return PoseResult(0, 0, 1, points, np.ones(17, np.float32), box)


@pytest.mark.parametrize(
    ('people', 'poses', 'expected'),
    [
        ([0, 200], [201, 2], [1, 0]),
        ([0], [30, 5], [None, 0]),  # the nearer one gets the person
        ([0, 20], [8, 1], [1, 0]),  # best pairs first
        ([0], [51], [None]),  # further than half the size
        ([], [0], [None]),
        ([0], [], []),
    ],
)
def test_matching(people, poses, expected):
    assert match_poses(truth(*people), [predicted(left) for left in poses]) == expected


def test_errors_count_labelled_joints_in_sizes_of_the_box():
    shown = np.zeros((2, 17))
    shown[0, :4] = 1
    people = truth(0, 50, keypoints_visible=shown)
    pose = moved(10)
    pose[4:] += 500
    np.testing.assert_allclose(mean_errors(people, pose), [0.1, np.inf])


def halves(picture, width):
    """The two drawings, below their titles."""
    below = picture[-208:-8]
    return below[:, 8 : 8 + width], below[:, 16 + width : 16 + 2 * width]


def test_comparison_shows_truth_left_and_errors_right():
    image = np.full((200, 300, 3), 90, np.uint8)
    result = predicted(0)
    result.keypoints[9] += [60, 0]
    picture = compare_poses(image, truth(0, 200), [result], META)
    assert (image == 90).all()
    left, right = halves(picture, 300)
    true_x, true_y = np.round(POINTS[9]).astype(int)
    # a line of the colour of errors ends at the true place; the missed person has a box
    assert tuple(right[true_y, true_x]) == (66, 228, 240)
    assert tuple(right[100, 250]) == (0, 159, 230)
    assert (left[100, 200:299] != (0, 159, 230)).any(axis=1).all()
    good = compare_poses(image, truth(0, 200), [predicted(0), predicted(200)], META)
    for half in halves(good, 300):
        assert not (half == (66, 228, 240)).all(axis=2).any()


def test_invented_people_have_a_box():
    image = np.full((200, 300, 3), 90, np.uint8)
    _, right = halves(compare_poses(image, truth(), [predicted(150)], META), 300)
    assert tuple(right[100, 200]) == (167, 121, 204)


@pytest.mark.parametrize('boxes', [[[20, 30, 40, 50]], [], [[-50, -50, 400, 300]]])
def test_views_map_points_to_the_same_pixels(boxes):
    image = np.zeros((120, 160, 3), np.uint8)
    image[50:54, 40:44] = 255
    view = Viewport.around(image, boxes, height=300)
    rows, columns = np.nonzero(view.image_bgr[..., 0] > 127)
    assert view.points([41.5, 51.5]) == pytest.approx((columns.mean(), rows.mean()), abs=0.5)
    assert view.box([40, 50, 4, 4])[2:] == pytest.approx([4 * view.scale] * 2)
    assert view.image_bgr.shape[0] <= 300


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r'shape \(2, 17, 2\), visibility \(1, 17\)'):
        TruePoses(np.zeros((2, 17, 2)), np.zeros((1, 17)), np.zeros((2, 4)))
