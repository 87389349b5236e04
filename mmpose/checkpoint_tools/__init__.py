"""Tools for checkpoint files: inspection, splitting, conversion and publication."""

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
