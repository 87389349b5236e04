"""Architecture of a vision transformer with heads, read off its weights."""

import re
from dataclasses import dataclass
from typing import Any

from mmpose.checkpoints.adapters.pgvl import parse_graph_options
from mmpose.checkpoints.adapters.vitpose_plus import num_experts
from mmpose.checkpoints.formats import StateDict
from mmpose.checkpoints.heads import num_heads_of
from mmpose.checkpoints.resize import source_grid

POSE_ASPECT_HW = (4, 3)
SIMPLE_UPSAMPLE = 4  # of every published head without deconvolutions
HEAD_DIM = 64  # of most vision transformers, DINOv2 and timm's small one among them
# Heads are not visible in the weights: those of the published ViTPose models by their width.
POSE_HEADS = {192: 12, 384: 12, 768: 12, 1024: 16, 1280: 16}
SIZE_NAMES = {384: 'small', 768: 'base', 1024: 'large', 1280: 'huge'}


@dataclass(frozen=True)
class HeadShape:
    """A heatmap head.

    Attributes:
        out_channels: Channels of the heatmaps.
        deconv_out_channels: Channels behind each transposed convolution.
        deconv_kernel_sizes: Their kernels.
        final_kernel: Kernel of the last convolution.
    """

    out_channels: int
    deconv_out_channels: tuple[int, ...]
    deconv_kernel_sizes: tuple[int, ...]
    final_kernel: int

    @property
    def upsample(self) -> int:
        """Factor by which features are enlarged first; weights do not show it."""
        return 1 if self.deconv_out_channels else SIMPLE_UPSAMPLE

    @property
    def decoder(self) -> str:
        """Returns 'classic' or 'simple', as ViTPose calls its two decoders."""
        return 'classic' if self.deconv_out_channels else 'simple'


@dataclass(frozen=True)
class Architecture:
    """What weights say about their network.

    Attributes:
        embed_dim: D, width of a token.
        depth: Number of blocks.
        num_heads: Attention heads; a guess from the width unless a config file said it.
        is_guess: Whether ``num_heads`` is such a guess.
        mlp_ratio: Hidden width of the feed-forward part over D.
        patch_size: Side of a patch, px.
        stem: 'patch' or 'conv'.
        grid_hw: (h, w) of the position grid; between grids of equal count, the likely one.
        qkv_bias: Whether query, key and value have a bias.
        last_norm: Whether a norm follows the last block.
        num_experts: Experts of a block, 0 without.
        part_features: Output channels of an expert, 0 without.
        heads: Heads in their order; none for a backbone alone.
        parse_graph: ``model.parse_graph`` of a PGVL model; none in others.
        condition_chans: Channels of a condition behind those of the image, 0 without.
    """

    embed_dim: int
    depth: int
    num_heads: int
    is_guess: bool
    mlp_ratio: float
    patch_size: int
    stem: str
    grid_hw: tuple[int, int]
    qkv_bias: bool
    last_norm: bool
    num_experts: int
    part_features: int
    heads: tuple[HeadShape, ...]
    parse_graph: dict[str, Any] | None = None
    condition_chans: int = 0

    @property
    def input_hw(self) -> tuple[int, int]:
        """Returns (h, w), px, of the input that the position grid is for."""
        return self.grid_hw[0] * self.patch_size, self.grid_hw[1] * self.patch_size

    @property
    def size_name(self) -> str | None:
        """Returns the name of the published size, if it is one."""
        return SIZE_NAMES.get(self.embed_dim)


def describe_weights(
    state: StateDict,
    is_pose: bool,
    num_heads: int | None = None,
    input_hw: tuple[int, int] | None = None,
) -> Architecture:
    """Returns the architecture of weights under our names.

    Args:
        state: ``backbone.*`` with ``head.*`` or ``heads.{d}.*``; or a backbone without prefix.
        is_pose: Whether the grid is that of a pose model and not that of a pre-training.
        num_heads: Attention heads, if known.
        input_hw: (h, w), px, of the input, if known.

    Raises:
        ValueError: If the weights are no vision transformer, or the position grid is unknown.
    """
    parts = ('head.', 'heads.', 'neck.')
    inner = {k.removeprefix('backbone.'): x for k, x in state.items() if not k.startswith(parts)}
    kernel, pos = inner.get('patch_embed.proj.weight'), inner.get('pos_embed')
    depth = len({m[1] for k in inner if (m := re.match(r'blocks\.(\d+)\.', k))})
    fc1 = inner.get('blocks.0.mlp.fc1.weight')
    if kernel is None or pos is None or fc1 is None:
        missing = {'patch_embed.proj.weight': kernel, 'pos_embed': pos, 'blocks.0.mlp.fc1': fc1}
        names = ', '.join(name for name, tensor in missing.items() if tensor is None)
        raise ValueError(f'the weights are no vision transformer of ours: they have no {names}')
    num_convs = sum(x.ndim == 4 for k, x in inner.items() if k.startswith('patch_embed.convs.'))
    patch_size = 2**num_convs if num_convs else kernel.shape[2]
    embed_dim = pos.shape[2]
    guess = POSE_HEADS.get(embed_dim) if is_pose else None
    condition = inner.get('condition_embed')
    expert = inner.get('blocks.0.mlp.experts.0.weight')
    prefixes = ['head.'] if any(k.startswith('head.') for k in state) else []
    prefixes = prefixes or [f'heads.{d}.' for d in range(num_heads_of(state))]
    return Architecture(
        embed_dim=embed_dim,
        depth=depth,
        num_heads=num_heads or guess or max(embed_dim // HEAD_DIM, 1),
        is_guess=num_heads is None,
        mlp_ratio=len(fc1) / embed_dim,
        patch_size=patch_size,
        stem='conv' if num_convs else 'patch',
        grid_hw=_grid(pos.shape[1] - 1, patch_size, input_hw),
        qkv_bias='blocks.0.attn.qkv.bias' in inner,
        last_norm='last_norm.weight' in inner,
        num_experts=num_experts(inner),
        part_features=0 if expert is None else len(expert),
        heads=tuple(_describe_head(state, prefix) for prefix in prefixes),
        parse_graph=parse_graph_options(state),
        condition_chans=0 if condition is None else condition.shape[1],
    )


def _grid(rows: int, patch_size: int, input_hw: tuple[int, int] | None) -> tuple[int, int]:
    if input_hw is not None:
        grid_h, grid_w = input_hw[0] // patch_size, input_hw[1] // patch_size
        if grid_h * grid_w == rows:
            return grid_h, grid_w
        raise ValueError(
            f'pos_embed has {rows} positions, but an input of {input_hw[0]}x{input_hw[1]} (height '
            f'x width) has {grid_h}x{grid_w}; name the config that the checkpoint was trained with'
        )
    try:
        return source_grid(rows, POSE_ASPECT_HW)
    except ValueError:
        raise ValueError(
            f'pos_embed has {rows} positions, which is no grid of a published model; name the '
            'config that the checkpoint was trained with'
        ) from None


def _describe_head(state: StateDict, prefix: str) -> HeadShape:
    final_layer = state.get(f'{prefix}final_layer.weight')
    if final_layer is None:
        raise ValueError(f"the head '{prefix}' has no final_layer, so it is no heatmap head")
    deconvs = [x for k, x in state.items() if k.startswith(f'{prefix}deconv_') and x.ndim == 4]
    return HeadShape(
        out_channels=len(final_layer),
        deconv_out_channels=tuple(x.shape[1] for x in deconvs),
        deconv_kernel_sizes=tuple(x.shape[2] for x in deconvs),
        final_kernel=final_layer.shape[2],
    )
