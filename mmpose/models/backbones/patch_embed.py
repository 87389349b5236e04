"""Patch embedding and convolutional stem: an image becomes a grid of tokens."""

import torch
from torch import Tensor, nn


class PatchEmbed(nn.Module):
    """Patches of an image as tokens, by one strided convolution.

    The padding of 2 (4 at ``ratio`` 2) is ViTPose's: neighbouring patches of the pose model start
    2 pixels earlier than those of the pre-trained one.

    Args:
        embed_dim: D, width of a token.
        patch_size: Side of a patch in input px.
        ratio: 1, or a larger divisor of the patch size for overlapping patches.
        in_chans: Channels of the image.
    """

    def __init__(
        self, embed_dim: int, patch_size: int = 16, ratio: int = 1, in_chans: int = 3
    ) -> None:
        super().__init__()
        stride = patch_size // ratio
        padding = 4 + 2 * (ratio // 2 - 1)
        if not 0 <= 2 * padding - patch_size + stride < stride:
            raise ValueError(
                f'patch_size={patch_size} with ratio={ratio} and its padding of {padding} does not '
                f'give one token per {stride} px; set model.backbone.patch_size or use '
                "model.backbone.stem='conv'"
            )
        self.proj = nn.Conv2d(in_chans, embed_dim, patch_size, stride=stride, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the grid of tokens (B, D, h / stride, w / stride) of images (B, C, h, w)."""
        return self.proj(x)


class ConvStem(nn.Module):
    """Tokens from a stack of 3x3 convolutions of stride 2 and a last 1x1 convolution.

    Early convolutions help transformers see better, Xiao et al. 2021: small models learn faster
    and need less tuning than with one large-stride convolution. Each convolution is followed by
    batch norm and ReLU, and doubles the channels. They compute channels last, which is the faster
    layout on CPUs and GPUs.

    Args:
        embed_dim: D, width of a token.
        stride: Side of a token in input px; a power of two.
        in_chans: Channels of the image.
    """

    def __init__(self, embed_dim: int, stride: int = 16, in_chans: int = 3) -> None:
        super().__init__()
        num_convs = stride.bit_length() - 1
        if stride < 2 or stride != 2**num_convs:
            raise ValueError(
                f"stem='conv' needs patch_size / ratio to be a power of two, got {stride}; "
                'set model.backbone.patch_size'
            )
        layers: list[nn.Module] = []
        for i in range(num_convs):
            channels = max(embed_dim >> (num_convs - 1 - i), 8)
            layers += [
                nn.Conv2d(in_chans, channels, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            in_chans = channels
        self.convs = nn.Sequential(*layers)
        self.proj = nn.Conv2d(in_chans, embed_dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the grid of tokens (B, D, h / stride, w / stride) of images (B, C, h, w)."""
        return self.proj(self.convs(x.contiguous(memory_format=torch.channels_last)))
