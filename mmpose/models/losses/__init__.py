"""Losses between predicted and drawn heatmaps, and between features of images and texts."""

from mmpose.models.losses.adaptive_wing_loss import AdaptiveWingLoss
from mmpose.models.losses.contrastive_feature_loss import ContrastiveFeatureLoss
from mmpose.models.losses.mse_loss import (
    CombinedTargetMSELoss,
    JointsMSELoss,
    JointsOHKMMSELoss,
)

__all__ = [
    'AdaptiveWingLoss',
    'CombinedTargetMSELoss',
    'ContrastiveFeatureLoss',
    'JointsMSELoss',
    'JointsOHKMMSELoss',
]
