"""Heatmap losses: mean squared error, with and without hard keypoint mining, and adaptive wing."""

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.registry import MODELS


class HeatmapLoss(nn.Module):
    """Base class of heatmap losses: checks shapes and computes in float32.

    Called with output (B, C, H, W), target (B, C, H, W) and weights (B, K).
    """

    channels_per_keypoint = 1

    def __init__(self, use_target_weight: bool = False, loss_weight: float = 1.0) -> None:
        """Stores the weighting.

        Args:
            use_target_weight: Whether the weights of the keypoints count; otherwise all are 1.
        """
        super().__init__()
        self.use_target_weight = use_target_weight
        self.loss_weight = loss_weight

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Returns the scalar float32 loss.

        Args:
            output: (B, C, H, W), any floating type. Predicted heatmaps.
            target: (B, C, H, W). Target heatmaps.
            weights: (B, K). 0 for a keypoint that must not count.

        Raises:
            ValueError: If the shapes do not fit together.
        """
        self._check_shapes(output, target, weights)
        weights = weights.float() if self.use_target_weight else weights.new_ones(weights.shape)
        return self.loss_weight * self._compute(output.float(), target.float(), weights.float())

    def _compute(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Scalar loss of float32 maps (B, C, H, W) twice and weights (B, K)."""
        raise NotImplementedError

    def _check_shapes(self, output: Tensor, target: Tensor, weights: Tensor) -> None:
        if output.ndim != 4 or output.shape != target.shape:
            raise ValueError(
                f'{type(self).__name__} got output {tuple(output.shape)} and target '
                f'{tuple(target.shape)}; expected the same (B, C, H, W)'
            )
        expected = (output.shape[0], output.shape[1] // self.channels_per_keypoint)
        if output.shape[1] % self.channels_per_keypoint or weights.shape != expected:
            raise ValueError(
                f'{type(self).__name__} got {output.shape[1]} channels and weights '
                f'{tuple(weights.shape)}; expected weights (B, K) and '
                f'{self.channels_per_keypoint} channel(s) per keypoint; set head.loss or '
                'head.decoder'
            )


@MODELS.register_module()
class JointsMSELoss(HeatmapLoss):
    """Heatmap MSE of MMPose 0.x: mean over batch, keypoints and cells of (w output - w target)^2.

    The weight enters squared, in `KeypointMSELoss` it does not; for weights 0 and 1 both are the
    same. Keypoints of weight zero count in the mean (Xiao et al., ECCV 2018, as published).
    """

    def _compute(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        return (_squared_error(output, target) * weights.square()).mean()


@MODELS.register_module()
class KeypointMSELoss(HeatmapLoss):
    """Heatmap MSE of MMPose 1.x: mean over batch, keypoints and cells of w (output - target)^2."""

    def __init__(
        self,
        use_target_weight: bool = False,
        skip_empty_channel: bool = False,
        loss_weight: float = 1.0,
    ) -> None:
        """Stores the weighting.

        Args:
            use_target_weight: Of no effect, as in MMPose 1.x: the weights always count.
            skip_empty_channel: Whether keypoints with an empty target have weight 0.
        """
        super().__init__(True, loss_weight)
        self.skip_empty_channel = skip_empty_channel

    def _compute(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        if self.skip_empty_channel:
            weights = weights * (target != 0).any(-1).any(-1)
        return (_squared_error(output, target) * weights).mean()


@MODELS.register_module()
class JointsOHKMMSELoss(HeatmapLoss):
    """`JointsMSELoss` with online hard keypoint mining (Chen et al., CVPR 2018).

    Only the keypoints of an instance with the largest errors count.
    """

    def __init__(
        self, use_target_weight: bool = False, topk: int = 8, loss_weight: float = 1.0
    ) -> None:
        """Stores the weighting.

        Args:
            use_target_weight: Whether the weights of the keypoints count; otherwise all are 1.
            topk: Number of keypoints per instance that count.
        """
        super().__init__(use_target_weight, loss_weight)
        self.topk = topk

    def _compute(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        errors = _squared_error(output, target) * weights.square()
        if not 0 < self.topk <= errors.shape[1]:
            raise ValueError(
                f'head.loss.topk is {self.topk}; expected 1 to {errors.shape[1]}, the number of '
                'keypoints'
            )
        return errors.topk(self.topk, dim=1, sorted=False).values.mean()


@MODELS.register_module()
class KeypointOHKMMSELoss(JointsOHKMMSELoss):
    """Online hard keypoint mining of MMPose 1.x, where the weight enters squared as in 0.x."""


@MODELS.register_module()
class CombinedTargetMSELoss(HeatmapLoss):
    """Half the squared error of score, x offset and y offset maps of `UDPCombinedHeatmap`.

    The offsets count inside the drawn disc only (Huang et al., CVPR 2020).
    """

    channels_per_keypoint = 3

    def _compute(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        output, target = (
            rearrange(maps, 'b (k part) h w -> b k part h w', part=3) for maps in (output, target)
        )
        disc = target[:, :, :1]
        mask = torch.cat((torch.ones_like(disc), disc, disc), 2)
        errors = _squared_error(mask * output, mask * target)  # (B, K, 3)
        return 0.5 * (errors * weights.square()[..., None]).sum(-1).mean()


@MODELS.register_module()
class AdaptiveWingLoss(HeatmapLoss):
    """Adaptive wing loss: sharp on the peak, tolerant of the background (Wang et al., ICCV 2019).

    Logarithmic near the target, linear far away. The weight of a keypoint multiplies its loss.
    """

    def __init__(
        self,
        alpha: float = 2.1,
        omega: float = 14.0,
        epsilon: float = 1.0,
        theta: float = 0.5,
        **kwargs: Any,
    ) -> None:
        """Stores the shape of the curve; the defaults are the paper's (section 4.2).

        Args:
            alpha: Exponent on the background; above 2 to be smooth at zero for targets up to 1.
            omega: Height of the logarithmic part.
            epsilon: Width of the logarithmic part.
            theta: Distance at which the linear part begins.
            kwargs: Arguments of `HeatmapLoss`.
        """
        super().__init__(**kwargs)
        self.alpha = alpha
        self.omega = omega
        self.epsilon = epsilon
        self.theta = theta

    def _compute(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        distance = (target - output).abs()
        exponent = self.alpha - target
        ratio = self.theta / self.epsilon
        # Eq. 3: slope and offset that join both parts smoothly at theta.
        power = ratio**exponent
        slope = self.omega / (1 + power) * exponent * ratio ** (exponent - 1) / self.epsilon
        offset = self.theta * slope - self.omega * torch.log1p(power)
        near = self.omega * torch.log1p((distance / self.epsilon) ** exponent)
        loss = torch.where(distance < self.theta, near, slope * distance - offset)
        return (loss.mean((-2, -1)) * weights).mean()


def _squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean over the cells of squared differences: (..., H, W) -> (...)."""
    # as a sum, because the derivative of a mean would be stored for each cell
    errors = F.mse_loss(output, target, reduction='none').sum((-2, -1))
    return errors / target.shape[-2:].numel()
