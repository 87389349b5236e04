"""Running: distributed start-up, the runner, its loop, its hooks. Repairs of mmengine live here."""

from mmpose.engine.amp import MixedPrecisionOptimWrapper
from mmpose.engine.hooks import (
    BadCaseHook,
    LossGuardHook,
    PoseCheckpointHook,
    PoseEarlyStoppingHook,
    ResultDrawingHook,
    ThroughputHook,
    TrainingPreviewHook,
)
from mmpose.engine.runner import PoseRunner
from mmpose.engine.train_loop import PoseTrainLoop
from mmpose.engine.visualizer import PoseVisualizer

__all__ = [
    'BadCaseHook',
    'LossGuardHook',
    'MixedPrecisionOptimWrapper',
    'PoseCheckpointHook',
    'PoseEarlyStoppingHook',
    'PoseRunner',
    'PoseTrainLoop',
    'PoseVisualizer',
    'ResultDrawingHook',
    'ThroughputHook',
    'TrainingPreviewHook',
]
