"""Hooks around the iterations: checkpoints, early stopping, monitors, pictures, watchdog."""

from mmpose.engine.hooks.bad_case_hook import BadCaseHook
from mmpose.engine.hooks.checkpoint_hook import CheckpointHook
from mmpose.engine.hooks.drawing_hook import ResultDrawingHook
from mmpose.engine.hooks.early_stopping_hook import PoseEarlyStoppingHook
from mmpose.engine.hooks.freeze_hook import FreezeHook
from mmpose.engine.hooks.monitor_hooks import LossGuardHook, PoseRuntimeInfoHook, ThroughputHook
from mmpose.engine.hooks.preview_hook import TrainingPreviewHook
from mmpose.engine.hooks.watchdog_hook import WatchdogHook

__all__ = [
    'BadCaseHook',
    'CheckpointHook',
    'FreezeHook',
    'LossGuardHook',
    'PoseEarlyStoppingHook',
    'PoseRuntimeInfoHook',
    'ResultDrawingHook',
    'ThroughputHook',
    'TrainingPreviewHook',
    'WatchdogHook',
]
