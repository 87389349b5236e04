"""FeatureMapProcessor: chooses, joins and enlarges the feature maps of a backbone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.registry import MODELS


@MODELS.register_module()
class FeatureMapProcessor(nn.Module):
    """Neck of MMPose 1.x: a choice of feature maps, joined, behind a ReLU, enlarged.

    Args:
        select_index: Which maps of several, one or more; None for all.
        concat: Whether to join their channels, at the size of the first.
        scale_factor: Factor on the size.
        apply_relu: Whether negative values become 0 first.
        align_corners: Whether the outer cells of both sizes have one centre.

    Raises:
        ValueError: If the factor is not positive.
    """

    def __init__(
        self,
        select_index: int | Sequence[int] | None = None,
        concat: bool = False,
        scale_factor: float = 1.0,
        apply_relu: bool = False,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        if scale_factor <= 0:
            raise ValueError(f'model.neck.scale_factor is {scale_factor}, expected above 0')
        self.select_index = (select_index,) if isinstance(select_index, int) else select_index
        self.concat = concat
        self.scale_factor = scale_factor
        self.apply_relu = apply_relu
        self.align_corners = align_corners

    def forward(self, feats: Tensor | Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
        """Returns maps (B, C, H, W): as many as were chosen, or a tensor for a tensor."""
        if isinstance(feats, Tensor):
            return self._finish(feats)
        maps = list(feats) if self.select_index is None else [feats[i] for i in self.select_index]
        if self.concat:
            size = maps[0].shape[2:]
            maps = [torch.cat([self._resize(one, size=size) for one in maps], 1)]
        return tuple(self._finish(one) for one in maps)

    def _finish(self, feats: Tensor) -> Tensor:
        feats = F.relu(feats) if self.apply_relu else feats
        if self.scale_factor == 1:
            return feats
        return self._resize(feats, scale_factor=self.scale_factor)

    def _resize(self, feats: Tensor, **size: object) -> Tensor:
        return F.interpolate(feats, mode='bilinear', align_corners=self.align_corners, **size)
