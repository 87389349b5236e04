"""Plain vision transformer (ViT) of ViTPose."""

import re

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.init import trunc_normal_
from torch.utils.checkpoint import checkpoint

from mmpose.checkpoints.resize import resize_pos_embed
from mmpose.models.backbones.patch_embed import ConvStem, PatchEmbed
from mmpose.models.backbones.vit_layers import NORM_EPS, Attention, Block, Mlp
from mmpose.models.frozen import FrozenParts
from mmpose.registry import MODELS


@MODELS.register_module()
class ViT(FrozenParts):
    """Plain vision transformer whose tokens come back as one feature map.

    ViTPose: simple vision transformer baselines for human pose estimation, Xu et al. 2022. There
    is no class token; row 0 of ``pos_embed``, which belonged to it during pre-training, is added
    to every token. Parameter names are those of the published weights.

    Args:
        img_size: (h, w), input px, for which ``pos_embed`` is made. Any other size whose sides
            are multiples of ``patch_size`` works too: ``pos_embed`` is then resized on the fly.
        patch_size: Side of a patch in input px.
        in_chans: Channels of the image.
        embed_dim: D, width of a token.
        depth: Number of blocks.
        num_heads: Attention heads per block.
        ratio: Tokens per patch side; 2 gives overlapping patches at half the stride.
        mlp_ratio: Hidden width of the feed-forward part over ``embed_dim``.
        qkv_bias: Whether query, key and value have a bias.
        qk_scale: Factor on the products of queries and keys; None is ``head_dim ** -0.5``.
        drop_rate: Dropout rate after attention and feed-forward.
        attn_drop_rate: Dropout rate of the attention weights.
        drop_path_rate: Stochastic depth rate of the last block; it grows linearly from 0.
        use_checkpoint: Recompute each block in the backward pass to save memory.
        frozen_stages: -1 trains everything, 0 freezes the embeddings, n the first n blocks too.
        freeze_attn: Freeze attention and its norm in every block.
        freeze_ffn: Freeze feed-forward and its norm in every block, and the embeddings.
        last_norm: Whether a LayerNorm follows the last block.
        patch_padding: How a pre-trained patch kernel of another size is fitted: 'pad' with zeros,
            'bilinear' or 'bicubic'.
        stem: 'patch' for one large convolution, 'conv' for a stack of small ones.
        norm_eps: Added to the variance by every norm; PGVL has 1e-5.
        condition_chans: Channels behind those of the image that say which instance is meant, as
            ``AddCondition`` makes them. They enter each token by a convolution of their own,
            whose weights start at 0, so that a network without them is the start of one with them.

    Raises:
        ValueError: For sizes that do not fit each other, or an unknown option.
    """

    def __init__(
        self,
        img_size: tuple[int, int] = (256, 192),
        patch_size: int = 16,
        in_chans: int = 3,
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        ratio: int = 1,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        use_checkpoint: bool = False,
        frozen_stages: int = -1,
        freeze_attn: bool = False,
        freeze_ffn: bool = False,
        last_norm: bool = True,
        patch_padding: str = 'pad',
        stem: str = 'patch',
        norm_eps: float = NORM_EPS,
        condition_chans: int = 0,
    ) -> None:
        super().__init__()
        _check_choice('stem', stem, ('patch', 'conv'))
        _check_choice('patch_padding', patch_padding, ('pad', 'bilinear', 'bicubic'))
        if not -1 <= frozen_stages <= depth:
            raise ValueError(
                f'frozen_stages={frozen_stages} is outside -1..{depth}, the depth of the network; '
                'set model.backbone.frozen_stages'
            )
        self.out_channels = embed_dim
        self.depth = depth
        self.num_heads = num_heads
        self.patch_size = patch_size
        self.stride = patch_size // ratio
        self.use_checkpoint = use_checkpoint
        self.frozen_stages = frozen_stages
        self.freeze_attn = freeze_attn
        self.freeze_ffn = freeze_ffn
        self.patch_padding = patch_padding
        self.patch_shape = self._grid_hw(*img_size)

        if stem == 'patch':
            self.patch_embed = PatchEmbed(embed_dim, patch_size, ratio, in_chans)
        else:
            self.patch_embed = ConvStem(embed_dim, self.stride, in_chans)
        self.in_chans, self.condition_chans = in_chans, condition_chans
        if condition_chans:
            # (D, n, stride, stride); no module, whose random start would move all that follows
            kernel = torch.zeros(embed_dim, condition_chans, self.stride, self.stride)
            self.condition_embed = nn.Parameter(kernel)
        num_tokens = self.patch_shape[0] * self.patch_shape[1]
        self.pos_embed = nn.Parameter(
            self.patch_embed.proj.weight.new_zeros(1, num_tokens + 1, embed_dim)
        )
        self.blocks = nn.ModuleList(
            Block(
                Attention(embed_dim, num_heads, qkv_bias, qk_scale, attn_drop_rate, drop_rate),
                self._make_mlp(embed_dim, int(embed_dim * mlp_ratio), drop_rate),
                embed_dim,
                drop_path=drop_path_rate * i / max(depth - 1, 1),
                norm_eps=norm_eps,
            )
            for i in range(depth)
        )
        self.last_norm = nn.LayerNorm(embed_dim, eps=norm_eps) if last_norm else nn.Identity()

        trunc_normal_(self.pos_embed, std=0.02)
        self._freeze()

    def forward(self, x: Tensor) -> Tensor:
        """Returns the feature map of a batch of images.

        Args:
            x: (B, C, h, w). Normalised images, followed by the channels of the condition.

        Returns:
            (B, D, h / stride, w / stride), in the memory of the tokens: channels last.
        """
        return self._encode(x)

    def _make_mlp(self, dim: int, hidden_dim: int, drop: float) -> nn.Module:
        """Returns the feed-forward part of a block."""
        return Mlp(dim, hidden_dim, drop)

    def _encode(self, x: Tensor, *group_sizes: int) -> Tensor:
        """Returns the feature map (B, D, H, W) of images; the sizes go to every block."""
        grid_hw = self._grid_hw(x.shape[-2], x.shape[-1])
        pos_embed = self.pos_embed
        if grid_hw != self.patch_shape:
            pos_embed = resize_pos_embed(pos_embed, grid_hw, source_hw=self.patch_shape)

        x = rearrange(self._embed(x), 'b d h w -> b (h w) d')
        x = x + pos_embed[:, 1:] + pos_embed[:, :1]
        x = self._transform(x, *group_sizes)
        x = self.last_norm(x)
        return rearrange(x, 'b (h w) d -> b d h w', h=grid_hw[0], w=grid_hw[1])

    def _embed(self, x: Tensor) -> Tensor:
        """Returns the grid of tokens (B, D, H, W) of images with their conditions."""
        if not self.condition_chans:
            return self.patch_embed(x)
        wanted = self.in_chans + self.condition_chans
        if x.shape[1] != wanted:
            raise ValueError(
                f'the crops have {x.shape[1]} channels but the backbone reads {wanted}: '
                f'{self.in_chans} of the image and {self.condition_chans} of the condition; end '
                "the pipelines with dict(type='AddCondition')"
            )
        image, condition = x.split([self.in_chans, self.condition_chans], dim=1)
        grid = F.conv2d(condition, self.condition_embed, stride=self.stride)
        return self.patch_embed(image) + grid

    def _transform(self, x: Tensor, *group_sizes: int) -> Tensor:
        """Returns the tokens (B, T, D) after all blocks."""
        for block in self.blocks:
            x = self._run(block, x, *group_sizes)
        return x

    def _run(self, block: nn.Module, x: Tensor, *group_sizes: int) -> Tensor:
        if self.use_checkpoint and self.training:
            return checkpoint(block, x, *group_sizes, use_reentrant=False)
        return block(x, *group_sizes)

    def init_weights(self) -> None:
        """Draws linear layers from a truncated normal of std 0.02, as ViTPose does.

        The patch convolution keeps PyTorch's default and ``pos_embed`` the constructor's draw.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                module.reset_parameters()

    @property
    def num_layers(self) -> int:
        """Number of depths for layer-wise learning rates: embeddings, blocks, everything after."""
        return self.depth + 2

    def get_layer_depth(self, name: str) -> int:
        """Returns the depth of a parameter: 0 for embeddings, i + 1 for block i, then the rest.

        Args:
            name: Parameter name relative to the backbone, e.g. 'blocks.3.attn.qkv.weight'.

        Raises:
            ValueError: If the backbone has no such part.
        """
        if name == 'pos_embed' or name.startswith('patch_embed.'):
            return 0
        if name.startswith(('last_norm.', 'condition_embed')):  # the latter starts at 0, as a head
            return self.depth + 1
        match = re.match(r'blocks\.(\d+)\.', name)
        if match is None or int(match[1]) >= self.depth:
            raise ValueError(f"ViT with {self.depth} blocks has no parameter '{name}'")
        return int(match[1]) + 1

    def no_weight_decay(self) -> set[str]:
        """Returns the names of parameters without weight decay, besides biases and norms."""
        return {'pos_embed'}

    def _grid_hw(self, height: int, width: int) -> tuple[int, int]:
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(
                f'input of height {height} and width {width}, but both must be multiples of '
                f"patch_size={self.patch_size}; change the codec's input_size or "
                'model.backbone.img_size'
            )
        return height // self.stride, width // self.stride

    def _frozen_modules(self) -> list[nn.Module]:
        modules: list[nn.Module] = []
        if self.frozen_stages >= 0 or self.freeze_ffn:
            modules.append(self.patch_embed)
        modules += self.blocks[: max(self.frozen_stages, 0)]
        for block in self.blocks:
            if self.freeze_attn:
                modules += [block.norm1, block.attn]
            if self.freeze_ffn:
                modules += [block.norm2, block.mlp]
        return modules

    def _freeze(self) -> None:
        super()._freeze()
        if self.frozen_stages >= 0 or self.freeze_ffn:
            self.pos_embed.requires_grad_(False)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(
            f"model.backbone.{name} is '{value}', expected one of {', '.join(choices)}"
        )
