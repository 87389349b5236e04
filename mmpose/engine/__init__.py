"""Running: distributed start-up, the runner, its loop, its hooks. Repairs of mmengine live here."""

from mmpose.engine.amp import MixedPrecisionOptimWrapper
from mmpose.engine.hooks import (
    LossGuardHook,
    PoseCheckpointHook,
    ResultDrawingHook,
    ThroughputHook,
    TrainingPreviewHook,
)
from mmpose.engine.runner import PoseRunner
from mmpose.engine.train_loop import PoseTrainLoop

__all__ = [
    'LossGuardHook',
    'MixedPrecisionOptimWrapper',
    'PoseCheckpointHook',
    'PoseRunner',
    'PoseTrainLoop',
    'ResultDrawingHook',
    'ThroughputHook',
    'TrainingPreviewHook',
]
