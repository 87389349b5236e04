"""Published names of ``utils``; they are defined in :mod:`realtime_pose.capture.named_source`."""

from realtime_pose.utils.helpers import PROJECT_ROOT, validate_path

__all__ = ['PROJECT_ROOT', 'validate_path']
