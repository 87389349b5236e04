"""Inference of a trained model: images, videos, cameras; top-down crops in batches."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmpose.apis.inference.inferencer import PoseInferencer
    from mmpose.apis.inference.predictor import PosePredictor, inference_topdown
    from mmpose.apis.inference.sequence import DrawOptions, FrameResult
    from mmpose.backends import PoseBackend, Prediction, TorchBackend, init_model, load_backend

HOMES = {
    'mmpose.apis.inference.inferencer': ('PoseInferencer',),
    'mmpose.apis.inference.predictor': ('PosePredictor', 'inference_topdown'),
    'mmpose.apis.inference.sequence': ('DrawOptions', 'FrameResult'),
    'mmpose.backends': (
        *('PoseBackend', 'Prediction', 'TorchBackend', 'init_model', 'load_backend'),
    ),
}

__all__ = [
    'DrawOptions',
    'FrameResult',
    'PoseBackend',
    'PoseInferencer',
    'PosePredictor',
    'Prediction',
    'TorchBackend',
    'inference_topdown',
    'init_model',
    'load_backend',
]


def __getattr__(name: str) -> Any:
    """Imports a name, and torch with it, when it is asked for: the flags need neither."""
    for home, names in HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
