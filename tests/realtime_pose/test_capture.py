import threading
import time

import cv2
import numpy as np
import pytest
from live_parts import StubCapture

from realtime_pose.capture import (
    CapturedFrame,
    LatestFrameQueue,
    SyntheticSource,
    WebcamStream,
    validate_path,
)


def test_latest_frame_queue_keeps_the_newest_and_counts_the_others():
    queue = LatestFrameQueue()
    for number in range(5):
        queue.put(number)
    assert queue.get(0) == 4
    assert queue.num_dropped == 4
    assert queue.get(0.01) is None


def test_latest_frame_queue_that_keeps_all_makes_the_writer_wait():
    queue = LatestFrameQueue(keep_all=True)
    thread = threading.Thread(target=lambda: [queue.put(number) for number in range(20)])
    thread.start()
    assert [queue.get(5) for _ in range(20)] == list(range(20))
    thread.join(5)
    assert queue.num_dropped == 0


def test_a_closed_latest_frame_queue_gives_its_last_item_and_wakes_whoever_waits():
    queue = LatestFrameQueue()
    queue.put('last')
    queue.close()
    queue.put('later')
    assert queue.get(5) == 'last'
    started = time.monotonic()
    assert queue.get(30) is None
    assert time.monotonic() - started < 5


def test_synthetic_joints_are_where_the_people_are_drawn():
    source = SyntheticSource(1, (160, 128))
    empty = np.median([source.frame_at(i).image_bgr for i in range(0, 240, 12)], axis=0)
    for index in (0, 50, 100):
        frame = source.frame_at(index)
        drawn = np.abs(frame.image_bgr - empty).max(axis=-1) > 12
        x, y, width, height = source.boxes_at(index).xywh[0].astype(int)
        inside = drawn[y : y + height, x : x + width].sum()
        # The median of the frames is not quite the empty picture, hence not all.
        assert inside > 0.8 * drawn.sum()
        assert (source.frame_at(index).image_bgr == frame.image_bgr).all()


def test_the_synthetic_source_has_the_sizes_that_the_page_offers():
    for width, height in ((1280, 720), (320, 240)):
        assert SyntheticSource(1, (width, height)).frame_at(0).image_bgr.shape == (height, width, 3)


@pytest.mark.parametrize(
    ('name', 'shape'), [('synthetic', (96, 128, 3)), ('synthetic:2', (96, 128, 3))]
)
def test_stream_reads_the_synthetic_source(name, shape):
    with WebcamStream(source=name, resolution=(128, 96), fps=60) as stream:
        first = stream.read()
        captured = stream.capture(10)
    assert first.shape == shape
    assert captured.frame.index > 0
    assert abs(captured.t_capture - time.time()) < 10
    assert stream.is_over


def test_a_file_waits_for_a_slow_reader_only_where_it_is_told_to(tmp_path):
    path = str(tmp_path / 'film.avi')
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*'MJPG'), 50.0, (64, 48))
    for value in range(20):
        writer.write(np.full((48, 64, 3), 10 * value, np.uint8))
    writer.release()
    for keep_all in (True, False):
        with WebcamStream(source=path, keep_all=keep_all) as stream:
            numbers = []
            while not stream.is_over or len(numbers) == 0:
                captured = stream.capture(5)
                if captured is not None:
                    numbers.append(captured.frame.index)
                    time.sleep(0.05)
        assert numbers == sorted(set(numbers))
        assert (numbers == list(range(20))) if keep_all else (len(numbers) < 20)
        assert (stream.num_dropped == 0) == keep_all


def test_a_file_can_begin_again_and_its_numbers_go_on(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((8, 8, 3), number, np.uint8))
    with WebcamStream(source=str(tmp_path), loop=True, fps=1000, keep_all=True) as stream:
        taken = [stream.capture(5) for _ in range(7)]
    assert [int(x.frame.image_bgr[0, 0, 0]) for x in taken] == [0, 1, 2, 0, 1, 2, 0]
    assert [x.frame.index for x in taken] == list(range(7))
    times = [x.t_capture for x in taken]
    assert times == sorted(times)


def test_a_camera_that_is_unplugged_is_said_once_and_comes_back(caplog):
    captures = [StubCapture(3), StubCapture(0, False), StubCapture(0, False), StubCapture(10**6)]
    opened = []

    def open_capture(address):
        opened.append(address)
        return captures[min(len(opened), len(captures)) - 1]

    stream = WebcamStream(2, open_capture=open_capture, reconnect_waits_s=(0.01,))
    with stream:
        numbers = []
        while stream.num_reconnects == 0:
            captured = stream.capture(5)
            assert captured is not None
            numbers.append(captured.frame.index)
        captured = stream.capture(5)
    assert opened[:4] == [2, 2, 2, 2]
    assert captured.frame.index >= 3
    texts = [record.getMessage() for record in caplog.records]
    assert sum('trying to reach it again' in text for text in texts) == 1
    assert sum('is back' in text for text in texts) == 1


def test_what_cannot_be_opened_is_said_at_once(tmp_path):
    closed = StubCapture(0, is_open=False)
    with pytest.raises(ConnectionError, match='camera 7 cannot be opened'):
        WebcamStream(7, open_capture=lambda _: closed).open()
    with pytest.raises(FileNotFoundError, match='no image, video or folder'):
        WebcamStream(source=str(tmp_path / 'missing.mp4')).open()
    with pytest.raises(ValueError, match='streams of the network are off'):
        WebcamStream(source='rtsp://127.0.0.1/x').open()
    for options in dict(fps=0), dict(resolution=(640, 0)):
        with pytest.raises(ValueError, match=f'{next(iter(options))} is .*, expected'):
            WebcamStream(7, **options)
    with pytest.raises(ValueError, match="'file://' is no stream"):
        WebcamStream(source='file:///etc/passwd', allow_network=True).open()


def test_the_end_of_a_source_is_told():
    with WebcamStream(source=SyntheticSource(1, (64, 48), 100, num_frames=2)) as stream:
        assert len(list(stream.stream())) >= 1
        with pytest.raises(RuntimeError, match='synthetic is over'):
            stream.read()


def test_the_next_frame_is_not_drawn_while_the_last_one_is_worked_on():
    class Counted(SyntheticSource):
        num_drawn = 0

        def frame_at(self, index):
            self.num_drawn += 1
            return super().frame_at(index)

    source = Counted(1, (64, 48), fps=0.5)
    with WebcamStream(source=source) as stream:
        stream.capture(5)
        time.sleep(0.2)
        assert source.num_drawn == 1  # the next one is due in 2 s


def test_paths_lead_nowhere_but_into_the_allowed_folders(tmp_path):
    inside, outside = tmp_path / 'in', tmp_path / 'out'
    for folder in (inside, outside):
        folder.mkdir()
        (folder / 'a.mp4').write_bytes(b'x')
    (inside / 'link.mp4').symlink_to(outside / 'a.mp4')
    assert validate_path('a.mp4', roots=(inside,)) == inside / 'a.mp4'
    for path in ('../out/a.mp4', str(outside / 'a.mp4'), 'link.mp4', '/etc/passwd'):
        with pytest.raises(ValueError, match='outside of the allowed folders'):
            validate_path(path, roots=(inside,))
    with pytest.raises(FileNotFoundError, match=r"there is no 'b\.mp4'"):
        validate_path('b.mp4', roots=(inside,))
    assert validate_path('b.mp4', must_exist=False, roots=(inside,)) == inside / 'b.mp4'


def test_a_captured_frame_has_both_clocks():
    fields = set(CapturedFrame.__dataclass_fields__)
    assert fields == {'frame', 't_capture', 'captured_s'}
