"""Code of the published project finds its names where they were, and they do what they promise."""

import importlib
import json
import socket

import cv2
import numpy as np
import pytest
from live_parts import StubCapture

from mmpose.metainfo import load_metainfo
from realtime_pose.capture import SyntheticSource
from realtime_pose.inference.model_choice import TOY_CONFIG

JOINTS = SyntheticSource(1, (640, 480)).keypoints_at(0)[0]  # (17, 2)
FRAME = np.full((480, 640, 3), 90, np.uint8)


class PublishedCapture(StubCapture):
    """Camera 0, as ``cv2.VideoCapture(0, backend)`` gives it."""

    def __init__(self, address, backend):
        super().__init__(10**6)
        assert (address, backend) == (0, cv2.CAP_ANY)

    def set(self, *_):
        return True


@pytest.fixture
def camera_0(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', PublishedCapture)


@pytest.fixture
def axes():
    pyplot = pytest.importorskip('matplotlib.pyplot', reason='matplotlib is not installed')
    pyplot.switch_backend('Agg')
    figure = pyplot.figure()
    yield figure.add_subplot(121), figure.add_subplot(122, projection='3d')
    pyplot.close(figure)


@pytest.mark.parametrize(
    ('module', 'names'),
    {
        'capture.webcam_capture': 'WebcamStream get_frame',
        'inference.vitpose_inference': 'PoseResult ViTPoseEstimator infer_pose',
        'communication.keypoints_sender': 'PosePacket send_packet_udp send_keypoints_udp',
        'ik.ik_solver': 'IKSolution SimpleIKSolver solve_ik',
        'model3d.model3d': 'COCO_SKELETON plot_skeleton draw_skeleton_on_frame plot_skeleton_3d',
        'utils.helpers': 'PROJECT_ROOT validate_path',
        'utils': 'PROJECT_ROOT validate_path',
    }.items(),
)
def test_names_are_where_they_were(module, names):
    loaded = importlib.import_module(f'realtime_pose.{module}')
    assert [name for name in names.split() if not hasattr(loaded, name)] == []


def test_a_camera_gives_frames(camera_0):
    from realtime_pose.capture.webcam_capture import WebcamStream, get_frame

    assert get_frame().shape == (48, 64, 3)
    stream = WebcamStream(0, source=None, resolution=(64, 48), fps=30, backend=None)
    stream.open()
    assert stream.read().shape == (48, 64, 3)
    assert next(stream.stream()).dtype == np.uint8
    stream.close()
    assert WebcamStream(index=0).read().shape == (48, 64, 3)  # opens on demand


def test_an_estimator_gives_the_pose_of_a_person():
    from realtime_pose.inference.vitpose_inference import PoseResult, ViTPoseEstimator, infer_pose

    estimator = ViTPoseEstimator(str(TOY_CONFIG), None, 'cpu')
    box = [100, 50, 300, 400]  # xyxy
    for boxes in ([{'bbox': box}], np.array([[*box, 0.9]])):
        pose = estimator.infer(FRAME, boxes)
        assert isinstance(pose, PoseResult)
        assert pose.keypoints.shape == (17, 2)
        assert pose.scores.shape == (17,)
        assert pose.meta['bbox'] == pytest.approx(box)
        assert (pose.keypoints >= (0, 0)).all()
    whole = infer_pose(FRAME, estimator)
    assert whole.meta['bbox'] == pytest.approx([0, 0, 640, 480])
    assert PoseResult(whole.keypoints, whole.scores, {}).meta == {}


def test_packets_are_sent():
    from realtime_pose.communication.keypoints_sender import (
        PosePacket,
        send_keypoints_udp,
        send_packet_udp,
    )

    packet = PosePacket(JOINTS, np.ones(17), meta={'bbox': [0, 0, 1, 1]})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(('127.0.0.1', 0))
        receiver.settimeout(3.0)
        port = receiver.getsockname()[1]
        send_packet_udp(packet, host='127.0.0.1', port=port)
        assert receiver.recv(65535).decode() == packet.to_json()
        send_keypoints_udp(JOINTS, '127.0.0.1', port)
        sent = json.loads(receiver.recv(65535))
    assert list(sent) == ['keypoints', 'scores', 'joints_3d', 'timestamp', 'meta']
    assert sent['keypoints'] == JOINTS.tolist()
    assert sent['scores'] == [1.0] * 17


def test_joints_are_lifted():
    from realtime_pose.ik.ik_solver import IKSolution, SimpleIKSolver, solve_ik

    solver = SimpleIKSolver(depth_scale=1.0)
    for solution in (solver.solve(JOINTS), solve_ik(JOINTS)):
        assert isinstance(solution, IKSolution)
        assert solution.joints_3d.shape == (17, 3)
        assert (solution.keypoints_2d == JOINTS).all()
    assert IKSolution(np.zeros((17, 3)), JOINTS).joints_3d.shape == (17, 3)
    flat = SimpleIKSolver(depth_scale=0.0).solve(JOINTS)
    assert np.ptp(flat.joints_3d[:, 2]) == 0


def test_skeletons_are_drawn(axes):
    from realtime_pose.model3d.model3d import (
        COCO_SKELETON,
        draw_skeleton_on_frame,
        plot_skeleton,
        plot_skeleton_3d,
    )

    assert set(COCO_SKELETON) == {tuple(limb) for limb in load_metainfo('coco').skeleton_links}
    drawn = draw_skeleton_on_frame(FRAME, JOINTS)
    for x, y in JOINTS.astype(int):
        assert (drawn[y, x] != FRAME[y, x]).any()
    flat, deep = axes
    plot_skeleton(JOINTS, flat)
    assert len(flat.lines) == len(COCO_SKELETON)
    assert flat.get_ylim() == (480, 0)  # y points down
    first = flat.lines[0].get_xydata()
    assert (first == JOINTS[list(COCO_SKELETON[0])]).all()
    unknown = JOINTS.copy()
    unknown[COCO_SKELETON[0][0]] = np.nan
    plot_skeleton(unknown, flat)
    assert 0 < len(flat.lines) < len(COCO_SKELETON)
    plot_skeleton_3d(np.column_stack([JOINTS, JOINTS[:, 0]]), deep)
    assert len(deep.lines) == len(COCO_SKELETON)


def test_paths_are_found_in_the_project(monkeypatch):
    from realtime_pose.utils.helpers import PROJECT_ROOT, validate_path

    assert validate_path('realtime_pose/utils/helpers.py').is_file()
    assert validate_path('no/such', must_exist=False) == PROJECT_ROOT / 'no/such'
    monkeypatch.setenv('HOME', str(PROJECT_ROOT))
    assert validate_path('~/realtime_pose') == PROJECT_ROOT / 'realtime_pose'
    with pytest.raises(FileNotFoundError, match="there is no 'no/such'"):
        validate_path('no/such')
    with pytest.raises(ValueError, match='outside of the allowed folders'):
        validate_path('/etc/passwd')
