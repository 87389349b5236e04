"""The names of the published ``utils``; they live in :mod:`realtime_pose.capture.allowed_paths`."""

from realtime_pose.utils.helpers import PROJECT_ROOT, validate_path

__all__ = ['PROJECT_ROOT', 'validate_path']
