"""Published names ``PROJECT_ROOT`` and ``validate_path``, re-exported for published code."""

from realtime_pose.capture.named_source import PROJECT_ROOT, validate_path

__all__ = ['PROJECT_ROOT', 'validate_path']
