"""Two-branch head of VLPose: transposed convolutions beside those of the classic decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmpose.models.frozen import FrozenParts
from mmpose.models.heads.heatmap_head import HeatmapHead, deconv_sizes
from mmpose.registry import MODELS


class TwoBranchDeconv(nn.Module):
    """Doubles the size of features in a main branch, to which a side branch adds.

    As published: the side branch reads the main features too, and the second input, where there is
    one, is added before the main branch only. (The figure of the paper shows another wiring.)

    Args:
        in_channels: Channels of the features.
        out_channels: Channels behind the block.
        sizes: Kernel, padding and output padding.
    """

    def __init__(self, in_channels: int, out_channels: int, sizes: tuple[int, int, int]) -> None:
        super().__init__()
        kernel, padding, output_padding = sizes
        self.deconv0, self.deconv1 = (
            nn.ConvTranspose2d(
                in_channels, out_channels, kernel, 2, padding, output_padding, bias=False
            )
            for _ in range(2)
        )
        self.bn0, self.bn1 = (nn.BatchNorm2d(out_channels) for _ in range(2))
        self.relu = nn.ReLU()

    def forward(self, main: Tensor, related: Tensor | None = None) -> Tensor:
        """Returns features of twice the size.

        Args:
            main: (B, C, H, W).
            related: (B, C, H, W). Added before the main branch; only the first block has it.
        """
        side = self.relu(self.bn1(self.deconv1(main)))
        mixed = main if related is None else main + related
        return self.relu(self.bn0(self.deconv0(mixed))) + side


class TwoBranchLayers(nn.Sequential):
    """Blocks of which the first reads the image features and what became of them by language."""

    def forward(self, feats: tuple[Tensor, Tensor]) -> Tensor:
        """Returns features of the heatmaps' size of two (B, C, H, W)."""
        x, related = feats
        for i, block in enumerate(self):
            x = block(x, None if i else related)
        return x


@MODELS.register_module()
class TwoBranchHead(FrozenParts, HeatmapHead):
    """A ``HeatmapHead`` whose classic decoder is the main branch beside a new one.

    It takes a pair of feature maps: those of the image and those that have read a sentence.

    Arguments that are not listed are those of ``HeatmapHead``; ``deconv_out_channels`` and
    ``deconv_kernel_sizes`` are those of each branch.

    Args:
        freeze_main_branch: Keep the classic decoder as it is loaded, statistics included. For
            tuning only: at random initialisation it would stay useless.
        freeze_final_layer: Keep the last convolution too, so that the model without language is
            the original one. It is trained in the published models.
    """

    def __init__(
        self,
        *args: Any,
        freeze_main_branch: bool = False,
        freeze_final_layer: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not len(self.deconv_layers) or self.upsample > 1:
            raise ValueError(
                'TwoBranchHead has no branch without transposed convolutions and no upsample; set '
                'model.head.deconv_out_channels and model.head.deconv_kernel_sizes'
            )
        self.freeze_main_branch = freeze_main_branch
        self.freeze_final_layer = freeze_final_layer
        self._freeze()

    def _chosen(self, feats: Any) -> Any:
        """Returns both maps: the layers read the pair."""
        return tuple(map(super()._chosen, feats))

    def _frozen_modules(self) -> list[nn.Module]:
        blocks = self.deconv_layers if self.freeze_main_branch else ()
        last = [self.final_layer] if self.freeze_final_layer else []
        return [part for block in blocks for part in (block.deconv0, block.bn0)] + last

    def _make_deconv_layers(
        self, in_channels: int, channels: Sequence[int], kernels: Sequence[int]
    ) -> nn.Module:
        blocks = []
        for width, sizes in deconv_sizes(channels, kernels):
            blocks.append(TwoBranchDeconv(in_channels, width, sizes))
            in_channels = width
        return TwoBranchLayers(*blocks)
