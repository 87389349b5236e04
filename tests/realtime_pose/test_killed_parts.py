"""Cameras, files, receivers and disks go away while it runs, really; the rest goes on."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from live_parts import ListSink, StubEstimator

from realtime_pose.capture import SyntheticSource, WebcamStream
from realtime_pose.model3d import motion_of_clip, read_bvh, read_glb
from realtime_pose.pipeline import LiveOptions, LivePipeline
from realtime_pose.recording import read_recording

FLAT = LiveOptions(method_3d='none')


class NetworkCamera:
    """Serves JPEGs by HTTP as cheap cameras do, until it is unplugged."""

    def __init__(self, port=0):
        is_on = self.is_on = threading.Event()
        is_on.set()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                self.send_response(200)
                self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=x')
                self.end_headers()
                picture = cv2.imencode('.jpg', np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
                head = f'--x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n'
                while is_on.is_set():
                    try:
                        self.wfile.write(head.encode() + picture + b'\r\n')
                    except OSError:
                        break
                    time.sleep(0.01)
                self.close_connection = True

        self.server = ThreadingHTTPServer(('127.0.0.1', port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.is_on.clear()
        self.server.shutdown()
        self.server.server_close()


def test_a_camera_of_the_network_is_unplugged_and_comes_back(caplog):
    camera, sink = NetworkCamera(), ListSink()
    stream = WebcamStream(
        source=f'http://me:secret@127.0.0.1:{camera.port}/',
        allow_network=True,
        reconnect_waits_s=(0.1,),
    )
    pipeline = LivePipeline(stream, StubEstimator(), FLAT, [sink])
    stop, start_s = threading.Event(), time.monotonic()
    thread = threading.Thread(target=pipeline.run, kwargs=dict(stop=stop))
    thread.start()

    def wait_until(condition):
        while not condition() and time.monotonic() < start_s + 25:
            time.sleep(0.02)
        assert condition()

    wait_until(lambda: len(sink.messages) >= 5)
    camera.close()
    wait_until(lambda: stream.problem)
    assert pipeline.problems == [
        f'{stream.name} went away after {sink.messages[-1].frame_id + 1} frames; trying to reach '
        'it again'
    ]
    time.sleep(0.3)  # some attempts fail
    num_before = len(sink.messages)
    camera = NetworkCamera(camera.port)
    with closing(camera):
        wait_until(lambda: len(sink.messages) >= num_before + 5)
        stop.set()
        thread.join(5)
    assert not thread.is_alive()
    assert pipeline.problems == []
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 2
    assert texts[1] == f'http://127.0.0.1:{camera.port}/ is back'
    assert 'secret' not in ''.join(texts) + sink.messages[0].source
    for series in ('seq', 'frame_id', 't_capture'):
        values = [getattr(message, series) for message in sink.messages]
        assert values == sorted(values), series


def film(path, code, num_frames=60):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 30.0, (160, 128))
    source = SyntheticSource(1, (160, 128))
    for index in range(num_frames):
        writer.write(source.frame_at(index).image_bgr)
    writer.release()
    return path.read_bytes()


def test_a_film_that_is_cut_off_runs_to_where_it_ends(tmp_path, caplog):
    path = tmp_path / 'film.avi'
    path.write_bytes(film(path, 'MJPG')[:100_000])
    sink = ListSink()
    stream = WebcamStream(source=str(path), keep_all=True)
    pipeline = LivePipeline(stream, StubEstimator(), FLAT, [sink])
    report = pipeline.run()
    assert 5 < report.num_frames < 55
    assert [message.frame_id for message in sink.messages] == list(range(report.num_frames))
    assert f'promises 60 frames but ends after {report.num_frames}' in caplog.text
    assert pipeline.problems == stream.problems


def test_a_film_without_its_index_cannot_begin(tmp_path):
    path = tmp_path / 'film.mp4'
    path.write_bytes(film(path, 'mp4v', 10)[:5000])
    with pytest.raises(ValueError, match='is damaged, cut off, or in a format'):
        LivePipeline(WebcamStream(source=str(path)), StubEstimator(), FLAT)


COMMAND = """
import sys
from live_parts import StubEstimator
from realtime_pose import __main__ as live
live.estimator_of = lambda _: StubEstimator()
live.main()
"""


def start_recording(folder):
    options = ['--size', '160', '128', '--record-frames', '--record']
    here = Path(__file__).parent
    return subprocess.Popen(
        [sys.executable, '-c', COMMAND, *options, str(folder)],
        env={**os.environ, 'PYTHONPATH': f'{here}{os.pathsep}{here.parents[1]}'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def num_pictures(path):
    capture = cv2.VideoCapture(str(path))
    return sum(1 for _ in iter(lambda: capture.read()[0], False))


def test_a_recording_is_complete_when_it_is_told_to_end(tmp_path):
    """By SIGTERM; Ctrl-C is handled by the same lines."""
    folder = tmp_path / 'a'
    process, end = start_recording(folder), time.monotonic() + 60
    lines = folder / 'poses.jsonl'
    while not (lines.exists() and lines.read_bytes().count(b'\n') > 10):
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 0, output
    num_messages = len(list(read_recording(folder)))
    assert num_messages > 10
    assert f'{num_messages} frames' in output
    assert num_pictures(folder / 'frames.avi') == num_messages
    assert num_pictures(folder / 'overlay.mp4') >= num_messages
    [bvh], [glb] = folder.glob('*.bvh'), folder.glob('*.glb')
    assert len(motion_of_clip(read_bvh(bvh)).roots) > 5
    assert read_glb(glb).content['animations']
