"""Video files: reading and writing with PyAV, or with OpenCV where PyAV is not installed."""

from mmpose.video.reader import AvReader, CvReader, open_reader
from mmpose.video.writer import VideoFile, video_suffixes

__all__ = ['AvReader', 'CvReader', 'VideoFile', 'open_reader', 'video_suffixes']
