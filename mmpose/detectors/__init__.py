"""Who finds the instances: everything that turns images into boxes."""

from mmpose.detectors.base import Detector
from mmpose.detectors.boxes_file import BoxesFile
from mmpose.detectors.build import FORMS, build_detector
from mmpose.detectors.checked import CheckedDetector
from mmpose.detectors.huggingface_detector import HuggingFaceDetector
from mmpose.detectors.onnx_detector import OnnxDetector
from mmpose.detectors.selection import Selection
from mmpose.detectors.torchvision_detector import TorchvisionDetector
from mmpose.detectors.whole_image import WholeImage

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
]
