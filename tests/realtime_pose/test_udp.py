"""UDP from end to end on this machine: ports from the system, no waiting longer than needed."""

import itertools
import json
import logging
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pose_messages import make_message

from realtime_pose import receive
from realtime_pose.communication import (
    Outage,
    PoseMessage,
    PosePacket,
    UdpReceiver,
    UdpSender,
    parse_target,
    send_keypoints_udp,
    send_packet_udp,
)
from realtime_pose.communication.chunks import HEADER, MAGIC, Reassembler, split_message
from realtime_pose.communication.udp import resolve_target

ROOT = Path(__file__).parents[2]


@pytest.fixture
def receiver():
    receiver = UdpReceiver(port=0, max_bytes=200_000)
    yield receiver
    receiver.close()


@pytest.fixture
def connect(receiver):
    senders = []

    def make(**options):
        senders.append(UdpSender('127.0.0.1', receiver.port, **options))
        return senders[-1]

    yield make
    for sender in senders:
        sender.close()


def receive_message(receiver, tries=50):
    for _ in range(tries):
        message = receiver.receive(0.2)
        if message is not None:
            return message
    return None


def test_version_2_arrives(receiver, connect):
    sender = connect()
    for seq in (0, 1, 4):
        sender.send(make_message(seq))
    messages = [receive_message(receiver) for _ in range(3)]
    assert [m.to_json() for m in messages] == [make_message(i).to_json() for i in (0, 1, 4)]
    assert (receiver.counter.num_received, receiver.counter.num_lost) == (3, 2)


def test_version_1_arrives_as_a_packet_per_person(receiver, connect):
    connect(version=1).send(make_message(num_people=2))
    packets = [receive_message(receiver) for _ in range(2)]
    assert [packet.meta['person_id'] for packet in packets] == [0, 1]


def test_published_functions(receiver):
    points = np.arange(34.0).reshape(17, 2)
    send_keypoints_udp(points, '127.0.0.1', receiver.port)
    packet = receive_message(receiver)
    assert packet.keypoints.tolist() == points.tolist()
    assert packet.scores.tolist() == [1.0] * 17
    send_packet_udp(PosePacket(points, np.zeros(17)), port=receiver.port)
    assert receive_message(receiver).scores.tolist() == [0.0] * 17
    with pytest.raises(ValueError, match='a datagram holds 65507; send fewer keypoints'):
        send_packet_udp(PosePacket(np.full((4000, 2), 1 / 3), np.zeros(4000)), port=receiver.port)


@pytest.mark.parametrize('limit', [1472, 8192, 60_000])
def test_large_messages_are_split_and_joined(receiver, connect, limit):
    message = make_message(num_people=10, num_keypoints=133)
    assert 60_000 < len(message.to_json()) < receiver.max_bytes
    connect(limit=limit).send(message)
    assert receive_message(receiver, tries=200).to_json() == message.to_json()


def test_large_messages_are_refused_on_request(receiver, connect, caplog):
    sender = connect(limit=5000, on_oversize='refuse')
    for _ in range(3):
        sender.send(make_message(num_people=9))
    assert sender.num_refused == 3
    assert caplog.text.count('over the limit of 5000') == 1  # said once, not per frame
    sender.send(make_message(num_people=1))
    assert isinstance(receive_message(receiver), PoseMessage)


def test_receiver_refuses_what_is_too_large(receiver, connect):
    connect().send(make_message(num_people=40, num_keypoints=133))
    while receiver.refused.total() == 0:
        assert receiver.receive(0.5) is None
    assert receiver.refused['oversized'] >= 1
    assert 'over the limit of 200000' in receiver.last_reason


def test_gone_receiver_is_survived_with_a_message(caplog):
    receiver = UdpReceiver(port=0)
    sender = UdpSender(port=receiver.port)
    sender.send(make_message(0))
    assert receive_message(receiver) is not None
    receiver.close()
    for seq in range(1, 20):
        sender.send(make_message(seq))
    assert sender.is_receiver_gone
    assert caplog.text.count('nobody listens there') == 1
    receiver = UdpReceiver(port=receiver.port)
    with caplog.at_level(logging.WARNING):
        for seq in range(20, 23):
            sender.send(make_message(seq))
    assert receive_message(receiver) is not None
    assert 'works again' in caplog.text
    sender.close()
    receiver.close()


def test_what_fails_and_works_in_turns_is_not_said_every_time(caplog):
    now = [0.0]
    outage = Outage('sink', repeat_s=30, steady_s=5, clock=lambda: now[0])
    for number in range(3000):  # 100 s, every second frame fails
        now[0] = number / 30
        outage.worked() if number % 2 else outage.failed('full')
    texts = [record.getMessage() for record in caplog.records]
    assert sum('sink: full' in text for text in texts) == 4  # at 0, 30, 60 and 90 s
    assert sum('works again' in text for text in texts) == 4
    assert 'sink: full (450 messages lost)' in texts
    now[0] += 6  # well for 6 s
    outage.failed('gone')
    assert caplog.records[-1].getMessage().startswith('sink: gone (')
    assert outage.is_out


@pytest.mark.parametrize(
    ('options', 'problem'),
    [
        (dict(host='192.0.2.1'), "'192.0.2.1' is 192.0.2.1, which is not allowed; add it"),
        (dict(host='192.0.2.1', allowed=['192.0.2.0/32']), 'not allowed'),
        (dict(host='no.such.host.invalid'), "target 'no.such.host.invalid'"),
        (dict(port=0), 'port 0: expected 1 to 65535'),
        (dict(allowed=['nonsense']), 'allowed targets'),
        (dict(version=3), 'version 3'),
        (dict(limit=10), 'limit 10: expected 17 to 65507'),
        (dict(limit=70_000), 'limit 70000'),
        (dict(on_oversize='ignore'), "expected 'split' or 'refuse'"),
    ],
)
def test_sender_refuses(options, problem):
    with pytest.raises(ValueError, match=problem):
        UdpSender(**options)


def test_allowed_networks():
    assert resolve_target('192.0.2.7', 5005, ['192.0.2.0/24']) == ('192.0.2.7', 5005)
    assert resolve_target('localhost', 5005)[0] in ('127.0.0.1', '::1')


@pytest.mark.parametrize(
    ('text', 'target'),
    [('127.0.0.1:5005', ('127.0.0.1', 5005)), ('[::1]:80', ('::1', 80)), ('pc:1', ('pc', 1))],
)
def test_targets(text, target):
    assert parse_target(text) == target


@pytest.mark.parametrize('text', ['127.0.0.1', ':5005', 'a:b', 'a:0', 'a:65536'])
def test_targets_that_are_none(text):
    with pytest.raises(ValueError, match='expected HOST:PORT'):
        parse_target(text)


def test_chunks_in_any_order():
    data = bytes(range(256)) * 40
    chunks = split_message(data, 1000, number=5)
    assert max(map(len, chunks)) == 1000
    reassembler = Reassembler()
    rng = np.random.default_rng(0)
    order = [chunks[i] for i in rng.permutation(len(chunks))]
    results = [reassembler.add(chunk, 'a', 0) for chunk in [*order[:4], order[0], *order[4:]]]
    assert results[-1] == data
    assert results[:-1] == [None] * len(chunks)
    assert reassembler.pending_bytes == 0


def chunk(number=1, index=0, count=2, total=20, size=10):
    return HEADER.pack(MAGIC, number, index, count, total) + b'x' * size


@pytest.mark.parametrize(
    ('chunks', 'problem'),
    [
        ([MAGIC], 'shorter than its header'),
        ([chunk(index=2)], 'makes no sense'),
        ([chunk(count=0)], 'makes no sense'),
        ([chunk(total=10**6)], 'over the limit of 1000'),
        ([chunk(size=21)], 'more than its 20 bytes'),
        ([chunk(), chunk(index=1, count=3)], 'disagree'),
        ([chunk(), chunk(index=1, size=9)], 'hold 19 bytes, expected 20'),
    ],
)
def test_wrong_chunks(chunks, problem):
    reassembler = Reassembler(max_bytes=1000)
    for datagram in chunks[:-1]:
        assert reassembler.add(datagram, 'a', 0) is None
    with pytest.raises(ValueError, match=problem):
        reassembler.add(chunks[-1], 'a', 0)


def test_chunks_that_never_end_stay_bounded():
    reassembler = Reassembler(max_bytes=1000, max_partial=8)
    for number in range(5000):
        reassembler.add(chunk(number, total=1000, size=900), number % 7, now=0)
        assert reassembler.pending_bytes <= 8 * 1000
    assert reassembler.num_given_up == 4992
    reassembler.add(chunk(9999), 'a', now=2)
    assert reassembler.pending_bytes == 10  # the others were too old


def test_restarted_and_late_senders_are_no_loss():
    counter = UdpReceiver(port=0).counter
    for seq in (500, 502, 501, 503, 0, 1):
        counter.add(make_message(seq, num_people=0), 'a', 0)
    assert counter.num_lost == 0


def flood_datagrams():
    garbage = [b'x' * 900, b'{"schema": 1}', b'[' * 5000, chunk(3), MAGIC, b'', b'\xff' * 60_000]
    return itertools.cycle(garbage)


def test_flood(receiver, connect):
    """Garbage is counted and dropped, and what is in order still gets through."""
    sender = connect()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        for number, datagram in zip(range(3000), flood_datagrams(), strict=False):
            attacker.sendto(datagram, ('127.0.0.1', receiver.port))
            assert receiver.receive(1) is None
            if number % 100 == 0:
                sender.send(make_message(number // 100, num_people=1))
                assert isinstance(receiver.receive(1), PoseMessage)
    assert receiver.counter.num_received == 30
    assert receiver.refused.total() > 2500
    assert receiver.pending_bytes < 1000


def start_receiver(*options):
    process = subprocess.Popen(
        [sys.executable, '-u', '-m', 'realtime_pose.receive', '--port', '0', *options],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    line = process.stdout.readline()
    return process, int(line.rsplit(':', 1)[1])


def test_command_survives_a_flood_and_says_little():
    process, port = start_receiver('--count', '3')
    started = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        for datagram in flood_datagrams():
            attacker.sendto(datagram, ('127.0.0.1', port))
            if time.monotonic() > started + 1.0:
                break
    status = Path(f'/proc/{process.pid}/status')
    if status.exists():
        memory = next(x for x in status.read_text().splitlines() if x.startswith('VmRSS'))
        assert int(memory.split()[1]) < 150_000  # kB: NumPy and the interpreter need about 40,000
    sender = UdpSender(port=port)
    for seq in itertools.count():  # the buffer of the system is full until the flood is worked off
        sender.send(make_message(seq))
        time.sleep(0.02)
        if process.poll() is not None or time.monotonic() > started + 20:
            break
    process.kill()
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    lines = output.splitlines()
    assert len(lines) <= 5 + 2 * (time.monotonic() - started), output
    assert any('malformed' in line and 'refused' in line for line in lines)
    assert 'version 2, 2 people (#0 0.50, #1 0.51)' in output


def test_command_prints_json():
    process, port = start_receiver('--json', '--count', '2', '--seconds', '20')
    sender = UdpSender(port=port)
    sender.send(make_message(1))
    send_keypoints_udp([[1, 2]], port=port)
    output, _ = process.communicate(timeout=20)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{')]
    assert lines[0]['schema'] == 'realtime_pose/2'
    assert lines[1]['keypoints'] == [[1.0, 2.0]]


def test_command_names_a_taken_port(receiver, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['receive', '--port', str(receiver.port)])
    with pytest.raises(SystemExit, match=r'cannot listen on 127.0.0.1:.*already in use'):
        receive.main()


@pytest.mark.parametrize('option', ['--count', '--seconds', '--max-bytes'])
def test_command_refuses_numbers_that_mean_nothing(option, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['receive', option, '0'])
    with pytest.raises(SystemExit, match=f'error: {option} is 0.*, expected more than 0'):
        receive.main()


def test_header_is_as_documented():
    assert split_message(b'a' * 30, 26, 7)[1][:16] == b'PCHK' + struct.pack('!IHHI', 7, 1, 3, 30)
