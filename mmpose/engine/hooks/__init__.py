"""What happens around the iterations: checkpoints, progress, guards and previews."""

from mmpose.engine.hooks.bad_case_hook import BadCaseHook
from mmpose.engine.hooks.checkpoint_hook import PoseCheckpointHook
from mmpose.engine.hooks.drawing_hook import ResultDrawingHook
from mmpose.engine.hooks.early_stopping_hook import PoseEarlyStoppingHook
from mmpose.engine.hooks.loss_guard_hook import LossGuardHook
from mmpose.engine.hooks.preview_hook import TrainingPreviewHook
from mmpose.engine.hooks.throughput_hook import ThroughputHook

__all__ = [
    'BadCaseHook',
    'LossGuardHook',
    'PoseCheckpointHook',
    'PoseEarlyStoppingHook',
    'ResultDrawingHook',
    'ThroughputHook',
    'TrainingPreviewHook',
]
