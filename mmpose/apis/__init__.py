"""What tools, apps and notebooks call."""

from mmpose.apis.config import load_config

__all__ = ['load_config']
