"""Who finds the people: everything that turns images into boxes."""

from mmpose.detectors.base import Detector
from mmpose.detectors.whole_image import WholeImage

__all__ = ['Detector', 'WholeImage']
