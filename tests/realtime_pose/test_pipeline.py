import json
import time
from itertools import pairwise
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from live_parts import ListSink, StubCapture, StubEstimator

from mmpose.apis.inference import FrameResult
from mmpose.structures import Frame
from realtime_pose.capture import CapturedFrame, SyntheticSource, WebcamStream
from realtime_pose.communication import UdpReceiver, UdpSender
from realtime_pose.communication.schema import load_schema
from realtime_pose.frame_sinks import FrameVideo, OverlayVideo, RecordedFrames
from realtime_pose.inference.latency_stats import LatencyStats
from realtime_pose.inference.rate_controller import RateController
from realtime_pose.inference.stages import LiveFrame
from realtime_pose.pipeline import LiveOptions, LivePipeline
from realtime_pose.recording import Recorder, read_recording

SIZE = (160, 128)
FLAT = LiveOptions(method_3d='none')  # where 3D is not looked at, its time is saved


def synthetic(num_people=2, keep_all=True, **options):
    source = SyntheticSource(num_people, SIZE, **options)
    return WebcamStream(source=source, keep_all=keep_all)


def test_frames_come_through_all_stages_to_the_sinks():
    sink = ListSink()
    pipeline = LivePipeline(synthetic(), StubEstimator(), sinks=[sink])
    report = pipeline.run(max_frames=6)
    assert [message.frame_id for message in sink.messages] == list(range(6))
    assert [message.seq for message in sink.messages] == list(range(6))
    assert all(len(message.people) == 2 for message in sink.messages)
    assert {person.id for message in sink.messages for person in message.people} == {1, 2}
    person = sink.messages[-1].people[0]
    assert person.method_3d == 'bone_lengths (approximate)'
    assert person.rotations is not None
    assert report.num_frames == 6
    assert {'detect', 'pose', 'track', 'smooth', '3d', 'message', 'sinks'} == set(report.stage_ms)
    assert sink.is_closed
    json.loads(sink.messages[-1].to_json(), parse_constant=lambda name: pytest.fail(name))


def test_latency_does_not_grow_when_the_model_is_slower_than_the_source():
    estimator = StubEstimator()
    fast = estimator.backend.predict

    def slow(crops, with_heatmaps=False):
        time.sleep(0.03)
        return fast(crops, with_heatmaps)

    estimator.backend.predict = slow
    captures = []

    class FastCapture(StubCapture):
        def read(self):
            time.sleep(0.004)
            return super().read()

    stream = WebcamStream(0, open_capture=lambda _: FastCapture(10**6))
    ages = []
    pipeline = LivePipeline(stream, estimator, FLAT)
    pipeline.run(
        max_frames=40,
        on_frame=lambda live: (
            ages.append(time.monotonic() - live.captured.captured_s),
            captures.append(live.captured.frame.index),
        ),
    )
    # A queue would be 40 * 26 ms late at the end; a queue is a frame and its work late.
    assert np.median(ages[-10:]) < 3 * np.median(ages[:10]) + 0.05
    assert stream.num_dropped > 40
    assert all(later > former for former, later in pairwise(captures))


@pytest.mark.parametrize('where', ['pose', 'sink', 'detect', 'track', 'smooth', '3d', 'picture'])
def test_a_part_that_fails_is_said_and_survived(where, caplog):
    estimator, broken, good = StubEstimator(), ListSink(), ListSink()
    pictures = SimpleNamespace(add=lambda _: None, close=lambda: None)
    pipeline = LivePipeline(synthetic(1), estimator, None, [broken, good], [pictures])
    names = [stage.name for stage in pipeline.stages]
    calls = []

    def fail(*_):
        calls.append(1)
        if 2 <= len(calls) <= 3:
            raise RuntimeError('out of order')
        return original(*_)

    if where == 'sink':
        original, broken.send = broken.send, fail
    elif where == 'pose':
        original, estimator.backend.predict = estimator.backend.predict, fail
    elif where == 'picture':
        original, pictures.add = pictures.add, fail
    elif where == 'detect':
        original, pipeline.stages[0].detector = pipeline.stages[0].detector, fail
    else:
        original, fail.name = pipeline.stages[names.index(where)], where
        pipeline.stages[names.index(where)] = fail
    report = pipeline.run(max_frames=6)
    assert report.num_frames == 6
    assert len(good.messages) == (6 if where in ('sink', 'picture') else 4)
    assert pipeline.problems == []
    texts = [record.getMessage() for record in caplog.records]
    assert sum('RuntimeError: out of order' in text for text in texts) == 1
    assert sum('works again' in text for text in texts) == 1


def test_a_receiver_that_goes_away_stops_nothing():
    receiver = UdpReceiver(0)
    sender = UdpSender('127.0.0.1', receiver.port)
    pipeline = LivePipeline(synthetic(1), StubEstimator(), FLAT, [sender])
    pipeline.stream.open()
    for _ in range(2):
        pipeline.step(pipeline.stream.capture(10))
    message = receiver.receive(5)
    assert message is not None
    assert message.people[0].keypoints.shape == (17, 2)
    receiver.close()
    for _ in range(3):
        pipeline.step(pipeline.stream.capture(10))
    assert sender.is_receiver_gone
    pipeline.stream.close()
    sender.close()


def test_messages_fit_their_schema():
    jsonschema = pytest.importorskip('jsonschema')
    sink = ListSink()
    LivePipeline(synthetic(), StubEstimator(), sinks=[sink]).run(max_frames=2)
    for message in sink.messages:
        jsonschema.validate(json.loads(message.to_json()), load_schema('message'))


def test_a_replay_of_the_frames_gives_the_same_messages(tmp_path):
    first, second = tmp_path / 'first', tmp_path / 'second'
    # The replay has no drawing to know boxes of, so neither has the original.
    options = LiveOptions(detector='whole-image')
    sinks, pictures = [Recorder(first)], [OverlayVideo(first, 30), FrameVideo(first, 30)]
    LivePipeline(synthetic(1), StubEstimator(), options, sinks, pictures).run(max_frames=8)
    stream = WebcamStream(source=RecordedFrames(first), keep_all=True)
    report = LivePipeline(stream, StubEstimator(), options, [Recorder(second)]).run()
    assert report.num_frames == 8
    for one, two in zip(read_recording(first), read_recording(second), strict=True):
        old, new = one.to_dict(), two.to_dict()
        for changing in ('t_sent', 'stats', 'source'):
            old.pop(changing), new.pop(changing)
        assert repr(old) == repr(new)
    assert (first / 'overlay.mp4').stat().st_size > 1000
    assert list(first.glob('motion_*.bvh'))


def test_a_film_runs_at_the_speed_of_what_was_filmed(tmp_path):
    video = OverlayVideo(tmp_path, fps=10)
    meta = StubEstimator().dataset_meta
    # Dropped frames, a camera that is away for a minute, and one that is faster than it says.
    times = [0.0, 0.1, 0.5, 0.6, 60.6, 60.7, 60.71, 60.72, 60.73]
    for index, time_s in enumerate(times):
        image = np.full((48, 64, 3), 20 * index, np.uint8)
        captured = CapturedFrame(Frame(index, image, '', time_s), 1000 + time_s, 0.0)
        live = LiveFrame(captured)
        live.result = FrameResult(captured.frame, [], meta)
        video.add(live)
    video.close()
    capture, shown = cv2.VideoCapture(str(tmp_path / 'overlay.mp4')), []
    while (step := capture.read())[0]:
        shown.append(round(step[1].mean() / 20))
    assert shown == [0, 1, 1, 1, 1, 2, 3] + 20 * [3] + [4, 5, 6]


def test_less_is_done_until_the_rate_is_held_and_more_when_there_is_time():
    controller = RateController(20)
    for _ in range(200):
        controller.update(0.09 / (1 + controller.level))  # 0.045 s at the first level
    assert controller.level == 1
    for _ in range(200):
        controller.update(0.001)
    assert controller.level == 0
    rests = RateController(None)
    for _ in range(100):
        rests.update(9.0)
    assert rests.level == 0
    with pytest.raises(ValueError, match='expected more than 0'):
        RateController(0)


def test_a_slow_model_is_not_waited_for_long():
    controller, spent_s = RateController(5), 0.0
    controller.update(9.0)  # the first frame of a model says nothing
    while controller.level == 0:
        controller.update(0.8)
        spent_s += 0.8
    assert spent_s == pytest.approx(2.4)
    fast = RateController(60)
    for _ in range(15):
        fast.update(0.1)
        assert fast.level == 0  # 1.4 s are no reason, nor are a few frames
    fast.update(0.1)
    assert fast.level == 1


def test_a_level_that_failed_is_tried_ever_less_often():
    controller, tries = RateController(20), []
    for number in range(2000):
        before = controller.level
        controller.update(0.06 if controller.level == 0 else 0.02)
        if before == 1 and controller.level == 0:
            tries.append(number)
    gaps = np.diff(tries)
    assert len(tries) >= 3
    assert (np.diff(gaps) > 0).all()


def test_meter_tells_percentiles_and_rate():
    latency_stats = LatencyStats()
    for number in range(101):
        latency_stats.add_frame(number / 10, number / 10 + number / 1000, num_dropped=number)
    report = latency_stats.report()
    assert report.latency_p50_ms == pytest.approx(50, abs=0.1)
    assert report.latency_p95_ms == pytest.approx(95, abs=0.1)
    assert report.fps == pytest.approx(100 / 10.1, rel=0.01)
    assert report.num_dropped == 100
    assert LatencyStats().report().fps == 0
