"""Extensions of mmengine that know nothing about poses.

Importing the package registers the optimizer-wrapper constructors, for learning rates by layer and
by name.
"""

from mmcv_custom.checkpoint import LoadReport, load_backbone, load_model
from mmcv_custom.checkpoint_io import (
    allow_in_checkpoints,
    extract_state_dict,
    harmless_globals,
    read_checkpoint,
)
from mmcv_custom.keyword_rates import KeywordOptimWrapperConstructor
from mmcv_custom.layer_decay import LayerDecayOptimWrapperConstructor

__all__ = [
    'KeywordOptimWrapperConstructor',
    'LayerDecayOptimWrapperConstructor',
    'LoadReport',
    'allow_in_checkpoints',
    'extract_state_dict',
    'harmless_globals',
    'load_backbone',
    'load_model',
    'read_checkpoint',
]
