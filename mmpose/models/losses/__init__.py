"""Losses between predicted and target heatmaps, and between features of images and texts."""

from mmpose.models.losses.contrastive_feature_loss import ContrastiveFeatureLoss, token_cells
from mmpose.models.losses.heatmap_loss import (
    AdaptiveWingLoss,
    CombinedTargetMSELoss,
    JointsMSELoss,
    JointsOHKMMSELoss,
    KeypointMSELoss,
    KeypointOHKMMSELoss,
)

__all__ = [
    'AdaptiveWingLoss',
    'CombinedTargetMSELoss',
    'ContrastiveFeatureLoss',
    'JointsMSELoss',
    'JointsOHKMMSELoss',
    'KeypointMSELoss',
    'KeypointOHKMMSELoss',
    'token_cells',
]
