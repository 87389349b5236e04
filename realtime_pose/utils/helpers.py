"""Where published code imports ``PROJECT_ROOT`` and ``validate_path`` from."""

from realtime_pose.capture.allowed_paths import PROJECT_ROOT, validate_path

__all__ = ['PROJECT_ROOT', 'validate_path']
