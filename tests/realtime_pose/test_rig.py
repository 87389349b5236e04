"""Forward and inverse kinematics undo each other, within the limits of joints and over time."""

import numpy as np
import pytest
from motions import angle_between, pose, random_pose, turn, walking

from mmpose.metainfo import load_metainfo
from realtime_pose.ik import BodyJoints, Proportions, Rig, RigSolver, measure_body
from realtime_pose.ik.rig import ALL_LIMITS, BONE_INDEX, BONE_NAMES, LIMITS, rest_pose

RIG = Rig.default()
COCO = BodyJoints.of_skeleton('coco')
HEIGHT = RIG.proportions.height


def joints_of(local, root=(0, 0.9, 0), joints=COCO, rig=RIG):
    return joints.place(rig.marker_positions(local, np.asarray(root), joints.names))


def errors_of(solved, wanted, joints=COCO):
    """Returns distances (M,) in body heights."""
    found = joints_of(solved.rotations, solved.root, joints)
    return np.linalg.norm((found - wanted)[joints.indices], axis=-1) / HEIGHT


def test_rest_pose_is_a_t_of_average_proportions():
    named = dict(zip(BONE_NAMES, RIG.forward(rest_pose(), RIG.offsets[0])[0], strict=True))
    assert named['leftFoot'][1] == pytest.approx(0.039 * HEIGHT)
    assert named['leftLowerLeg'][1] == pytest.approx(0.285 * HEIGHT, abs=0.01)
    assert named['hips'][1] == pytest.approx(0.530 * HEIGHT)
    assert named['leftUpperArm'][1] == pytest.approx(0.818 * HEIGHT)
    assert named['head'][1] == pytest.approx(0.90 * HEIGHT, abs=0.01)
    left, right = named['leftHand'], named['rightHand']
    np.testing.assert_allclose(left, right * (-1, 1, 1))
    assert left[0] > 0  # the left of somebody who looks along +z
    assert RIG.markers['nose'][1][2] > 0


def test_random_poses_come_back():
    """Half of every joint's range, all joints at once, no frame before: reachable by definition."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(40):
        wanted = joints_of(random_pose(rng, 0.5), rng.normal(size=3))
        errors.append(errors_of(RigSolver(RIG, COCO).solve(wanted), wanted))
    worst = np.max(errors, axis=1)
    assert np.mean(errors) < 1e-4
    assert np.quantile(worst, 0.95) < 1e-3
    assert worst.max() < 5e-3  # limits can stop the descent in a dead end


@pytest.mark.parametrize('yaw', [0.0, 3.1])
def test_walking_comes_back_without_jumps(yaw):
    solver = RigSolver(RIG, COCO)
    truth = [walking(i / 20, yaw) for i in range(30)]
    wanted = [joints_of(local) for local in truth]
    solved = [solver.solve(joints) for joints in wanted]
    worst = [errors_of(s, w).max() for s, w in zip(solved, wanted, strict=True)]
    assert max(worst) < 1e-3
    rotations = np.stack([s.rotations for s in solved])
    np.testing.assert_allclose(np.linalg.norm(rotations, axis=-1), 1, atol=1e-9)
    assert np.sum(rotations[1:] * rotations[:-1], axis=-1).min() > 0  # no change of sign
    fastest = angle_between(np.stack(truth)[1:], np.stack(truth)[:-1]).max()
    assert angle_between(rotations[1:], rotations[:-1]).max() < 2 * fastest


@pytest.mark.parametrize(
    ('bone', 'rotations'),
    [
        ('leftUpperArm', dict(leftUpperArm=(40, 0, -30), leftLowerArm=(0, -90, 0))),
        ('rightUpperArm', dict(rightUpperArm=(40, 0, 30), rightLowerArm=(0, 90, 0))),
        ('leftUpperLeg', dict(leftUpperLeg=(-60, 20, 0), leftLowerLeg=(80, 0, 0))),
        ('rightLowerLeg', dict(rightUpperLeg=(-60, -20, 0), rightLowerLeg=(80, 0, 0))),
        ('head', dict(head=(10, 30, 5))),
        ('hips', dict(hips=(0, 70, 10))),
    ],
)
def test_twist_follows_from_the_bend(bone, rotations):
    """Positions of a bent limb tell how it is turned about itself; world rotations agree."""
    local = pose(**rotations)
    solved = RigSolver(RIG, COCO).solve(joints_of(local))
    true, found = (
        RIG.forward(x, np.zeros(3))[1][BONE_INDEX[bone]] for x in (local, solved.rotations)
    )
    angle = np.degrees(np.arccos(np.clip((np.trace(true.T @ found) - 1) / 2, -1, 1)))
    assert angle < 2


def test_straight_arm_keeps_its_twist():
    solver = RigSolver(RIG, COCO)
    bent = pose(leftUpperArm=(60, 0, -40), leftLowerArm=(0, -80, 0))
    solver.solve(joints_of(bent))
    for bend in np.linspace(80, 0, 17):
        local = pose(leftUpperArm=(60, 0, -40), leftLowerArm=(0, -bend, 0))
        solved = solver.solve(joints_of(local))
    twist = np.degrees(ALL_LIMITS.angles(solved.rotations)[BONE_INDEX['leftUpperArm'], 0])
    assert twist == pytest.approx(60, abs=3)


def test_noise_shows_what_unreachable_costs():
    """3 cm of noise per axis: bones cannot follow all of it, and stay within their limits."""
    rng = np.random.default_rng(0)
    errors = []
    for i in range(10):
        wanted = joints_of(walking(i / 4)) + rng.normal(0, 0.03, (17, 3))
        solved = RigSolver(RIG, COCO).solve(wanted)
        errors.append(errors_of(solved, wanted).mean())
        angles = ALL_LIMITS.angles(solved.rotations)
        assert np.all(angles >= LIMITS[..., 0] - 1e-6)
        assert np.all(angles <= LIMITS[..., 1] + 1e-6)
    assert np.mean(errors) < 0.03 * np.sqrt(3) / HEIGHT  # nearer than the noise itself


def test_limits():
    local = pose(leftLowerLeg=(-40, 0, 0), rightLowerArm=(0, 170, 0), head=(0, 20, 0))
    clamped, _ = ALL_LIMITS.clamped(local)
    angles = np.degrees(ALL_LIMITS.angles(clamped))
    assert angles[BONE_INDEX['leftLowerLeg'], 0] == pytest.approx(-5)
    assert angles[BONE_INDEX['rightLowerArm'], 1] == pytest.approx(155)
    np.testing.assert_array_equal(clamped[BONE_INDEX['head']], turn(y=20))


def test_backward_knee_is_not_followed():
    joints = joints_of(pose(leftUpperLeg=(-30, 0, 0)))
    ankle, knee = 15, 13
    joints[ankle] = joints[knee] + (0, -0.3, 0.28)  # bent forwards by 70 degrees
    solved = RigSolver(RIG, COCO).solve(joints)
    knee_angles = np.degrees(ALL_LIMITS.angles(solved.rotations)[BONE_INDEX['leftLowerLeg']])
    assert -5.1 < knee_angles[0] < 156


def test_missing_joints_stay_as_they_were():
    solver = RigSolver(RIG, COCO)
    before = solver.solve(joints_of(pose(leftLowerArm=(0, -70, 0), leftUpperLeg=(-50, 0, 0))))
    joints = joints_of(pose(rightLowerArm=(0, 40, 0)))
    joints[[7, 9, 13, 15]] = np.nan  # left elbow, wrist, knee, ankle
    after = solver.solve(joints)
    for bone in ('leftUpperArm', 'leftLowerArm', 'leftUpperLeg', 'leftLowerLeg'):
        i = BONE_INDEX[bone]
        assert np.degrees(angle_between(before.rotations[i], after.rotations[i])) < 3
    joints[[5, 6, 11, 12]] = np.nan
    assert solver.solve(joints) is None


def test_upper_body_alone():
    joints = joints_of(pose(leftUpperArm=(0, 0, -60)))
    joints[11:] = np.nan
    solved = RigSolver(RIG, COCO).solve(joints)
    found = joints_of(solved.rotations, solved.root)
    assert np.nanmax(np.linalg.norm(found - joints, axis=-1)) / HEIGHT < 1e-3


@pytest.mark.parametrize('skeleton', ['coco', 'h36m', 'mpii', 'coco_wholebody', 'halpe', 'aic'])
def test_other_skeletons_by_name(skeleton):
    joints = BodyJoints.of_skeleton(skeleton)
    local = walking(0.2)
    wanted = joints_of(local, joints=joints)
    assert np.isnan(wanted).any(axis=-1).sum() == joints.dataset_meta.num_keypoints - len(
        joints.names
    )
    solved = RigSolver(RIG, joints).solve(wanted)
    assert errors_of(solved, wanted, joints).max() < 2e-3


def test_same_joint_under_other_names():
    index = {
        name: dict(zip(joints.names, joints.indices, strict=True))
        for name in ('h36m', 'halpe')
        for joints in [BodyJoints.of_skeleton(name)]
    }
    h36m = load_metainfo('h36m').keypoint_names
    assert h36m[index['h36m']['left_ankle']] == 'left_foot'
    assert h36m[index['h36m']['pelvis']] == 'root'
    assert load_metainfo('halpe').keypoint_names[index['halpe']['head_top']] == 'head'


@pytest.mark.parametrize('skeleton', ['ap10k', 'onehand10k', 'coco_wholebody_face'])
def test_skeletons_without_limbs_are_refused(skeleton):
    with pytest.raises(ValueError, match=f"skeleton '{skeleton}' has no .*left_"):
        BodyJoints.of_skeleton(skeleton)


def test_wrong_number_of_keypoints():
    with pytest.raises(
        ValueError, match=r"shape \(16, 3\), but skeleton 'coco' needs \(17, 2 or 3\)"
    ):
        RigSolver(RIG, COCO).solve(np.zeros((16, 3)))


def test_body_is_measured():
    body = Proportions(upper_arm=0.36, thigh=0.5, shoulder_width=0.42, trunk=0.55)
    rig = Rig.from_proportions(body)
    frames = [joints_of(walking(i / 20), rig=rig) for i in range(20)]
    frames[3][9] = np.nan
    measured = measure_body(np.stack(frames), COCO)
    for part in ('upper_arm', 'forearm', 'thigh', 'shank', 'hip_width', 'shoulder_width'):
        assert getattr(measured, part) == pytest.approx(getattr(body, part), abs=1e-9), part
    assert measured.trunk == pytest.approx(body.trunk, rel=0.01)  # the walking chest leans
    with pytest.raises(ValueError, match='no part of the body is seen'):
        measure_body(np.full((2, 17, 3), np.nan), COCO)


def test_lengths_must_be_lengths():
    with pytest.raises(ValueError, match='proportion thigh is 0, expected a length in metres'):
        Proportions(thigh=0)


def test_bones_keep_their_lengths():
    rng = np.random.default_rng(1)
    local = np.stack([random_pose(rng, 1.0) for _ in range(5)])
    positions, turned = RIG.forward(local, np.zeros((5, 3)))
    for i, parent in enumerate(RIG.parents[1:], start=1):
        length = np.linalg.norm(positions[:, i] - positions[:, parent], axis=-1)
        np.testing.assert_allclose(length, np.linalg.norm(RIG.offsets[i]), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turned), 1, atol=1e-12)
