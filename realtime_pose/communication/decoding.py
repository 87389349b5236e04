"""Decoding of JSON messages, versions 1 and 2, with validation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_pose.communication.keypoints_sender import PosePacket
from realtime_pose.communication.message import Person, PoseMessage
from realtime_pose.communication.schema import validate
from realtime_pose.communication.strict_json import load_json


def decode_message(data: bytes | str) -> PoseMessage | PosePacket:
    """Returns a message of version 2 or a packet of version 1.

    Args:
        data: One JSON text from an untrusted sender.

    Raises:
        ValueError: If it is neither; the message has the first violation.
        ImportError: If the package ``msgspec`` is missing.
    """
    value = load_json(data)
    is_packet = isinstance(value, dict) and 'schema' not in value
    validate(value, 'packet' if is_packet else 'message')
    return _packet(value) if is_packet else _message(value)


def _packet(value: dict[str, Any]) -> PosePacket:
    points, scores = _array(value['keypoints'], 2), _array(value['scores'])
    joints = value['joints_3d']
    _check_counts('message', len(points), scores=scores, joints_3d=joints)
    return PosePacket(
        points, scores, None if joints is None else _array(joints, 3), value['timestamp'],
        value['meta'],
    )  # fmt: skip


def _message(value: dict[str, Any]) -> PoseMessage:
    return PoseMessage(
        seq=value['seq'],
        frame_id=value['frame_id'],
        t_capture=float(value['t_capture']),
        t_sent=float(value['t_sent']),
        source=value['source'],
        size_wh=(value['size'][0], value['size'][1]),
        skeleton=value['skeleton'],
        people=tuple(_person(person, i) for i, person in enumerate(value['people'])),
        stats=value['stats'],
    )


def _person(value: dict[str, Any], index: int) -> Person:
    points = _array(value['keypoints'], 3)
    joints, rotations, root = (value[name] for name in ('keypoints_3d', 'rotations', 'root'))
    said = {name: value[name] for name in ('sigma_px', 'visibility') if name in value}
    _check_counts(f'message.people[{index}]', len(points), keypoints_3d=joints, **said)
    if (rotations is None) != (root is None):
        raise ValueError(f'message.people[{index}] needs both of rotations and root, or neither')
    return Person(
        id=value['id'],
        score=float('nan') if value['score'] is None else float(value['score']),
        bbox_xywh=_array(value['bbox']),
        keypoints=points[:, :2],
        scores=points[:, 2],
        joints_3d=None if joints is None else _array(joints, 3),
        method_3d=value['method_3d'],
        rotations=None
        if rotations is None
        else {name: _array(rotation) for name, rotation in rotations.items()},
        root=None if root is None else _array(root),
        **{name: _array(values) for name, values in said.items()},
    )


def _array(values: list[Any], columns: int | None = None) -> NDArray[np.float64]:
    array = np.array(values, np.float64)  # None becomes NaN
    return array if columns is None else array.reshape(-1, columns)


def _check_counts(where: str, num_keypoints: int, **parts: Any) -> None:
    for name, part in parts.items():
        if part is not None and len(part) != num_keypoints:
            raise ValueError(
                f'{where}.{name} has {len(part)} entries for {num_keypoints} keypoints'
            )
