"""Who in one camera is who in another."""

import numpy as np
import pytest
from motions import walking
from test_triangulation import CAMERAS

from realtime_pose.capture.synthetic_views import virtual_cameras
from realtime_pose.ik import BodyJoints, MeasuredIKSolver, Proportions, Rig, View, ViewMatcher
from realtime_pose.ik.matching import FAR, nearest_points, odd_lengths

COCO = BodyJoints.of_skeleton('coco')


def body(place, time_s=0.0, yaw=0.0, size=1.0):
    """Returns the joints (17, 3) of somebody who walks on the spot."""
    rig = Rig.from_proportions(Proportions().scaled(size))
    root = np.array([place[0], 0.92 * size, place[1]])
    return COCO.place(rig.marker_positions(walking(time_s, yaw), root, COCO.names))


def views_of(cameras, people, ids=None, scores=1.0):
    """Returns what cameras see of people, each in an order of its own: the ids are backwards."""
    rows = []
    for c, camera in enumerate(cameras):
        own = people if ids is None else [people[i] for i in ids[c]]
        numbers = range(len(people)) if ids is None else ids[c]
        keypoints = np.array([camera.project(joints) for joints in own]).reshape(-1, 17, 2)
        names = [100 * (c + 1) + number for number in numbers]
        rows.append(View(camera, names, keypoints, np.full(keypoints.shape[:2], scores)))
    return rows


def test_lines_of_sight_meet_in_the_joint():
    joints = body((0.2, -0.1), 0.3)
    seen = [camera.project(joints)[None] for camera in CAMERAS[:2]]
    points, apart = nearest_points(*CAMERAS[:2], *seen)
    # The inverse of the distortion is good to about 1e-6 of the ray at its ends.
    np.testing.assert_allclose(points[0, 0], joints, atol=1e-4)
    assert apart.max() < 1e-4
    seen[1][0, 0] = np.nan
    assert np.isnan(nearest_points(*CAMERAS[:2], *seen)[1][0, 0]).tolist() == [True] + 16 * [False]


def test_lines_of_sight_do_not_meet_behind_a_camera():
    one, other = virtual_cameras(2)
    mirrored = 2 * one.centre - np.array([[0.0, 0.9, 0.0]])
    seen = [one.project(mirrored)[None], other.project(mirrored)[None]]
    assert nearest_points(one, other, *seen)[1] == FAR


@pytest.mark.parametrize('size', [0.6, 1.0, 1.2])
def test_people_of_any_size_have_right_lengths(size):
    joints = COCO.pick(body((0, 0), size=size))
    assert odd_lengths(joints, COCO) < 1e-3  # the twist of the trunk shortens it
    assert odd_lengths(joints * (2.0 / size, 1, 1), COCO) > 0.02
    assert odd_lengths(4 * joints, COCO) > 0.3  # a giant
    assert odd_lengths(np.full_like(joints, np.nan), COCO) == 0


@pytest.mark.parametrize('num_cameras', [2, 3, 4])
def test_people_have_one_number_in_all_views(num_cameras):
    cameras = virtual_cameras(num_cameras)
    people = [body((x, z), t, yaw) for x, z, t, yaw in
              ((-0.8, 0.4, 0.0, 0.0), (0.1, 0.6, 0.3, 1.5), (0.7, -0.6, 0.6, 3.0))]  # fmt: skip
    orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]][:num_cameras]
    numbers = ViewMatcher(COCO)(views_of(cameras, people, orders), 0.0)
    assert numbers == [[order[i] + 1 for i in range(3)] for order in orders]


def test_somebody_in_one_view_only_is_nobody_else():
    people = [body((-0.6, 0.0)), body((0.5, 0.4), 0.4)]
    [[first], [other]] = ViewMatcher(COCO)(views_of(virtual_cameras(2), people, [[0], [1]]), 0.0)
    assert first != other


def test_too_few_joints_say_nothing():
    views = views_of(virtual_cameras(2), [body((0, 0))])
    views[1].scores[:, 3:] = 0.1
    assert ViewMatcher(COCO)(views, 0.0) == [[1], [2]]


def test_a_number_outlives_the_track_of_one_view():
    people, cameras = [body((-0.6, 0.0)), body((0.5, 0.4), 0.4)], virtual_cameras(2)
    matcher = ViewMatcher(COCO)
    assert matcher(views_of(cameras, people), 0.0) == [[1, 2], [1, 2]]
    first, second = views_of(cameras, people)
    renamed = View(first.camera, [7, 8], first.keypoints, first.scores)
    assert matcher([renamed, second], 0.1) == [[1, 2], [1, 2]]
    assert matcher([second], 0.2) == [[1, 2]]  # the first camera is away
    newcomers = views_of(cameras, [body((0.0, -0.8), 0.7)], None)
    strangers = [View(v.camera, [99], v.keypoints, v.scores) for v in newcomers]
    assert matcher(strangers, 0.3) == [[3], [3]]


def test_a_frame_in_which_two_look_like_each_other_changes_nothing():
    people, cameras = [body((-0.6, 0.0)), body((0.5, 0.4), 0.4)], virtual_cameras(2)
    matcher = ViewMatcher(COCO)
    for step in range(10):
        first, second = views_of(cameras, people)
        if step == 6:  # the network mixes them up once
            second = View(second.camera, second.track_ids, second.keypoints[::-1], second.scores)
        assert matcher([first, second], step / 10) == [[1, 2], [1, 2]]
    for step in range(10, 30):  # and then the tracker does, for good
        first, second = views_of(cameras, people)
        second = View(second.camera, second.track_ids, second.keypoints[::-1], second.scores)
        numbers = matcher([first, second], step / 10)
    assert numbers == [[1, 2], [2, 1]]


@pytest.mark.parametrize('size', [0.7, 1.1])
def test_bones_get_the_lengths_of_the_person_who_stays_in_place(size):
    solver = MeasuredIKSolver()
    for step in range(8):
        joints = body((1.5, -2.0), step / 30, size=size)
        solution = solver.solve(joints)
        assert solution.method == 'triangulated (exact)'
        np.testing.assert_array_equal(solution.joints_3d, joints)
        assert solution.error < 2e-3 * size
        np.testing.assert_allclose(solution.root, [1.5, 0.92 * size, -2.0], atol=4e-3)
        expected = walking(step / 30)[0]
        assert abs(solution.rotations['hips'] @ expected) > np.cos(np.radians(5))
    assert solver.rig.proportions.thigh == pytest.approx(size * Proportions().thigh, rel=1e-3)


def test_few_joints_are_measured_without_rotations():
    joints = np.full((17, 3), np.nan)
    joints[9] = 1.0
    solution = MeasuredIKSolver().solve(joints)
    assert solution.rotations is None
    assert np.isfinite(solution.joints_3d).sum() == 3
