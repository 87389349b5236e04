"""Message format, version 1: one person per datagram, in the five fields of old receivers."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from realtime_pose.communication.message import PoseMessage
from realtime_pose.communication.strict_json import to_plain

DEFAULT_HOST, DEFAULT_PORT = '127.0.0.1', 5005
# Largest payload of a UDP datagram over IPv4: 65535 - 20 (IP header) - 8 (UDP header).
MAX_DATAGRAM = 65507


@dataclass
class PosePacket:
    """Message of version 1: one person.

    Attributes:
        keypoints: (K, 2), img px.
        scores: (K,). Confidence of each keypoint.
        joints_3d: (K, 3), m, or None.
        timestamp: Unix seconds; now, when not given.
        meta: Any JSON values, or None.
    """

    keypoints: Any
    scores: Any
    joints_3d: Any = None
    timestamp: float = field(default_factory=time.time)
    meta: Any = None

    def to_json(self) -> str:
        """Returns the five fields as JSON, spelled as ``json.dumps`` does by default.

        Unlike the published sender it writes null for NaN, and takes NumPy scalars.
        """
        return json.dumps(to_plain(vars(self)), allow_nan=False)


def packets_of(message: PoseMessage) -> list[PosePacket]:
    """Converts a message to version 1: a packet per person; ``meta`` has its box (xyxy) and id."""
    packets = []
    for person in message.people:
        box = np.asarray(person.bbox_xywh, np.float64)
        meta = {'bbox': [*box[:2], *(box[:2] + box[2:])], 'person_id': person.id}
        packets.append(
            PosePacket(
                person.keypoints, person.scores, person.joints_3d, message.t_capture, to_plain(meta)
            )
        )
    return packets


def send_packet_udp(packet: PosePacket, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT) -> None:
    """Sends a packet as one datagram to the given address, without a check of the address.

    For many packets, and for untrusted addresses, use
    :class:`realtime_pose.communication.udp.UdpSender`.

    Raises:
        ValueError: If the packet is larger than a datagram can be.
        OSError: If the address does not exist.
    """
    data = packet.to_json().encode()
    if len(data) > MAX_DATAGRAM:
        raise ValueError(
            f'the packet has {len(data)} bytes, a datagram holds {MAX_DATAGRAM}; send fewer '
            'keypoints, or messages of version 2 by UdpSender, which splits them'
        )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.sendto(data, (host, port))


def send_keypoints_udp(
    keypoints: ArrayLike, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT
) -> None:
    """Sends keypoints (K, 2), img px, as a packet whose scores are all 1."""
    points = np.asarray(keypoints)
    send_packet_udp(PosePacket(points, np.ones(len(points))), host, port)
