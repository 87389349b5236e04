"""Training accuracy on heatmaps, computed where they are."""

import torch
from torch import Tensor

from mmpose.codecs.peaks import find_peaks


@torch.no_grad()
def heatmap_accuracy(
    output: Tensor, target: Tensor, weights: Tensor, threshold: float = 0.05
) -> Tensor:
    """Mean over joints of the fraction of persons whose highest cell is near the target's.

    The distance of two cells is taken as a fraction of the width along x and of the height along
    y. (The published training code divides x by the height and y by the width, so its figures
    differ slightly; this one only serves to watch a training run.)

    Args:
        output: (B, K, H, W). Predicted score maps; one without a positive value lies at (-1, -1).
        target: (B, K, H, W). Drawn score maps.
        weights: (B, K). Joints above 0 count.
        threshold: Largest distance of a correct joint.

    Returns:
        Scalar float32; joints that nobody shows are left out, and 0 if nobody shows any.
    """
    found, score = find_peaks(output)
    found = torch.where((score > 0)[..., None], found, -1)
    drawn, _ = find_peaks(target)
    height, width = output.shape[-2:]
    x, y = (found - drawn).float().unbind(-1)
    correct = (x / width).square() + (y / height).square() < threshold**2
    valid = weights > 0
    num_valid = valid.sum(0)  # (B, K) -> (K,)
    fraction = (correct & valid).sum(0) / num_valid.clamp(min=1)
    return fraction.sum() / (num_valid > 0).sum().clamp(min=1)
