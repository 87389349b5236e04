"""What the heatmap losses share: the checks, and computing in float32."""

from torch import Tensor, nn


class HeatmapLoss(nn.Module):
    """A scalar distance of heatmaps from their targets, computed in float32.

    Called with output (B, C, H, W), target (B, C, H, W) and weights (B, K).
    """

    channels_per_keypoint = 1

    def __init__(self, use_target_weight: bool = True, loss_weight: float = 1.0) -> None:
        """Stores the weighting.

        Args:
            use_target_weight: Whether the weights of the joints count; otherwise all are 1.
            loss_weight: Factor of the whole loss.
        """
        super().__init__()
        self.use_target_weight = use_target_weight
        self.loss_weight = loss_weight

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Scalar float32 loss.

        Args:
            output: (B, C, H, W), any floating type. Predicted heatmaps.
            target: (B, C, H, W). Drawn heatmaps.
            weights: (B, K). 0 for a joint that must not count.

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
                f'{self.channels_per_keypoint} channel(s) per keypoint; set head.loss or head.codec'
            )
