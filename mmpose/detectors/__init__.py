"""Detectors: ONNX, torchvision, Hugging Face, box files, whole images; category and NMS filter."""

from mmpose.detectors.base import CheckedDetector, Detector, WholeImage
from mmpose.detectors.boxes_file import BoxesFile
from mmpose.detectors.build import FORMS, build_detector
from mmpose.detectors.huggingface_detector import HuggingFaceDetector
from mmpose.detectors.onnx_detector import OnnxDetector
from mmpose.detectors.selection import Selection
from mmpose.detectors.subjects import choose_categories, choose_detector
from mmpose.detectors.torchvision_detector import TorchvisionDetector

__all__ = [
    'FORMS',
    'BoxesFile',
    'CheckedDetector',
    'Detector',
    'HuggingFaceDetector',
    'OnnxDetector',
    'Selection',
    'TorchvisionDetector',
    'WholeImage',
    'build_detector',
    'choose_categories',
    'choose_detector',
]
