"""Backends: programs that run a pose network (PyTorch, exported files), and names of models."""

from mmpose.backends.base import PoseBackend, Prediction, pick_device
from mmpose.backends.categories import CategoryHead, category_heads
from mmpose.backends.exported import ExportedBackend, open_exported
from mmpose.backends.load import init_model, load_backend
from mmpose.backends.model_names import find_model
from mmpose.backends.pytorch import TorchBackend
from mmpose.config.names import model_names

__all__ = [
    'CategoryHead',
    'ExportedBackend',
    'PoseBackend',
    'Prediction',
    'TorchBackend',
    'category_heads',
    'find_model',
    'init_model',
    'load_backend',
    'model_names',
    'open_exported',
    'pick_device',
]
