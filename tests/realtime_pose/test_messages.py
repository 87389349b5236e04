"""What is sent is what the schema says, for both versions, and nothing else is accepted."""

import dataclasses
import json
import math
import sys
import time
import timeit

import numpy as np
import pytest
from pose_messages import make_message, make_person

from realtime_pose.communication import PoseMessage, PosePacket, decode_message, packets_of
from realtime_pose.communication.schema import load_schema, validate
from realtime_pose.communication.strict_json import dump_json, load_json

NAN, INF = float('nan'), float('inf')


def change(path, value):
    """Returns a message of version 2 as JSON with one field replaced, or removed by ``...``."""
    content = json.loads(make_message().to_json())
    target = content
    for key in path[:-1]:
        target = target[key]
    if value is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return json.dumps(content)


def test_numbers_of_a_network_are_written_with_the_digits_that_count():
    person = dataclasses.replace(
        make_person(), keypoints=np.full((17, 2), 320.01, 'f4'), scores=np.full(17, 0.9, 'f4')
    )
    message = dataclasses.replace(make_message(), people=(person,))
    assert '[320.01,320.01,0.9]' in message.to_json()


def test_round_trip_of_a_message():
    message = make_message(seq=7)
    read = decode_message(message.to_json())
    assert isinstance(read, PoseMessage)
    assert read.to_json() == message.to_json()
    assert (read.seq, read.frame_id, read.size_wh, read.source) == (7, 14, (640, 480), 'synthetic')
    assert read.stats == {'fps': 30.0, 'mode': 'full', 'gpu': None}
    for got, sent in zip(read.people, message.people, strict=True):
        # half of the last digit that is sent: 0.01 px, 0.1 mm, 1e-6
        np.testing.assert_allclose(got.keypoints, sent.keypoints, atol=0.0051)
        np.testing.assert_allclose(got.joints_3d, sent.joints_3d, atol=0.000051)
        np.testing.assert_allclose(got.rotations['hips'], sent.rotations['hips'], atol=5.1e-7)
        assert got.id == sent.id


def test_what_a_model_says_of_its_keypoints_is_sent_only_if_it_says_it():
    said = {'sigma_px': np.linspace(0.5, 9, 17), 'visibility': np.full((17, 3), 1 / 3)}
    plain, person = make_person(), dataclasses.replace(make_person(), **said)
    assert not said.keys() & json.loads(dump_json(plain.to_dict())).keys()
    text = dataclasses.replace(make_message(), people=(plain, person)).to_json()
    first, second = decode_message(text).people
    assert first.sigma_px is None
    assert first.visibility is None
    np.testing.assert_allclose(second.sigma_px, said['sigma_px'], atol=0.0051)
    np.testing.assert_allclose(second.visibility, said['visibility'], atol=0.000051)
    short = json.loads(text)
    short['people'][1]['visibility'].pop()
    with pytest.raises(ValueError, match=r'people\[1\].visibility has 16 entries for 17'):
        decode_message(json.dumps(short))


def test_unknown_numbers_are_null():
    person = make_person()
    person.keypoints[3] = NAN
    person.scores[3] = -INF
    person.joints_3d[5, 1] = INF
    message = dataclasses.replace(
        make_message(), people=(person,), stats={'fps': np.float32(NAN), 'n': np.int64(3)}
    )
    text = message.to_json()
    assert 'NaN' not in text
    assert 'Infinity' not in text
    read = decode_message(text)
    assert np.isnan(read.people[0].keypoints[3]).all()
    assert math.isnan(read.people[0].scores[3])
    assert np.isnan(read.people[0].joints_3d).sum() == 1
    assert read.stats == {'fps': None, 'n': 3}


def test_version_1_has_the_bytes_of_the_published_sender():
    """The published ``to_json`` is ``json.dumps`` of the five fields, arrays as lists."""
    points = np.array([[1.5, 2.25], [300.0, 1 / 3]], np.float32)
    scores, joints = np.array([0.5, 1.0]), np.arange(6.0).reshape(2, 3)
    meta = {'bbox': [0.0, 1.0, 2.0, 3.0], 'keypoints': [[1.5, 2.25, 0.5]]}
    expected = json.dumps(
        {
            'keypoints': points.tolist(),
            'scores': scores.tolist(),
            'joints_3d': joints.tolist(),
            'timestamp': 1763510400.25,
            'meta': meta,
        }
    )
    assert PosePacket(points, scores, joints, 1763510400.25, meta).to_json() == expected
    assert list(json.loads(PosePacket(points, scores).to_json())) == [
        'keypoints', 'scores', 'joints_3d', 'timestamp', 'meta',
    ]  # fmt: skip


def test_version_1_is_strict_json():
    packet = PosePacket([[NAN, np.float32(2)]], np.array([INF]), meta={'n': np.int32(4)})
    text = packet.to_json()
    assert json.loads(text)['keypoints'] == [[None, 2.0]]
    assert json.loads(text)['meta'] == {'n': 4}
    read = decode_message(text)
    assert isinstance(read, PosePacket)
    assert read.to_json() == text


def test_version_1_of_a_message():
    message = make_message(num_people=3)
    packets = packets_of(message)
    assert [packet.meta['person_id'] for packet in packets] == [0, 1, 2]
    assert packets[0].meta['bbox'] == [10, 20, 210, 420]
    assert packets[0].timestamp == message.t_capture
    for packet, person in zip(packets, message.people, strict=True):
        assert decode_message(packet.to_json()).keypoints.tolist() == person.keypoints.tolist()


REFUSED = {
    'no json': (b'{"schema":', 'not JSON'),
    'no utf-8': (b'{"a": "\xff"}', 'not UTF-8'),
    'not an object': (b'[1, 2]', 'Expected `object`, got `array`'),
    'nan': (b'{"keypoints": [[NaN, 1]]}', 'NaN is not JSON'),
    'infinity': (b'{"keypoints": [[-Infinity, 1]]}', 'Infinity is not JSON'),
    'as large': (b'{"keypoints": [[-1e999, 1]]}', '-1e999 is too large for a float'),
    'deep': (b'[' * 50_000, 'nested too deeply'),
    'version': (change(['schema'], 'realtime_pose/3'), r"'realtime_pose/3' - at `\$.schema`"),
    'missing': (change(['size'], ...), 'missing required field `size`'),
    'unknown': (change(['extra'], 1), 'unknown field `extra`'),
    'bool': (change(['seq'], True), r'Expected `int`, got `bool` - at `\$.seq`'),
    'negative': (change(['seq'], -1), 'Expected `int` >= 0'),
    'text': (
        change(['people', 0, 'score'], 'high'),
        r'Expected `float . null`, got `str` - at `\$.people\[0\].score`',
    ),
    'short box': (change(['people', 1, 'bbox'], [1, 2, 3]), 'length >= 4 - at .*bbox`'),
    'no pair': (
        change(['people', 0, 'keypoints', 4], [1, 2]),
        r'length >= 3 - at .*keypoints\[4\]`',
    ),
    'counts': (change(['people', 0, 'keypoints_3d'], [[0, 0, 0]]), '1 entries for 17 keypoints'),
    'crowd': (
        change(['people'], [json.loads(make_message().to_json())['people'][0]] * 201),
        'length <= 200',
    ),
    'long text': (change(['source'], 'x' * 501), 'length <= 500'),
    'quaternion': (
        change(['people', 0, 'rotations', 'hips'], [0, 0, None, 1]),
        'Expected `float`, got `null`',
    ),
    'no root': (change(['people', 0, 'root'], None), 'both of rotations and root'),
    'huge': (change(['t_capture'], 10**400), 'Number out of range'),
    'packet': ('{"keypoints": [], "scores": []}', 'missing required field `joints_3d`'),
    'packet counts': (
        '{"keypoints": [[1, 2]], "scores": [], "joints_3d": null, "timestamp": 0, "meta": null}',
        'scores has 0 entries for 1 keypoints',
    ),
}


@pytest.mark.parametrize(('data', 'problem'), REFUSED.values(), ids=REFUSED)
def test_refused(data, problem):
    with pytest.raises(ValueError, match=problem):
        decode_message(data)


def test_damage_is_refused_or_read():
    """Whatever a byte becomes, the answer is a message or one sentence."""
    rng = np.random.default_rng(0)
    packet = PosePacket(np.ones((3, 2)), np.ones(3), np.ones((3, 3)), 1.0, {'bbox': [1, 2, 3, 4]})
    whole = [make_message(num_people=1).to_json().encode(), packet.to_json().encode()]
    pieces = [b'', b'[', b'{"', b'1e999', b'\\ud800', b'\xff', b'\x00', b'null', b'-', b'9' * 5000]
    num_read = 0
    for number in range(3000):
        data = whole[number % 2]
        start = rng.integers(len(data))
        data = data[:start] + pieces[rng.integers(len(pieces))] + data[start + rng.integers(9) :]
        try:
            message = decode_message(data)
        except ValueError:
            continue
        num_read += 1
        assert decode_message(message.to_json()).to_json() == message.to_json()
    assert 0 < num_read < 1000


def is_valid(value):
    try:
        validate(value, 'message')
    except ValueError:
        return False
    return True


def test_messages_are_read_fast_enough_for_30_frames_per_second():
    person = make_person(num_keypoints=133)
    text = dataclasses.replace(make_message(), people=(person,) * 10).to_json()
    decode_message(text)
    timer = timeit.Timer(lambda: decode_message(text), timer=time.process_time)
    assert min(timer.repeat(repeat=5, number=2)) < 2 / 30


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'msgspec', None)
    with pytest.raises(ImportError, match=r'pip install -r requirements/net\.txt'):
        decode_message(make_message().to_json())


def test_schema_files_agree_with_a_public_validator():
    jsonschema = pytest.importorskip('jsonschema', reason='jsonschema is not installed')
    schema = load_schema('message')
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator.check_schema(load_schema('packet'))
    validator = jsonschema.Draft202012Validator(schema)
    texts = [
        data
        for name, (data, _) in REFUSED.items()
        if isinstance(data, str) and '"schema"' in data and name != 'huge'  # no limit in the file
    ]
    for text in [make_message().to_json(), make_message(num_people=0).to_json(), *texts]:
        value = load_json(text)
        assert is_valid(value) == validator.is_valid(value), text[:80]


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match='value of type set cannot be sent'):
        dump_json({'a': {1, 2}})
