"""The tiers of 3D: none, lifted, measured; what each promises and how far it is off."""

import numpy as np
import pytest
from motions import angle_between, pose, walking

from realtime_pose.ik import (
    BodyJoints,
    BoneLengthLifter,
    IKSolution,
    Proportions,
    Rig,
    SimpleIKSolver,
    estimate_body,
    solve_ik,
)
from realtime_pose.ik.lifting import fit_rotation
from realtime_pose.ik.quaternions import from_rotvec, to_matrix
from realtime_pose.ik.rig import ALL_LIMITS, BONE_NAMES, LIMITS

RIG = Rig.default()
COCO = BodyJoints.of_skeleton('coco')
BONES = [(5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (5, 6), (11, 12)]
PX_PER_METRE = 200


def joints_of(local, rig=RIG):
    return COCO.place(rig.marker_positions(local, np.array([0, 0.9, 0]), COCO.names))


def picture_of(joints):
    """Returns the keypoints (K, 2) that a camera far away sees."""
    return joints[:, :2] * (1, -1) * PX_PER_METRE + (300, 400)


def about_hips(joints):
    return joints - joints[[11, 12]].mean(axis=0)


def lengths(joints):
    return np.array([np.linalg.norm(joints[a] - joints[b]) for a, b in BONES])


@pytest.mark.parametrize('yaw', [0.0, -0.6, 1.57])
def test_lifted_walking(yaw):
    solver = SimpleIKSolver()
    solved, errors = [], []
    for i in range(30):
        truth = joints_of(walking(i / 15, yaw))
        solved.append(solver.solve(picture_of(truth)))
        errors.append(np.linalg.norm(about_hips(solved[-1].joints_3d) - about_hips(truth), axis=-1))
    assert solved[0].method == 'bone_lengths (approximate)'
    # One camera does not tell whether a leg swings forward or back: that is most of the error.
    assert np.mean(errors) < 0.12
    for solution in solved:
        np.testing.assert_allclose(lengths(solution.joints_3d)[:8], lengths(truth)[:8], atol=1e-9)
        angles = ALL_LIMITS.angles(np.stack(list(solution.rotations.values())))
        assert np.all((angles > LIMITS[..., 0] - 1e-6) & (angles < LIMITS[..., 1] + 1e-6))
    rotations = np.stack([np.stack(list(s.rotations.values())) for s in solved])
    assert np.sum(rotations[1:] * rotations[:-1], axis=-1).min() > 0
    assert np.degrees(angle_between(rotations[1:], rotations[:-1])).max() < 25.1
    ankles = np.array([s.joints_3d[[15, 16], 1].min() for s in solved])
    np.testing.assert_allclose(ankles, RIG.ankle_height, atol=1e-9)  # it stands on the ground


POSES = {
    'T': {},
    'arms down': dict(leftUpperArm=(0, 0, -80), rightUpperArm=(0, 0, 80)),
    'sitting': dict(
        leftUpperLeg=(-80, 0, 0), rightUpperLeg=(-80, 0, 0), leftLowerLeg=(80, 0, 0),
        rightLowerLeg=(80, 0, 0),
    ),
    'turned': dict(hips=(0, 40, 0), leftUpperArm=(0, 0, -85), rightUpperArm=(0, 0, 85)),
    'back': dict(hips=(0, 180, 0), leftUpperArm=(0, 0, -70), rightUpperArm=(0, 0, 20)),
}  # fmt: skip


@pytest.mark.parametrize('name', POSES)
def test_lifted_poses(name):
    """Poses that a single picture does tell, from the direction of the face and the knees."""
    truth = joints_of(pose(**POSES[name]))
    solution = solve_ik(picture_of(truth))
    errors = np.linalg.norm(about_hips(solution.joints_3d) - about_hips(truth), axis=-1)
    assert errors.max() < 0.08, (name, errors.round(2))


def test_lifter_keeps_lengths_of_a_given_body():
    body = Proportions.of_height(1.2)
    lifter = BoneLengthLifter(COCO, body)
    lifted = lifter.lift(picture_of(joints_of(walking(0.1, 0.5))), np.ones(17))
    expected = [body.upper_arm, body.forearm] * 2 + [body.thigh, body.shank] * 2
    expected += [body.shoulder_width, body.hip_width]
    np.testing.assert_allclose(lengths(lifted), expected, atol=1e-9)


def test_body_is_estimated_from_pictures():
    body = Proportions(forearm=0.32, thigh=0.36)
    rig = Rig.from_proportions(body)
    frames = [picture_of(joints_of(walking(i / 20, i / 5), rig)) for i in range(60)]
    estimated = estimate_body(np.stack(frames), COCO, height=body.height)
    plain = Proportions()
    ratio, true_ratio = (b.forearm / b.thigh for b in (estimated, body))
    assert ratio == pytest.approx(true_ratio, rel=0.08)
    assert abs(ratio - true_ratio) < abs(plain.forearm / plain.thigh - true_ratio)


def test_depth_scale():
    keypoints = picture_of(joints_of(walking(0.2, 0.7)))
    plain, flat = SimpleIKSolver().solve(keypoints), SimpleIKSolver(depth_scale=0).solve(keypoints)
    assert np.ptp(plain.joints_3d[:, 2]) > 0.2
    assert not flat.joints_3d[:, 2].any()
    np.testing.assert_allclose(flat.joints_3d[:, :2], plain.joints_3d[:, :2])
    np.testing.assert_array_equal(flat.rotations['hips'], plain.rotations['hips'])


def test_unknown_keypoints_stay_unknown():
    keypoints = picture_of(joints_of(walking(0.2)))
    scores = np.ones(17)
    scores[9], keypoints[15] = 0.1, np.nan
    solution = SimpleIKSolver().solve(keypoints, scores)
    assert np.isnan(solution.joints_3d).all(axis=-1).nonzero()[0].tolist() == [9, 15]
    assert list(solution.rotations) == list(BONE_NAMES)
    assert np.isfinite(np.stack(list(solution.rotations.values()))).all()


def test_upper_body_in_front_of_a_webcam():
    keypoints = picture_of(joints_of(pose(leftUpperArm=(0, 0, -50), leftLowerArm=(0, -60, 0))))
    keypoints[11:] = np.nan
    solution = SimpleIKSolver().solve(keypoints)
    assert np.isfinite(solution.joints_3d[:11]).all()
    assert solution.root[1] == pytest.approx(RIG.offsets[0, 1])


@pytest.mark.parametrize(
    'keypoints',
    [np.full((17, 2), np.nan), np.full((17, 2), 5.0), np.full((17, 2), np.inf)],
    ids=['unknown', 'one point', 'infinite'],
)
def test_nothing_to_lift_is_2d_only(keypoints):
    solution = solve_ik(keypoints)
    assert solution.method == '2d'
    assert solution.rotations is None
    assert np.isnan(solution.joints_3d).all()


def test_degenerate_arguments():
    empty = solve_ik(np.empty((0, 2)))
    assert isinstance(empty, IKSolution)
    assert (empty.joints_3d.shape, empty.keypoints_2d.shape) == ((0, 3), (0, 2))
    with pytest.raises(ValueError, match=r"shape \(5, 2\), but skeleton 'coco' needs"):
        solve_ik(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="skeleton 'ap10k' has no left_wrist"):
        SimpleIKSolver(skeleton='ap10k')


def test_measured_joints_stay_as_they_are():
    truth = joints_of(walking(0.3))
    solution = SimpleIKSolver().solve_3d(truth)
    np.testing.assert_array_equal(solution.joints_3d, truth)
    assert solution.method == 'triangulated (exact)'
    assert solution.error < 1e-3
    assert solution.root == pytest.approx([0, 0.9, 0], abs=1e-3)


def test_lifter_of_a_user():
    class Trained:
        method = 'my network (approximate)'
        is_reset = False

        def lift(self, keypoints, scores):
            return joints_of(walking(0.3))

        def reset(self):
            self.is_reset = True

    lifter = Trained()
    solver = SimpleIKSolver(lifter=lifter)
    solution = solver.solve(np.zeros((17, 2)))
    assert solution.method == 'my network (approximate)'
    expected = about_hips(joints_of(walking(0.3)))
    np.testing.assert_allclose(about_hips(solution.joints_3d), expected, atol=2e-3)
    solver.reset()
    assert lifter.is_reset


def test_face_is_turned_as_it_is_seen():
    names = ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear')
    offsets = np.array([RIG.markers[name][1] for name in names])
    rotation = to_matrix(from_rotvec([0.2, 0.5, -0.1]))
    found, place = fit_rotation(offsets, (offsets @ rotation.T)[:, :2] + (1, 2), np.eye(3), 12)
    # The steps are damped, for eyes that almost coincide; a degree is left.
    assert np.degrees(np.arccos((np.trace(found.T @ rotation) - 1) / 2)) < 1
    np.testing.assert_allclose(place, (1, 2), atol=1e-3)
