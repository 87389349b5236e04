"""Frames of several cameras of the same moment."""

import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from live_parts import StubCapture
from test_triangulation import CAMERAS, JOINTS

from mmpose.structures import Frame
from realtime_pose.capture import CapturedFrame, WebcamStream
from realtime_pose.capture.synthetic_views import (
    SyntheticView,
    synthetic_views,
    virtual_cameras,
)
from realtime_pose.capture.views import CameraViews, FileViews, open_views, ordered_sources
from realtime_pose.ik import triangulate

PAIR = virtual_cameras(2, (64, 48))


class Still:
    """A file of so many frames."""

    is_live = False

    def __init__(self, num_frames, wh=(64, 48), fps=30.0, damaged=()):
        self.name, self.fps, self.num_frames, self.problems = f'{num_frames}.mp4', fps, None, []
        self.wh, self.num, self.damaged = wh, num_frames, damaged

    def __iter__(self):
        for index in range(self.num):
            image = np.full((self.wh[1], self.wh[0], 3), index, np.uint8)
            yield Frame(index, image, self.name), 'damaged' if index in self.damaged else ''


class Scripted:
    """A camera whose frames come at given times, s of the monotonic clock."""

    def __init__(self, *times, wh=(64, 48)):
        self.times, self.wh = [0.0, *times], wh  # the first shows the size
        self.source, self.problems, self.fps = Still(1, fps=20.0), [], 20.0
        self.name = 'camera'

    def open(self):
        return self

    def close(self):
        pass

    def capture(self, timeout_s=None):
        if not self.times:
            return None
        time_s = self.times.pop(0)
        if time_s is None:
            return None
        frame = Frame(0, np.zeros((self.wh[1], self.wh[0], 3), np.uint8), self.name)
        return CapturedFrame(frame, time_s, time_s)


def seen(views, num):
    """Returns which views each moment has, and its time."""
    found = []
    for frame, _ in views:
        found.append((frame.captured_s, [frame.view, *(other.view for other in frame.others)]))
        if len(found) == num:
            break
    return found


def test_a_frame_of_a_scaled_image_is_where_the_scaled_camera_sees_it():
    camera = CAMERAS[0]
    half = camera.resized((640, 360))
    dots = camera.project(JOINTS[:1])[0]
    # A pixel of the small image is the mean of four of the large one.
    np.testing.assert_allclose(half.project(JOINTS[:1])[0], (dots + 0.5) / 2 - 0.5, atol=1e-9)
    assert camera.resized((1280, 720)) is camera
    with pytest.raises(ValueError, match="camera 'camera 0' have 640x480 px and its calibration"):
        camera.resized((640, 480))


def test_files_go_frame_by_frame_and_end_with_the_shortest():
    views = FileViews(PAIR, [Still(5), Still(3, (128, 96), damaged=(1,))])
    assert views.cameras[1].size_wh == (128, 96)
    moments = [frame for frame, _ in views]
    assert [frame.index for frame in moments] == [0, 1, 2]
    assert [[other.index for other in frame.others] for frame in moments] == [[0], [], [2]]
    assert views.missing == 'view2 1'
    with WebcamStream(source=views, keep_all=True, loop=True) as stream:
        taken = [stream.capture(5).frame for _ in range(4)]
    assert [frame.index for frame in taken] == [0, 1, 2, 3]
    assert [int(frame.others[0].image_bgr[0, 0, 0]) for frame in taken[::2]] == [0, 2]


@pytest.mark.parametrize(
    ('times', 'others', 'expected'),
    [
        # 20 fps: half a frame is 25 ms.
        ([1.0, 1.05], [1.01, 1.04], [(1.0, [0, 1]), (1.05, [0, 1])]),
        ([1.0], [0.9, 0.95, 1.02], [(1.0, [0, 1])]),  # what is too old is passed by
        ([1.0, 1.05], [1.04], [(1.0, [0]), (1.05, [0, 1])]),  # too new for the one, not the other
        ([1.0, 1.05], [], [(1.0, [0]), (1.05, [0])]),  # unplugged
        ([1.0, None, None], [1.0, 1.6, 1.65], [(1.0, [0, 1]), (1.6, [1]), (1.65, [1])]),
        ([1.0, None, 1.7], [1.0, 1.6, 1.7], [(1.0, [0, 1]), (1.6, [1]), (1.7, [0, 1])]),  # back
    ],
)
def test_cameras_go_by_the_nearest_time(times, others, expected):
    views = CameraViews(PAIR, [Scripted(*times), Scripted(*others)])
    assert seen(views, len(expected)) == expected
    num_missing = [sum(i not in numbers for _, numbers in expected) for i in range(2)]
    assert views.num_missing == num_missing


def test_half_a_frame_is_of_the_rate_that_comes():
    times = [1 + 0.1 * i for i in range(12)]  # 10 fps, and not 20
    views = CameraViews(PAIR, [Scripted(*times), Scripted(*(time_s + 0.04 for time_s in times))])
    assert [len(numbers) for _, numbers in seen(views, 12)] == 8 * [1] + 4 * [2]
    assert views.tolerance_s == pytest.approx(0.05)


def test_a_camera_that_is_unplugged_is_left_out_until_it_is_back(caplog):
    class Camera(StubCapture):
        def read(self):
            time.sleep(0.004)
            return super().read()

    opened = []

    def open_capture(address):
        opened.append(address)
        return Camera(10 if opened.count(1) == 1 and address == 1 else 10**6)

    views = open_views(['0', '1'], PAIR, open_capture=open_capture)
    views._gaps_s.extend(15 * [0.1])  # a busy machine is late
    views.streams[1]._waits_s = (0.2,)
    has_other = []
    with WebcamStream(source=views) as stream:
        until = time.monotonic() + 20
        while has_other[-20:] != 20 * [True] or False not in has_other:
            has_other.append(bool(stream.capture(5).frame.others))
            assert time.monotonic() < until
    assert opened == [0, 1, 1]
    assert views.num_missing[1] >= has_other.count(False)
    assert 'trying to reach it again' in views.problems[0]
    assert '1 is back' in caplog.text
    assert all(inner.is_over for inner in views.streams)


@pytest.mark.parametrize(
    ('sources', 'expected'),
    [
        (['a', 'b'], ['a', 'b']),
        (['right=a', 'left=b'], ['b', 'a']),
        (['rtsp://x/?a=b', 'b'], ['rtsp://x/?a=b', 'b']),
        (['a'], 'are not one for each'),
        (['a', 'b', 'c'], 'are not one for each'),
        (['left=a', 'b'], 'or all as NAME=SOURCE'),
        (['left=a', 'left=b'], 'or all as NAME=SOURCE'),
        (['left=a', 'lefft=b'], 'or all as NAME=SOURCE'),
        (['0', '0'], 'two cameras cannot have the same one'),
    ],
)
def test_sources_are_those_of_the_cameras(sources, expected):
    if isinstance(expected, list):
        assert ordered_sources(sources, ['left', 'right']) == expected
        return
    with pytest.raises(ValueError, match=expected):
        ordered_sources(sources, ['left', 'right'])


def test_what_does_not_go_together(tmp_path):
    for folder, wh in (('a', (64, 48)), ('b', (64, 48)), ('c', (64, 64))):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / '0.png'), np.zeros((*wh[::-1], 3), np.uint8))
    a, b, c = (str(tmp_path / name) for name in 'abc')
    assert isinstance(open_views([a, b], PAIR), FileViews)
    with pytest.raises(ValueError, match="camera 'view2' have 64x64 px and its calibration 64x48"):
        open_views([a, c], PAIR)
    with pytest.raises(ValueError, match='cameras and files do not go together'):
        open_views([a, '0'], PAIR)
    with pytest.raises(FileNotFoundError, match='no image, video or folder'):
        open_views([a, str(tmp_path / 'd')], PAIR)
    with pytest.raises(ValueError, match=r'different frame rates \(3.mp4 30, 4.mp4 25\)'):
        FileViews(PAIR, [Still(3), Still(4, fps=25.0)])
    with pytest.raises(ValueError, match=r"'0\.mp4' has no frames"):
        FileViews(PAIR, [Still(3), Still(0)])
    with pytest.raises(ConnectionError, match='camera 1 cannot be opened'):
        open_views(['0', '1'], PAIR, open_capture=lambda x: StubCapture(10, is_open=x == 0))
    with pytest.raises(ValueError, match='expected 2 to 6'):
        virtual_cameras(7)


def test_synthetic_people_are_drawn_where_the_cameras_see_their_joints():
    views = synthetic_views(3, 1, (160, 128))
    known = [part.keypoints_at(50)[0] for part in views.parts]
    measured = triangulate(views.cameras, known).joints_3d
    truth = views.parts[0].keypoints_3d_at(50)[0]
    np.testing.assert_allclose(measured, truth, atol=1e-9)
    assert 0 < truth[:, 1].min() < 0.15  # ankles above the floor
    assert 1.4 < truth[0, 1] < 1.75
    for part in views.parts:
        empty = np.median([part.frame_at(i).image_bgr for i in range(0, 240, 24)], axis=0)
        drawn = np.abs(part.frame_at(50).image_bgr - empty).max(axis=-1) > 12
        x, y, width, height = part.boxes_at(50).xywh[0].astype(int)
        # The median of the frames is not quite the empty picture, hence not all.
        assert drawn[y : y + height, x : x + width].sum() > 0.75 * drawn.sum()
        # Wrists are thin and stand out: flesh is where they are.
        wrist = np.round(part.keypoints_at(50)[0, 9]).astype(int)
        assert drawn[wrist[1] - 2 : wrist[1] + 3, wrist[0] - 2 : wrist[0] + 3].mean() > 0.3


def test_the_person_who_is_nearer_is_painted_last(monkeypatch):
    front = virtual_cameras(2, (64, 48))[0]
    back = replace(front, rotation=np.diag([-1.0, 1.0, -1.0]) @ front.rotation)
    painted = []
    monkeypatch.setattr(
        'realtime_pose.capture.synthetic_views.paint_person', lambda *args: painted.append(args[-1])
    )
    for camera, farther in ((front, 0.0), (back, 8.0)):
        shift = np.array([0, 0, farther])  # until the people are in front of it
        SyntheticView(replace(camera, translation=camera.translation + shift), 2).frame_at(0)
    assert painted == [1, 0, 0, 1]
