"""What is recorded comes back as it was, and becomes animations."""

import csv
import json
import shutil
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from motions import angle_between, walking
from pose_messages import make_message
from skinned import animate, world_matrices

from realtime_pose import __main__ as live
from realtime_pose import recording
from realtime_pose.communication import Person, PoseMessage, UdpReceiver
from realtime_pose.ik import BodyJoints, Proportions, Rig, SimpleIKSolver
from realtime_pose.ik.rig import BONE_NAMES
from realtime_pose.model3d import build_humanoid, motion_of, motion_of_clip, read_bvh, read_glb
from realtime_pose.recording import Recorder, csv_rows, read_recording, replay

COCO = BodyJoints.of_skeleton('coco')
ROOT = np.array([0, 0.9, 0])


def person_of(person_id, local, rig):
    joints = COCO.place(rig.marker_positions(local, ROOT, COCO.names))
    rotations = dict(zip(BONE_NAMES, local, strict=True))
    flat = joints[:, :2] * (100, -100) + (320, 400)
    box = np.array([200, 100, 200, 300.0])
    return Person(
        person_id, 0.9, box, flat, np.ones(17), joints, 'triangulated (exact)', rotations, ROOT
    )


def message_of(seq, people):
    time_s = 1_700_000_000 + seq / 25
    return PoseMessage(seq, seq, time_s, time_s, 'walk', (640, 480), people=tuple(people))


def walk(num=25, rig=None, gap=()):
    rig = rig or Rig.default()
    for seq in range(num):
        people = [] if seq in gap else [person_of(4, walking(seq / 25), rig)]
        if seq < 3:
            people.append(person_of(9, walking(seq / 25), rig))
        yield message_of(seq, people)


def record(folder, messages, **options):
    recorder = Recorder(folder, **options)
    for message in messages:
        recorder.send(message)
    recorder.close()
    return recorder


def test_recording_comes_back(tmp_path):
    messages = [make_message(seq, num_people=seq % 3) for seq in range(6)]
    record(tmp_path / 'a', messages, with_motions=False)
    read = list(read_recording(tmp_path / 'a'))
    assert [m.to_json() for m in read] == [m.to_json() for m in messages]
    again = list(replay(read_recording(tmp_path / 'a' / 'poses.jsonl'), speed=None))
    assert [m.to_json() for m in again] == [m.to_json() for m in messages]


def test_replay_of_keypoints_gives_the_same_3d():
    """The solver has a memory, and no other state: the same keypoints give the same rotations."""
    flat = [message.people[0].keypoints for message in walk(8)]
    runs = []
    for _ in range(2):
        solver = SimpleIKSolver()
        runs.append([solver.solve(points) for points in flat])
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first.joints_3d, second.joints_3d)
        for bone in BONE_NAMES:
            np.testing.assert_array_equal(first.rotations[bone], second.rotations[bone])


def test_table(tmp_path):
    message = make_message(3, num_people=1)
    message.people[0].keypoints[2] = np.nan
    record(tmp_path, [message], with_motions=False)
    with (tmp_path / 'poses.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 17
    assert (rows[0]['keypoint'], rows[16]['keypoint']) == ('nose', 'right_ankle')
    assert float(rows[5]['x_px']) == pytest.approx(message.people[0].keypoints[5, 0], abs=1e-4)
    assert float(rows[5]['z_m']) == pytest.approx(message.people[0].joints_3d[5, 2], abs=1e-4)
    assert (rows[2]['x_px'], rows[2]['y_px']) == ('', '')
    own = [row[4] for row in csv_rows(replace(message, skeleton='of my own'))]
    assert own == [str(number) for number in range(17)]


def test_movements_are_written(tmp_path):
    rig = Rig.from_proportions(Proportions(thigh=0.5))
    record(tmp_path, walk(rig=rig))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ['motion_4.bvh', 'motion_4.glb', 'motion_9.bvh', 'motion_9.glb', 'poses.csv',
                     'poses.jsonl']  # fmt: skip
    read = motion_of_clip(read_bvh(tmp_path / 'motion_4.bvh'))
    assert len(read.roots) == 25
    assert read.rig.offsets[BONE_NAMES.index('leftLowerLeg'), 1] == pytest.approx(-0.5, abs=1e-3)
    true = np.stack([walking(i / 25) for i in range(25)])
    places = [r.forward(x, ROOT)[0] for r, x in ((rig, true), (read.rig, read.rotations))]
    assert np.abs(places[0] - places[1]).max() < 0.02  # the trunk is measured while it leans
    animation = read_glb(tmp_path / 'motion_4.glb').content['animations'][0]
    assert len(animation['channels']) == len(BONE_NAMES) + 1


def test_a_model_of_the_user_is_animated(tmp_path, monkeypatch):
    """Its bones are called, and made, differently, and end up where those of ours are."""
    others, file = build_humanoid(), tmp_path / 'mine.glb'
    mixamo = {'UpperArm': 'Arm', 'LowerArm': 'ForeArm', 'UpperLeg': 'UpLeg', 'LowerLeg': 'Leg'}
    for node in others.content['nodes']:
        for ours, theirs in mixamo.items():
            node['name'] = node['name'].replace(ours, theirs)
        node['name'] = f'mixamorig:{node["name"]}'
    file.write_bytes(others.to_bytes())
    record(tmp_path / 'a', walk(8), with_motions=False)
    monkeypatch.setattr(live.signal, 'signal', lambda *_: None)  # those of pytest stay
    arguments = ['realtime_pose', '--source', f'replay:{tmp_path / "a"}', '--rig', str(file)]
    monkeypatch.setattr(sys, 'argv', arguments)
    with pytest.raises(ValueError, match='--rig has no effect without --record'):
        live.main()
    monkeypatch.setattr(sys, 'argv', [*arguments, '--record', str(tmp_path / 'b')])
    live.main()
    moved = read_glb(tmp_path / 'b' / 'motion_4.glb')
    names = [node['name'] for node in moved.content['nodes']]
    assert names == [node['name'] for node in others.content['nodes']]
    animate(moved, 7 / 25)
    found = world_matrices(moved)[: len(BONE_NAMES), :3, 3]
    expected, _ = Rig.default().forward(walking(7 / 25), ROOT)
    np.testing.assert_allclose(
        found - found[0], expected - expected[0], atol=1e-3
    )  # 0.1 mm in messages
    (tmp_path / 'bad.glb').write_bytes(b'')
    with pytest.raises(ValueError, match='no binary glTF'):
        Recorder(tmp_path / 'c', model=tmp_path / 'bad.glb')
    assert not (tmp_path / 'c').exists()


def test_gaps_are_bridged():
    motion = motion_of(walk(num=25, gap=(10, 11, 12)))
    assert (len(motion.roots), motion.fps) == (25, pytest.approx(25, rel=1e-3))
    true = np.stack([walking(i / 25) for i in range(25)])
    error = np.degrees(angle_between(motion.rotations, true)).max(axis=-1)
    assert error[[0, 5, 20, 24]].max() < 0.1  # microseconds in the times
    assert error.max() < 15
    slow = motion_of(walk(num=25), fps=10)
    assert len(slow.roots) == 11


@pytest.mark.parametrize(
    ('person_id', 'problem'),
    [(7, r'person 7 has rotations in 0 frames, .* with rotations: \[4, 9\]'), (None, 'none')],
)
def test_nobody_to_animate(person_id, problem):
    messages = list(walk(5)) if person_id else [make_message(num_people=0)]
    with pytest.raises(ValueError, match=problem):
        motion_of(messages, person_id)


def test_replay_keeps_time():
    now = [100.0]
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    for _ in replay(walk(4), speed=2, clock=lambda: now[0], sleep=sleep):
        now[0] += 0.005  # what the receiver needs
    np.testing.assert_allclose(slept, [0, 0.015, 0.015, 0.015], atol=1e-6)
    with pytest.raises(ValueError, match='speed 0: expected more than 0'):
        next(replay(walk(2), speed=0))


def test_a_recording_without_frames_is_sent_again(tmp_path, monkeypatch, capsys):
    record(tmp_path / 'a', walk(8), with_motions=False)
    source = f'replay:{tmp_path / "a"}'
    monkeypatch.setattr(live.signal, 'signal', lambda *_: None)  # those of pytest stay
    with closing(UdpReceiver(0)) as receiver:
        target = ['--udp', f'127.0.0.1:{receiver.port}', '--record', str(tmp_path / 'b')]
        monkeypatch.setattr(sys, 'argv', ['realtime_pose', '--source', source, *target])
        started = time.monotonic()
        live.main()
        assert time.monotonic() - started > 7 / 25  # the time from the first to the last
        received = [receiver.receive(3.0) for _ in range(8)]
    expected = [message.to_json() for message in walk(8)]
    assert [message.to_json() for message in received] == expected
    assert [message.to_json() for message in read_recording(tmp_path / 'b')] == expected
    assert '8 messages' in capsys.readouterr().out
    for options, problem in ([], 'say where with --udp'), (['--lock'], '--lock needs frames'):
        monkeypatch.setattr(sys, 'argv', ['realtime_pose', '--source', source, *options])
        with pytest.raises(ValueError, match=problem):
            live.main()


def test_recording_that_was_cut_off(tmp_path, caplog):
    record(tmp_path, walk(4), with_motions=False)
    file = tmp_path / 'poses.jsonl'
    file.write_bytes(file.read_bytes()[:-40])
    assert [message.seq for message in read_recording(file)] == [0, 1, 2]
    assert 'the last line was cut off' in caplog.text


def test_what_is_no_recording(tmp_path):
    with pytest.raises(FileNotFoundError, match='no recording'):
        list(read_recording(tmp_path))
    file = tmp_path / 'a.jsonl'
    file.write_text(make_message().to_json() + '\n{"schema":"realtime_pose/2"}\n')
    with pytest.raises(ValueError, match=r'a.jsonl, line 2: Object missing required field `seq`'):
        list(read_recording(file))
    packet = dict(keypoints=[], scores=[], joints_3d=None, timestamp=0, meta=None)
    file.write_text(json.dumps(packet) + '\n')
    with pytest.raises(ValueError, match='line 1: is of version 1'):
        list(read_recording(file))
    record(tmp_path / 'b', [], with_motions=False)
    with pytest.raises(FileExistsError, match='has a recording already'):
        Recorder(tmp_path / 'b')


def test_a_full_disk_costs_whole_messages(tmp_path, caplog):
    """What fits is kept; no line is left half written when there is room again."""
    resource = pytest.importorskip('resource', reason='limits are those of POSIX')
    recorder = Recorder(tmp_path, with_motions=False)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    recorder.send(make_message(0))
    size = (tmp_path / 'poses.jsonl').stat().st_size
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(3.5 * size), limits[1]))
        for seq in range(1, 8):
            recorder.send(make_message(seq))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    recorder.send(make_message(8))
    recorder.close()
    recorder.close()
    assert [message.seq for message in read_recording(tmp_path)] == [0, 1, 2, 8]
    with (tmp_path / 'poses.csv').open() as file:
        rows = Counter(row['seq'] for row in csv.DictReader(file))
    assert {'0', '8'} < set(rows) <= {'0', '1', '2', '8'}
    assert set(rows.values()) == {34}  # keypoints of two people
    assert caplog.text.count('File too large (1 messages lost)') == 1
    assert caplog.text.count('works again after') == 1


def test_a_folder_that_is_removed_is_missed(tmp_path, caplog):
    recorder = Recorder(tmp_path / 'a')
    recorder.send(make_message(0))
    shutil.rmtree(tmp_path / 'a')
    for seq in range(1, 4):
        recorder.send(make_message(seq))
    assert caplog.text.count('poses.jsonl was removed (1 messages lost)') == 1
    recorder.close()
    assert 'no movements written' in caplog.text


def test_command(tmp_path, monkeypatch, capsys):
    record(tmp_path, walk(5), with_motions=False)
    arguments = ['recording', str(tmp_path), '--out', str(tmp_path / 'out')]
    monkeypatch.setattr(sys, 'argv', arguments)
    recording.main()
    assert (tmp_path / 'out/motion_4.glb').is_file()
    monkeypatch.setattr(sys, 'argv', ['recording', str(tmp_path / 'none')])
    with pytest.raises(SystemExit, match='error: no recording'):
        recording.main()
