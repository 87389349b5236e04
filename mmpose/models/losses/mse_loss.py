"""Mean squared error of heatmaps, and its two variants."""

import torch
from torch import Tensor

from mmpose.models.losses.heatmap_loss import HeatmapLoss
from mmpose.registry import MODELS


@MODELS.register_module()
class JointsMSELoss(HeatmapLoss):
    """Mean over batch, joints and cells of (w * output - w * target)^2.

    The weight enters squared, and joints of weight zero count in the mean (Xiao et al.,
    ECCV 2018, as published).
    """

    def _compute(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        return _weighted_error(output, target, weights).mean()


@MODELS.register_module()
class JointsOHKMMSELoss(HeatmapLoss):
    """`JointsMSELoss` over the hardest keypoints of each person only (Chen et al., CVPR 2018)."""

    def __init__(
        self, use_target_weight: bool = True, topk: int = 8, loss_weight: float = 1.0
    ) -> None:
        """Stores the weighting.

        Args:
            use_target_weight: Whether the weights of the joints count; otherwise all are 1.
            topk: Number of joints per person that count.
            loss_weight: Factor of the whole loss.
        """
        super().__init__(use_target_weight, loss_weight)
        self.topk = topk

    def _compute(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        errors = _weighted_error(output, target, weights)
        if not 0 < self.topk <= errors.shape[1]:
            raise ValueError(
                f'head.loss.topk is {self.topk}; expected 1 to {errors.shape[1]}, the number of '
                'keypoints'
            )
        return errors.topk(self.topk, dim=1, sorted=False).values.mean()


@MODELS.register_module()
class CombinedTargetMSELoss(HeatmapLoss):
    """Half the squared error of score, x offset and y offset maps of `UDPCombinedHeatmap`.

    The offsets count inside the drawn disc only (Huang et al., CVPR 2020).
    """

    channels_per_keypoint = 3

    def _compute(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        output = output.unflatten(1, (-1, 3))  # (B, 3K, H, W) -> (B, K, 3, H, W)
        target = target.unflatten(1, (-1, 3))
        disc = target[:, :, :1]
        mask = torch.cat((torch.ones_like(disc), disc, disc), 2)
        errors = _weighted_error(mask * output, mask * target, weights[..., None])  # (B, K, 3)
        return 0.5 * errors.sum(-1).mean()


def _weighted_error(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean over the cells of squared differences, times squared weights: (..., H, W) -> (...)."""
    return (output - target).square().mean((-2, -1)) * weights.square()
