"""Cameras that go away, and what stands for a camera or a stream."""

import cv2
import numpy as np
import pytest

from mmpose.apis import PoseInferencer
from mmpose.apis.inference.sources import open_sources
from mmpose.apis.inference.videos import CameraSource, VideoSource
from tests.apis.numbered_video import DARKEST, STEP, NumberBackend, number_of, write_video


class Capture:
    """Acts as cv2.VideoCapture of a camera that gives numbered frames from a script.

    Args:
        script: Is shared by all openings: a number is a frame, None is a failed read, False a
            failed attempt to open.
    """

    def __init__(self, script):
        self.script = script
        self.is_open = not (script and script[0] is False)
        if not self.is_open:
            script.pop(0)

    def isOpened(self):
        return self.is_open

    def get(self, prop):
        return {cv2.CAP_PROP_FPS: 20.0}.get(prop, 0.0)

    def read(self):
        number = self.script.pop(0) if self.script else None
        if number is None:
            return False, None
        return True, np.full((20, 30, 3), DARKEST + STEP * number, np.uint8)

    def release(self):
        self.is_open = False


def camera(script, said):
    return CameraSource(0, lambda _: Capture(script), waits_s=(0, 0, 0), say=said.append)


def test_a_camera_that_comes_back_goes_on():
    said = []
    source = camera([1, 2, None, False, 3, 4, None, None, 5, None, None, None, None], said)
    inferencer = PoseInferencer(NumberBackend(), detector='whole-image')
    running = inferencer(source)
    results = [next(running) for _ in range(5)]
    assert [number_of(result.frame.image_bgr) for result in results] == [1, 2, 3, 4, 5]
    assert [result.frame.index for result in results] == [0, 1, 2, 3, 4]
    times = [result.frame.time_s for result in results]
    assert times == sorted(times)
    with pytest.raises(
        ConnectionError, match='went away after 5 frames and did not come back in 3'
    ):
        next(running)
    assert said == [
        'camera 0 went away after 2 frames; trying to reach it again',
        'camera 0 is back',
        'camera 0 went away after 4 frames; trying to reach it again',
        'camera 0 is back',
        'camera 0 went away after 5 frames; trying to reach it again',
    ]
    assert source.problems[0] == 'camera 0 went away after 2 frames and came back at attempt 2'


def test_frames_of_a_camera_are_taken_one_at_a_time():
    backend = NumberBackend()
    script = list(range(8)) + [None] * 9
    running = PoseInferencer(backend, detector='whole-image')(camera(script, []))
    assert [next(running).frame.index for _ in range(8)] == list(range(8))
    assert set(backend.batches) == {1}
    running.close()


def test_a_camera_that_is_not_there():
    with pytest.raises(ConnectionError, match='camera 0 cannot be opened'):
        camera([False], [])


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        (0, 'camera 0'),
        ('1', 'camera 1'),
        ('webcam', 'camera 0'),
        ('webcam:2', 'camera 2'),
        ('rtsp://host/x', 'rtsp://host/x'),
    ],
)
def test_cameras_and_streams(monkeypatch, text, name):
    monkeypatch.setattr('mmpose.apis.inference.videos._open_live', lambda _: Capture([1]))
    [source] = open_sources(text)
    assert (source.name, source.is_live, source.fps) == (name, True, 20)


def test_order_of_images_and_videos(tmp_path):
    video = write_video(tmp_path / 'b.avi', 3)
    for name in ('a.png', 'c.png', 'd.png'):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    sources = open_sources(tmp_path)
    assert [source.num_frames for source in sources] == [1, 3, 2]
    assert isinstance(sources[1], VideoSource)
    assert sources[1].fps == 25
    assert [source.num_frames for source in open_sources([video, video])] == [3, 3]


def test_an_animated_gif_is_a_video(tmp_path):
    frames = [np.full((24, 32, 3), level, np.uint8) for level in (40, 120, 200)]
    try:
        animation = cv2.Animation()
        animation.frames, animation.durations = frames, [100] * len(frames)
        is_written = cv2.imwriteanimation(str(tmp_path / 'a.gif'), animation)
    except (AttributeError, cv2.error):
        is_written = False
    if not is_written:
        pytest.skip('this OpenCV writes no GIF')
    [source] = open_sources(tmp_path)
    assert source.fps == pytest.approx(10)
    levels = [frame.image_bgr.mean() for frame, _ in source]
    assert levels == pytest.approx([40, 120, 200], abs=8)
