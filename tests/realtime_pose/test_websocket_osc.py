"""Messages reach browsers and avatar applications, and survive their leaving."""

import json
import logging
import socket
import struct
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from live_parts import StubEstimator
from pose_messages import make_message, make_person

from realtime_pose.capture import SyntheticSource, WebcamStream
from realtime_pose.communication import websocket
from realtime_pose.ik.rig import Rig
from realtime_pose.pipeline import LivePipeline
from realtime_pose.recording import Recorder, resend

JOIN_S = 20.0  # patience, never waited for when all is well


def wait_until(condition):
    end = time.monotonic() + JOIN_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


@pytest.fixture
def server():
    pytest.importorskip('websockets', minversion='15', reason='websockets>=15 is not installed')
    sink = websocket.WebSocketServerSink(port=0, max_clients=3)
    yield sink
    sink.close()


def connect(server, **options):
    from websockets.sync.client import connect

    return connect(f'ws://127.0.0.1:{server.port}', open_timeout=JOIN_S, **options)


def test_clients_get_messages(server):
    server.send(make_message(0))  # nobody is there
    with connect(server) as first, connect(server) as second:
        wait_until(lambda: server.num_clients == 2)
        server.send(make_message(1))
        expected = make_message(1).to_json()
        assert first.recv(timeout=JOIN_S) == second.recv(timeout=JOIN_S) == expected
        first.send('chatter that nobody asked for')
        second.close()
        wait_until(lambda: server.num_clients == 1)
        server.send(make_message(2))
        assert json.loads(first.recv(timeout=JOIN_S))['seq'] == 2
    wait_until(lambda: server.num_clients == 0)
    server.send(make_message(3))


@pytest.mark.filterwarnings('error::pytest.PytestUnhandledThreadExceptionWarning')
def test_a_client_that_is_killed_is_forgotten(server):
    """It sends no goodbye, as when a laptop is closed or a process is killed."""
    with connect(server) as other:
        killed = connect(server)
        wait_until(lambda: server.num_clients == 2)
        abort = struct.pack('ii', 1, 0)  # the connection is reset, whatever was under way
        killed.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abort)
        killed.socket.close()
        for seq in range(20):
            server.send(make_message(seq))
            time.sleep(0.005)
        wait_until(lambda: server.num_clients == 1)
        while json.loads(other.recv(timeout=JOIN_S))['seq'] != 19:
            pass
        rude = connect(server)
        rude.send('x' * 5000)  # is refused, and the client with it
        wait_until(lambda: server.num_clients == 1)


def test_slow_clients_get_the_newest(server):
    with connect(server, max_queue=1, max_size=10**6) as slow:
        wait_until(lambda: server.num_clients == 1)
        large = SimpleNamespace(to_json=lambda: json.dumps({'seq': 0, 'fill': 'x' * 800_000}))
        for _ in range(40):  # 32 MB that nobody reads delay nobody
            server.send(large)
            time.sleep(0.001)
        server.send(make_message(99, num_people=0))
        seqs = [json.loads(slow.recv(timeout=JOIN_S))['seq']]
        while seqs[-1] != 99:
            seqs.append(json.loads(slow.recv(timeout=JOIN_S))['seq'])
        assert len(seqs) < 40


def shake_hands_only(server):
    """Returns a connection that answers nothing: a laptop that sleeps."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.connect(('127.0.0.1', server.port))
    client.sendall(
        b'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
        b'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n'
    )
    return client


LARGE = SimpleNamespace(to_json=lambda: json.dumps({'fill': 'x' * 8_000_000}))


def test_a_client_that_reads_nothing_is_dropped(monkeypatch, server):
    monkeypatch.setattr(websocket, 'SEND_S', 0.3)
    with shake_hands_only(server), connect(server, max_size=10**7) as other:
        wait_until(lambda: server.num_clients == 2)
        server.send(LARGE)
        assert len(other.recv(timeout=JOIN_S)) > 8_000_000
        wait_until(lambda: server.num_clients == 1)


def test_clients_that_sleep_leave_their_places(monkeypatch):
    monkeypatch.setattr(websocket, 'PING_S', 0.3)
    sink = websocket.WebSocketServerSink(port=0, max_clients=2)
    with shake_hands_only(sink), shake_hands_only(sink):
        wait_until(lambda: sink.num_clients == 2)
        wait_until(lambda: sink.num_clients == 0)  # nothing was ever sent
    sink.close()


def test_clients_that_read_little_or_nothing_do_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr(websocket, 'SEND_S', 0.5)
    sink = websocket.WebSocketServerSink(port=0)
    with shake_hands_only(sink), shake_hands_only(sink) as slow:
        wait_until(lambda: sink.num_clients == 2)
        sink.send(LARGE)
        stop = threading.Event()

        def sip():
            while not stop.wait(0.02):
                slow.recv(2000)

        threading.Thread(target=sip, daemon=True).start()
        time.sleep(0.1)
        started = time.monotonic()
        sink.close()
        stop.set()
        assert time.monotonic() - started < 5  # measured: 0.6


@pytest.mark.parametrize('is_replay', [False, True])
def test_the_recording_is_complete_before_receivers_are_waited_for(tmp_path, is_replay):
    closed = []
    receiver = SimpleNamespace(send=lambda _: None, close=lambda: closed.append('receiver'))

    class Noted(Recorder):
        def close(self):
            super().close()
            closed.append('recorder')

    sinks = [receiver, Noted(tmp_path)]
    if is_replay:
        resend([make_message()], sinks, threading.Event())
    else:
        stream = WebcamStream(source=SyntheticSource(1, (160, 128), num_frames=2), keep_all=True)
        LivePipeline(stream, StubEstimator(), sinks=sinks).run()
    assert closed == ['recorder', 'receiver']


def test_what_strangers_send_leaves_no_traceback_in_the_log(server, caplog):
    for data in (b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', b'\x16\x03\x01\x02\x00', b'\xff' * 100):
        with socket.create_connection(('127.0.0.1', server.port)) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            client.recv(100)
    assert 'Traceback' not in caplog.text
    try:
        raise ValueError('not what\nis expected')
    except ValueError:
        websocket.without_tracebacks('realtime_pose.websocket').exception('shake %s', 'hands')
    assert caplog.messages[-1] == 'shake hands: ValueError: not what'
    assert 'Traceback' not in caplog.text


def test_other_web_pages_are_turned_away(server):
    from websockets.exceptions import InvalidStatus

    with connect(server, origin='http://localhost:8501'):
        pass
    for origin in ('https://evil.example', 'http://localhost.evil.example'):
        with pytest.raises(InvalidStatus, match='403'):
            connect(server, origin=origin)


def test_too_many_clients_and_a_taken_port(server):
    from websockets.exceptions import ConnectionClosed

    clients = [connect(server) for _ in range(3)]
    wait_until(lambda: server.num_clients == 3)
    with connect(server) as fourth, pytest.raises(ConnectionClosed, match='3 clients'):
        fourth.recv(timeout=JOIN_S)
    for client in clients:
        client.close()
    with pytest.raises(OSError, match=f'cannot serve WebSockets on 127.0.0.1:{server.port}'):
        websocket.WebSocketServerSink(port=server.port)
    with pytest.raises(ValueError, match='port 70000 of WebSockets: expected 0'):
        websocket.WebSocketServerSink(port=70_000)


@pytest.fixture
def vmc():
    pytest.importorskip('pythonosc', reason='python-osc is not installed')
    from realtime_pose.communication.osc import VmcSink

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(('127.0.0.1', 0))
        receiver.settimeout(JOIN_S)
        sink = VmcSink(port=receiver.getsockname()[1])
        yield sink, receiver
        sink.close()


def read_bundle(data):
    from pythonosc.osc_bundle import OscBundle

    return [(message.address, message.params) for message in OscBundle(data)]


def test_avatar_gets_bones_in_the_axes_of_unity(vmc):
    sink, receiver = vmc
    person = make_person()
    sink.send(make_message(num_people=1))
    messages = read_bundle(receiver.recv(65535))
    assert [address for address, _ in messages] == [
        '/VMC/Ext/OK', '/VMC/Ext/T', '/VMC/Ext/Root/Pos', '/VMC/Ext/Bone/Pos', '/VMC/Ext/Bone/Pos',
    ]  # fmt: skip
    assert messages[0][1] == [1]
    name, *values = messages[3][1]
    assert name == 'Hips'
    x, y, z = person.root
    qx, qy, qz, qw = person.rotations['hips']
    np.testing.assert_allclose(values, [-x, y, z, qx, -qy, -qz, qw], atol=1e-6)  # float32
    name, *values = messages[4][1]
    assert name == 'LeftHand'
    rig = Rig.default()
    forearm = rig.proportions.forearm
    np.testing.assert_allclose(values, [-forearm, 0, 0, 0, 0, 0, 1], atol=1e-6)


def test_the_pipeline_reaches_browsers_and_avatars(server, vmc):
    sink, receiver = vmc
    stream = WebcamStream(source=SyntheticSource(1, (160, 128), num_frames=4), keep_all=True)
    pipeline = LivePipeline(stream, StubEstimator(), sinks=[server, sink])
    with connect(server) as client:
        wait_until(lambda: server.num_clients == 1)
        with stream:
            lives = [pipeline.step(stream.capture(JOIN_S)) for _ in range(4)]
            last = lives[-1].message
            while (text := client.recv(timeout=JOIN_S)) != last.to_json():
                assert text in [live.message.to_json() for live in lives[:-1]]
        hips = [read_bundle(receiver.recv(65535))[3][1] for _ in lives]
    for live, (name, *values) in zip(lives, hips, strict=True):
        x, y, z = live.message.people[0].root
        assert name == 'Hips'
        np.testing.assert_allclose(values[:3], [-x, y, z], atol=1e-6)  # float32


def test_avatar_follows_one_person(vmc):
    sink, receiver = vmc
    for message in (make_message(num_people=3), make_message(num_people=2)):
        sink.send(message)
    roots = [read_bundle(receiver.recv(65535))[3][1][1:4] for _ in range(2)]
    # The third has the highest score; when it is gone, the better of the rest.
    np.testing.assert_allclose(roots[0], make_person(2).root * (-1, 1, 1), atol=1e-6)
    np.testing.assert_allclose(roots[1], make_person(1).root * (-1, 1, 1), atol=1e-6)


def test_avatar_follows_nobody_who_is_hardly_there(vmc, caplog):
    sink, receiver = vmc
    unsure, sure = replace(make_person(1), score=0.24), replace(make_person(2), score=0.31)
    sink.send(replace(make_message(0), people=(unsure,)))
    assert 'their score is below 0.3' in caplog.text
    sink.send(replace(make_message(1), people=(unsure, sure)))
    root = read_bundle(receiver.recv(65535))[3][1][1:4]
    np.testing.assert_allclose(root, sure.root * (-1, 1, 1), atol=1e-6)


def test_avatar_without_rotations_stands_still_which_is_said_once(vmc, caplog):
    sink, receiver = vmc
    sink.send(make_message(num_people=0))  # nobody is there: no reason to say anything
    assert caplog.text == ''
    flat = replace(make_person(1), rotations=None)
    for seq in range(4):
        sink.send(replace(make_message(seq), people=(flat,)))
    receiver.settimeout(0.1)
    with pytest.raises(TimeoutError):
        receiver.recv(65535)
    assert caplog.text.count('nothing is sent while people have no rotations') == 1
    assert f'OSC 127.0.0.1:{receiver.getsockname()[1]}' in caplog.text


def test_avatar_that_is_gone(vmc, caplog):
    sink, receiver = vmc
    receiver.close()
    with caplog.at_level(logging.WARNING):
        for seq in range(5):
            sink.send(make_message(seq))
    assert caplog.text.count('OSC 127.0.0.1') == 1
    assert 'nobody listens there' in caplog.text


def test_avatar_elsewhere_has_to_be_allowed():
    pytest.importorskip('pythonosc', reason='python-osc is not installed')
    from realtime_pose.communication.osc import VmcSink

    with pytest.raises(ValueError, match='not allowed'):
        VmcSink(host='192.0.2.1')
