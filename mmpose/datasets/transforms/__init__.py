"""Transforms of a data pipeline; ``datasets/sample.py`` lists the keys that they read and write."""

from mmpose.datasets.transforms.affine import TopdownAffine
from mmpose.datasets.transforms.bbox_transform import RandomBBoxTransform
from mmpose.datasets.transforms.compose import Compose
from mmpose.datasets.transforms.condition import AddCondition
from mmpose.datasets.transforms.formatting import GenerateTarget, PackPoseInputs
from mmpose.datasets.transforms.loading import BadImageError, LoadImage, MissingImageError
from mmpose.datasets.transforms.photometric import Albumentation, PhotometricDistortion
from mmpose.datasets.transforms.teacher import AddTeacherKeypoints
from mmpose.datasets.transforms.window import (
    GetBBoxCenterScale,
    RandomFlip,
    RandomHalfBody,
    RandomShiftBboxCenter,
)

__all__ = [
    'AddCondition', 'AddTeacherKeypoints', 'Albumentation', 'BadImageError', 'Compose',
    'GenerateTarget', 'GetBBoxCenterScale', 'LoadImage', 'MissingImageError', 'PackPoseInputs',
    'PhotometricDistortion', 'RandomBBoxTransform', 'RandomFlip', 'RandomHalfBody',
    'RandomShiftBboxCenter', 'TopdownAffine',
]  # fmt: skip
