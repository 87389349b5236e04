"""Engine: distributed start-up, runner, training loop, hooks. Repairs of mmengine live here."""

from mmpose.engine.amp import MixedPrecisionOptimWrapper
from mmpose.engine.hooks import (
    BadCaseHook,
    CheckpointHook,
    LossGuardHook,
    PoseEarlyStoppingHook,
    ResultDrawingHook,
    ThroughputHook,
    TrainingPreviewHook,
    WatchdogHook,
)
from mmpose.engine.runner import PoseRunner
from mmpose.engine.train_loop import PoseTrainLoop
from mmpose.engine.visualizer import PoseLocalVisualizer

__all__ = [
    'BadCaseHook',
    'CheckpointHook',
    'LossGuardHook',
    'MixedPrecisionOptimWrapper',
    'PoseEarlyStoppingHook',
    'PoseLocalVisualizer',
    'PoseRunner',
    'PoseTrainLoop',
    'ResultDrawingHook',
    'ThroughputHook',
    'TrainingPreviewHook',
    'WatchdogHook',
]
