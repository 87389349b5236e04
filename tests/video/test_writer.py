"""Drawn videos: H.264 with the times, the sound and the colours of their source."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose.apis.inference.videos import VideoSource
from mmpose.video import AvReader, VideoFile, encoder, video_suffixes
from tests.video.clips import look_at, loudness, numbers, write_clip

av = pytest.importorskip('av')
UNEVEN_MS = [0, 40, 80, 200, 240, 500, 540, 1000, 1040, 1080]


def copy_of(path, out, max_frames=None):
    """Writes the frames of a video into another, as an inference run does; returns it."""
    source = VideoSource(path)
    video = VideoFile(Path(out), source.fps, source.reader)
    for frame, _ in source:
        if max_frames is not None and frame.index >= max_frames:
            break
        video.add(frame.image_bgr, frame.time_s)
    video.close()
    return video


@pytest.mark.parametrize(
    ('name', 'sound', 'out', 'expected'),
    [
        ('a.mp4', 'aac', 'o.mp4', ('h264', 'aac')),
        ('a.mkv', 'libmp3lame', 'o.mp4', ('h264', 'mp3')),
        ('a.mkv', 'flac', 'o.mp4', ('h264', 'flac')),
        ('a.mkv', 'ac3', 'o.mp4', ('h264', 'aac')),
        ('a.mov', 'pcm_s16le', 'o.mp4', ('h264', 'aac')),
        ('a.mov', 'pcm_s16le', 'o.webm', ('vp9', 'opus')),
        ('a.webm', 'libopus', 'o.webm', ('vp9', 'opus')),
        ('a.webm', 'libopus', 'o.mov', ('h264', 'aac')),
        ('a.mp4', 'aac', 'o.mkv', ('h264', 'aac')),
        ('a.mp4', 'libmp3lame', 'o.m4v', ('h264', 'aac')),
        ('a.avi', 'libmp3lame', 'o.mp4', ('h264', 'mp3')),
        ('a.mp4', None, 'o.mp4', ('h264',)),
    ],
)
def test_times_and_sound_are_those_of_the_source(tmp_path, name, sound, out, expected):
    codecs = {'.webm': 'libvpx', '.avi': 'mpeg4'}
    codec = codecs.get(Path(name).suffix, 'libx264')
    path = write_clip(tmp_path / name, UNEVEN_MS, sound=sound, codec=codec)
    video = copy_of(path, tmp_path / out)
    kinds, times, heard = look_at(video.path)
    _, true_times, true_heard = look_at(path)
    assert tuple(kinds.values()) == expected
    assert video.problems == []
    assert np.subtract(times, times[0]) == pytest.approx(np.subtract(true_times, true_times[0]))
    if sound is not None:
        ends = np.subtract(heard, times[0]) - np.subtract(true_heard, true_times[0])
        assert np.abs(ends).max() < 0.03  # s, a packet of sound
        hz, amplitude = loudness(video.path)
        assert hz == pytest.approx(440, abs=3)
        assert amplitude > 0.4


@pytest.mark.parametrize('late_s', [0.5, 0.02])
@pytest.mark.parametrize('out', ['o.mp4', 'o.webm'])
def test_sound_stays_with_its_picture(tmp_path, late_s, out):
    """The first picture comes late; a click in the sound is heard with the picture it was at."""
    path = write_clip(tmp_path / 'a.mkv', UNEVEN_MS, sound='flac', late_s=late_s, sound_s=2.5)
    video = copy_of(path, tmp_path / out)
    _, times, (_, end_s) = look_at(video.path)
    assert end_s - times[0] == pytest.approx(2.5 - late_s, abs=0.05)


@pytest.mark.parametrize(('max_frames', 'end_s'), [(None, 3.0), (5, 0.5 - 0.26 + 0.04)])
def test_sound_goes_on_only_if_every_picture_was_drawn(tmp_path, max_frames, end_s):
    path = write_clip(tmp_path / 'a.mp4', UNEVEN_MS, sound='aac', sound_s=3.0)
    video = copy_of(path, tmp_path / 'o.mp4', max_frames)
    _, times, (_, heard_s) = look_at(video.path)
    assert len(times) == (max_frames or 10)
    assert heard_s == pytest.approx(end_s, abs=0.12)


def test_damaged_sound_is_named_and_the_video_is_whole(tmp_path):
    path = write_clip(tmp_path / 'a.mkv', UNEVEN_MS, sound='flac', sound_s=3.0)
    with av.open(str(path)) as container:
        places = [(x.pos, x.size) for x in container.demux(audio=0) if x.size]
    data = bytearray(path.read_bytes())
    for position, size in places[5:10]:
        data[position + 20 : position + size] = bytes(size - 20)
    path.write_bytes(data)
    video = copy_of(path, tmp_path / 'o.mov')
    kinds, times, _ = look_at(video.path)
    assert len(times) == 10
    assert kinds['audio'] == 'aac'
    [problem] = video.problems
    assert problem.startswith(f"the sound of '{path}' is not whole: ")


def test_a_sound_that_cannot_be_had_costs_the_sound_only(tmp_path, monkeypatch):
    path = write_clip(tmp_path / 'a.mkv', UNEVEN_MS, sound='ac3')
    monkeypatch.setitem(encoder.SOUNDS, '.mp4', (('ac3',), 'no such encoder'))
    assert copy_of(path, tmp_path / 'copied.mp4').problems == []
    monkeypatch.setitem(encoder.SOUNDS, '.mp4', ((), 'no such encoder'))
    video = copy_of(path, tmp_path / 'o.mp4')
    kinds, times, _ = look_at(video.path)
    assert (list(kinds), len(times)) == (['video'], 10)
    assert 'is not whole' in video.problems[0]


@pytest.mark.parametrize('size_wh', [(63, 47), (64, 47), (63, 48), (1, 1), (720, 1280)])
def test_odd_sizes_lose_no_pixel(tmp_path, size_wh):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (5, 4, 3), np.uint8)
    image = cv2.resize(small, size_wh, interpolation=cv2.INTER_CUBIC)
    video = VideoFile(tmp_path / 'o.mp4', 10)
    for _ in range(3):
        video.add(image)
    video.close()
    [*_, (_, back)] = AvReader(str(video.path))
    width, height = (n + n % 2 for n in size_wh)
    assert back.shape == (height, width, 3)
    assert np.abs(back[: size_wh[1], : size_wh[0]].astype(int) - image).mean() < 8


@pytest.mark.parametrize('suffix', video_suffixes())
def test_colours_come_back(tmp_path, suffix):
    colours = [(30, 30, 200), (200, 40, 30), (40, 180, 60), (128, 128, 128), (235, 235, 235)]
    image = np.repeat(np.array([colours], np.uint8), 48, 0).repeat(48, 1)  # (48, 5 * 48, 3)
    video = VideoFile(tmp_path / f'o{suffix}', 10)
    for _ in range(5):
        video.add(image)
    video.close()
    with av.open(str(video.path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_range, frame.format.name) == (1, 1, 'yuv420p')
    *_, (_, back) = AvReader(str(video.path))
    centres = back[24, 24::48].astype(int)
    assert np.abs(centres - colours).max() <= 4  # grey levels; BT.601 would be off by 30


def test_pictures_without_times_have_the_frame_rate(tmp_path):
    video = VideoFile(tmp_path / 'o.mp4', 12.5)
    for _ in range(5):
        video.add(np.zeros((48, 64, 3), np.uint8))
    video.close()
    assert look_at(video.path)[1] == pytest.approx([0, 0.08, 0.16, 0.24, 0.32])
    assert AvReader(str(video.path)).fps == 12.5


def test_a_camera_has_the_times_of_the_clock(tmp_path):
    video = VideoFile(tmp_path / 'o.mp4', 30)
    for time_s in (3.5, 3.61, 3.61, 3.75):
        video.add(np.zeros((48, 64, 3), np.uint8), time_s)
    video.close()
    assert look_at(video.path)[1] == pytest.approx([0, 0.11, 0.11, 0.25], abs=1e-4)


def test_the_table_of_frames_comes_first(tmp_path):
    path = copy_of(write_clip(tmp_path / 'a.mp4'), tmp_path / 'o.mp4').path
    data = path.read_bytes()
    assert 0 < data.index(b'moov') < data.index(b'mdat')


def test_without_h264_it_is_what_browsers_play_too(tmp_path, monkeypatch):
    rest = {name: options for name, options in encoder.ENCODERS.items() if 'vpx' in name}
    monkeypatch.setattr(encoder, 'ENCODERS', {'libx264_of_no_build': {}, **rest})
    video = copy_of(write_clip(tmp_path / 'a.mp4'), tmp_path / 'o.mp4')
    assert look_at(video.path)[0] == {'video': 'vp9'}
    assert video.problems == [f"'{video.path}' is libvpx-vp9: this PyAV has no libx264_of_no_build"]


@pytest.mark.parametrize(('name', 'words'), [('o.mp4', 'browsers do not play'), ('o.webm', '')])
def test_opencv_writes_where_pyav_is_missing_and_says_so(tmp_path, monkeypatch, name, words):
    path = write_clip(tmp_path / 'a.mp4', sound='aac')
    monkeypatch.setitem(sys.modules, 'av', None)
    video = copy_of(path, tmp_path / name)
    [problem] = video.problems
    assert words in problem
    assert "no sound; pip install 'av" in problem
    assert video_suffixes() == ('.mp4', '.webm')
    capture = cv2.VideoCapture(str(video.path))
    images = [capture.read()[1] for _ in range(10)]
    assert np.diff(numbers(images)).tolist() == [1] * 9  # its levels are off by some


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / 'o.mp4').mkdir()
    with pytest.raises(OSError, match=r'o\.mp4'):
        VideoFile(tmp_path / 'o.mp4', 10).add(np.zeros((48, 64, 3), np.uint8))
