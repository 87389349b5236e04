"""Validation of command-line options: those without effect are refused, not ignored silently."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmpose.structures.media_files import VIDEO_SUFFIXES, find_files, is_pattern
from realtime_pose.capture.named_source import NETWORK_MARK, camera_number, is_synthetic
from realtime_pose.frame_sinks import FRAMES_NAME
from realtime_pose.recording import JSONL_NAME

REPLAY = 'replay:'
CAMERA_NAME = r'^[^=:/\\]*='  # of NAME=SOURCE; addresses and paths may hold a = as well
# Kinds of sources. The last has no frames, and its messages are sent again.
SYNTHETIC, CAMERA, STREAM = 'the synthetic figure', 'a camera', 'a stream of the network'
VIDEO, IMAGES, REPLAYED, MESSAGES = 'a video', 'images', 'a replay', 'a replay without frames'
PACED = (SYNTHETIC, CAMERA, IMAGES)  # by --fps; the others have a rate of their own
WITH_FRAMES = (SYNTHETIC, CAMERA, STREAM, VIDEO, IMAGES, REPLAYED)
# Option -> kinds of sources that it affects.
SOURCES_OF_OPTION = {
    'fps': PACED,
    'size': (SYNTHETIC, CAMERA),
    'loop': (VIDEO, IMAGES),
    'every_frame': (SYNTHETIC, VIDEO, IMAGES, REPLAYED),
    'allow_network': (STREAM,),
    'cameras': (SYNTHETIC, CAMERA, STREAM, VIDEO, IMAGES),
    **dict.fromkeys(
        (
            'model', 'checkpoint', 'device', 'dtype', 'cuda_graphs', 'detector', 'det_every',
            'max_people', 'lock', 'no_smoothing', 'method_3d', 'target_fps', 'record_frames',
        ),
        WITH_FRAMES,
    ),
}  # fmt: skip
# Option -> options of which it requires one.
COMPANIONS_OF_OPTION = {
    'checkpoint': ('model',),
    'udp_version': ('udp',),
    'udp_allow': ('udp', 'osc'),
    'rig': ('record',),
    'record_frames': ('record',),
}
# Options that need rotations, which --3d none omits.
NEED_3D = ('osc', 'rig')
POSITIVE = ('fps', 'target_fps', 'seconds', 'det_every', 'max_people', 'max_frames')


def kind_of(source: str) -> str:
    """Returns the kind of a source, such as ``VIDEO``, also of a folder with a video in it.

    Raises:
        FileNotFoundError: If a folder or pattern holds no image or video.
    """
    if source.startswith(REPLAY):
        folder = Path(source.removeprefix(REPLAY))
        has_messages = (folder / JSONL_NAME).is_file()
        return MESSAGES if has_messages and not (folder / FRAMES_NAME).is_file() else REPLAYED
    if is_synthetic(source):
        return SYNTHETIC
    if camera_number(source) is not None:
        return CAMERA
    if NETWORK_MARK in source:
        return STREAM
    is_many = Path(source).is_dir() or is_pattern(source)
    files = find_files(source) if is_many else [source]
    return VIDEO if any(Path(file).suffix.lower() in VIDEO_SUFFIXES for file in files) else IMAGES


def kinds_of(sources: Sequence[str]) -> dict[str, str]:
    """Returns the kind of each source, see :func:`kind_of`; some may be ``NAME=SOURCE``."""
    return {source: kind_of(re.sub(CAMERA_NAME, '', source)) for source in sources}


def check_options(args: argparse.Namespace, kinds: Mapping[str, str]) -> None:
    """Validates the options of the command against each other and the kinds of its sources.

    Args:
        args: None, False or an empty list where an option was not given.
        kinds: Result of :func:`kinds_of`.

    Raises:
        ValueError: If an option would have no effect, or a number is out of its range.
    """
    given = {name for name, value in vars(args).items() if _is_given(value)}
    for name in POSITIVE:
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f'{_spelled(name)} is {value:g}, expected more than 0')
    for name in sorted(given & set(SOURCES_OF_OPTION)):
        for source, kind in kinds.items():
            _check_source(name, source, kind)
    for name, others in COMPANIONS_OF_OPTION.items():
        if name in given and not given & set(others):
            wanted = ' or '.join(map(_spelled, others))
            raise ValueError(f'{_spelled(name)} has no effect without {wanted}; give that as well')
    for name in NEED_3D:
        if name in given and args.method_3d == 'none':
            raise ValueError(f'{_spelled(name)} needs rotations, which --3d none leaves out')


def _check_source(name: str, source: str, kind: str) -> None:
    wanted = SOURCES_OF_OPTION[name]
    if kind not in wanted:
        raise ValueError(
            f"{_spelled(name)} needs frames, and the recording '{source}' has none"
            if kind == MESSAGES
            else f"{_spelled(name)} has no effect on '{source}', which is {kind}; it is for "
            f'{" and ".join(wanted)}'
        )


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != []


def _spelled(name: str) -> str:
    return '--3d' if name == 'method_3d' else f'--{name.replace("_", "-")}'
