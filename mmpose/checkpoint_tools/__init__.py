"""Checkpoints as files: what they are, their parts, their conversion and their publication."""

from mmpose.checkpoint_tools.convert_file import TARGETS, Conversion, convert_checkpoint
from mmpose.checkpoint_tools.inspection import inspect_checkpoint
from mmpose.checkpoint_tools.publication import publish_checkpoint
from mmpose.checkpoint_tools.split import split_checkpoint

__all__ = [
    'TARGETS',
    'Conversion',
    'convert_checkpoint',
    'inspect_checkpoint',
    'publish_checkpoint',
    'split_checkpoint',
]
