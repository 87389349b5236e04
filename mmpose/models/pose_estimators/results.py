"""Pose results of a batch: from input pixels on the device to image pixels on the CPU."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmpose.models.calibration import Confidence
from mmpose.structures import PoseResult, invert_affine, transform_points, window_matrices

READ = ('img_id', 'ann_id', 'category_id', 'dataset_idx', 'image_file', 'center', 'scale',
        'rotation', 'bbox_xywh', 'bbox_score')  # fmt: skip


class CropFrame(Protocol):
    """Size and alignment of crops."""

    input_size: tuple[int, int]
    use_udp: bool


def batch_to_results(
    keypoints_in: Tensor,
    keypoint_scores: Tensor,
    batch: dict[str, Any],
    crops: CropFrame,
    confidence: Confidence | None = None,
) -> list[PoseResult]:
    """Returns one result a crop.

    Args:
        keypoints_in: (B, K, 2), in px.
        keypoint_scores: (B, K).
        batch: Crop windows and ids as the collate function makes them.
        crops: A head or a backend, which know the input size and whether the crops are UDP crops.
        confidence: What else the model says.
    """
    arrays = {key: _numpy(batch[key]) for key in READ}
    matrices = window_matrices(
        arrays['center'].astype(np.float64),
        arrays['scale'].astype(np.float64),
        arrays['rotation'].astype(np.float64),
        crops.input_size,
        crops.use_udp,
    )
    # one copy from the device for both
    poses = _numpy(torch.cat([keypoints_in, keypoint_scores.to(keypoints_in)[..., None]], -1))
    keypoints = transform_points(poses[..., :2], invert_affine(matrices)).astype(np.float32)
    scores_np = poses[..., 2].astype(np.float32)
    areas = arrays['scale'].prod(axis=1)
    said = _said(confidence, matrices, len(keypoints))
    return [
        PoseResult(
            img_id=arrays['img_id'][i],
            ann_id=int(arrays['ann_id'][i]),
            category_id=int(arrays['category_id'][i]),
            keypoints=keypoints[i],
            keypoint_scores=scores_np[i],
            bbox_xywh=arrays['bbox_xywh'][i],
            bbox_score=float(arrays['bbox_score'][i]),
            area=float(areas[i]),
            image_file=arrays['image_file'][i],
            dataset_idx=int(arrays['dataset_idx'][i]),
            **said[i],
        )
        for i in range(len(keypoints))
    ]


def _said(
    confidence: Confidence | None, matrices: NDArray[np.float64], num: int
) -> list[dict[str, Any]]:
    """Returns the further fields of each result."""
    said: list[dict[str, Any]] = [{} for _ in range(num)]
    if confidence is None:
        return said
    fields = {'visibility': confidence.visibility, 'pose_score': confidence.pose_score}
    fields = {name: _numpy(x).astype(np.float32) for name, x in fields.items() if x is not None}
    if confidence.sigma_in is not None:
        in_per_img = np.sqrt(np.abs(np.linalg.det(matrices[:, :, :2])))  # (B, 2, 3) -> (B,)
        fields['sigma_px'] = (_numpy(confidence.sigma_in) / in_per_img[:, None]).astype(np.float32)
    for name, values in fields.items():
        for own, value in zip(said, values, strict=True):
            own[name] = float(value) if name == 'pose_score' else value
    return said


def _numpy(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value
