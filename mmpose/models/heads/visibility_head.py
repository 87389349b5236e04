"""Visibility head: whether a keypoint is visible, occluded or outside the crop."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.codecs import Codec
from mmpose.registry import MODELS
from mmpose.structures.pose_result import OCCLUDED, OUTSIDE, VISIBILITIES, VISIBLE

NOT_LABELLED = -100  # cross entropy ignores it
NUM_STATISTICS = 3


@MODELS.register_module()
class VisibilityHead(nn.Module):
    """Classifies each keypoint from the features where its heatmap lies, and from its heatmap.

    A keypoint pools the features by its heatmap, joins them with their mean over the crop and with
    three numbers of the heatmap (peak, mass, spread), and a layer of its own gives the logits.
    Features and heatmaps are detached: the pose does not change by learning visibility.

    Args:
        in_channels: Channels of the features.
        num_keypoints: K.
        codec: That of the heatmaps. It knows the size of the crop, beyond which a keypoint is
            outside. The estimator gives it, and the two numbers before.
        hidden_channels: Width of the layer in between.
    """

    def __init__(
        self, in_channels: int, num_keypoints: int, codec: Codec, hidden_channels: int = 64
    ) -> None:
        super().__init__()
        self.num_keypoints = num_keypoints
        self.codec = codec
        self.norm = nn.LayerNorm(in_channels)
        self.local_layer = nn.Linear(in_channels, hidden_channels)
        self.global_layer = nn.Linear(in_channels, hidden_channels, bias=False)
        self.statistics_layer = nn.Linear(NUM_STATISTICS, hidden_channels, bias=False)
        self.embedding = nn.Parameter(torch.zeros(num_keypoints, hidden_channels))
        self.weight = nn.Parameter(torch.empty(num_keypoints, hidden_channels, len(VISIBILITIES)))
        self.bias = nn.Parameter(torch.zeros(num_keypoints, len(VISIBILITIES)))
        nn.init.normal_(self.embedding, std=0.1)
        nn.init.normal_(self.weight, std=hidden_channels**-0.5)

    def forward(self, feats: Tensor, heatmaps: Tensor) -> Tensor:
        """Returns logits (B, K, 3) of visible, occluded, outside.

        Args:
            feats: (B, in_channels, H', W').
            heatmaps: (B, C, H, W), the output of the heatmap head for them.
        """
        step = self.codec.num_channels(1)  # score maps come first in each keypoint's group
        feats, maps = feats.detach(), heatmaps.detach()[:, ::step].clamp(min=0)
        mass = maps.sum((2, 3))  # (B, K)
        peak = maps.amax((2, 3))
        statistics = torch.stack((peak, mass.log1p(), (mass / (peak + 1e-3)).log1p()), -1)
        cells = F.adaptive_avg_pool2d(maps, feats.shape[2:]).flatten(2)  # (B, K, H' W')
        weights = cells / (cells.sum(-1, keepdim=True) + 1e-6)
        tokens = self.norm(feats.flatten(2).transpose(1, 2))  # (B, C, H', W') -> (B, H' W', C)
        hidden = self.local_layer(weights @ tokens) + self.embedding  # (B, K, D)
        hidden = hidden + self.global_layer(tokens.mean(1, keepdim=True))
        hidden = F.gelu(hidden + self.statistics_layer(statistics))
        # (B, K, D), (K, D, 3) -> (B, K, 3)
        return (hidden.transpose(0, 1) @ self.weight).transpose(0, 1) + self.bias

    def loss(self, logits: Tensor, keypoints: Tensor, visibility: Tensor) -> dict[str, Tensor]:
        """Returns the cross entropy over the labelled keypoints, and their accuracy to watch.

        Args:
            logits: (B, K, 3).
            keypoints: (B, K, 2), input px.
            visibility: (B, K), COCO flags; see :meth:`targets`.
        """
        target = self.targets(keypoints, visibility)
        known = target != NOT_LABELLED
        num = known.sum().clamp(min=1)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), target.flatten(), reduction='sum')
        correct = (logits.argmax(-1) == target) & known
        return {'loss_visibility': loss / num, 'acc_visibility': correct.sum() / num}

    def targets(self, keypoints: Tensor, visibility: Tensor) -> Tensor:
        """Returns the class of each keypoint (B, K), int64.

        A keypoint that was never labelled (v = 0) is ``NOT_LABELLED``, wherever it is; a labelled
        one is outside if the crop does not show its place, else occluded (v = 1) or visible
        (v = 2).

        Args:
            keypoints: (B, K, 2), input px.
            visibility: (B, K), COCO flags.
        """
        last = torch.tensor(self.codec.input_size, device=keypoints.device) - 1
        is_inside = ((keypoints >= 0) & (keypoints <= last)).all(-1)
        target = torch.where(visibility == 2, VISIBLE, OCCLUDED)
        target = torch.where(is_inside, target, OUTSIDE)
        return torch.where(visibility == 0, NOT_LABELLED, target)
