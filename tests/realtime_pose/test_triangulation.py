"""Several cameras measure joints exactly, in the conventions of OpenCV."""

import json

import cv2
import numpy as np
import pytest

from realtime_pose.ik import Camera, load_cameras, triangulate
from realtime_pose.ik.cameras import SCHEMA, read_cameras

DISTORTION = [-0.2, 0.05, 0.001, -0.0005, 0.01]


def estimate_poses(target, position):
    """Returns R and t of a camera with y down."""
    ahead = (target - position) / np.linalg.norm(target - position)
    right = np.cross(ahead, [0, 1, 0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    return rotation, -rotation @ position


def content(num=3):
    entries = []
    for i, angle in enumerate(np.linspace(0, 2.5, num)):
        position = np.array([3 * np.sin(angle), 1.5 + 0.2 * i, 3 * np.cos(angle)])
        rotation, translation = estimate_poses(np.array([0, 1.0, 0]), position)
        entries.append(
            {
                'name': f'camera {i}',
                'size': [1280, 720],
                'K': [[900, 0, 640], [0, 905, 360], [0, 0, 1]],
                'distortion': DISTORTION,
                'R': rotation.tolist(),
                't': translation.tolist(),
            }
        )
    return {'schema': SCHEMA, 'unit': 'm', 'up': '+y', 'cameras': entries}


CAMERAS = read_cameras(content())
JOINTS = np.random.default_rng(0).uniform((-0.8, 0.2, -0.8), (0.8, 1.8, 0.8), (17, 3))


def views(cameras=CAMERAS):
    return np.stack([camera.project(JOINTS) for camera in cameras])


def test_projection_is_that_of_opencv():
    for camera in CAMERAS:
        rotation, _ = cv2.Rodrigues(camera.rotation)
        expected, _ = cv2.projectPoints(
            JOINTS, rotation, camera.translation, camera.matrix, camera.distortion
        )
        np.testing.assert_allclose(camera.project(JOINTS), expected[:, 0], atol=1e-9)


@pytest.mark.parametrize('num', [2, 3])
def test_triangulation_is_exact(num):
    result = triangulate(CAMERAS[:num], views()[:num])
    assert np.abs(result.joints_3d - JOINTS).max() < 1e-6
    assert result.error_px.max() < 1e-6
    assert result.num_views.tolist() == [num] * 17


def test_noise_averages_out():
    rng = np.random.default_rng(0)
    noisy = views() + rng.normal(0, 1, views().shape)
    error = np.linalg.norm(triangulate(CAMERAS, noisy).joints_3d - JOINTS, axis=-1)
    assert error.mean() < 0.006  # 1 px is 3 mm at 3 m with a focal length of 900 px


def test_confidence_counts():
    wrong = views()
    wrong[1] += 40
    scores = np.ones((3, 17))
    scores[1] = 0.31
    blind = triangulate(CAMERAS, wrong).joints_3d
    weighted = triangulate(CAMERAS, wrong, scores).joints_3d
    scores[1] = 0.1
    without = triangulate(CAMERAS, wrong, scores)
    errors = [np.abs(x - JOINTS).max() for x in (blind, weighted, without.joints_3d)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-6
    assert without.num_views.tolist() == [2] * 17


def test_worst_view_is_left_out():
    wrong = views()
    wrong[1, 3] += 200
    assert np.abs(triangulate(CAMERAS, wrong).joints_3d - JOINTS).max() > 0.02
    result = triangulate(CAMERAS, wrong, max_error_px=20)
    assert np.abs(result.joints_3d - JOINTS).max() < 1e-6
    assert result.num_views[3] == 2


def test_one_view_is_not_enough():
    partial = views()
    partial[1:, 5] = np.nan
    result = triangulate(CAMERAS, partial)
    assert np.isnan(result.joints_3d).any(axis=-1).nonzero()[0].tolist() == [5]
    assert np.isnan(result.error_px[5])
    assert result.num_views[5] == 1


def test_one_view_takes_nothing_from_the_others():
    """Its joints have no solution, and there are 40 positions of them."""
    partial = np.repeat(views()[:2], 40, axis=1) + np.random.default_rng(0).normal(
        0, 9, (2, 680, 2)
    )
    partial[1, 17:] = np.nan
    result = triangulate(CAMERAS[:2], partial)
    np.testing.assert_array_equal(np.isfinite(result.joints_3d[:, 0]), result.num_views == 2)
    alone = triangulate(CAMERAS[:2], partial[:, :17])
    np.testing.assert_allclose(result.joints_3d[:17], alone.joints_3d, atol=1e-7)


def test_each_joint_may_have_a_limit_of_its_own():
    wrong = views()
    wrong[1, [3, 4]] += 200
    limits = np.full(17, 1000.0)
    limits[3] = 20
    num_views = triangulate(CAMERAS, wrong, max_error_px=limits).num_views
    assert num_views[[3, 4]].tolist() == [2, 3]


def test_shapes():
    with pytest.raises(ValueError, match=r'shape \(2, 17, 2\), expected \(3, K, 2\): one set per'):
        triangulate(CAMERAS, views()[:2])
    with pytest.raises(ValueError, match=r'scores have shape \(17,\), expected \(3, 17\)'):
        triangulate(CAMERAS, views(), np.ones(17))


@pytest.mark.parametrize('up', ['+y', '-y', '+z', '-z', '+x', '-x'])
def test_world_turns_upright(up, tmp_path):
    """A calibration in mm with any axis up gives metres with y up."""
    sign, axis = (1 if up[0] == '+' else -1), 'xyz'.index(up[1])
    value = content()
    cameras = read_cameras({**value, 'up': up})
    direction = sign * np.eye(3)[axis]
    seen = [Camera.project(camera, np.array([[0, 1.0, 0]])) for camera in cameras]
    plain = [Camera.project(camera, direction[None]) for camera in CAMERAS]
    np.testing.assert_allclose(seen, plain, atol=1e-9)
    for entry in value['cameras']:
        entry['t'] = [1000 * x for x in entry['t']]
    file = tmp_path / 'cameras.json'
    file.write_text(json.dumps({**value, 'unit': 'mm'}))
    np.testing.assert_allclose(load_cameras(file)[1].centre, CAMERAS[1].centre, atol=1e-9)


def changed(**entries):
    value = content()
    value['cameras'][1] |= entries
    return value


@pytest.mark.parametrize(
    ('value', 'problem'),
    [
        ([], "expected an object with schema 'realtime_pose.cameras/1'"),
        ({**content(), 'unit': 'foot'}, "unit is 'foot', expected one of"),
        ({**content(), 'up': 'y'}, "up is 'y'"),
        ({**content(), 'cameras': content()['cameras'][:1]}, 'two cameras or more'),
        (changed(name='camera 0'), 'names of cameras must differ'),
        (changed(K='wide'), "camera 'camera 1': size, K, R, t and distortion must be numbers"),
        (changed(R=np.eye(3)[::-1].tolist()), "camera 'camera 1': R is no rotation"),
        (changed(R=(2 * np.eye(3)).tolist()), "R is no rotation .R R' is 3 off"),
        (changed(t=[0, 0]), r't has shape \(2,\), expected \(3,\)'),
        (changed(K=(-np.eye(3)).tolist()), 'focal lengths in K must be positive'),
        (changed(distortion=[1, 2]), r'distortion has shape \(2,\), expected 4 or 5'),
    ],
)
def test_wrong_calibrations(value, problem, tmp_path):
    file = tmp_path / 'cameras.json'
    file.write_text(json.dumps(value))
    with pytest.raises(ValueError, match=f'cameras.json: .*{problem}'):
        load_cameras(file)


def test_missing_calibration(tmp_path):
    with pytest.raises(FileNotFoundError, match='no calibration file'):
        load_cameras(tmp_path / 'none.json')
