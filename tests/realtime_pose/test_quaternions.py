"""Quaternions against SciPy's rotations."""

import numpy as np
import pytest
from motions import angle_between

from realtime_pose.ik import quaternions as q

Rotation = pytest.importorskip('scipy.spatial.transform').Rotation
EXACT = dict(atol=1e-12, rtol=0)  # float64 arithmetic


@pytest.fixture(scope='module')
def pairs():
    rng = np.random.default_rng(0)
    return q.normalized(rng.normal(size=(50, 4))), q.normalized(rng.normal(size=(50, 4)))


def test_products_and_vectors(pairs):
    a, b = pairs
    expected = (Rotation.from_quat(a) * Rotation.from_quat(b)).as_matrix()
    np.testing.assert_allclose(q.to_matrix(q.multiply(a, b)), expected, **EXACT)
    vectors = b[:, :3]
    np.testing.assert_allclose(q.rotate(a, vectors), Rotation.from_quat(a).apply(vectors), **EXACT)


def test_conversions(pairs):
    a, b = pairs
    half_turns = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 1]])
    for value in (a, half_turns):
        back = q.from_matrix(q.to_matrix(value))
        np.testing.assert_allclose(np.abs(np.sum(back * value, axis=-1)), 1, **EXACT)
    np.testing.assert_allclose(q.to_rotvec(a), Rotation.from_quat(a).as_rotvec(), **EXACT)
    vectors = np.concatenate([b[:, :3], np.zeros((1, 3)), [[1e-13, 0, 0]]])
    np.testing.assert_allclose(
        q.from_rotvec(vectors), Rotation.from_rotvec(vectors).as_quat(canonical=True), **EXACT
    )


def test_shortest_rotation(pairs):
    a, b = (q.normalized(x[:, :3]) for x in pairs)
    np.testing.assert_allclose(q.rotate(q.between(a, b), a), b, **EXACT)
    np.testing.assert_allclose(q.rotate(q.between(a, -a), a), -a, **EXACT)


def test_slerp(pairs):
    a, b = pairs
    middle = q.slerp(a, b, 0.5)
    np.testing.assert_allclose(angle_between(a, middle), angle_between(middle, b), atol=1e-9)


def test_signs_of_a_sequence():
    angles = np.linspace(0, 4 * np.pi, 100)
    turning = Rotation.from_rotvec(np.outer(angles, [0, 1, 0])).as_quat(canonical=True)
    assert np.min(np.sum(turning[1:] * turning[:-1], axis=-1)) < 0  # canonical signs do jump
    steps = np.sum(q.continuous(turning)[1:] * q.continuous(turning)[:-1], axis=-1)
    assert steps.min() > 0.9
