"""Network communication: messages, UDP sender and receiver, WebSocket, OSC."""

from realtime_pose.communication.decoding import decode_message
from realtime_pose.communication.keypoints_sender import (
    PosePacket,
    packets_of,
    send_keypoints_udp,
    send_packet_udp,
)
from realtime_pose.communication.message import Person, PoseMessage
from realtime_pose.communication.sinks import MessageSink, Outage
from realtime_pose.communication.udp import UdpSender, parse_target
from realtime_pose.communication.udp_receiver import UdpReceiver

__all__ = [
    'MessageSink',
    'Outage',
    'Person',
    'PoseMessage',
    'PosePacket',
    'UdpReceiver',
    'UdpSender',
    'decode_message',
    'packets_of',
    'parse_target',
    'send_keypoints_udp',
    'send_packet_udp',
]
