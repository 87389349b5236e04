"""Adaptive wing loss."""

import torch
from torch import Tensor

from mmpose.models.losses.heatmap_loss import HeatmapLoss
from mmpose.registry import MODELS


@MODELS.register_module()
class AdaptiveWingLoss(HeatmapLoss):
    """Logarithmic near the target, linear far away, sharper on the peak (Wang et al., ICCV 2019).

    The weight of a joint multiplies its loss.
    """

    def __init__(
        self,
        alpha: float = 2.1,
        omega: float = 14.0,
        epsilon: float = 1.0,
        theta: float = 0.5,
        use_target_weight: bool = True,
        loss_weight: float = 1.0,
    ) -> None:
        """Stores the shape of the curve; the defaults are the paper's (section 4.2).

        Args:
            alpha: Exponent on the background; above 2 to be smooth at zero for targets up to 1.
            omega: Height of the logarithmic part.
            epsilon: Width of the logarithmic part.
            theta: Distance at which the linear part begins.
            use_target_weight: Whether the weights of the joints count; otherwise all are 1.
            loss_weight: Factor of the whole loss.
        """
        super().__init__(use_target_weight, loss_weight)
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
