"""A drawn video as a browser plays it: its length, its size, its sound, and time that passes."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose.apis.inference.videos import VideoSource
from mmpose.video import VideoFile
from tests.realtime_pose.headless_browser import CHROMIUM, Page
from tests.video.clips import write_clip

pytest.importorskip('av')
pytest.importorskip('websockets', reason='Chromium is driven by a WebSocket')
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason='Chromium is not installed')
UNEVEN_MS = [*range(0, 400, 40), *range(1000, 1400, 33)]
LOOK = """(() => { const v = document.querySelector('video'); return {
    error: v.error && v.error.message, width: v.videoWidth, height: v.videoHeight,
    seconds: v.duration, at: v.currentTime, heard: v.webkitAudioDecodedByteCount,
    seen: v.webkitDecodedFrameCount, ended: v.ended}; })()"""


@pytest.mark.parametrize(
    ('name', 'sound'), [('o.mp4', 'aac'), ('o.mp4', 'pcm_s16le'), ('o.webm', 'libopus')]
)
def test_a_browser_plays_it(tmp_path, name, sound):
    odd = dict(size_wh=(319, 241), pix_fmt='yuv444p')
    source = VideoSource(write_clip(tmp_path / 'a.mkv', UNEVEN_MS, **odd, sound=sound))
    video = VideoFile(tmp_path / name, source.fps, source.reader)
    for frame, _ in source:
        cv2.circle(frame.image_bgr, (100, 100), 20, (0, 0, 255), -1)
        video.add(frame.image_bgr, frame.time_s)
    video.close()
    seen = play(tmp_path, video.path)
    assert seen['error'] is None
    assert (seen['width'], seen['height']) == (320, 242)
    assert seen['seconds'] == pytest.approx(1.4, abs=0.08)
    assert seen['ended']
    assert seen['at'] == pytest.approx(seen['seconds'], abs=0.05)
    assert seen['heard'] > 0
    assert seen['seen'] == len(UNEVEN_MS)


def test_a_browser_that_cannot_play_says_so(tmp_path):
    """What the test above can see: MPEG-4 part 2, as OpenCV writes it."""
    path = tmp_path / 'o.mp4'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 25, (64, 48))
    for _ in range(5):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    seen = play(tmp_path, path)
    assert seen['error'] is not None or seen['width'] == 0


def play(folder: Path, video: Path) -> dict:
    """Returns what a video element says of itself when the video is over."""
    page_file = folder / 'page.html'
    page_file.write_text(f'<video src="{video.name}" muted autoplay></video>')
    (folder / 'profile').mkdir()
    page = Page(folder / 'profile', page_file.as_uri())
    try:
        page.wait("(v => v && (v.error || v.ended))(document.querySelector('video')) ? 1 : 0", 20)
        return page.run(LOOK)
    finally:
        page.close()
