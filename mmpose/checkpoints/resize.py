"""Resizing of position embeddings and patch kernels to another input size or patch size."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.checkpoints.formats import StateDict

HAP_ROWS = 16 * 8  # HAP pre-trains at 256x128 with patches of 16


def source_grid(num_rows: int, target_hw: tuple[int, int]) -> tuple[int, int]:
    """Returns the (h, w) grid that a number of position rows stands for.

    128 rows are HAP's 16x8; a square number is a square, as every other pre-training uses; other
    numbers have the target's aspect ratio, or the 4:3 of the published pose models.

    Args:
        num_rows: Position rows without extra ones.
        target_hw: (h, w) grid of the model.

    Raises:
        ValueError: If no rule fits.
    """
    if num_rows == HAP_ROWS:
        return 16, 8
    side = math.isqrt(num_rows)
    if side * side == num_rows:
        return side, side
    for ratio_h, ratio_w in (target_hw, (4, 3)):
        height = math.isqrt(num_rows * ratio_h // ratio_w)
        width = math.isqrt(num_rows * ratio_w // ratio_h)
        if height * width == num_rows and height * ratio_w == width * ratio_h:
            return height, width
    raise ValueError(
        f'pos_embed has {num_rows} rows, which is neither a square grid nor one of aspect ratio '
        f'4:3 or {target_hw[0]}:{target_hw[1]} (h:w) as in the model; pass source_hw'
    )


def resize_pos_embed(
    pos: Tensor,
    target_hw: tuple[int, int],
    source_hw: tuple[int, int] | None = None,
    num_extra: int = 1,
) -> Tensor:
    """Returns a position embedding resized to another grid, by bicubic interpolation.

    Args:
        pos: (1, E + H * W, D). E extra rows first, which are kept as they are.
        target_hw: (h, w) grid wanted.
        source_hw: (H, W) grid of ``pos``; None finds it by ``source_grid``.
        num_extra: E, number of extra rows.

    Returns:
        (1, E + h * w, D), in the dtype of ``pos``; ``pos`` itself if the grids are equal.

    Raises:
        ValueError: If the rows do not fit ``source_hw`` or no grid can be found.
    """
    num_rows = pos.shape[1] - num_extra
    target_hw = (int(target_hw[0]), int(target_hw[1]))
    source_hw = source_grid(num_rows, target_hw) if source_hw is None else tuple(source_hw)
    if source_hw[0] * source_hw[1] != num_rows:
        raise ValueError(
            f'pos_embed has {num_rows} rows after {num_extra} extra, expected '
            f'{source_hw[0]}x{source_hw[1]}; pass another source_hw'
        )
    if source_hw == target_hw:
        return pos
    extra, grid = pos[:, :num_extra], pos[:, num_extra:]
    # (1, H * W, D) -> (1, D, H, W)
    grid = grid.reshape(1, *source_hw, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid.float(), size=target_hw, mode='bicubic', align_corners=False)
    grid = grid.flatten(2).transpose(1, 2).to(pos.dtype)  # (1, D, h, w) -> (1, h * w, D)
    return torch.cat([extra, grid], dim=1)


def fit_patch_kernel(kernel: Tensor, target_hw: tuple[int, int], mode: str = 'pad') -> Tensor:
    """Returns a patch convolution kernel fitted to another patch size: (D, C, h, w).

    Args:
        kernel: (D, C, H, W).
        target_hw: (h, w) of the model's kernel.
        mode: 'pad' puts zeros around it, so that the features of each patch stay exact;
            'bilinear' and 'bicubic' interpolate.

    Raises:
        ValueError: If 'pad' would have to shrink the kernel.
    """
    grow_h, grow_w = target_hw[0] - kernel.shape[2], target_hw[1] - kernel.shape[3]
    if grow_h == grow_w == 0:
        return kernel
    if mode != 'pad':
        resized = F.interpolate(kernel.float(), size=target_hw, mode=mode, align_corners=False)
        return resized.to(kernel.dtype)
    if grow_h < 0 or grow_w < 0:
        raise ValueError(
            f'zero padding cannot shrink a patch kernel of {kernel.shape[2]}x{kernel.shape[3]} '
            f"to {target_hw[0]}x{target_hw[1]}; set model.backbone.patch_padding='bicubic'"
        )
    left, top = grow_w // 2, grow_h // 2
    return F.pad(kernel, (left, grow_w - left, top, grow_h - top))


def fit_embeddings(
    state: StateDict,
    backbone: nn.Module,
    is_pretrained: bool = False,
    source_hw: tuple[int, int] | None = None,
) -> tuple[StateDict, list[str]]:
    """Returns a backbone's weights with patch kernel and position grid fitted to the backbone.

    Args:
        state: Weights without a prefix.
        backbone: Says its grid by ``patch_shape`` and how to fit a patch kernel by
            ``patch_padding``.
        is_pretrained: Whether the weights are those of another task, whose grid is a square even
            where it has as many rows as the backbone's.
        source_hw: (h, w) grid of the weights; None finds it.

    Raises:
        ValueError: If the grid cannot be found or the kernel not be fitted.
    """
    target = backbone.state_dict()
    fitted, notes = dict(state), []
    kernel, wanted = state.get('patch_embed.proj.weight'), target.get('patch_embed.proj.weight')
    is_resized = kernel is not None and wanted is not None and kernel.shape != wanted.shape
    if is_resized and kernel.shape[:2] == wanted.shape[:2]:
        mode = getattr(backbone, 'patch_padding', 'pad')
        fitted['patch_embed.proj.weight'] = fit_patch_kernel(kernel, wanted.shape[2:], mode)
        notes.append(f'patch kernel {_by(kernel.shape[2:])} -> {_by(wanted.shape[2:])} ({mode})')

    pos, target_hw = state.get('pos_embed'), getattr(backbone, 'patch_shape', None)
    if pos is None or target_hw is None or 'pos_embed' not in target:
        return fitted, notes
    if source_hw is None:
        is_same = pos.shape == target['pos_embed'].shape and not is_pretrained
        source_hw = target_hw if is_same else source_grid(pos.shape[1] - 1, target_hw)
    if tuple(source_hw) != tuple(target_hw):
        fitted['pos_embed'] = resize_pos_embed(pos, target_hw, source_hw)
        notes.append(f'pos_embed {_by(source_hw)} -> {_by(target_hw)} (bicubic)')
    return fitted, notes


def _by(size_hw: Iterable[int]) -> str:
    return 'x'.join(map(str, size_hw))
