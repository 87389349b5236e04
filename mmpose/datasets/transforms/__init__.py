"""Steps of a data pipeline. The keys they read and write are listed in ``datasets/sample.py``."""

from mmpose.datasets.transforms.affine import TopdownAffine
from mmpose.datasets.transforms.compose import Compose
from mmpose.datasets.transforms.loading import BadImageError, LoadImage, MissingImageError
from mmpose.datasets.transforms.photometric import Albumentation, PhotometricDistortion
from mmpose.datasets.transforms.window import (
    GetBBoxCenterScale,
    RandomFlip,
    RandomHalfBody,
    RandomScaleRotation,
    RandomShiftBboxCenter,
)

__all__ = [
    'Albumentation',
    'BadImageError',
    'Compose',
    'GetBBoxCenterScale',
    'LoadImage',
    'MissingImageError',
    'PhotometricDistortion',
    'RandomFlip',
    'RandomHalfBody',
    'RandomScaleRotation',
    'RandomShiftBboxCenter',
    'TopdownAffine',
]
