"""Frames as they come: cameras, files, streams and a figure that moves without any of these."""

from realtime_pose.capture.allowed_paths import validate_path
from realtime_pose.capture.mailbox import CapturedFrame, Mailbox
from realtime_pose.capture.synthetic import SyntheticSource
from realtime_pose.capture.webcam_capture import WebcamStream, get_frame

__all__ = [
    'CapturedFrame',
    'Mailbox',
    'SyntheticSource',
    'WebcamStream',
    'get_frame',
    'validate_path',
]
