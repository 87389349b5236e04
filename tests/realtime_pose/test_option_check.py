"""No option of the command is ignored: each has an effect, or is refused in a sentence."""

import sys

import cv2
import numpy as np
import pytest
from pose_messages import make_message

from realtime_pose import __main__ as live
from realtime_pose import option_check
from realtime_pose.frame_sinks import FRAMES_NAME
from realtime_pose.option_check import check_options, kind_of, kinds_of
from realtime_pose.recording import Recorder

# Of the options with an argument, one that is right.
VALUES = {
    '--fps': ['25'], '--size': ['64', '48'], '--model': ['random'], '--checkpoint': ['a.pth'],
    '--device': ['cpu'], '--dtype': ['float32'], '--detector': ['whole-image'],
    '--det-every': ['5'], '--max-people': ['2'], '--3d': ['lift'], '--target-fps': ['10'],
    '--cameras': ['a.json'], '--max-frames': ['3'], '--seconds': ['2.5'],
}  # fmt: skip
EVERYWHERE = {
    'source', 'udp', 'udp_version', 'udp_allow', 'websocket', 'osc', 'record', 'rig', 'max_frames',
    'seconds',
}  # fmt: skip


@pytest.fixture
def parsed(monkeypatch):
    def parse(text):
        monkeypatch.setattr(sys, 'argv', ['realtime_pose', *text.split()])
        return live.parse_args()

    return parse


@pytest.fixture
def sources(tmp_path):
    """Returns a source of each kind."""
    for folder in ('images', 'mixed', 'frames'):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / '1.png'), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / 'mixed/2.mp4').touch()
    for folder in ('frames', 'messages'):
        recorder = Recorder(tmp_path / folder, with_motions=False)
        recorder.send(make_message())
        recorder.close()
    (tmp_path / 'frames' / FRAMES_NAME).touch()
    return {
        'synthetic': option_check.SYNTHETIC,
        'synthetic:3': option_check.SYNTHETIC,
        '0': option_check.CAMERA,
        'webcam:1': option_check.CAMERA,
        'rtsp://127.0.0.1/a': option_check.STREAM,
        'film.MP4': option_check.VIDEO,
        str(tmp_path / 'mixed'): option_check.VIDEO,
        str(tmp_path / 'images'): option_check.IMAGES,
        str(tmp_path / 'images/*.png'): option_check.IMAGES,
        f'replay:{tmp_path / "frames"}': option_check.REPLAYED,
        f'replay:{tmp_path / "messages"}': option_check.MESSAGES,
    }


def test_kinds_of_sources(sources, tmp_path):
    assert {source: kind_of(source) for source in sources} == sources
    named = [f'left={source}' for source in sources if '=' not in source]
    assert list(kinds_of(named).values()) == list(sources.values())
    assert kinds_of(['http://127.0.0.1/a?b=c']) == {'http://127.0.0.1/a?b=c': option_check.STREAM}
    with pytest.raises(FileNotFoundError, match='there is no image or video in'):
        kind_of(str(tmp_path))


def test_every_option_is_known_to_the_check(parsed):
    names = set(vars(parsed('')))
    assert names == EVERYWHERE | set(option_check.SOURCES_OF_OPTION)
    assert not any(vars(parsed('')).values())


REFUSED = {  # option -> those of the sources that have no use for it
    '--fps': ('video', 'stream', 'replay', 'messages'),
    '--size': ('video', 'images', 'stream', 'replay', 'messages'),
    '--loop': ('figure', 'camera', 'stream', 'replay', 'messages'),
    '--every-frame': ('camera', 'stream', 'messages'),
    '--cameras': ('replay', 'messages'),
    '--allow-network': ('figure', 'camera', 'video', 'images', 'replay', 'messages'),
    **dict.fromkeys(
        (
            '--model', '--device', '--dtype', '--cuda-graphs', '--detector', '--det-every',
            '--max-people', '--lock', '--no-smoothing', '--3d', '--target-fps',
        ),
        ('messages',),
    ),
    '--max-frames': (),
    '--seconds': (),
}  # fmt: skip


@pytest.mark.parametrize('option', REFUSED)
def test_options_are_for_their_sources(option, parsed):
    kinds = {
        'figure': option_check.SYNTHETIC,
        'camera': option_check.CAMERA,
        'stream': option_check.STREAM,
        'video': option_check.VIDEO,
        'images': option_check.IMAGES,
        'replay': option_check.REPLAYED,
        'messages': option_check.MESSAGES,
    }
    args = parsed(' '.join([option, *VALUES.get(option, [])]))
    problems = {}
    for name, kind in kinds.items():
        try:
            check_options(args, {name: kind})
        except ValueError as error:
            problems[name] = str(error)
    assert sorted(problems) == sorted(REFUSED[option])
    for name, problem in problems.items():
        assert option in problem
        assert ('needs frames' if name == 'messages' else 'has no effect') in problem


@pytest.mark.parametrize(
    ('options', 'problem'),
    [
        ('--checkpoint a.pth', '--checkpoint has no effect without --model'),
        ('--udp-version 2', '--udp-version has no effect without --udp;'),
        ('--udp-allow 10.0.0.1', '--udp-allow has no effect without --udp or --osc'),
        ('--rig a.glb', '--rig has no effect without --record'),
        ('--record-frames', '--record-frames has no effect without --record'),
        ('--osc 127.0.0.1:1 --3d none', '--osc needs rotations, which --3d none leaves out'),
        ('--record a --rig b.glb --3d none', '--rig needs rotations'),
        ('--fps 0', '--fps is 0, expected more than 0'),
        ('--fps nan', '--fps is nan'),
        ('--seconds -1', '--seconds is -1'),
        ('--max-frames 0', '--max-frames is 0'),
        ('--det-every 0', '--det-every is 0'),
        ('--max-people 0', '--max-people is 0'),
        ('--target-fps inf', '--target-fps is inf'),
    ],
)
def test_combinations_that_make_no_sense(options, problem, parsed):
    with pytest.raises(ValueError, match=problem):
        check_options(parsed(options), {'synthetic': option_check.SYNTHETIC})


@pytest.mark.parametrize(
    'options',
    [
        '--model random --checkpoint a.pth',
        '--udp 127.0.0.1:1 --udp-version 1 --udp-allow 10.0.0.1',
        '--osc 10.0.0.1:1 --udp-allow 10.0.0.1 --3d lift',
        '--record a --rig b.glb --record-frames',
        '--udp 127.0.0.1:1 --3d none',
    ],
)
def test_combinations_that_make_sense(options, parsed):
    check_options(parsed(options), {'synthetic': option_check.SYNTHETIC})


def test_lists_grow(parsed):
    args = parsed('--udp a:1 --udp b:2 --udp-allow c d --udp-allow e')
    assert args.udp == ['a:1', 'b:2']
    assert args.udp_allow == ['c', 'd', 'e']


def test_a_refusal_comes_before_the_model(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['realtime_pose', '--loop'])
    monkeypatch.setattr(live, 'estimator_of', lambda _: pytest.fail('the model was loaded'))
    with pytest.raises(ValueError, match=r'--loop has no effect on .synthetic., which is the'):
        live.main()
