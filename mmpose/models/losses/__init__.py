"""Losses between predicted and drawn heatmaps."""

from mmpose.models.losses.adaptive_wing_loss import AdaptiveWingLoss
from mmpose.models.losses.mse_loss import (
    CombinedTargetMSELoss,
    JointsMSELoss,
    JointsOHKMMSELoss,
)

__all__ = ['AdaptiveWingLoss', 'CombinedTargetMSELoss', 'JointsMSELoss', 'JointsOHKMMSELoss']
