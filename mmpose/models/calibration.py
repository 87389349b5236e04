"""Confidence of a pose: calibrated scores, visibility and the spread of its heatmaps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmpose.codecs import Codec

# Rows of the coefficients: what the score of a keypoint is turned into.
WITHIN, SIMILARITY, LABELLED = range(3)
CALIBRATION = 'calibration.coefficients'  # in a state dict
SCORE_RANGE = (1e-3, 1 - 1e-3)  # of a raw score whose logit is taken
BACKGROUND = 0.1  # of the peak of a map; what is lower does not count for its spread
# second moment of a Gaussian in the plane that is cut off there, as part of the whole one's
CUT_MOMENT = 1 - BACKGROUND * math.log(1 / BACKGROUND) / (1 - BACKGROUND)
CELL_VARIANCE = 1 / 12  # of a uniform distribution over a cell, the least that a map can say


@dataclass(frozen=True, eq=False)
class Confidence:
    """What a model says of the keypoints of B crops beside their places.

    Attributes:
        sigma_in: (B, K), in px. Standard deviation along an axis; see ``heatmap_sigmas``. None of a
            program that gives no heatmaps.
        visibility: (B, K, 3). Probabilities of visible, occluded and outside the crop; None without
            a visibility head.
        pose_score: (B,). Expected OKS; None of a model that is not calibrated.
    """

    sigma_in: Tensor | None = None
    visibility: Tensor | None = None
    pose_score: Tensor | None = None


class ScoreCalibration(nn.Module):
    """Scores of keypoints turned into probabilities by a logistic curve each (Platt scaling).

    With s the raw score, a value is sigmoid(slope * logit(s) + bias); 1 / slope is the temperature
    of Guo et al. (ICML 2017).

    Args:
        num_keypoints: K.

    Attributes:
        coefficients: (3, K, 2), slope and bias of three values: the probability that the keypoint
            lies within the tolerance, its expected similarity to the truth (the OKS of this
            keypoint alone), and the probability that it is labelled at all.
    """

    coefficients: Tensor

    def __init__(self, num_keypoints: int) -> None:
        super().__init__()
        identity = torch.tensor([1.0, 0.0]).expand(3, num_keypoints, 2).clone()
        self.register_buffer('coefficients', identity)

    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Returns calibrated scores (B, K) and the expected OKS of each pose (B,).

        The expected OKS is the mean of the expected similarities, each keypoint weighted by the
        probability that it is labelled, as OKS counts labelled keypoints only.

        Args:
            scores: (B, K), raw.
        """
        logits = torch.logit(scores.float().clamp(*SCORE_RANGE))
        slope, bias = self.coefficients[:, None].unbind(-1)  # (3, 1, K)
        within, similarity, labelled = torch.sigmoid(slope * logits + bias)  # (B, K) each
        weights = labelled + 1e-6
        return within, (weights * similarity).sum(-1) / weights.sum(-1)


def heatmap_sigmas(heatmaps: Tensor, keypoints: Tensor, codec: Codec) -> Tensor:
    """Standard deviation of keypoints along an axis, from the spread of their heatmaps: (B, K), px.

    A map that minimises the squared error is the distribution of the keypoint, blurred by the
    Gaussian of the targets. So the variance is the second moment of the map about the keypoint,
    where the map is above a tenth of its peak (which takes a quarter off the moment of a Gaussian,
    and is made up for), minus the variance of that Gaussian where the codec has one, and at least
    that of a uniform distribution over a cell.

    Args:
        heatmaps: (B, C, H, W).
        keypoints: (B, K, 2), input px, as the codec decodes them.

    Returns:
        NaN where a map has no positive value.
    """
    maps = heatmaps.float()[:, :: codec.num_channels(1)]
    mass = torch.where(maps > BACKGROUND * maps.amax((2, 3), keepdim=True), maps, 0).clamp(min=0)
    stride = torch.tensor(codec.stride_wh, device=maps.device)
    x, y = (keypoints / stride).unbind(-1)  # (B, K), cells
    width, height = (torch.arange(n, device=maps.device) for n in (maps.shape[3], maps.shape[2]))
    along_x, along_y = (width - x[..., None]).square(), (height - y[..., None]).square()
    moment = (mass.sum(2) * along_x).sum(-1) + (mass.sum(3) * along_y).sum(-1)  # (B, K)
    encoded = getattr(codec, 'sigma', 0.0) ** 2
    variance = moment / mass.sum((2, 3)) / 2 / CUT_MOMENT - encoded  # 0 / 0 is NaN
    return variance.clamp(min=CELL_VARIANCE).sqrt() * stride.mean()


def read_confidence(
    keypoints: Tensor,
    scores: Tensor,
    heatmaps: Tensor | None,
    codec: Codec | None,
    calibration: ScoreCalibration | None,
    visibility: Tensor | None,
) -> tuple[Tensor, Confidence | None]:
    """Returns scores (B, K) and the confidence of poses; None of a model without either part.

    Args:
        keypoints: (B, K, 2), input px.
        scores: (B, K), as the codec gives them.
        heatmaps: (B, C, H, W), where there are any.
        codec: Of the heatmaps.
        calibration: That of the model, if it has one.
        visibility: (B, K, 3), of the visibility head, if the model has one.
    """
    if calibration is None and visibility is None:
        return scores, None
    sigmas, pose_score = None, None
    if heatmaps is not None and codec is not None:
        sigmas = heatmap_sigmas(heatmaps, keypoints, codec)
    if calibration is not None:
        scores, pose_score = calibration(scores)
    return scores, Confidence(sigmas, visibility, pose_score)
