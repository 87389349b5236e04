"""A trained model on images: model and backend, crops, batches of people."""

from mmpose.apis.inference.backend import PoseBackend, Prediction
from mmpose.apis.inference.model import init_model
from mmpose.apis.inference.predictor import PosePredictor
from mmpose.apis.inference.topdown import inference_topdown
from mmpose.apis.inference.torch_backend import TorchBackend

__all__ = [
    'PoseBackend',
    'PosePredictor',
    'Prediction',
    'TorchBackend',
    'inference_topdown',
    'init_model',
]
