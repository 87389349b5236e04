"""Checkpoints as files: what they are, their parts, their conversion and their publication."""

from mmpose.apis.checkpoints.convert_file import TARGETS, Conversion, convert_checkpoint
from mmpose.apis.checkpoints.inspection import inspect_checkpoint
from mmpose.apis.checkpoints.publication import publish_checkpoint
from mmpose.apis.checkpoints.split import split_checkpoint

__all__ = [
    'TARGETS',
    'Conversion',
    'convert_checkpoint',
    'inspect_checkpoint',
    'publish_checkpoint',
    'split_checkpoint',
]
