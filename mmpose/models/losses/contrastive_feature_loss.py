"""Contrastive loss between image features at keypoints and features of their names (PGVL)."""

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.registry import MODELS

# The published target is a Gaussian of sigma 0.5 cells in a window of 1.5 cells on either side.
_HALF_WINDOW = 1.5
_CENTRE = 2  # row of the peak in that window of four


@MODELS.register_module()
class ContrastiveFeatureLoss(nn.Module):
    """Contrastive loss: which feature of an image belongs to which text, and the other way round.

    CLAMP (Zhang et al., CVPR 2023), as PGVL has it: cross-entropy over the keypoints of one image,
    times the weights of the keypoints, with a plain mean over all of them.

    Args:
        loss_weight: Factor of the whole loss (the published ``CL_ratio``).
    """

    def __init__(self, loss_weight: float = 0.001) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(
        self, vision: Tensor, text: Tensor, cells: Tensor, weights: Tensor, logit_scale: Tensor
    ) -> Tensor:
        """Scalar float32 loss.

        Args:
            vision: (B, E, H, W). Features of the image.
            text: (B, K, E). Features of the keypoint names.
            cells: (B, K) int64. Cell of each keypoint, numbered row by row; -1 for none.
            weights: (B, K). 0 for a keypoint that must not count.
            logit_scale: Scalar. Log of the factor on the cosines.
        """
        index = repeat(cells.clamp(min=0), 'b k -> b e k', e=vision.shape[1])
        keypoints = rearrange(vision.float(), 'b e h w -> b e (h w)').gather(2, index)
        keypoints = rearrange(keypoints, 'b e k -> b k e') * (cells >= 0)[..., None]
        keypoints = F.normalize(keypoints, dim=-1)
        text = F.normalize(text.float(), dim=-1)
        with torch.autocast(vision.device.type, enabled=False):
            cosines = keypoints @ text.transpose(1, 2)  # (B, K of image, K of text)
        logits = logit_scale.float().exp() * cosines
        per_text = -logits.log_softmax(1).diagonal(dim1=1, dim2=2)
        per_keypoint = -logits.log_softmax(2).diagonal(dim1=1, dim2=2)
        return self.loss_weight * ((per_text + per_keypoint) / 2 * weights.float()).mean()


def token_cells(
    keypoints: Tensor,
    keypoints_visible: Tensor,
    input_size: tuple[int, int],
    grid_wh: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Returns the cell of the feature map that holds each keypoint, as PGVL draws it for training.

    Near the left and the top border the published window was cut off by one cell too few, which
    moves the peak by one; weights that were trained with it are to be trained on with it.

    Args:
        keypoints: (B, K, 2), input px.
        keypoints_visible: (B, K). Keypoints above 0.5 have a cell.
        input_size: Width and height of the network input, px.
        grid_wh: Width and height of the feature map, cells.

    Returns:
        Cells (B, K) int64, numbered row by row, -1 for none; and weights (B, K) float32: the
        visibility, or 0 for a keypoint whose window misses the grid.
    """
    sides = keypoints.new_tensor(grid_wh, dtype=torch.float32)
    strides = keypoints.new_tensor(input_size, dtype=torch.float32) / sides
    points = torch.where(
        (keypoints_visible > 0.5)[..., None], keypoints.float(), 0.0
    )  # NaN included
    nearest = (points / strides + 0.5).trunc()
    low = (nearest - _HALF_WINDOW).trunc()
    high = (nearest + _HALF_WINDOW + 1).trunc()
    touches = ((low < sides) & (high >= 0)).all(-1)
    peaks = low + _CENTRE
    has_peak = ((peaks >= 0) & (peaks < sides)).all(-1) & touches & (keypoints_visible > 0.5)
    x, y = peaks.long().unbind(-1)
    cells = torch.where(has_peak, y * grid_wh[0] + x, -1)
    return cells, keypoints_visible.float() * touches
