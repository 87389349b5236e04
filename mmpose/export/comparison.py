"""Comparison of an exported program with PyTorch on the same crops, and its tolerances."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmpose.backends import PoseBackend, Prediction
from mmpose.codecs import Codec
from mmpose.models.calibration import Confidence


@dataclass(frozen=True)
class Tolerance:
    """How far a program may be from PyTorch.

    Attributes:
        heatmaps: Of heatmaps and scores, as part of the highest one.
        keypoints_px: Of clear keypoints, px of the crop; None where only the AP can judge.
    """

    heatmaps: float
    keypoints_px: float | None


# Of float32 a promise; of the others what no working program exceeds.
TOLERANCES = {
    'fp32': Tolerance(1e-3, 0.05),
    'fp16': Tolerance(0.02, 1.0),
    'int8': Tolerance(0.25, None),
}
# A keypoint is compared where its map says clearly where it is: noise of this part of the peak, far
# above rounding, moves the decoded point by less than half of what float32 may. Elsewhere rounding
# chooses among equal maxima.
CLEAR_NOISE = 1e-4
CLEAR_PX = 0.025
NUM_NOISES = 3


@dataclass(frozen=True)
class Comparison:
    """Differences between a program and the model it was made from.

    Attributes:
        dataset: Whose head was compared.
        batch_sizes: Crops a call.
        heatmaps: Largest difference, as part of the highest value of all heatmaps, which is near 1
            in trained models; None if the program gives no heatmaps.
        scores: Largest difference, as part of the highest score; of visibilities too.
        keypoints_px: Largest distance of clear keypoints, px of the crop; None without any.
        mean_px: Their mean distance.
        num_keypoints: Keypoints of all crops.
        num_clear: How many of them have a clear maximum, see ``CLEAR_NOISE``.
    """

    dataset: str
    batch_sizes: tuple[int, ...]
    heatmaps: float | None
    scores: float
    keypoints_px: float | None
    mean_px: float | None
    num_keypoints: int
    num_clear: int

    def problem(self, tolerance: Tolerance) -> str | None:
        """Returns what is beyond a tolerance, if anything."""
        limit, limit_px = tolerance.heatmaps, tolerance.keypoints_px
        if self.heatmaps is not None and not self.heatmaps <= limit:
            return f'heatmaps differ by {self.heatmaps:.3g}, at most {limit:g} is right'
        if not self.scores <= limit:
            return f'scores differ by {self.scores:.3g}, at most {limit:g} is right'
        if None not in (self.keypoints_px, limit_px) and not self.keypoints_px <= limit_px:
            return f'keypoints differ by {self.keypoints_px:.3g} px, at most {limit_px:g} is right'
        return None

    def __str__(self) -> str:
        maps = '-' if self.heatmaps is None else f'{self.heatmaps:.2g}'
        points = '-'
        if self.keypoints_px is not None:
            points = f'{self.keypoints_px:.2g} px (mean {self.mean_px:.2g})'
        return (
            f'{self.dataset}: largest difference of heatmaps {maps}, of scores {self.scores:.2g}, '
            f'of keypoints {points}, of the {self.num_clear} of {self.num_keypoints} keypoints '
            'whose maximum is clear'
        )


def compare(
    reference: PoseBackend,
    codec: Codec,
    exported: PoseBackend,
    crops: Tensor,
    name: str,
    has_maps: bool = True,
) -> Comparison:
    """Runs both on the same crops, the program on a single one and on all together.

    Args:
        codec: Of its heatmaps.
        crops: (N, 3, h, w) uint8 BGR.
        has_maps: Whether the program gives heatmaps.
    """
    wanted = reference.predict(crops, with_heatmaps=True)
    assert wanted.heatmaps is not None
    sizes = (1, len(crops) - 1) if len(crops) > 1 else (1,)
    found = _joined([exported.predict(part, has_maps) for part in crops.split(sizes)])
    clear = clear_keypoints(wanted, codec)
    peak, top = float(wanted.heatmaps.abs().max()), float(wanted.keypoint_scores.abs().max())
    scores = _largest(found.keypoint_scores - wanted.keypoint_scores) / top
    if wanted.confidence is not None and wanted.confidence.visibility is not None:
        assert found.confidence is not None
        shown, expected = found.confidence.visibility, wanted.confidence.visibility
        scores = max(scores, _largest(shown - expected))
    distances = torch.linalg.vector_norm(found.keypoints - wanted.keypoints, dim=-1)[clear]
    return Comparison(
        dataset=name,
        batch_sizes=sizes,
        heatmaps=_largest(found.heatmaps - wanted.heatmaps) / peak if has_maps else None,
        scores=scores,
        keypoints_px=float(distances.max()) if len(distances) else None,
        mean_px=float(distances.mean()) if len(distances) else None,
        num_keypoints=clear.numel(),
        num_clear=int(clear.sum()),
    )


def clear_keypoints(prediction: Prediction, codec: Codec) -> Tensor:
    """Returns which keypoints (B, K) have a clear maximum, see ``CLEAR_NOISE``."""
    maps = prediction.heatmaps
    assert maps is not None
    generator = torch.Generator().manual_seed(0)
    peak = maps.abs().amax((1, 2, 3), keepdim=True)
    is_clear = prediction.keypoint_scores > 0
    for _ in range(NUM_NOISES):
        noise = torch.rand(maps.shape, generator=generator) * 2 - 1
        moved, _ = codec.decode(maps + CLEAR_NOISE * peak * noise)
        distance = torch.linalg.vector_norm(moved - prediction.keypoints, dim=-1)
        is_clear &= distance < CLEAR_PX
    return is_clear


def _joined(parts: list[Prediction]) -> Prediction:
    maps = [part.heatmaps for part in parts if part.heatmaps is not None]
    said = [part.confidence.visibility for part in parts if part.confidence is not None]
    shown = [visibility for visibility in said if visibility is not None]
    return Prediction(
        torch.cat([part.keypoints for part in parts]),
        torch.cat([part.keypoint_scores for part in parts]),
        torch.cat(maps) if maps else None,
        Confidence(visibility=torch.cat(shown)) if shown else None,
    )


def _largest(difference: Tensor) -> float:
    return float(difference.abs().max())
