"""A trained model on images: model and backend, crops, batches of instances, videos."""

from mmpose.apis.inference.frame_result import DrawOptions, FrameResult
from mmpose.apis.inference.inferencer import PoseInferencer
from mmpose.apis.inference.predictor import PosePredictor
from mmpose.apis.inference.topdown import inference_topdown
from mmpose.backends.base import PoseBackend, Prediction
from mmpose.backends.load import load_backend
from mmpose.backends.model import init_model
from mmpose.backends.pytorch import TorchBackend

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
