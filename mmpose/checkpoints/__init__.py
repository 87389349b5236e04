"""Checkpoints: safe reading of files, conversion from other code bases, strict loading."""

from mmpose.checkpoints.io import extract_state_dict, read_checkpoint
from mmpose.checkpoints.load import LoadReport, load_backbone, load_model
from mmpose.checkpoints.safe_pickle import allow_in_checkpoints, harmless_globals

__all__ = [
    'LoadReport',
    'allow_in_checkpoints',
    'extract_state_dict',
    'harmless_globals',
    'load_backbone',
    'load_model',
    'read_checkpoint',
]
