"""All people of a frame in one solve: as each alone, and as the solver of single people before."""

from dataclasses import replace

import numpy as np
import pytest
from live_parts import StubEstimator
from motions import random_pose, walking

from mmpose.structures import Boxes, Frame
from realtime_pose.capture import CapturedFrame
from realtime_pose.ik import (
    BodyJoints,
    MeasuredIKSolver,
    Proportions,
    Rig,
    RigSolver,
    SimpleIKSolver,
)
from realtime_pose.ik.quaternions import conjugate, multiply, to_rotvec
from realtime_pose.ik.rig import ALL_LIMITS, BONE_NAMES, TWIST_AXES, rest_pose
from realtime_pose.inference.stages import LiftStage, LiveFrame

RIG = Rig.default()


def seen(person, index, skeleton, unknown=()):
    """Returns keypoints (K, 2), px, that shake by some pixels, and scores of a walking person."""
    joints = BodyJoints.of_skeleton(skeleton)
    local = walking(index / 15 + 0.3 * person, 0.5 * person)
    points = joints.place(RIG.marker_positions(local, np.zeros(3), joints.names))[:, :2]
    shake = 4 * np.sin(np.arange(points.size) * (7 + person) + 3 * index).reshape(points.shape)
    scores = np.ones(len(points))
    scores[list(unknown)] = 0.1
    return points * (200, -200) + (300, 400) + shake, scores


def frames_of(skeleton):
    """Yields frames of (person, keypoints, scores): people come and go, and so do joints."""
    for index in range(12):
        unknown = {3: (0, 1, 9), 4: (9,), 7: range(11, 16), 8: range(2, 7), 9: range(16)}
        yield [
            (person, *seen(person, index, skeleton, unknown.get(index + person, ())))
            for person in range(4)
            if (index // 3 + person) % 4
        ]


def numbers_of(solution):
    """Returns all that a solution says, in one array."""
    rotations = np.full((len(BONE_NAMES), 4), np.nan)
    if solution.rotations is not None:
        rotations = np.stack(list(solution.rotations.values()))
    root = np.full(3, np.nan) if solution.root is None else solution.root
    return np.concatenate([rotations.ravel(), root, solution.joints_3d.ravel()])


@pytest.mark.parametrize('skeleton', ['coco', 'mpii'])
def test_many_are_solved_as_each_alone(skeleton):
    together, alone = ({i: SimpleIKSolver(skeleton=skeleton) for i in range(4)} for _ in range(2))
    num_flat = 0
    for people in frames_of(skeleton):
        solved = SimpleIKSolver.solve_all(
            [together[person] for person, *_ in people],
            [keypoints for _, keypoints, _ in people],
            [scores for *_, scores in people],
        )
        for (person, *views), solution in zip(people, solved, strict=True):
            expected = alone[person].solve(*views)
            assert solution.method == expected.method
            num_flat += solution.rotations is None
            np.testing.assert_allclose(numbers_of(solution), numbers_of(expected), atol=1e-9)
    assert num_flat  # somebody of whom nothing is known, next to others
    assert SimpleIKSolver.solve_all([], []) == []


# (skeleton, person, frame, bone): its rotation by the solver before it took all people at once.
GOLDEN = {
    ('coco', 1, 4, 'leftUpperArm'): [-0.108188, 0.05022, -0.634714, 0.763486],
    ('coco', 3, 9, 'chest'): [0.039435, -0.105422, -0.210391, 0.971116],
    ('coco', 0, 11, 'head'): [0.308638, 0.018936, 0.099884, 0.945731],
    ('coco', 2, 11, 'rightLowerArm'): [-0.002768, 0.028384, -0.025009, 0.99928],
    ('coco', 3, 11, 'rightUpperLeg'): [0.056186, 0.139318, 0.171072, 0.973739],
    ('mpii', 1, 4, 'leftUpperArm'): [-0.527524, 0.45709, -0.576281, 0.425072],
    ('mpii', 3, 9, 'chest'): [0.10993, 0.030917, 0.094919, 0.988913],
    ('mpii', 0, 11, 'hips'): [-0.184595, 0.009534, -0.056862, 0.981122],
    ('mpii', 2, 11, 'rightLowerArm'): [0.003965, 0.185578, 0.020633, 0.982405],
    ('mpii', 3, 11, 'rightUpperLeg'): [0.174358, -0.2331, 0.111149, 0.950215],
}


@pytest.mark.parametrize('skeleton', ['coco', 'mpii'])
def test_rotations_are_those_of_the_solver_of_one_person(skeleton):
    """Converged or not: the same steps."""
    solvers = {i: SimpleIKSolver(skeleton=skeleton) for i in range(4)}
    num_compared = 0
    for index, people in enumerate(frames_of(skeleton)):
        for person, *views in people:
            rotations = solvers[person].solve(*views).rotations
            for key in [key for key in GOLDEN if key[:3] == (skeleton, person, index)]:
                np.testing.assert_allclose(rotations[key[3]], GOLDEN[key], atol=1e-4)
                num_compared += 1
    assert num_compared == sum(key[0] == skeleton for key in GOLDEN)


def test_measured_people_of_other_sizes_are_solved_as_each_alone():
    coco, rng = BodyJoints.of_skeleton('coco'), np.random.default_rng(0)
    rigs = [Rig.from_proportions(Proportions.of_height(x)) for x in (1.2, 1.6, 1.9)]
    together, alone = ([MeasuredIKSolver() for _ in rigs] for _ in range(2))
    for index in range(5):
        joints = np.stack(
            [
                coco.place(rig.marker_positions(random_pose(rng, 0.4), (i, 1, 0), coco.names))
                for i, rig in enumerate(rigs)
            ]
        )
        joints += rng.normal(0, 0.02, joints.shape)
        joints[index % 3, [9, 15]] = np.nan
        if index in (2, 4):
            joints[(index + 1) % 3, 5 * (index == 2) :] = np.nan  # no more than a face, and nothing
        solved = MeasuredIKSolver.solve_all(together, joints)
        for solver, own, solution in zip(alone, joints, solved, strict=True):
            expected = solver.solve(own)
            np.testing.assert_allclose(numbers_of(solution), numbers_of(expected), atol=1e-9)


def test_stage_keeps_people_apart():
    """Each id has a state of its own, in whatever order people are found; it expires."""
    stage = LiftStage(SimpleIKSolver)
    alone = {person: SimpleIKSolver() for person in range(4)}
    frame = Frame(0, np.zeros((48, 64, 3), np.uint8), '')
    [[template]] = StubEstimator().predictor([frame], [Boxes.whole_image(frame.image_wh)])
    for index, people in enumerate(frames_of('coco')):
        people = people[:: -1 if index % 2 else 1]
        live = LiveFrame(CapturedFrame(frame, index / 15, index / 15))
        live.poses = [
            replace(template, keypoints=keypoints, keypoint_scores=scores, track_id=person)
            for person, keypoints, scores in people
        ]
        stage(live)
        for (person, *views), solution in zip(people, live.solutions, strict=True):
            expected = alone[person].solve(*views)
            np.testing.assert_allclose(numbers_of(solution), numbers_of(expected), atol=1e-9)


def test_solvers_of_different_kinds_are_not_mixed():
    joints = np.zeros((2, 17, 3))
    coco = BodyJoints.of_skeleton('coco')
    pair = [RigSolver(RIG, coco), RigSolver(RIG, coco, num_steps=3)]
    with pytest.raises(ValueError, match='solvers of 2 kinds in one call'):
        RigSolver.solve_all(pair, joints)
    pair = [SimpleIKSolver(), SimpleIKSolver(min_score=0.5)]
    with pytest.raises(ValueError, match='lifters of 2 kinds in one call'):
        SimpleIKSolver.solve_all(pair, joints[..., :2])


def swing_twist(rotations, axes):
    """Returns swing and twist with ``q = swing * twist``: twist turns about unit axes (B, 3)."""
    along = np.sum(rotations[..., :3] * axes, axis=-1, keepdims=True)
    twist = np.concatenate([along * axes, rotations[..., 3:]], axis=-1)
    length = np.linalg.norm(twist, axis=-1, keepdims=True)
    twist = np.where(length > 1e-12, twist / np.maximum(length, 1e-12), [0, 0, 0, 1])
    return multiply(rotations, conjugate(twist)), twist


def test_limits_apply_to_swing_and_twist():
    rng = np.random.default_rng(0)
    local = np.stack([rest_pose(), *(random_pose(rng, 1.5) for _ in range(50))])
    local[1, :, :] = [0, 0, 1, 0]  # half a turn of swing
    local[2:10] *= -1
    swing, twist = swing_twist(local, TWIST_AXES)
    np.testing.assert_allclose(np.sum(swing[..., :3] * TWIST_AXES, axis=-1), 0, atol=1e-12)
    expected = np.where(TWIST_AXES > 0, to_rotvec(twist), to_rotvec(swing))
    np.testing.assert_allclose(ALL_LIMITS.angles(local), expected, atol=1e-12)
