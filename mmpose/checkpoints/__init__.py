"""Checkpoints: reading files safely, recognising their code base, loading them strictly."""

from mmpose.checkpoints.io import (
    allow_in_checkpoints,
    extract_state_dict,
    harmless_globals,
    read_checkpoint,
)
from mmpose.checkpoints.load import LoadReport, load_backbone, load_model

__all__ = [
    'LoadReport',
    'allow_in_checkpoints',
    'extract_state_dict',
    'harmless_globals',
    'load_backbone',
    'load_model',
    'read_checkpoint',
]
