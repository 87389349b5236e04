"""Loss between the features of joints in an image and those of their names."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.registry import MODELS


@MODELS.register_module()
class ContrastiveFeatureLoss(nn.Module):
    """Says which feature of an image belongs to which text, and the other way round.

    CLAMP (Zhang et al., CVPR 2023), as PGVL has it: cross-entropy over the joints of one image,
    times the weights of the joints, with a plain mean over all of them.

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
            text: (B, K, E). Features of the joint names.
            cells: (B, K) int64. Cell of each joint, numbered row by row; -1 for none.
            weights: (B, K). 0 for a joint that must not count.
            logit_scale: Scalar. Log of the factor on the cosines.
        """
        index = cells.clamp(min=0)[:, None].expand(-1, vision.shape[1], -1)  # (B, E, K)
        joints = vision.float().flatten(2).gather(2, index).transpose(1, 2)  # (B, K, E)
        joints = F.normalize(joints * (cells >= 0)[..., None], dim=-1)
        text = F.normalize(text.float(), dim=-1)
        with torch.autocast(vision.device.type, enabled=False):
            cosines = joints @ text.transpose(1, 2)  # (B, K of image, K of text)
        logits = logit_scale.float().exp() * cosines
        per_text = -logits.log_softmax(1).diagonal(dim1=1, dim2=2)
        per_joint = -logits.log_softmax(2).diagonal(dim1=1, dim2=2)
        return self.loss_weight * ((per_text + per_joint) / 2 * weights.float()).mean()
