"""Inference of a trained model: images, videos, cameras; top-down crops in batches."""

from mmpose.apis.inference.inferencer import PoseInferencer
from mmpose.apis.inference.predictor import PosePredictor, inference_topdown
from mmpose.apis.inference.sequence import DrawOptions, FrameResult
from mmpose.backends import PoseBackend, Prediction, TorchBackend, init_model, load_backend

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
