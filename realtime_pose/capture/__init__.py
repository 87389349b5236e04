"""Frame sources: cameras, files, streams and a synthetic figure."""

from realtime_pose.capture.named_source import validate_path
from realtime_pose.capture.synthetic import SyntheticSource
from realtime_pose.capture.webcam_capture import WebcamStream, get_frame
from realtime_pose.latest_frame_queue import CapturedFrame, LatestFrameQueue

__all__ = [
    'CapturedFrame',
    'LatestFrameQueue',
    'SyntheticSource',
    'WebcamStream',
    'get_frame',
    'validate_path',
]
