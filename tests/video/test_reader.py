"""What a video file holds: every frame once, upright, at its time, whatever the container says."""

import sys

import cv2
import numpy as np
import pytest

from mmpose.apis.inference.videos import VideoSource
from mmpose.video import AvReader, CvReader
from tests.video.clips import numbers, picture, write_clip

av = pytest.importorskip('av')
UNEVEN_MS = [0, 40, 80, 200, 240, 500, 540, 1000, 1040, 1080]
EVEN_MS = range(0, 400, 40)
PAUSE_MS = [*EVEN_MS, 2000, 2040]
ALT_REF = {'auto-alt-ref': '1', 'lag-in-frames': '9', 'b': '2M', 'qmax': '9'}
MPEG4 = dict(codec='mpeg4', options={'qscale': '2'}, context={'max_b_frames': 2})


def noise(number, size_wh):
    """Returns a picture that takes many bytes."""
    return np.random.default_rng(number).integers(0, 255, (*size_wh[::-1], 3), np.uint8)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('a.mp4', {}),
        ('b_frames.mp4', dict(options={'bf': '3', 'crf': '1'})),
        ('late.mp4', dict(late_s=0.7, sound='aac')),
        ('a.mkv', {}),
        ('a.mov', {}),
        ('a.m4v', {}),
        ('vp8.webm', dict(codec='libvpx', options=ALT_REF)),
        ('vp9.webm', dict(codec='libvpx-vp9')),
        ('alpha.webm', dict(codec='libvpx-vp9', pix_fmt='yuva420p')),
        ('ten_bits.mp4', dict(pix_fmt='yuv420p10le')),
        ('grey.mp4', dict(pix_fmt='gray', context={'color_range': 2})),
        ('odd.mkv', dict(pix_fmt='yuv444p', size_wh=(63, 47))),
        ('interlaced.mkv', dict(options={'crf': '1', 'flags': '+ildct+ilme'})),
    ],
)
def test_every_frame_at_its_time(tmp_path, name, options):
    source = VideoSource(write_clip(tmp_path / name, UNEVEN_MS, **options))
    steps = list(source)
    assert [round(1000 * frame.time_s) for frame, _ in steps] == UNEVEN_MS
    assert numbers(frame.image_bgr for frame, _ in steps) == list(range(10))
    assert [frame.index for frame, _ in steps] == list(range(source.num_frames))
    assert [text for _, text in steps] == [''] * 10
    assert steps[0][0].image_wh == options.get('size_wh', (64, 48))
    assert steps[0][0].image_bgr.flags.writeable
    assert source.problems == []


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('a.mp4', {}),
        ('vp9.webm', dict(codec='libvpx-vp9')),
        ('b_frames.avi', MPEG4),
        ('b_frames_h264.avi', dict(options={'bf': '3', 'crf': '1'})),
        ('a.ts', dict(codec='mpeg2video', options={'b': '4M'})),
        ('a.gif', dict(codec='gif', pix_fmt='rgb8')),
    ],
)
def test_pixels_are_those_of_opencv(tmp_path, name, options):
    path = str(write_clip(tmp_path / name, **options))
    ours, theirs = list(AvReader(path)), list(CvReader(path))
    assert len(ours) == len(theirs) == 10
    for (time_s, image), (cv_time_s, cv_image) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(image, cv_image)
        assert time_s == pytest.approx(cv_time_s, abs=0.05 if '.avi' in name else 0.001)


@pytest.mark.parametrize('turn', [90, 180, 270])
def test_a_turned_video_is_upright(tmp_path, turn):
    path = str(write_clip(tmp_path / 'turned.mp4', turn=turn))
    ours, theirs = ([image for _, image in reader(path)] for reader in (AvReader, CvReader))
    np.testing.assert_array_equal(ours, theirs)
    expected = np.rot90(picture(0), turn // 90)
    assert np.abs(ours[0].astype(int) - expected).mean() < 3


def test_a_packet_for_each_field_is_no_damage(tmp_path):
    """As broadcasts have them: two packets, one picture. No encoder here makes such a file."""
    options = {'crf': '1', 'flags': '+ildct+ilme'}
    source = VideoSource(write_clip(tmp_path / 'a.mkv', UNEVEN_MS, options=options))
    source.reader._packets = sorted([*UNEVEN_MS, *(tick + 20 for tick in UNEVEN_MS)]), True, 0
    steps = list(source)
    assert [round(1000 * frame.time_s) for frame, _ in steps] == UNEVEN_MS
    assert [text for _, text in steps] == [''] * 10
    assert source.problems == []


def test_frames_that_an_edit_list_cuts_out_are_not_counted(tmp_path):
    whole = write_clip(tmp_path / 'whole.mp4', range(0, 2000, 40))
    path = tmp_path / 'cut.mp4'
    with av.open(str(whole)) as container, av.open(str(path), 'w') as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.dts is not None:  # the first 10 frames are before the start
                packet.pts, packet.dts = (
                    tick - round(0.4 / packet.time_base) for tick in (packet.pts, packet.dts)
                )
                packet.stream = stream
                output.mux(packet)
    source = VideoSource(path)
    frames = [frame for frame, _ in source]
    assert numbers(frame.image_bgr for frame in frames) == list(range(10, 50))
    assert source.num_frames == 40
    assert source.problems == []
    assert frames[1].time_s == pytest.approx(0.04)


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.avi'])
def test_damage_costs_its_frames_and_moves_no_other(tmp_path, name):
    path = tmp_path / name
    times_ms = [*range(0, 1200, 40), *range(2000, 3200, 40)]
    write_clip(path, times_ms, size_wh=(320, 240), draw=noise, **MPEG4)
    true_ms = [round(1000 * time_s) for time_s, _ in AvReader(str(path))]
    *_, (_, last) = AvReader(str(path))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60_000] = bytes(60_000)
    path.write_bytes(data)
    source = VideoSource(path)
    steps = list(source)
    bad = [frame.index for frame, text in steps if text]
    found_ms = [round(1000 * frame.time_s) for frame, _ in steps]
    assert 50 < len(steps) <= 60
    if name != 'a.avi':  # whose frames are known by their order alone
        assert len(steps) == source.num_frames
    assert set(found_ms) <= set(true_ms)
    assert [frame.index for frame, _ in steps] == list(range(len(steps)))
    np.testing.assert_array_equal(steps[-1][0].image_bgr, last)
    if name == 'a.mp4':  # the others have no table of frames elsewhere
        assert found_ms == true_ms
        assert bad
    if bad:
        assert source.problems[0] == (
            f"{len(bad)} of {len(steps)} frames of '{path}' are damaged; the picture before "
            'stands in for each, without poses'
        )


def test_a_file_that_was_cut_off_says_what_it_promised(tmp_path):
    whole = write_clip(tmp_path / 'whole.mp4', range(0, 2400, 40), size_wh=(320, 240))
    path = tmp_path / 'cut.mp4'
    with av.open(str(whole)) as container:
        options = {'movflags': 'faststart'}
        with av.open(str(path), 'w', options=options) as output:
            stream = output.add_stream_from_template(container.streams.video[0])
            for packet in container.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    source = VideoSource(path)
    steps = list(source)
    assert 10 < source.num_frames < 60
    assert 0 <= source.num_frames - len(steps) <= 8  # those whose data are gone or in threads
    assert source.problems[-1].endswith(f'promises 60 frames but ends after {len(steps)}')


def test_a_file_of_sound_alone(tmp_path):
    path = tmp_path / 'sound.mp4'
    write_clip(tmp_path / 'both.mp4', sound='aac')
    with av.open(str(tmp_path / 'both.mp4')) as container, av.open(str(path), 'w') as output:
        stream = output.add_stream_from_template(container.streams.audio[0])
        for packet in container.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    with pytest.raises(ValueError, match='holds no pictures, only audio'):
        VideoSource(path)


def test_opencv_says_when_it_cannot_know_the_times(tmp_path, monkeypatch):
    files = [write_clip(tmp_path / f'{ms[-1]}.mp4', ms) for ms in (PAUSE_MS, EVEN_MS)]
    monkeypatch.setitem(sys.modules, 'av', None)
    uneven, even = map(VideoSource, files)
    assert (len(list(uneven)), len(list(even))) == (12, 10)
    [problem] = uneven.problems
    assert "not evenly spaced, and OpenCV gives them the times of even ones; pip install 'av" in (
        problem
    )
    assert even.problems == []


def test_addresses_are_read_by_opencv(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(cv2, 'VideoCapture', lambda *words: opened.append(words[0]) or Closed())
    with pytest.raises(ConnectionError, match='cannot be opened'):
        VideoSource('http://host/a.mp4')
    assert opened == ['http://host/a.mp4']


class Closed:
    def isOpened(self):
        return False

    def release(self):
        pass
